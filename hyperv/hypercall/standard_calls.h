// The TLFS's hypercalls for a guest partition, all families of this folder: made for a host that
// has some or all of what they need.
//
// A call whose part of the host is missing does not exist (kInvalidHypercallCode); one that the
// guest's CPUID does not announce is denied (kAccessDenied).
#ifndef HVKIT_HYPERV_HYPERCALL_STANDARD_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_STANDARD_CALLS_H_

#include <cstdint>
#include <optional>

#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/interrupt_retargeter.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/spin_waiter.h"
#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/host/vp_starter.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/connection_calls.h"
#include "hyperv/hypercall/debug_calls.h"
#include "hyperv/hypercall/extended_calls.h"
#include "hyperv/hypercall/flush_calls.h"
#include "hyperv/hypercall/ipi_calls.h"
#include "hyperv/hypercall/partition_id_call.h"
#include "hyperv/hypercall/retarget_call.h"
#include "hyperv/hypercall/spin_wait_call.h"
#include "hyperv/hypercall/vp_calls.h"
#include "hyperv/hypercall/vp_register_calls.h"
#include "hyperv/policy/policy.h"

namespace hvkit::hyperv {

// The host's side. Any may be null; all outlive the calls.
struct HypercallHost {
  TlbFlusher* tlb = nullptr;
  InterruptSink* interrupts = nullptr;
  SpinWaiter* spin = nullptr;
  Connections* connections = nullptr;
  DebugChannel* debug = nullptr;
  const BootZeroedMemory* boot_zeroed = nullptr;
  VpStarter* starter = nullptr;
  const ApicIds* apic_ids = nullptr;
  VpRegisterAccess* registers = nullptr;
  InterruptRetargeter* retargeter = nullptr;
};

// What the handlers have to know of the partition.
struct HypercallConfig {
  uint32_t vp_count = 1;  // At most VpSet::kMaxVps
  FlushPolicy flush = {};
  std::optional<uint64_t> partition_id = {};  // Nothing: GetPartitionId does not exist
};

// The handlers. Immutable; what they call says its own.
class StandardCalls {
 public:
  StandardCalls(const HypercallHost& host, const HypercallConfig& config);
  StandardCalls(const StandardCalls&) = delete;
  StandardCalls& operator=(const StandardCalls&) = delete;

  // False if the table has not room for all, or has one of them. The calls outlive the table.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  std::optional<FlushCalls> flush_;
  std::optional<IpiCalls> ipi_;
  std::optional<SpinWaitCall> spin_;
  std::optional<ConnectionCalls> connections_;
  std::optional<DebugCalls> debug_;
  ExtendedCalls extended_;
  std::optional<StartVpCall> start_vp_;
  std::optional<ApicIdCall> apic_id_;
  std::optional<VpRegisterCalls> registers_;
  std::optional<RetargetCall> retarget_;
  std::optional<PartitionIdCall> partition_id_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_STANDARD_CALLS_H_
