// What a guest says about its own crash: the five parameters, and the message that the last two may
// point at. Source: TLFS partition-properties.md, "Partition Crash Enlightenment".
#ifndef HVKIT_VCPU_HYPERV_KVM_CRASH_REPORT_H_
#define HVKIT_VCPU_HYPERV_KVM_CRASH_REPORT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hyperv/host/guest_memory.h"

namespace hvkit::vcpu {

inline constexpr size_t kCrashParameters = 5;
inline constexpr uint64_t kMaxCrashMessageBytes = 4096;

struct CrashReport {
  std::array<uint64_t, kCrashParameters> parameters{};  // HV_X64_MSR_CRASH_P0..P4
  std::optional<std::string> message;                   // the guest's bytes, whatever they are
};

// Reads the message whose address is P3 and whose length is P4, up to kMaxCrashMessageBytes and
// without what follows a NUL. Nothing when the length is 0 or the address is not in RAM.
// Thread-safe.
[[nodiscard]] std::optional<std::string> ReadCrashMessage(
    const std::array<uint64_t, kCrashParameters>& parameters, const hyperv::GuestMemory& memory);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_CRASH_REPORT_H_
