// What a guest tells about itself to whoever runs it: that it wants to be reset, and that it has
// crashed.
//
// TLFS: partition-properties.md "Partition Reset" and "Partition Crash Enlightenment". What follows
// (a restart, a dump, an exit status) is the host's.
#ifndef HVKIT_HYPERV_PARTITION_PARTITION_EVENTS_H_
#define HVKIT_HYPERV_PARTITION_PARTITION_EVENTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {

// P0 to P4.
inline constexpr size_t kCrashParameterCount = 5;

// What a guest says of its crash.
struct CrashReport {
  std::array<uint64_t, kCrashParameterCount> parameters{};  // HV_X64_MSR_CRASH_P0..P4
  tlfs::CrashCtl control;                                   // as the guest wrote it
  std::optional<std::string> message;                       // the guest's bytes, whatever they are
};

// Called on the thread of the VP that reported, from within its WriteMsr; may not call back into
// the partition, which may be asked for a reset once that WriteMsr has returned.
class PartitionEvents {
 public:
  virtual ~PartitionEvents() = default;

  // The guest wrote bit 0 of HV_X64_MSR_RESET. The write completes unless the host stops the VP.
  virtual void OnReset(VpIndex by) = 0;

  // The guest set CrashNotify. It may do so again.
  virtual void OnCrash(VpIndex by, const CrashReport& report) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_PARTITION_EVENTS_H_
