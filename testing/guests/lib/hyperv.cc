#include "testing/guests/lib/hyperv.h"

#include <cstring>

namespace hvkit::guest {
namespace {

constexpr uint64_t kOwnOsId = 0x8100'0000'0000'0000;  // open source, type Linux, no version

alignas(tlfs::kPageSize) uint8_t g_hypercall_page[tlfs::kPageSize];
alignas(tlfs::kPageSize) tlfs::ReferenceTscPage g_tsc_page;

uint64_t AddressOf(const void* object) { return reinterpret_cast<uint64_t>(object); }

// Writes an overlay's MSR and sees it taken.
bool EnableOverlay(tlfs::MsrIndex index, const void* page) {
  const uint64_t value = AddressOf(page) | tlfs::OverlayMsr::Enable::kMask;
  return !WriteMsr(index, value).raised && ReadMsr(index).value == value;
}

}  // namespace

CpuidResult Cpuid(tlfs::CpuidLeaf leaf) { return Cpuid(static_cast<uint32_t>(leaf)); }

bool CpuidHas(const tlfs::CpuidBit& bit) {
  const CpuidResult result = Cpuid(bit.leaf);
  const uint32_t registers[] = {result.eax, result.ebx, result.ecx, result.edx};
  return (registers[static_cast<uint8_t>(bit.reg)] & bit.mask()) != 0;
}

bool HasHyperV() {
  const CpuidResult vendor = Cpuid(tlfs::CpuidLeaf::kVendorAndMax);
  const uint32_t name[] = {vendor.ebx, vendor.ecx, vendor.edx};
  return std::memcmp(name, tlfs::kVendorMicrosoft, sizeof(name)) == 0 &&
         vendor.eax >= tlfs::kMinimumMaxLeaf &&
         Cpuid(tlfs::CpuidLeaf::kInterface).eax == tlfs::kInterfaceSignature;
}

MsrRead ReadMsr(tlfs::MsrIndex index) { return ReadMsr(static_cast<uint32_t>(index)); }

Fault WriteMsr(tlfs::MsrIndex index, uint64_t value) {
  return WriteMsr(static_cast<uint32_t>(index), value);
}

bool EnableHypercalls() {
  return !WriteMsr(tlfs::MsrIndex::kGuestOsId, kOwnOsId).raised &&
         EnableOverlay(tlfs::MsrIndex::kHypercall, g_hypercall_page);
}

const void* HypercallPage() { return g_hypercall_page; }

uint64_t Hypercall(uint64_t control, uint64_t input, uint64_t output) {
  uint64_t result;
  register uint64_t r8 asm("r8") = output;
  asm volatile("call *%[page]"
               : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
               : [page] "r"(g_hypercall_page)
               : "r9", "r10", "r11", "memory", "cc");
  return result;
}

tlfs::HvStatus HypercallStatus(uint64_t control, uint64_t input, uint64_t output) {
  return static_cast<tlfs::HvStatus>(Hypercall(control, input, output) & 0xffff);
}

bool EnableReferenceTsc() { return EnableOverlay(tlfs::MsrIndex::kReferenceTsc, &g_tsc_page); }

const volatile tlfs::ReferenceTscPage& ReferenceTscPage() { return g_tsc_page; }

ReferenceTime ReadReferenceTsc() {
  const volatile tlfs::ReferenceTscPage& page = g_tsc_page;
  while (true) {
    const uint32_t sequence = page.sequence;
    if (sequence == tlfs::ReferenceTscPage::kSequenceInvalid) return {};
    const uint64_t tsc = Rdtsc();
    const uint64_t scale = page.scale;
    const int64_t offset = page.offset;
    const auto scaled = static_cast<uint64_t>((static_cast<unsigned __int128>(tsc) * scale) >> 64);
    asm volatile("" : : : "memory");
    if (page.sequence == sequence) return {true, scaled + static_cast<uint64_t>(offset)};
  }
}

}  // namespace hvkit::guest
