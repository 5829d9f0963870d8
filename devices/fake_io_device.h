// An IoDevice for tests of code that uses an I/O bus.
#ifndef HVKIT_DEVICES_FAKE_IO_DEVICE_H_
#define HVKIT_DEVICES_FAKE_IO_DEVICE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "devices/io_bus.h"

namespace hvkit::devices {

// Records each access and answers reads with a fill byte.
//
// Not thread-safe, unlike what it stands for: one thread only.
class FakeIoDevice : public IoDevice {
 public:
  struct Access {
    bool is_write;
    uint64_t offset;
    std::vector<std::byte> data;  // what was written, or what a read was answered with
    bool operator==(const Access&) const = default;
  };

  explicit FakeIoDevice(std::string name = "fake", std::byte fill = std::byte{0xa5})
      : name_(std::move(name)), fill_(fill) {}

  const char* Name() const override { return name_.c_str(); }

  void Read(uint64_t offset, std::span<std::byte> data) override {
    std::fill(data.begin(), data.end(), fill_);
    accesses_.push_back({false, offset, {data.begin(), data.end()}});
  }

  void Write(uint64_t offset, std::span<const std::byte> data) override {
    accesses_.push_back({true, offset, {data.begin(), data.end()}});
  }

  const std::vector<Access>& accesses() const { return accesses_; }

 private:
  std::string name_;
  std::byte fill_;
  std::vector<Access> accesses_;
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_FAKE_IO_DEVICE_H_
