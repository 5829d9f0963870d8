// What the calls that name a partition, a VTL or reserved bytes have in common: there is no
// partition but the caller's, and no VTL but 0.
//
// TLFS: datatypes/hv_partition_id.md, hv_input_vtl.md. Immutable.
#ifndef HVKIT_HYPERV_HYPERCALL_VTL_H_
#define HVKIT_HYPERV_HYPERCALL_VTL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Whether VTL 0 is meant, by its number or as the caller's own.
constexpr bool IsOnlyVtl(tlfs::InputVtl vtl) {
  return (vtl.raw & ~tlfs::InputVtl::UseTargetVtl::kMask) == 0;
}

// Whether reserved bytes are as they must be.
template <typename Word, size_t kCount>
constexpr bool IsZero(const std::array<Word, kCount>& reserved) {
  return std::ranges::all_of(reserved, [](Word word) { return word == 0; });
}

// For inputs with a partition id, a VTL and reserved bytes.
template <typename Input>
constexpr tlfs::HvStatus CheckTarget(const Input& input) {
  if (input.partition_id != tlfs::kPartitionIdSelf) return tlfs::HvStatus::kInvalidPartitionId;
  if (!IsOnlyVtl(input.target_vtl) || !IsZero(input.reserved)) {
    return tlfs::HvStatus::kInvalidParameter;
  }
  return tlfs::HvStatus::kSuccess;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_VTL_H_
