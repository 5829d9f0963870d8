// HvCallFlushVirtualAddressSpace and ...List, and their Ex forms.
//
// TLFS: virtual-mmu.md, hypercalls/HvCallFlushVirtualAddressSpace.md, ...List.md, ...SpaceEx.md,
// ...ListEx.md. How TLBs are flushed is the host's TlbFlusher.
#ifndef HVKIT_HYPERV_HYPERCALL_FLUSH_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_FLUSH_CALLS_H_

#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
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

struct FlushSpace : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressSpace;
  using Input = tlfs::FlushInput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kUseRemoteFlush);
  }
};
struct FlushList : FlushSpace {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressList;
  using Element = uint64_t;  // tlfs::GvaRange or tlfs::ExtendedGvaRange
};
struct FlushSpaceEx : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressSpaceEx;
  using Input = tlfs::FlushExInput;
  static constexpr bool kTakesVariableHeader = true;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kUseRemoteFlush) && guest.Has(tlfs::bits::kUseExProcessorMasks);
  }
};
struct FlushListEx : FlushSpaceEx {
  static constexpr auto kCode = tlfs::CallCode::kFlushVirtualAddressListEx;
  using Element = uint64_t;
};

// Immutable once added.
class FlushCalls {
 public:
  FlushCalls(TlbFlusher& tlb, uint32_t vp_count, const FlushPolicy& policy)
      : tlb_(tlb), vp_count_(vp_count), policy_(policy) {}

  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  // What the four calls have in common.
  struct Request {
    VpIndex caller;
    uint64_t address_space;
    tlfs::FlushFlags flags;
    std::span<const uint64_t> ranges = {};
  };

  CallResult OnSpace(const Arguments<FlushSpace>& call);
  CallResult OnList(const Arguments<FlushList>& call);
  CallResult OnSpaceEx(const Arguments<FlushSpaceEx>& call);
  CallResult OnListEx(const Arguments<FlushListEx>& call);

  CallResult FlushMask(const Request& request, const uint64_t& mask) const;
  CallResult FlushSet(const Request& request, const tlfs::VpSet& set,
                      std::span<const uint64_t> banks) const;
  CallResult Flush(const Request& request, const VpSet& vps) const;
  static bool IsForAll(const Request& request);
  bool AreValid(tlfs::FlushFlags flags) const;
  bool AreValidForList(tlfs::FlushFlags flags) const;

  TlbFlusher& tlb_;
  const uint32_t vp_count_;
  const FlushPolicy policy_;
  bool has_extended_ranges_ = false;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_FLUSH_CALLS_H_
