// Writes cpio archives in the "newc" format that Linux unpacks as an initramfs (kernel
// documentation: driver-api/early-userspace/buffer-format). Archives are reproducible: owner 0:0,
// time 0, inode numbers in order.

#ifndef HVKIT_TESTING_RIG_CPIO_H_
#define HVKIT_TESTING_RIG_CPIO_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <set>
#include <string>
#include <string_view>

namespace hvkit::testing::rig {

// Not thread-safe. Errors of the stream stay in the stream: the caller checks it after Finish.
class CpioWriter {
 public:
  explicit CpioWriter(std::ostream& out) : out_(out) {}

  // Adds the directory and those above it that the archive does not have yet.
  void AddDirectory(std::string_view path);

  // Adds a regular file with these permission bits, and the directories above it.
  void AddFile(std::string_view path, uint32_t permissions, std::string_view content);

  // Writes the trailer and pads to a multiple of 512 bytes, so that another archive may follow.
  void Finish();

 private:
  void AddParents(std::string_view path);
  void AddEntry(std::string_view name, uint32_t mode, std::string_view content);
  void Write(std::string_view bytes);
  void PadTo(size_t alignment);

  std::ostream& out_;
  std::set<std::string, std::less<>> directories_;
  uint32_t next_inode_ = 1;
  size_t written_ = 0;
};

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_CPIO_H_
