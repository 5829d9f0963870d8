// Hypercalls of a guest whose hypercall page holds an OUT: the code of the page, and what its exits
// mean. Sources: TLFS hypercall-interface.md "Legal Hypercall Environments"; the kernel's KVM API
// documentation, KVM_EXIT_IO; complete_fast_pio_out() in Linux's arch/x86/kvm/x86.c.
//
// An OUT to the port is a hypercall only where it is the page's own: the instruction pointer is in
// the page, at the OUT or past it (kernels differ), and the page is where the guest has put it. At
// CPL above 0 and in real mode that one is #UD; any other is ordinary port I/O. The check at CPL 0
// remembers the page's linear address; a kernel that maps something else there and makes the same
// OUT from the same place makes a hypercall. Where KVM reports the exit at the OUT it advances at
// the next entry, unless the instruction pointer was moved meanwhile: a call that is to be made
// again starts over at the page's first byte, which is right in both cases.
#ifndef HVKIT_VCPU_HYPERV_KVM_HYPERCALL_PORT_H_
#define HVKIT_VCPU_HYPERV_KVM_HYPERCALL_PORT_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/partition/hypercall_page.h"
#include "hyperv/partition/partition_config.h"
#include "vcpu/hyperv_kvm/caller_registers.h"
#include "vcpu/hyperv_kvm/vcpu_xmm.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/run_hooks.h"

namespace hvkit::vcpu {

// A port that no PC has anything at.
inline constexpr uint8_t kDefaultHypercallPort = 0xE4;

// nop; out %al, $port; ret: the same in 16-, 32- and 64-bit code, and it changes no register.
[[nodiscard]] hyperv::HypercallCode HypercallPageCode(uint8_t port);

// The calls of one VP. *VP thread*. A call by general registers makes no ioctl where KVM has synced
// registers and the VP calls often (caller_registers.h).
class HypercallPort {
 public:
  // `sync_sets` is KVM_CAP_SYNC_REGS. All outlive this object.
  HypercallPort(hyperv::VpIndex vp, KvmRunner& runner, uint64_t sync_sets,
                const hyperv::HypercallPage& page, const hyperv::Dispatcher& dispatcher);

  // The guest executed an OUT of one byte to the port, just now.
  [[nodiscard]] absl::StatusOr<PortClaim> OnOut();
  // It did something else that is not a call.
  void NoteOtherExit() { registers_.NoteOtherExit(); }

 private:
  [[nodiscard]] absl::StatusOr<bool> IsInPage(uint64_t linear_page);
  [[nodiscard]] hyperv::CallerMode Mode() const;
  absl::Status Call(uint64_t offset);
  absl::Status RaiseInvalidOpcode(uint64_t rip);

  const hyperv::VpIndex vp_;
  KvmRunner& runner_;
  const hyperv::HypercallPage& page_;
  const hyperv::Dispatcher& dispatcher_;
  CallerRegisters registers_;
  VcpuXmm xmm_;
  // Where code at CPL 0 was last seen to have the page, and which page that was.
  uint64_t known_linear_ = 0;
  std::optional<hyperv::Gpn> known_page_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_HYPERCALL_PORT_H_
