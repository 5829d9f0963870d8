// The message that a guest may add to the report of its own crash. Source: TLFS
// partition-properties.md, "Partition Crash Enlightenment".
#ifndef HVKIT_HYPERV_PARTITION_CRASH_MESSAGE_H_
#define HVKIT_HYPERV_PARTITION_CRASH_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hyperv/host/guest_memory.h"
#include "hyperv/partition/partition_events.h"

namespace hvkit::hyperv {

// What is read of a longer message.
inline constexpr uint64_t kMaxCrashMessageBytes = 4096;

// Reads the message whose address is P3 and whose length is P4: its first kMaxCrashMessageBytes,
// without what follows a NUL. Nothing when the length is 0 or the address is not in RAM.
// Thread-safe.
[[nodiscard]] std::optional<std::string> ReadCrashMessage(
    const std::array<uint64_t, kCrashParameterCount>& parameters, const GuestMemory& memory);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_CRASH_MESSAGE_H_
