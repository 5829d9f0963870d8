#include "vmm/platform.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

// Below the BIOS at the top of 4 GiB, where no RAM is: one page, then three (KVM API,
// KVM_SET_TSS_ADDR).
constexpr uint64_t kIdentityMapAddress = 0xfffbc000;
constexpr uint64_t kTssAddress = 0xfffbd000;

std::chrono::nanoseconds Monotonic() { return std::chrono::steady_clock::now().time_since_epoch(); }

devices::Rtc::Time WallClock() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

devices::CmosMemory CmosMemoryOf(uint64_t memory_bytes) {
  const uint64_t below = std::min(memory_bytes, kPciHoleStart);
  return {.below_4g = below, .above_4g = memory_bytes - below};
}

devices::SerialHost SerialHostOf(const kvm::Vm& vm, EndLatch& latch, Platform::Options& options) {
  devices::SerialHost host;
  host.output = std::move(options.serial_output);
  if (options.serial_input_wanted) host.input_wanted = std::move(options.serial_input_wanted);
  host.interrupt = [&vm, &latch](bool level) {
    absl::Status status = vm.IrqLine({.irq = devices::kCom1Interrupt, .level = level ? 1u : 0u});
    if (!status.ok()) latch.End(Failed{std::move(status)});
  };
  return host;
}

std::function<void()> ResetBy(EndLatch& latch, const char* how) {
  return [&latch, how] { latch.End(WasReset{how}); };
}

}  // namespace

absl::Status SetUpVmHardware(const kvm::Vm& vm) {
  HVKIT_RETURN_IF_ERROR(vm.SetIdentityMapAddr(kIdentityMapAddress));
  HVKIT_RETURN_IF_ERROR(vm.SetTssAddr(kTssAddress));
  HVKIT_ASSIGN_OR_RETURN(const int x2apic, vm.CheckExtension(KVM_CAP_X2APIC_API));
  if (x2apic != 0) {
    const uint64_t flags = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
    HVKIT_RETURN_IF_ERROR(vm.EnableCap(KVM_CAP_X2APIC_API, flags));
  }
  HVKIT_RETURN_IF_ERROR(vm.CreateIrqchip());
  return vm.CreatePit2({.flags = KVM_PIT_SPEAKER_DUMMY, .pad = {}});
}

Platform::Platform(const kvm::Vm& vm, EndLatch& latch, Options options)
    : debug_exit_port_(options.debug_exit_port),
      serial_(SerialHostOf(vm, latch, options)),
      i8042_(ResetBy(latch, "keyboard controller")),
      rtc_(WallClock, CmosMemoryOf(options.memory_bytes)),
      acpi_pm_({.power_off = [&latch] { latch.End(PoweredOff{}); },
                .reset = ResetBy(latch, "ACPI reset register"),
                .clock = Monotonic}),
      debug_exit_([&latch](uint32_t value) { latch.End(DebugExited{value}); }) {}

absl::Status Platform::Connect() {
  HVKIT_RETURN_IF_ERROR(ports_.Add(devices::kCom1Base, devices::kSerialPortCount, serial_));
  HVKIT_RETURN_IF_ERROR(ports_.Add(devices::kI8042DataPort, 1, i8042_.data_port()));
  HVKIT_RETURN_IF_ERROR(ports_.Add(devices::kI8042CommandPort, 1, i8042_.command_port()));
  HVKIT_RETURN_IF_ERROR(ports_.Add(devices::kRtcBase, devices::kRtcPortCount, rtc_));
  HVKIT_RETURN_IF_ERROR(ports_.Add(devices::kAcpiPmBase, devices::kAcpiPmPortCount, acpi_pm_));
  if (!debug_exit_port_.has_value()) return absl::OkStatus();
  const absl::Status added =
      ports_.Add(*debug_exit_port_, devices::kDebugExitPortCount, debug_exit_);
  if (added.ok()) return added;
  return absl::InvalidArgumentError(
      absl::StrFormat("--debug-exit-port=%#x: %s; choose another port, as 0xf4", *debug_exit_port_,
                      added.message()));
}

}  // namespace hvkit::vmm
