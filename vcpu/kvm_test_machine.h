// A virtual machine for vcpu_kvm_test: 1 MiB of RAM, a few recording devices and one VcpuThread per
// vCPU.
#ifndef HVKIT_VCPU_KVM_TEST_MACHINE_H_
#define HVKIT_VCPU_KVM_TEST_MACHINE_H_

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
#include "vcpu/kvm_runner.h"
#include "vcpu/kvm_test_guests.h"
#include "vcpu/vcpu_thread.h"

namespace hvkit::vcpu {

// Keeps the values that the guest writes, with a bounded log; calls back on each access. Reads
// count up from 1, byte by byte. Thread-safe; allocates nothing on an access.
class RecordingDevice final : public devices::IoDevice {
 public:
  struct Written {
    uint64_t offset;
    uint64_t value;
    size_t size;
    friend bool operator==(const Written&, const Written&) = default;
  };
  using Callback = std::function<void()>;

  RecordingDevice() { writes_.reserve(kCapacity); }
  // Before the guest runs.
  void OnWrite(Callback callback) { on_write_ = std::move(callback); }
  void OnRead(Callback callback) { on_read_ = std::move(callback); }
  std::vector<Written> writes() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<uint64_t> values() const ABSL_LOCKS_EXCLUDED(mutex_);

  const char* Name() const override { return "recorder"; }
  void Read(uint64_t offset, std::span<std::byte> data) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Write(uint64_t offset, std::span<const std::byte> data) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr size_t kCapacity = 64;

  mutable absl::Mutex mutex_;
  std::vector<Written> writes_ ABSL_GUARDED_BY(mutex_);
  uint8_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  Callback on_write_;
  Callback on_read_;
};

// Answers MSR reads with what was written and counts the rest. Shared by the vCPUs: thread-safe.
class RecordingHandlers final : public ExitHandlers {
 public:
  ExitAction OnMsr(kvm::MsrExit exit) override;
  ExitAction OnHyperv(kvm::HypervExit exit) override;
  ExitAction OnSystemEvent(kvm::SystemEventExit exit) override;
  ExitAction OnShutdown() override;
  ExitAction OnOther(kvm::Exit exit) override;
  ExitAction OnKicked() override;

  std::atomic<uint64_t> msr_value{0};
  std::atomic<int> msr_accesses{0};
  std::atomic<int> shutdowns{0};
  std::atomic<int> kicks{0};
  std::atomic<uint32_t> other_reason{0};
};

enum class Irqchip : uint8_t { kNone, kInKernel };

// Not thread-safe, but for what its parts say of themselves.
class Machine {
 public:
  static constexpr hyperv::Gpa kCode{0x10000};
  static constexpr uint64_t kStackTop = 0x30000;
  static constexpr hyperv::Gpa kTables{0x80000};

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Machine>> Create(Irqchip irqchip,
                                                                       uint32_t cpus = 1);

  // Puts code into RAM.
  [[nodiscard]] absl::Status Load(GuestCode code, hyperv::Gpa at = kCode);
  // The same and makes vCPU 0 begin there, in flat 32-bit mode.
  [[nodiscard]] absl::Status LoadProtected32(GuestCode code);
  // Starts vCPU 0 and waits for its end: the guest's write to kDonePort, or trouble.
  [[nodiscard]] absl::Status RunToEnd();
  // What SpinningGuest and its like wait for.
  [[nodiscard]] absl::Status SetFlag();

  GuestMemory& memory() { return *memory_; }
  RecordingDevice& log() { return log_; }
  RecordingDevice& input() { return input_; }
  RecordingDevice& mmio() { return mmio_; }
  RecordingHandlers& handlers() { return handlers_; }
  KvmRunner& runner(size_t cpu = 0) { return *runners_[cpu]; }
  kvm::Vcpu& vcpu(size_t cpu = 0) { return runner(cpu).vcpu(); }
  VcpuThread& thread(size_t cpu = 0) { return *threads_[cpu]; }

 private:
  Machine(kvm::Kvm kvm, kvm::Vm vm, std::unique_ptr<GuestMemory> memory)
      : kvm_(std::move(kvm)), memory_(std::move(memory)), vm_(std::move(vm)) {}

  absl::Status Prepare(Irqchip irqchip);
  absl::Status AddDevices();
  absl::Status AddCpu(uint32_t id, uint32_t cpus);

  kvm::Kvm kvm_;
  std::unique_ptr<GuestMemory> memory_;
  kvm::Vm vm_;
  RecordingDevice log_;
  RecordingDevice input_;
  RecordingDevice done_;
  RecordingDevice mmio_;
  devices::IoBus ports_bus_;
  devices::IoBus mmio_bus_;
  RecordingHandlers handlers_;
  std::vector<KvmRunner*> runners_;
  std::vector<std::unique_ptr<VcpuThread>> threads_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_KVM_TEST_MACHINE_H_
