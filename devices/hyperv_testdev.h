// The hyperv-testdev device of QEMU (hw/hyperv/hyperv_testdev.c): one port by which a test guest
// raises SINTs and makes connections that lead back to itself.
//
// A 32-bit write says: SINT, VP << 8, command << 16, connection id << 24. Commands: 1 and 2 create
// and destroy a route to a SINT, 3 raises the SINT of a route, 4 and 5 create and destroy a message
// connection, 6 and 7 an event connection. A message comes back to the SINT of its connection with
// its type and payload; an event, always flag 0, sets the SINT's event flag whose number is the
// connection id. kvm-unit-tests' hyperv_synic, hyperv_stimer and hyperv_connections use it.
//
// Unlike QEMU's it never ends the VMM: commands that cannot be done are ignored.
#ifndef HVKIT_DEVICES_HYPERV_TESTDEV_H_
#define HVKIT_DEVICES_HYPERV_TESTDEV_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "devices/io_bus.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/device_synic.h"

namespace hvkit::devices {

// QEMU's place for it: one 32-bit register.
inline constexpr uint64_t kHypervTestdevPort = 0x3000;
inline constexpr uint64_t kHypervTestdevPortCount = 4;

// *thread-safe*: mutex_ orders the commands. Messages and events of the guest do not take it.
class HypervTestdev final : public IoDevice {
 public:
  // As many routes as a guest with 64 VPs needs for each SINT; more are not created.
  static constexpr size_t kMaxRoutes = 1024;

  // `synic` outlives the device.
  explicit HypervTestdev(hyperv::DeviceSynic& synic);
  ~HypervTestdev() override;
  HypervTestdev(const HypervTestdev&) = delete;
  HypervTestdev& operator=(const HypervTestdev&) = delete;

  [[nodiscard]] const char* Name() const override { return "hyperv-testdev"; }
  // Zeros.
  void Read(uint64_t offset, std::span<std::byte> data) override;
  // Accesses other than of 32 bits at offset 0 are ignored.
  void Write(uint64_t offset, std::span<const std::byte> data) override;

 private:
  struct Command;
  class MessageEcho;
  class EventEcho;
  using RouteKey = std::pair<hyperv::VpIndex, hyperv::SintIndex>;

  void RunLocked(const Command& command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CreateRouteLocked(const Command& command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DestroyRouteLocked(const Command& command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RaiseLocked(const Command& command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename Echo>
  void ConnectLocked(std::map<uint8_t, std::unique_ptr<Echo>>& echoes, const Command& command)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  hyperv::DeviceSynic& synic_;
  absl::Mutex mutex_;
  // As in QEMU, a route may be created more than once.
  std::multimap<RouteKey, std::unique_ptr<hyperv::SintRoute>> routes_ ABSL_GUARDED_BY(mutex_);
  std::map<uint8_t, std::unique_ptr<MessageEcho>> messages_ ABSL_GUARDED_BY(mutex_);  // By id
  std::map<uint8_t, std::unique_ptr<EventEcho>> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_HYPERV_TESTDEV_H_
