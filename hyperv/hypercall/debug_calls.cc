#include "hyperv/hypercall/debug_calls.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

using tlfs::HvStatus;

bool DebugCalls::AddTo(CallTable& table) {
  return table.Add<PostDebugData, &DebugCalls::OnPost>(*this) &&
         table.Add<RetrieveDebugData, &DebugCalls::OnRetrieve>(*this) &&
         table.Add<ResetDebugSession, &DebugCalls::OnReset>(*this);
}

HvStatus DebugCalls::OnPost(const Arguments<PostDebugData>& call) {
  const uint32_t count = call.input.count;
  if (count > call.input_tail.size()) return HvStatus::kInvalidParameter;
  return channel_.Post(call.input_tail.first(count), call.output.pending_count);
}

// Nothing to be had is an answer, as is less than was asked for; the timeout is not waited for.
CallResult DebugCalls::OnRetrieve(const Arguments<RetrieveDebugData>& call) {
  const size_t room = std::min<size_t>(call.input.count, call.output_tail.size());
  uint32_t received = 0;
  const HvStatus status = channel_.Retrieve(call.output_tail.first(room), received);
  if (status != HvStatus::kSuccess) return CallResult(status);
  received = std::min(received, static_cast<uint32_t>(room));
  call.output.retrieved_count = received;
  call.output.remaining_count = call.input.count - received;
  return CallResult::Written(received);
}

HvStatus DebugCalls::OnReset(const Arguments<ResetDebugSession>& call) {
  return channel_.Reset(call.input, call.output);
}

}  // namespace hvkit::hyperv
