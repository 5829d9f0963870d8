// A virtual machine for user_backend_kvm_test: 1 MiB of RAM, interrupt controllers in the kernel, a
// few recording ports and one VcpuThread per vCPU.
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_KVM_TEST_MACHINE_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_KVM_TEST_MACHINE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "devices/io_bus.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/exit_handlers.h"
#include "vcpu/guest_memory.h"
#include "vcpu/hyperv_kvm/user_kvm_test_guests.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/stopping_handlers.h"
#include "vcpu/vcpu_thread.h"

namespace hvkit::vcpu {

// Keeps the values that the guest writes, with a bounded log, and calls back on each access.
// Thread-safe.
class LogPort final : public devices::IoDevice {
 public:
  using Callback = std::function<void()>;

  // Before the guest runs.
  void OnAccess(Callback callback) { on_access_ = std::move(callback); }
  std::vector<uint32_t> Take() ABSL_LOCKS_EXCLUDED(mutex_);

  const char* Name() const override { return "log"; }
  void Read(uint64_t offset, std::span<std::byte> data) override;
  void Write(uint64_t offset, std::span<const std::byte> data) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr size_t kCapacity = 64;

  absl::Mutex mutex_;
  std::vector<uint32_t> values_ ABSL_GUARDED_BY(mutex_);
  Callback on_access_;
};

// Passes MSR exits and kicks to what the test sets, and counts triple faults. One per vCPU.
class TestHandlers final : public StoppingHandlers {
 public:
  std::function<void(kvm::MsrExit)> on_msr;
  std::function<void()> on_kicked;
  std::atomic<int> msr_exits{0};
  std::atomic<int> faults{0};

  ExitAction OnMsr(kvm::MsrExit exit) override;
  ExitAction OnShutdown() override;
  ExitAction OnKicked() override;
};

// Not thread-safe, but for what its parts say of themselves.
class UserKvmMachine {
 public:
  static constexpr hyperv::Gpa kCode{0x10000};
  static constexpr hyperv::Gpa kHandler{0x20000};
  static constexpr hyperv::Gpa kTables{0x80000};
  static constexpr uint8_t kVector = 0x50;

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UserKvmMachine>> Create();
  // Adds a vCPU, with its APIC software-enabled and ready to run.
  [[nodiscard]] absl::Status AddCpu(uint32_t id = 0);

  [[nodiscard]] absl::Status EnableX2Apic(size_t cpu = 0);

  [[nodiscard]] absl::Status Load(GuestCode code, hyperv::Gpa at = kCode);
  struct Registers {
    uint32_t eax = 0;
    uint32_t ebx = 0;
    uint32_t esi = 0;
  };
  // Runs a 32-bit guest until it says that it is done or faults.
  [[nodiscard]] absl::Status RunProtected32(GuestCode code, const Registers& registers,
                                            size_t cpu = 0);
  // Loads HaltingGuest, with a handler for kVector.
  [[nodiscard]] absl::Status LoadHaltingGuest(GuestCode handler);
  // Runs the vCPU as it stands, until the guest says that it is done or faults.
  [[nodiscard]] absl::Status RunToEnd(size_t cpu = 0);
  // The same in two steps, with a kick at the start.
  [[nodiscard]] absl::Status StartAndKick(size_t cpu = 0);
  [[nodiscard]] absl::Status Join() { return thread_->Join(); }
  // Of the vCPU that runs.
  void Stop() { thread_->Stop(); }
  void Kick() { thread_->Kick(); }

  // One byte wide; before the guest runs.
  [[nodiscard]] absl::Status AddPort(uint16_t port, devices::IoDevice& device) {
    return ports_.Add(port, 1, device);
  }

  kvm::Kvm& kvm() { return kvm_; }
  kvm::Vm& vm() { return vm_; }
  GuestMemory& memory() { return *memory_; }
  LogPort& log() { return log_; }
  LogPort& input() { return input_; }
  TestHandlers& handlers(size_t cpu = 0) { return *cpus_[cpu].handlers; }
  KvmRunner& runner(size_t cpu = 0) { return *cpus_[cpu].runner; }
  kvm::Vcpu& vcpu(size_t cpu = 0) { return runner(cpu).vcpu(); }

 private:
  // A thread is of one run; the runner outlives them all.
  class BorrowedRunner;
  struct Cpu {
    std::unique_ptr<TestHandlers> handlers;
    std::unique_ptr<KvmRunner> runner;
  };

  UserKvmMachine(kvm::Kvm kvm, kvm::Vm vm, std::unique_ptr<GuestMemory> memory)
      : kvm_(std::move(kvm)), memory_(std::move(memory)), vm_(std::move(vm)) {}
  absl::Status Prepare();
  void MakeThread(size_t cpu);

  kvm::Kvm kvm_;
  std::unique_ptr<GuestMemory> memory_;
  kvm::Vm vm_;
  LogPort log_;
  LogPort input_;
  LogPort done_;
  devices::IoBus ports_;
  devices::IoBus mmio_;
  std::vector<Cpu> cpus_;
  std::unique_ptr<VcpuThread> thread_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_KVM_TEST_MACHINE_H_
