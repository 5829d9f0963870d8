#include "vcpu/hyperv_kvm/tlb_flush.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "hyperv/host/vp_set.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::VpIndex;

constexpr uint64_t kCr3Pwt = uint64_t{1} << 3;

absl::Status FlushBySregs(const kvm::Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  sregs.cr3 ^= kCr3Pwt;
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  sregs.cr3 ^= kCr3Pwt;
  return vcpu.SetSregs(sregs);
}

absl::Status FlushBySregs2(const kvm::Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs2 sregs, vcpu.GetSregs2());
  sregs.cr3 ^= kCr3Pwt;
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs2(sregs));
  sregs.cr3 ^= kCr3Pwt;
  return vcpu.SetSregs2(sregs);
}

// The VPs that a call found in the guest. Much room, of which little is used: not initialised.
struct Inside {
  uint32_t vp;
  uint32_t entry;
};
using AllInside = std::array<Inside, hyperv::VpSet::kMaxVps>;

}  // namespace

absl::Status FlushTlb(const kvm::Vcpu& vcpu, SregsForm form) {
  return form == SregsForm::kSregs2 ? FlushBySregs2(vcpu) : FlushBySregs(vcpu);
}

GateTlbFlusher::GateTlbFlusher(std::vector<EntryGate*> gates, KickVp kick)
    : gates_(std::move(gates)), kick_(std::move(kick)) {}

// All are asked and kicked before the first is waited for, so that they leave side by side.
hyperv::Progress GateTlbFlusher::Flush(const hyperv::TlbFlush& flush) {
  AllInside inside;
  size_t count = 0;
  flush.vps.ForEach([&](VpIndex vp) {
    const EntryGate::Visit visit = gates_[vp.value()]->Request();
    if (!visit.in_guest) return;
    if (visit.first) kick_(vp);
    inside[count++] = {.vp = vp.value(), .entry = visit.entry};
  });
  for (size_t i = 0; i < count; ++i) gates_[inside[i].vp]->WaitUntilLeft(inside[i].entry);
  return hyperv::Progress::kDone;
}

}  // namespace hvkit::vcpu
