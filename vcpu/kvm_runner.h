// The Runner over a KVM vCPU: KVM_RUN and the dispatch of its exits. Port I/O and MMIO go to two
// buses, string instructions element by element; what is left goes to ExitHandlers. Source: the
// kernel's KVM API documentation, KVM_RUN and "The kvm_run structure".
//
// Dispatch allocates nothing and takes no lock (devices may take theirs). Errors of KVM_RUN, failed
// entries and internal errors of KVM end the run with a status.
#ifndef HVKIT_VCPU_KVM_RUNNER_H_
#define HVKIT_VCPU_KVM_RUNNER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "devices/io_bus.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vcpu.h"
#include "vcpu/entry_gate.h"
#include "vcpu/exit_handlers.h"
#include "vcpu/run_hooks.h"
#include "vcpu/runner.h"

namespace hvkit::vcpu {

// *VP thread*, but for Interrupt.
class KvmRunner final : public Runner {
 public:
  // What the exits go to; all outlive the runner.
  struct Targets {
    const devices::IoBus& ports;
    const devices::IoBus& mmio;
    ExitHandlers& handlers;
  };

  // One counter per KVM_EXIT_* number; numbers beyond the array count in its last element.
  static constexpr size_t kExitReasons = 64;
  using ExitCounts = std::array<uint64_t, kExitReasons>;

  // `id` is the number given to KVM_CREATE_VCPU; it is for messages.
  KvmRunner(uint32_t id, kvm::Vcpu vcpu, Targets targets);

  // Lets a back end into the loop: every entry passes `gate`, and OUTs of one byte to `port` go to
  // `hooks` first. Before the first Run; both outlive the runner's last one.
  void SetHooks(RunHooks& hooks, EntryGate& gate, uint16_t port);

  // The vCPU, for its VP thread or for whoever has it paused (and before the thread starts).
  // Registers of the guest are exact only when no exit is pending.
  kvm::Vcpu& vcpu() { return vcpu_; }
  const ExitCounts& exit_counts() const { return exit_counts_; }

  [[nodiscard]] RunOutcome Run() override;
  void Interrupt() override;
  void AcknowledgeInterrupt() override;
  [[nodiscard]] RunOutcome OnKicked() override;
  // KVM_RUN with immediate_exit: KVM retires the instruction of the last exit and returns. A
  // handler calls it, after it has given its answer, before it reads or changes registers. Further
  // exits of the same instruction are dispatched; a kick that came before or meanwhile stays
  // pending.
  [[nodiscard]] absl::Status CompletePendingExit() override;
  [[nodiscard]] absl::Status TakeError() override;

 private:
  // Branches, not a jump table, up to the exits that are made most: an indirect jump costs more
  // right after the kernel.
  RunOutcome Dispatch(kvm::Exit exit);
  [[gnu::noinline]] RunOutcome DispatchRare(kvm::Exit exit);
  RunOutcome DispatchIo(kvm::IoExit exit);
  RunOutcome DispatchHookedPort(kvm::IoExit exit);
  RunOutcome TransferIo(kvm::IoExit exit);
  RunOutcome DispatchMmio(kvm::MmioExit exit);
  bool PassGate();
  RunOutcome OnRunError(kvm::Errno error);
  RunOutcome Fail(absl::Status error);

  const uint32_t id_;
  kvm::Vcpu vcpu_;
  const Targets targets_;
  RunHooks* hooks_ = nullptr;
  EntryGate* gate_ = nullptr;  // null without hooks
  uint16_t hooked_port_ = 0;
  ExitCounts exit_counts_{};
  absl::Status error_;
  // Set from Interrupt to AcknowledgeInterrupt, so that CompletePendingExit can put immediate_exit
  // back.
  std::atomic<uint32_t> interrupt_requested_{0};
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_KVM_RUNNER_H_
