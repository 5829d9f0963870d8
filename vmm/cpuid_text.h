// How CPUID registers are written for people. Pure functions: thread-safe.
#ifndef HVKIT_VMM_CPUID_TEXT_H_
#define HVKIT_VMM_CPUID_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::vmm {

[[nodiscard]] inline std::string Hex(uint32_t number) { return absl::StrFormat("%#x", number); }

[[nodiscard]] inline std::string RegisterName(hyperv::tlfs::CpuidRegister reg) {
  constexpr const char* kNames[] = {"EAX", "EBX", "ECX", "EDX"};
  return kNames[static_cast<size_t>(reg)];
}

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_CPUID_TEXT_H_
