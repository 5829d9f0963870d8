// Each row of the table of MSR cases, as a guest meets it: reads, writes and reserved bits where
// the guest has the privilege, #GP at every access where it has not. `kvm=1` on the command line
// says that KVM's own emulation answers: it must then differ where the table says so.
// `cpu=N` chooses the processor, which is in x2APIC mode unless it is the first; there `x2apic=1`
// turns on the local APIC's x2APIC mode: the APIC's MSRs are then served another way.

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"
#include "testing/tables/msr_cases.h"
#include "testing/tables/msr_probe.h"

namespace hvkit::guest {
namespace {

using testing::MsrAnswer;
using testing::MsrCase;
using testing::MsrProbe;
using testing::MsrProbeKind;

constinit bool g_on_kvm = false;  // KVM's own emulation answers

struct Mismatch {
  bool found = false;
  Text detail;
};

Fault Access(uint32_t index, const MsrProbe& probe) {
  if (probe.kind == MsrProbeKind::kRead) return ReadMsr(index).fault;
  return WriteMsr(index, probe.written);
}

void Describe(Mismatch& mismatch, uint32_t index, const MsrProbe& probe, Fault fault) {
  if (mismatch.found) return;
  mismatch.found = true;
  Text& detail = mismatch.detail;
  detail.AppendHex(index);
  if (probe.kind != MsrProbeKind::kRead)
    detail.Append(", ").AppendHex(probe.written).Append(" written");
  detail.Append(", vector ").AppendDecimal(fault.vector);
  const MsrRead read = ReadMsr(index);
  detail.Append(", reads ").AppendHex(read.value).Append(read.fault.raised ? " (#GP)" : "");
}

bool Answers(uint32_t index, const MsrProbe& probe, Fault fault) {
  const bool faults = probe.answer == MsrAnswer::kFaults || probe.answer == MsrAnswer::kNotOurs;
  if (faults) return fault.vector == kGeneralProtection;
  if (fault.raised) return false;
  if (probe.answer == MsrAnswer::kCompletes) return true;
  const MsrRead read = ReadMsr(index);
  return !read.fault.raised && read.value == probe.reads;
}

void RunProbe(uint32_t index, const MsrProbe& probe, Mismatch& mismatch) {
  const Fault fault = Access(index, probe);
  const bool differs = g_on_kvm && probe.kvm_differs;
  if (Answers(index, probe, fault) == differs) Describe(mismatch, index, probe, fault);
}

void RunRefusal(uint32_t index, const MsrProbe& probe, Mismatch& mismatch) {
  const Fault fault = Access(index, probe);
  if (fault.vector != kGeneralProtection) Describe(mismatch, index, probe, fault);
}

void CheckRow(const MsrCase& row) {
  const bool allowed = CpuidHas(*row.gate);
  Mismatch mismatch;
  for (unsigned i = 0; i < row.instances; ++i) {
    for (const MsrProbe& probe : row.probes) {
      if (probe.kind == MsrProbeKind::kNone) continue;
      if (allowed) {
        RunProbe(row.IndexOf(i), probe, mismatch);
      } else {
        RunRefusal(row.IndexOf(i), probe, mismatch);
      }
    }
  }
  Text name;
  name.Append(row.name).Append(allowed ? " answers as in the table"
                                       : " faults without its privilege");
  Check(!mismatch.found, name.c_str(), mismatch.detail.c_str());
}

void CheckTable(unsigned) {
  for (const MsrCase& row : testing::kMsrCases) CheckRow(row);
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  g_on_kvm = CmdlineNumber(boot, "kvm=", 0) != 0;
  if (CmdlineNumber(boot, "x2apic=", 0) != 0) EnableApic();
  RunOnOnly(static_cast<unsigned>(CmdlineNumber(boot, "cpu=", 0)), CheckTable);
}

}  // namespace hvkit::guest
