// The ICR and TPR of a local APIC that the guest has in xAPIC mode, for the Hyper-V MSRs that stand
// for them, on a KVM that serves neither of them itself (no CONFIG_KVM_HYPERV). Sources: TLFS
// virtual-interrupts.md, "Local APIC MSR Accesses"; Intel SDM volume 3, "Interrupt Command
// Register" and "Message Signalled Interrupts"; kvm_set_msi_irq(), kvm_apic_set_state() and
// __set_sregs() in Linux's arch/x86/kvm.
//
// A command is sent as the MSI that does the same: KVM takes all delivery modes from one, INIT and
// start-up included. The task priority is written as CR8, its upper four bits; the lower four,
// which decide nothing, read as zero afterwards.
//
// The EOI register is not here. User space reaches an xAPIC's in-service bits through KVM_SET_LAPIC
// only, which also writes the request bits, by a plain copy: an interrupt that another thread (a
// device, an irqfd, a VP's IPI, KVM's own PIT) requests after the state was read is lost, and
// nothing shows which it was. Switching the VP to x2APIC mode for the length of one write makes KVM
// replace the logical id, which cannot be written back either. So a guest's write faults.
#ifndef HVKIT_VCPU_HYPERV_KVM_XAPIC_H_
#define HVKIT_VCPU_HYPERV_KVM_XAPIC_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/tlfs/field.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"

namespace hvkit::vcpu {

// Both words of the interrupt command register.
struct InterruptCommand {
  static constexpr uint64_t kNoShorthand = 0;
  static constexpr uint64_t kSelf = 1;
  static constexpr uint64_t kAll = 2;
  static constexpr uint64_t kOthers = 3;

  uint64_t raw = 0;
  using Vector = hyperv::tlfs::Field<0, 8>;
  using DeliveryMode = hyperv::tlfs::Field<8, 3>;
  using IsLogical = hyperv::tlfs::Field<11, 1>;
  using DeliveryStatus = hyperv::tlfs::Field<12, 1>;
  using Level = hyperv::tlfs::Field<14, 1>;
  using IsLevelTriggered = hyperv::tlfs::Field<15, 1>;
  using Shorthand = hyperv::tlfs::Field<18, 2>;
  using Destination = hyperv::tlfs::Field<56, 8>;
};

// The message for a command without shorthand; nothing for one that does nothing: reserved delivery
// modes, and the de-assertion of INIT.
[[nodiscard]] std::optional<kvm_msi> MessageOf(InterruptCommand command);

// All methods are *VP thread*, that of the VP they name.
class Xapic {
 public:
  // A vCPU's APIC id is its VP index. `vm` outlives this object.
  Xapic(const kvm::Vm& vm, uint32_t vp_count) : vm_(vm), commands_(vp_count) {}

  // The task-priority register, of which bits 3:0 read 0.
  [[nodiscard]] static absl::StatusOr<uint8_t> ReadTpr(const kvm::Vcpu& vcpu);
  [[nodiscard]] static absl::Status WriteTpr(const kvm::Vcpu& vcpu, uint8_t value);

  // The last command, whichever way it was given.
  [[nodiscard]] absl::StatusOr<uint64_t> ReadIcr(const kvm::Vcpu& vcpu, hyperv::VpIndex vp) const;
  [[nodiscard]] absl::Status WriteIcr(const kvm::Vcpu& vcpu, hyperv::VpIndex vp, uint64_t value);

 private:
  // The last that was given here, and what the APIC's own register held then.
  struct Command {
    InterruptCommand last;
    uint64_t apics = 0;
  };

  void Send(hyperv::VpIndex from, InterruptCommand command) const;
  void SendTo(uint32_t apic_id, InterruptCommand command) const;
  void SendMessage(InterruptCommand command) const;

  const kvm::Vm& vm_;
  std::vector<Command> commands_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_XAPIC_H_
