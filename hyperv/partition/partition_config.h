// What a partition is made of: what it offers, the model's choices, its constants, and its host.
//
// Values only; nothing is checked against the host's abilities: the set in force comes from
// hyperv/enlightenments/resolve.h, which has judged them. Immutable.
#ifndef HVKIT_HYPERV_PARTITION_PARTITION_CONFIG_H_
#define HVKIT_HYPERV_PARTITION_PARTITION_CONFIG_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/partition/host_hooks.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/policy/policy.h"

namespace hvkit::hyperv {

// The code at the start of the hypercall page: how the guest enters the hypervisor is the host's
// choice (VMCALL, VMMCALL, an OUT). It ends with a RET. The rest of the page is INT3.
struct HypercallCode {
  static constexpr size_t kMaxSize = 16;

  std::array<uint8_t, kMaxSize> bytes{};
  uint8_t size = 0;  // At most kMaxSize
};

// What the guest is to see. Frequencies are in Hz.
struct PartitionConfig {
  EnlightenmentSet in_force = {};  // With hv_enforce_cpuid MSRs that it does not offer fault
  Policy policy = {};
  uint32_t vp_count = 1;
  HypercallCode hypercall_code = {};
  uint64_t tsc_frequency_hz = 0;
  uint64_t apic_frequency_hz = 1'000'000'000;  // KVM's default
};

// The host's side. All outlive the partition; the hooks may be null.
struct PartitionHost {
  GuestMemory& memory;
  const ReferenceClock& clock;
  InterruptSink& interrupts;
  VpScheduler& scheduler;
  PartitionEvents& events;
  VpRuntime* runtime = nullptr;
  ApicRegisters* apic = nullptr;
  EoiAssist* eoi_assist = nullptr;
  GuestIdle* idle = nullptr;
  SyndbgTransport* syndbg = nullptr;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_PARTITION_CONFIG_H_
