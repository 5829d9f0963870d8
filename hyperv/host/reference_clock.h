// The clock that a host gives to the model: reference time, and how a guest can compute it itself.
//
// TLFS: timers.md "Partition Reference Counter" and "Partition Reference Time Stamp Counter Page".
// Freezing while a partition is paused, migration and changes of the guest's TSC are the host's: it
// changes what the clock returns and then has the reference TSC page republished.
#ifndef HVKIT_HYPERV_HOST_REFERENCE_CLOCK_H_
#define HVKIT_HYPERV_HOST_REFERENCE_CLOCK_H_

#include <cstdint>
#include <optional>

#include "hyperv/host/ref_time.h"

namespace hvkit::hyperv {

// Reference time = ((guest TSC * scale) >> 64) + offset, the product with all of its 128 bits and
// the sum modulo 2^64. hyperv/reference_time computes both from a TSC frequency.
struct TscParameters {
  uint64_t scale = 0;
  uint64_t offset = 0;

  friend constexpr bool operator==(const TscParameters&, const TscParameters&) = default;
};

// What a VMM implements over its time source. Neither method blocks or calls back. Thread-safe.
class ReferenceClock {
 public:
  virtual ~ReferenceClock() = default;

  // The time now: never less than an earlier result, on whichever threads; stands still while the
  // partition is paused.
  virtual RefTime Now() const = 0;

  // The parameters that hold for the TSC of every VP, and agree with Now(); nothing while there are
  // none, and the guest is then told to read TIME_REF_COUNT.
  virtual std::optional<TscParameters> InvariantTsc() const = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_REFERENCE_CLOCK_H_
