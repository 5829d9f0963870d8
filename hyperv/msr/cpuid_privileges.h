// The privileges of a guest that is shown given CPUID leaves.
//
// TLFS: feature-discovery.md. Thread-safe: a pure function.
#ifndef HVKIT_HYPERV_MSR_CPUID_PRIVILEGES_H_
#define HVKIT_HYPERV_MSR_CPUID_PRIVILEGES_H_

#include <span>

#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/msr/privileges.h"

namespace hvkit::hyperv {

// None if the leaves are not there. hv_enforce_cpuid=off: use Privileges::Unrestricted instead.
[[nodiscard]] Privileges PrivilegesOf(std::span<const CpuidEntry> leaves);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_CPUID_PRIVILEGES_H_
