// Clock arithmetic: reference time from a TSC, exactly, for any TSC frequency.
//
// TLFS: timers.md "Partition Reference TSC Mechanism". Products have all of their 128 bits. Pure
// functions: thread-safe.
#ifndef HVKIT_HYPERV_REFERENCE_TIME_TSC_SCALE_H_
#define HVKIT_HYPERV_REFERENCE_TIME_TSC_SCALE_H_

#include <cstdint>
#include <optional>

#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"

namespace hvkit::hyperv {
namespace internal {

__extension__ using Uint128 = unsigned __int128;

constexpr uint64_t HighHalfOfProduct(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>((Uint128{a} * b) >> 64);
}

}  // namespace internal

// The scale of a TSC that counts `tsc_hz` times a second: 10^7 * 2^64 / tsc_hz, rounded down.
// Nothing if that does not fit 64 bits: a TSC no faster than reference time itself. Rounding makes
// reference time late by less than 100 ns in 2^64 counts.
[[nodiscard]] constexpr std::optional<uint64_t> ScaleOfTsc(uint64_t tsc_hz) {
  constexpr uint64_t kHz = RefDuration::kTicksPerSecond;
  if (tsc_hz <= kHz) return std::nullopt;
  return static_cast<uint64_t>((internal::Uint128{kHz} << 64) / tsc_hz);
}

// The reference time at which the guest's TSC reads `tsc`.
constexpr RefTime ReferenceTimeAt(uint64_t tsc, const TscParameters& parameters) {
  return RefTime(internal::HighHalfOfProduct(tsc, parameters.scale) + parameters.offset);
}

// The parameters of a TSC of that frequency that read `tsc` at `time`; nothing as with ScaleOfTsc.
// A clock that keeps running over a change of its TSC gives the reading and the time of the change.
[[nodiscard]] constexpr std::optional<TscParameters> ParametersOfTsc(uint64_t tsc_hz, uint64_t tsc,
                                                                     RefTime time) {
  const std::optional<uint64_t> scale = ScaleOfTsc(tsc_hz);
  if (!scale.has_value()) return std::nullopt;
  return TscParameters{.scale = *scale,
                       .offset = time.ticks() - internal::HighHalfOfProduct(tsc, *scale)};
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_REFERENCE_TIME_TSC_SCALE_H_
