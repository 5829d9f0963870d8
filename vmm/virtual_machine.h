// The reference VMM's virtual machine: memory, platform, vCPUs and the kernel back end, wired
// together and run.
#ifndef HVKIT_VMM_VIRTUAL_MACHINE_H_
#define HVKIT_VMM_VIRTUAL_MACHINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "devices/hyperv_testdev.h"
#include "hyperv/host/guest_memory.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/guest_memory.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/untouched_memory.h"
#include "vcpu/vcpu_thread.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/ending.h"
#include "vmm/events.h"
#include "vmm/hyperv_backend.h"
#include "vmm/hyperv_setup.h"
#include "vmm/inputs.h"
#include "vmm/platform.h"
#include "vmm/syndbg.h"
#include "vmm/vcpu_exits.h"

namespace hvkit::vmm {

// Whether the process gives up the system calls that a run does not need (seccomp_filter.h).
enum class Confinement : uint8_t { kNone, kSeccomp };

// Built, run once and destroyed by the main thread.
class VirtualMachine {
 public:
  // `console` outlives the machine. Errors: what KVM refused, with numbers.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<VirtualMachine>> Create(
      const kvm::Kvm& kvm, const Config& config, const HypervSetup& hyperv, const BootPlan& plan,
      Console& console);
  ~VirtualMachine();
  VirtualMachine(const VirtualMachine&) = delete;
  VirtualMachine& operator=(const VirtualMachine&) = delete;

  // Starts the vCPUs, once; the process is confined, for good, before the guest's first
  // instruction. Errors: kFailedPrecondition if the kernel cannot confine it; what the kernel says
  // if there are no threads to be had.
  [[nodiscard]] absl::Status Start(Confinement confinement);

  // Runs the guest, once started, until it ends, or SIGINT or SIGTERM comes (which the caller has
  // blocked in all threads), feeding it the console's input meanwhile.
  [[nodiscard]] Ending Run();

  // How often each exit happened, on all vCPUs; after Run().
  [[nodiscard]] ExitCounts CountExits() const;
  // What the guest has left; after Run().
  [[nodiscard]] const hyperv::GuestMemory& memory() const { return *memory_; }

 private:
  struct Cpu {
    std::unique_ptr<VcpuExits> exits;
    vcpu::KvmRunner* runner;  // the thread's
    std::unique_ptr<vcpu::VcpuThread> thread;
  };

  VirtualMachine(kvm::Vm vm, Console& console) : vm_(std::move(vm)), console_(console) {}

  absl::Status SetUpMemory(const Config& config, const BootPlan& plan);
  absl::Status SetUpPlatform(const Config& config);
  absl::Status SetUpCpus(const kvm::Kvm& kvm, const Config& config, const HypervSetup& hyperv,
                         const EntryState& entry);
  absl::StatusOr<Cpu> MakeCpu(uint32_t index, kvm::Vcpu vcpu);
  absl::Status StartBackend(const Config& config);
  absl::Status ServeConsoleUntilEnd();

  std::unique_ptr<vcpu::GuestMemory> memory_;  // outlives the VM that maps it
  std::optional<vcpu::UntouchedMemory> untouched_;
  kvm::Vm vm_;
  Console& console_;
  EndLatch latch_;
  std::unique_ptr<Platform> platform_;
  std::unique_ptr<Syndbg> syndbg_;  // null without --syndbg; of the back end
  std::vector<Cpu> cpus_;
  std::unique_ptr<HypervBackend> backend_;  // null without Hyper-V; it may kick cpus_ until it goes
  std::optional<devices::HypervTestdev> testdev_;  // on the back end
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_VIRTUAL_MACHINE_H_
