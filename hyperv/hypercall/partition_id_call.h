// HvCallGetPartitionId.
//
// TLFS: datatypes/hv_partition_privilege_mask.md (AccessPartitionId), hv_partition_id.md. Linux
// stops if its CPUID announces the privilege and the call fails.
#ifndef HVKIT_HYPERV_HYPERCALL_PARTITION_ID_CALL_H_
#define HVKIT_HYPERV_HYPERCALL_PARTITION_ID_CALL_H_

#include <cstdint>

#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallGetPartitionId.
struct GetPartitionId : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kGetPartitionId;
  using Output = uint64_t;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kAccessPartitionId);
  }
};

// Immutable.
class PartitionIdCall {
 public:
  explicit PartitionIdCall(uint64_t id) : id_(id) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnGet(const Arguments<GetPartitionId>& call);

  const uint64_t id_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_PARTITION_ID_CALL_H_
