// The host's end of the guest's serial port: stdin and stdout, a file, or nothing.
#ifndef HVKIT_VMM_CONSOLE_H_
#define HVKIT_VMM_CONSOLE_H_

#include <termios.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/unique_fd.h"
#include "vmm/config.h"

namespace hvkit::vmm {

// Output is thread-safe; the rest belongs to the main thread, but for WantInput. A terminal on
// stdin is put into character mode without echo (signals keep working) until destruction.
class Console {
 public:
  // Where typed bytes go; returns how many it took.
  using Input = std::function<size_t(std::span<const std::byte>)>;

  // Opens the file of --serial=file:PATH: InvalidArgument if that fails.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Console>> Open(const Config& config);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // Once `fd` is readable, output that the host's end does not take at once is dropped: nobody may
  // wait for a stalled reader after the run has ended. Before the first output.
  void set_stop_fd(int fd) { stop_fd_ = fd; }
  // Writes all of it, waiting for the host's end. Any thread.
  void Output(std::span<const std::byte> bytes);

  // What to poll for input: -1 when there is none, or when the guest has to read first; then
  // wake_fd() becomes readable.
  [[nodiscard]] int input_fd() const;
  [[nodiscard]] int wake_fd() const { return wake_.get(); }
  // Moves what can be read now to `input`.
  void OnInputReadable(const Input& input);
  // Offers again what the guest had no room for.
  void OnWake(const Input& input);
  // The guest has room again. Any thread.
  void WantInput();

 private:
  Console() = default;
  void SetUpTerminal();

  // Waits until the output takes bytes. False once it is not to be waited for.
  [[nodiscard]] bool AwaitOutput() const;

  int output_fd_ = -1;
  int stop_fd_ = -1;
  kvm::UniqueFd file_;
  kvm::UniqueFd wake_;
  bool reads_stdin_ = false;
  std::optional<termios> saved_terminal_;
  std::array<std::byte, 256> buffer_{};
  std::span<const std::byte> pending_;  // of buffer_: what the guest has not taken
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_CONSOLE_H_
