// The guest's side of the Hyper-V interface: discovery, the hypercall page, reference time. Numbers
// and layouts are those of hyperv/tlfs.

#ifndef HVKIT_TESTING_GUESTS_LIB_HYPERV_H_
#define HVKIT_TESTING_GUESTS_LIB_HYPERV_H_

#include <cstdint>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/pages.h"
#include "hyperv/tlfs/status.h"
#include "testing/guests/lib/cpu.h"

namespace hvkit::guest {

namespace tlfs = hvkit::hyperv::tlfs;

[[nodiscard]] CpuidResult Cpuid(tlfs::CpuidLeaf leaf);
[[nodiscard]] bool CpuidHas(const tlfs::CpuidBit& bit);
// Whether the processor's hypervisor leaves are Hyper-V's: vendor and interface.
[[nodiscard]] bool HasHyperV();

[[nodiscard]] MsrRead ReadMsr(tlfs::MsrIndex index);
[[nodiscard]] Fault WriteMsr(tlfs::MsrIndex index, uint64_t value);

// Identifies this guest (an open-source system, as the TLFS encodes it) and maps the hypercall page
// over a page of the image. False if the MSRs do not take it.
[[nodiscard]] bool EnableHypercalls();

// The hypercall page's place.
[[nodiscard]] const void* HypercallPage();

// Calls through the page; EnableHypercalls came before. Addresses are guest-physical; a fast call
// has its input there.
[[nodiscard]] uint64_t Hypercall(uint64_t control, uint64_t input, uint64_t output);
[[nodiscard]] tlfs::HvStatus HypercallStatus(uint64_t control, uint64_t input, uint64_t output);

// Maps the reference TSC page over a page of the image. False if the MSR does not take it.
[[nodiscard]] bool EnableReferenceTsc();
[[nodiscard]] const volatile tlfs::ReferenceTscPage& ReferenceTscPage();

struct ReferenceTime {
  bool valid = false;  // false: the page says to read TIME_REF_COUNT
  uint64_t value = 0;  // in units of 100 ns
};
// By the protocol of the TLFS, sequence check included.
[[nodiscard]] ReferenceTime ReadReferenceTsc();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_HYPERV_H_
