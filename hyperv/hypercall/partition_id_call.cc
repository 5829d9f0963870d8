#include "hyperv/hypercall/partition_id_call.h"

#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

bool PartitionIdCall::AddTo(CallTable& table) {
  return table.Add<GetPartitionId, &PartitionIdCall::OnGet>(*this);
}

tlfs::HvStatus PartitionIdCall::OnGet(const Arguments<GetPartitionId>& call) {
  call.output = id_;
  return tlfs::HvStatus::kSuccess;
}

}  // namespace hvkit::hyperv
