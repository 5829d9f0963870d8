// The Hyper-V leaves, and each privileged MSR: it works where its privilege is there and raises #GP
// where it is not, provided that the VMM enforces CPUID. `hyperv=0` on the command line says that
// there is no Hyper-V at all, `cpus=N` how many processors there are.

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

using tlfs::CpuidBit;
using tlfs::MsrIndex;

struct GatedMsr {
  MsrIndex index;
  CpuidBit gate;
  const char* name;
};

// Registers that can be read without a condition beyond their privilege, on KVM's back end as on
// ours.
constexpr GatedMsr kGatedMsrs[] = {
    {MsrIndex::kGuestOsId, tlfs::bits::kAccessHypercall, "GUEST_OS_ID"},
    {MsrIndex::kHypercall, tlfs::bits::kAccessHypercall, "HYPERCALL"},
    {MsrIndex::kVpIndex, tlfs::bits::kAccessVpIndex, "VP_INDEX"},
    {MsrIndex::kReset, tlfs::bits::kAccessReset, "RESET"},
    {MsrIndex::kVpRuntime, tlfs::bits::kAccessVpRuntime, "VP_RUNTIME"},
    {MsrIndex::kTimeRefCount, tlfs::bits::kAccessTimeRefCount, "TIME_REF_COUNT"},
    {MsrIndex::kReferenceTsc, tlfs::bits::kAccessReferenceTsc, "REFERENCE_TSC"},
    {MsrIndex::kTscFrequency, tlfs::bits::kAccessFrequency, "TSC_FREQUENCY"},
    {MsrIndex::kApicFrequency, tlfs::bits::kAccessFrequency, "APIC_FREQUENCY"},
    {MsrIndex::kVpAssistPage, tlfs::bits::kAccessApic, "VP_ASSIST_PAGE"},
    {MsrIndex::kScontrol, tlfs::bits::kAccessSynic, "SCONTROL"},
    {MsrIndex::kSversion, tlfs::bits::kAccessSynic, "SVERSION"},
    {MsrIndex::kSiefp, tlfs::bits::kAccessSynic, "SIEFP"},
    {MsrIndex::kSimp, tlfs::bits::kAccessSynic, "SIMP"},
    {MsrIndex::kSint0, tlfs::bits::kAccessSynic, "SINT0"},
    {MsrIndex::kSint15, tlfs::bits::kAccessSynic, "SINT15"},
    {MsrIndex::kStimer0Config, tlfs::bits::kAccessStimer, "STIMER0_CONFIG"},
    {MsrIndex::kStimer3Count, tlfs::bits::kAccessStimer, "STIMER3_COUNT"},
    {MsrIndex::kReenlightenmentControl, tlfs::bits::kAccessReenlightenment,
     "REENLIGHTENMENT_CONTROL"},
};

void CheckLeaves() {
  Check(HasHyperV(), "vendor is Microsoft Hv and interface Hv#1");
  Check(CpuidHas(tlfs::bits::kAccessHypercall), "the guest may use the hypercall MSRs");
  CheckEqual(Cpuid(1).ecx >> 31, 1, "the hypervisor bit is set");
}

void CheckGate(const GatedMsr& msr) {
  const bool allowed = CpuidHas(msr.gate);
  const MsrRead read = ReadMsr(msr.index);
  Text name;
  name.Append(msr.name).Append(allowed ? " can be read" : " raises #GP without its privilege");
  CheckEqual(read.fault.vector, allowed ? 0 : kGeneralProtection, name.c_str());
}

void CheckReadOnly(MsrIndex index, const char* name) {
  CheckEqual(WriteMsr(index, 0).vector, kGeneralProtection, name);
}

void CheckWrites() {
  CheckReadOnly(MsrIndex::kTimeRefCount, "a write of TIME_REF_COUNT raises #GP");
  CheckReadOnly(MsrIndex::kVpIndex, "a write of VP_INDEX raises #GP");
  if (CpuidHas(tlfs::bits::kAccessSynic)) {
    CheckReadOnly(MsrIndex::kSversion, "a write of SVERSION raises #GP");
    CheckEqual(ReadMsr(MsrIndex::kSversion).value, tlfs::kSynicVersion, "SVERSION is 1");
    CheckEqual(ReadMsr(MsrIndex::kSint0).value, tlfs::Sint::kResetValue,
               "SINT0 is masked at reset");
  }
  CheckEqual(ReadMsr(MsrIndex::kHypercall).value & 1, 0, "the hypercall page is off at reset");
}

void CheckAbsence(unsigned) {
  Check(!HasHyperV(), "the vendor is not Microsoft Hv");
  for (const GatedMsr& msr : kGatedMsrs) {
    Text name;
    name.Append(msr.name).Append(" raises #GP");
    CheckEqual(ReadMsr(msr.index).fault.vector, kGeneralProtection, name.c_str());
  }
}

void CheckPresence(unsigned) {
  CheckLeaves();
  for (const GatedMsr& msr : kGatedMsrs) CheckGate(msr);
  CheckWrites();
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  StartCpus(cpus);
  RunOnEach(cpus, CmdlineNumber(boot, "hyperv=", 1) == 0 ? CheckAbsence : CheckPresence);
}

}  // namespace hvkit::guest
