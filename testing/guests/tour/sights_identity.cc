// Who the hypervisor is, what it announces, and what only has to be there when something goes wrong
// or when the guest has guests of its own.

#include <cstring>

#include "testing/guests/lib/cpu.h"
#include "testing/guests/tour/clock.h"
#include "testing/guests/tour/sights.h"

namespace hvkit::guest {
namespace {

using tlfs::CpuidLeaf;
using tlfs::MsrIndex;

struct VersionField {
  uint32_t CpuidResult::* reg;
  unsigned shift;
  uint32_t mask;
};
// Leaf 0x40000002: build; major and minor version; service pack; branch and number.
constexpr VersionField kVersionFields[] = {
    {&CpuidResult::eax, 0, 0xffffffff}, {&CpuidResult::ebx, 16, 0xffff},
    {&CpuidResult::ebx, 0, 0xffff},     {&CpuidResult::ecx, 0, 0xffffffff},
    {&CpuidResult::edx, 24, 0xff},      {&CpuidResult::edx, 0, 0xffffff},
};

// A register that cannot be had without its privilege.
struct GatedMsr {
  MsrIndex index;
  const tlfs::CpuidBit& gate;
};
constexpr GatedMsr kGatedMsrs[] = {
    {MsrIndex::kGuestIdle, tlfs::bits::kAccessGuestIdle},
    {MsrIndex::kTscInvariantControl, tlfs::bits::kAccessTscInvariant},
    {MsrIndex::kReenlightenmentControl, tlfs::bits::kAccessReenlightenment},
    {MsrIndex::kSyndbgStatus, tlfs::bits::kDebugMsrs},
    {MsrIndex::kVpRuntime, tlfs::bits::kAccessVpRuntime},
    {MsrIndex::kTscFrequency, tlfs::bits::kAccessFrequency},
    {MsrIndex::kTimeRefCount, tlfs::bits::kAccessTimeRefCount},
    {MsrIndex::kVpIndex, tlfs::bits::kAccessVpIndex},
};

constexpr unsigned kCrashParameters = 5;

uint32_t CrashParameter(unsigned i) { return static_cast<uint32_t>(MsrIndex::kCrashP0) + i; }

}  // namespace

void VisitVendor(Visit& visit) {
  const CpuidResult leaf = Cpuid(CpuidLeaf::kVendorAndMax);
  const uint32_t words[] = {leaf.ebx, leaf.ecx, leaf.edx};
  char vendor[sizeof(words) + 1] = {};
  std::memcpy(vendor, words, sizeof(words));
  visit.did().Append("the hypervisor calls itself \"").Append(vendor);
  visit.did().Append("\"; its last leaf is ").AppendHex(leaf.eax);
}

template <unsigned kField>
void VisitVersion(Visit& visit) {
  constexpr VersionField kHere = kVersionFields[kField];
  const uint32_t value = Cpuid(CpuidLeaf::kVersion).*kHere.reg >> kHere.shift & kHere.mask;
  visit.did().Append("is ").AppendDecimal(value);
}
template void VisitVersion<0>(Visit&);
template void VisitVersion<1>(Visit&);
template void VisitVersion<2>(Visit&);
template void VisitVersion<3>(Visit&);
template void VisitVersion<4>(Visit&);
template void VisitVersion<5>(Visit&);

void VisitEnforcement(Visit& visit) {
  for (const GatedMsr& msr : kGatedMsrs) {
    if (CpuidHas(msr.gate)) continue;
    const bool refused = ReadMsr(msr.index).fault.raised;
    visit.did().Append("CPUID lacks ").Append(msr.gate.name).Append(": its register ");
    visit.did().AppendHex(static_cast<uint64_t>(msr.index));
    visit.did().Append(refused ? " cannot be read" : " can be read all the same");
    return;
  }
  visit.did().Append("CPUID lacks nothing that could be tried");
}

void VisitRelaxed(Visit& visit) {
  constexpr uint64_t kMicroseconds = 20'000;
  const uint64_t start = Rdtsc();
  uint64_t longest = 0;
  for (uint64_t now = start; now - start < CyclesOfMicroseconds(kMicroseconds);) {
    const uint64_t next = Rdtsc();
    if (next - now > longest) longest = next - now;
    now = next;
  }
  visit.did().Append("no watchdog is to count on interrupts in time; in 20 ms the host took the ");
  Append(visit.did().Append("processor away for at most "), Duration(longest));
  visit.Measure("longest gap in 20 ms", Duration(longest));
}

void VisitCoresharing(Visit& visit) {
  visit.did().Append("virtual processors share a core only where CPUID shows them as siblings");
}

void VisitCrash(Visit& visit) {
  for (unsigned i = 0; i < kCrashParameters; ++i) {
    const uint64_t value = uint64_t{0x1001} * (i + 1);
    (void)WriteMsr(CrashParameter(i), value);
    if (ReadMsr(CrashParameter(i)).value != value) visit.Fail("a parameter does not read back");
    (void)WriteMsr(CrashParameter(i), 0);
  }
  const tlfs::CrashCtl control{ReadMsr(MsrIndex::kCrashCtl).value};
  visit.did().Append("five parameters of a crash read back; it would be reported");
  if (tlfs::CrashCtl::CrashMessage::Get(control) != 0) visit.did().Append(", with a message");
}

void VisitReset(Visit& visit) {
  const MsrRead reset = ReadMsr(MsrIndex::kReset);
  if (reset.fault.raised || reset.value != 0) visit.Fail("the register does not read 0");
  visit.did().Append("the register reads 0; this tour ends by it");
}

void VisitSyndbg(Visit& visit) {
  const CpuidResult leaf = Cpuid(CpuidLeaf::kSyndbgInterface);
  if (leaf.eax != tlfs::kSyndbgSignature) visit.Fail("the debugger's leaves are not there");
  visit.did().Append("a debugger's channel is there; CPUID ");
  visit.did().Append(CpuidHas(tlfs::bits::kAllowKernelDebugging) ? "allows" : "does not allow");
  visit.did().Append(" kernel debugging");
}

void VisitEvmcs(Visit& visit) {
  constexpr uint32_t kMask = tlfs::kEvmcsVersionLowMask;
  const uint32_t versions = Cpuid(CpuidLeaf::kNestedFeatures).eax;
  visit.did().Append("for a hypervisor in this guest: VMCS versions ");
  visit.did().AppendDecimal(versions & kMask).Append(" to ");
  visit.did().AppendDecimal(versions >> tlfs::kEvmcsVersionHighShift & kMask);
}

void VisitMsrBitmap(Visit& visit) {
  visit.did().Append(
      "for a hypervisor in this guest: it may say that an MSR bitmap has not changed");
}

void VisitDirectFlush(Visit& visit) {
  visit.did().Append("for a hypervisor in this guest: its guests may flush without it");
}

}  // namespace hvkit::guest
