// HvCallFlushVirtualAddressSpace and ...List, and their Ex forms.
//
// TLFS: virtual-mmu.md, hypercalls/HvCallFlushVirtualAddressSpace.md, ...List.md, ...SpaceEx.md,
// ...ListEx.md. How TLBs are flushed is the host's TlbFlusher.
#ifndef HVKIT_HYPERV_HYPERCALL_FLUSH_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_FLUSH_CALLS_H_

#include <cstdint>

#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/policy/policy.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallFlushVirtualAddressSpace.
struct FlushSpace : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressSpace;
  using Input = tlfs::FlushInput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kUseRemoteFlush);
  }
};
// HvCallFlushVirtualAddressList.
struct FlushList : FlushSpace {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressList;
  using Element = uint64_t;  // tlfs::GvaRange or tlfs::ExtendedGvaRange
};
// HvCallFlushVirtualAddressSpaceEx.
struct FlushSpaceEx : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressSpaceEx;
  using Input = tlfs::FlushExInput;
  static constexpr bool kTakesVariableHeader = true;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kUseRemoteFlush) && guest.Has(tlfs::bits::kUseExProcessorMasks);
  }
};
// HvCallFlushVirtualAddressListEx.
struct FlushListEx : FlushSpaceEx {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressListEx;
  using Element = uint64_t;
};

// Immutable once added.
class FlushCalls {
 public:
  FlushCalls(TlbFlusher& tlb, uint32_t vp_count, const FlushPolicy& policy)
      : tlb_(tlb), vp_limit_(vp_count), policy_(policy) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  template <typename Definition>
  CallResult OnCall(const Arguments<Definition>& call);
  template <typename Definition>
  CallResult Flush(const Arguments<Definition>& call, const VpSet& vps);

  TlbFlusher& tlb_;
  const VpLimit vp_limit_;
  const FlushPolicy policy_;
  uint64_t reserved_flags_ = ~uint64_t{0};  // Of calls without a list
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_FLUSH_CALLS_H_
