#include "vcpu/hyperv_kvm/tlb_flush.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "hyperv/host/vp_set.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_bits.h"

namespace hvkit::vcpu {
namespace {

using hyperv::VpIndex;

// The VPs that a call found in the guest. Much room, of which little is used: not initialised.
struct Inside {
  uint32_t vp;
  uint32_t entry;
};
using AllInside = std::array<Inside, hyperv::VpSet::kMaxVps>;

}  // namespace

VcpuTlb::VcpuTlb(const kvm::Vcpu& vcpu) : vcpu_(vcpu), changes_(2) {
  for (kvm_msr_entry& change : changes_.entries()) change.index = x86::kMsrEfer;
}

absl::Status VcpuTlb::Flush() {
  HVKIT_ASSIGN_OR_RETURN(const uint64_t efer, vcpu_.GetMsr(x86::kMsrEfer));
  changes_.entries()[0].data = efer ^ x86::kEferNxe;
  changes_.entries()[1].data = efer;
  return vcpu_.SetMsrs(changes_);
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
