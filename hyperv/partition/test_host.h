// A host for tests of the partition: fakes for all that it needs, and hooks that write down what
// they are asked for.
#ifndef HVKIT_HYPERV_PARTITION_TEST_HOST_H_
#define HVKIT_HYPERV_PARTITION_TEST_HOST_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/host_hooks.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_events.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_reference_clock.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {

struct FakeEvents final : PartitionEvents {
  void OnReset(VpIndex by) override { resets.push_back(by); }
  void OnCrash(VpIndex, const CrashReport& report) override { crashes.push_back(report); }

  std::vector<VpIndex> resets;
  std::vector<CrashReport> crashes;
};

struct FakeVpRuntime final : VpRuntime {
  RefDuration Runtime(VpIndex vp) const override { return RefDuration(1000 + vp.value()); }
};

struct FakeApic final : ApicRegisters {
  MsrOutcome WriteEoi(VpIndex) override {
    ++eois;
    return MsrOutcome::kHandled;
  }
  MsrRead ReadIcr(VpIndex) override { return MsrRead::Handled(icr); }
  MsrOutcome WriteIcr(VpIndex, uint64_t value) override {
    icr = value;
    return MsrOutcome::kHandled;
  }
  MsrRead ReadTpr(VpIndex) override { return MsrRead::Handled(tpr); }
  MsrOutcome WriteTpr(VpIndex, uint8_t value) override {
    tpr = value;
    return MsrOutcome::kHandled;
  }

  int eois = 0;
  uint64_t icr = 0;
  uint8_t tpr = 0;
};

struct FakeEoiAssist final : EoiAssist {
  void SetAssistPage(VpIndex, std::optional<Gpn> now) override { page = now; }

  std::optional<Gpn> page;
};

struct FakeGuestIdle final : GuestIdle {
  void Idle(VpIndex vp) override { idle.push_back(vp); }

  std::vector<VpIndex> idle;
};

struct FakeSyndbg final : SyndbgTransport {
  uint64_t OnControl(VpIndex, const SyndbgRegisters& registers) override {
    controlled = registers;
    return status;
  }
  void OnPendingBuffer(VpIndex, const SyndbgRegisters& registers) override { pending = registers; }

  uint64_t status = 0;
  SyndbgRegisters controlled;
  SyndbgRegisters pending;
};

// Everything that the model can do, and only what CPUID announces.
inline EnlightenmentSet AllEnforced() {
  EnlightenmentSet set;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    const bool is_value = info.kind != EnlightenmentKind::kFlag;
    if (!is_value && info.id != Enlightenment::kPassthrough) set.Add(info.id);
  }
  return set;
}

// Everything that fakes can offer; no memory yet.
struct FakeHost {
  PartitionHost Host() {
    PartitionHost host = HostWithoutHooks();
    host.runtime = &runtime;
    host.apic = &apic;
    host.eoi_assist = &eoi_assist;
    host.idle = &idle;
    host.syndbg = &syndbg;
    return host;
  }
  PartitionHost HostWithoutHooks() {
    return {.memory = memory,
            .clock = clock,
            .interrupts = interrupts,
            .scheduler = scheduler,
            .events = events};
  }

  testing::FakeGuestMemory memory;
  testing::FakeReferenceClock clock;
  testing::FakeInterruptSink interrupts;
  testing::FakeVpScheduler scheduler;
  FakeEvents events;
  FakeVpRuntime runtime;
  FakeApic apic;
  FakeEoiAssist eoi_assist;
  FakeGuestIdle idle;
  FakeSyndbg syndbg;
};

// RAM from page 0 on.
struct TestHost : FakeHost {
  static constexpr size_t kPages = 64;

  TestHost() { memory.MapRam(Gpn::Containing(Gpa(0)), kPages); }
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_TEST_HOST_H_
