// A VMM of one processor, without devices: KVM runs the guest, hvkit's model is its Hyper-V, and
// the interrupt controller is toy::Interrupts (there is none in the kernel).
#ifndef TOY_VMM_H_
#define TOY_VMM_H_

#include <csignal>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_events.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "toy_host.h"

namespace toy {

// A hypercall of this VMM alone: hvkit checks and copies, OnPrivateCall below answers.
struct PrivateCall : hv::CallDefaults {
  static constexpr hv::tlfs::CallCode kCode{0xf001};
  using Input = uint64_t;
};

// Everything happens on the thread that made it.
class Vmm final : public hv::PartitionEvents {
 public:
  static absl::StatusOr<std::unique_ptr<Vmm>> Create(std::span<const unsigned char> image);
  ~Vmm() override;

  // Runs the guest to its end. Returns its exit status.
  absl::StatusOr<int> Run();

  const std::string& printed() const { return printed_; }
  uint64_t private_number() const { return private_number_; }

  void OnReset(hv::VpIndex) override {}
  void OnCrash(hv::VpIndex, const hv::CrashReport&) override {}

 private:
  Vmm();
  absl::Status Start(std::span<const unsigned char> image);
  absl::Status InterceptMsrs() const;
  absl::Status SetCpuid(const hvkit::kvm::Kvm& kvm) const;
  absl::Status SetRegisters() const;
  absl::Status OpenSignals();

  void Poll();
  void Wake() const;
  void ArmTimer() const;
  absl::Status InjectInterrupt();
  absl::StatusOr<std::optional<int>> Handle(hvkit::kvm::Exit exit);
  std::optional<int> OnOut(const hvkit::kvm::IoExit& io);
  void OnMsr(hvkit::kvm::MsrExit msr);
  absl::Status OnHypercall();
  void OnHalt();
  hv::tlfs::HvStatus OnPrivateCall(const hv::Arguments<PrivateCall>& call);

  Memory memory_;
  Clock clock_;
  Interrupts interrupts_;
  Scheduler scheduler_;
  hv::EnlightenmentSet in_force_;
  hv::Partition partition_;
  hv::VirtualProcessor& vp_;
  hv::CallTable calls_;
  hv::Dispatcher dispatcher_;
  const pid_t thread_;
  std::optional<timer_t> timer_;
  std::optional<hvkit::kvm::Vm> vm_;
  std::optional<hvkit::kvm::Vcpu> vcpu_;
  std::string printed_;
  uint64_t private_msr_ = 0;
  uint64_t private_number_ = 0;
};

}  // namespace toy

#endif  // TOY_VMM_H_
