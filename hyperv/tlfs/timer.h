// Synthetic timers: the expiration message.
//
// Source: TLFS timers.md "Synthetic Timer Expiration Message", datatypes/
// hv_timer_message_payload.md. The configuration register is StimerConfig in msr.h. Immutable.
#ifndef HVKIT_HYPERV_TLFS_TIMER_H_
#define HVKIT_HYPERV_TLFS_TIMER_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv::tlfs {

// Of each VP.
inline constexpr size_t kStimerCount = 4;

// Times are in units of 100 ns of the partition's reference time.
struct TimerMessagePayload {
  uint32_t timer_index = 0;
  uint32_t reserved = 0;
  uint64_t expiration_time = 0;
  uint64_t delivery_time = 0;
};

static_assert(sizeof(TimerMessagePayload) == 24);
static_assert(offsetof(TimerMessagePayload, expiration_time) == 8);
static_assert(offsetof(TimerMessagePayload, delivery_time) == 16);
static_assert(sizeof(TimerMessagePayload) <= kMessagePayloadSize);
static_assert(std::is_trivially_copyable_v<TimerMessagePayload>);

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_TIMER_H_
