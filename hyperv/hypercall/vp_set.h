// How a guest writes a set of virtual processors in a hypercall.
//
// TLFS: datatypes/hv_vp_set.md. The set itself is hyperv/host/vp_set.h. Immutable.
#ifndef HVKIT_HYPERV_HYPERCALL_VP_SET_H_
#define HVKIT_HYPERV_HYPERCALL_VP_SET_H_

#include <cstdint>
#include <span>

#include "hyperv/host/vp_set.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// A mask of the VPs 0 to 63. The mask stays with the caller, and must outlive the set.
constexpr VpSet ReadVpMask(const uint64_t& mask, const VpLimit& limit) {
  return VpSet::Sparse(1, &mask, limit);
}

// The fixed part of a set and the banks behind it, which must outlive `result`.
// kInvalidHypercallInput: the variable header has not a word for each bit of valid_bank_mask;
// kInvalidParameter: no such format. The banks of a set of all VPs are not looked at.
constexpr tlfs::HvStatus ReadVpSet(const tlfs::VpSet& set, std::span<const uint64_t> banks,
                                   const VpLimit& limit, VpSet& result) {
  using Format = tlfs::VpSet::Format;
  if (!VpSet::HasBits(set.valid_bank_mask, banks.size())) {
    return tlfs::HvStatus::kInvalidHypercallInput;
  }
  switch (static_cast<Format>(set.format)) {
    case Format::kAll:
      result = VpSet::All(limit);
      return tlfs::HvStatus::kSuccess;
    case Format::kSparse:
      result = VpSet::Sparse(set.valid_bank_mask, banks.data(), limit);
      return tlfs::HvStatus::kSuccess;
  }
  return tlfs::HvStatus::kInvalidParameter;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_VP_SET_H_
