// The PC around the vCPUs: devices on their buses, and the interrupt controllers and timer that KVM
// emulates.
#ifndef HVKIT_VMM_PLATFORM_H_
#define HVKIT_VMM_PLATFORM_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "devices/acpi_pm.h"
#include "devices/debug_exit.h"
#include "devices/i8042.h"
#include "devices/io_bus.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "kvm_ioctls/vm.h"
#include "vmm/ending.h"
#include "vmm/memory_map.h"

namespace hvkit::vmm {

// What KVM has to have before the first vCPU: its interrupt controllers, its PIT, the pages that
// VMX borrows, and local APIC ids above 255 where KVM has them.
[[nodiscard]] absl::Status SetUpVmHardware(const kvm::Vm& vm);

// The devices. Thread-safe after Connect, as its parts are.
class Platform {
 public:
  struct Options {
    uint64_t memory_bytes = 0;
    std::optional<uint16_t> debug_exit_port;
    std::function<void(std::span<const std::byte>)> serial_output;
    std::function<void()> serial_input_wanted;
  };

  // `vm` and `latch` outlive the platform.
  Platform(const kvm::Vm& vm, EndLatch& latch, Options options);
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // Puts the devices on their buses. InvalidArgument if the debug-exit port collides with a device.
  [[nodiscard]] absl::Status Connect();
  // Adds a device, which outlives what uses the ports. Before vCPUs run.
  [[nodiscard]] absl::Status AddPorts(uint64_t base, uint64_t count, devices::IoDevice& device) {
    return ports_.Add(base, count, device);
  }

  [[nodiscard]] const devices::IoBus& ports() const { return ports_; }
  [[nodiscard]] const devices::IoBus& mmio() const { return mmio_; }
  [[nodiscard]] devices::Serial& serial() { return serial_; }

 private:
  const std::optional<uint16_t> debug_exit_port_;
  devices::IoBus ports_;
  devices::IoBus mmio_;
  devices::Serial serial_;
  devices::I8042 i8042_;
  devices::Rtc rtc_;
  devices::AcpiPm acpi_pm_;
  devices::DebugExit debug_exit_;
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_PLATFORM_H_
