// Reference time: strong types for a partition's count of 100 ns units and for differences of it.
//
// TLFS: timers.md "Partition Reference Counter". The count starts at zero when the partition is
// created. Guests write these numbers, so any 64-bit value is legal and arithmetic is modulo 2^64,
// as the TLFS lets the counts of periodic timers wrap. No clock is read here.
#ifndef HVKIT_HYPERV_HOST_REF_TIME_H_
#define HVKIT_HYPERV_HOST_REF_TIME_H_

#include <compare>
#include <cstdint>

namespace hvkit::hyperv {

// A length of time in units of 100 ns. Immutable.
class RefDuration {
 public:
  // A tick is 100 ns.
  static constexpr uint64_t kTicksPerSecond = 10'000'000;

  constexpr RefDuration() = default;
  constexpr explicit RefDuration(uint64_t ticks) : ticks_(ticks) {}

  constexpr uint64_t ticks() const { return ticks_; }

  friend constexpr RefDuration operator+(RefDuration a, RefDuration b) {
    return RefDuration(a.ticks_ + b.ticks_);
  }
  friend constexpr RefDuration operator-(RefDuration a, RefDuration b) {
    return RefDuration(a.ticks_ - b.ticks_);
  }
  // What is left of `a` after whole multiples of `b`, which is not zero.
  friend constexpr RefDuration operator%(RefDuration a, RefDuration b) {
    return RefDuration(a.ticks_ % b.ticks_);
  }
  friend constexpr auto operator<=>(RefDuration, RefDuration) = default;

 private:
  uint64_t ticks_ = 0;
};

// A moment in the life of a partition. Ordered as the unsigned count. Immutable.
class RefTime {
 public:
  constexpr RefTime() = default;
  constexpr explicit RefTime(uint64_t ticks) : ticks_(ticks) {}

  constexpr uint64_t ticks() const { return ticks_; }

  friend constexpr RefTime operator+(RefTime time, RefDuration by) {
    return RefTime(time.ticks_ + by.ticks());
  }
  friend constexpr RefTime operator-(RefTime time, RefDuration by) {
    return RefTime(time.ticks_ - by.ticks());
  }
  friend constexpr RefDuration operator-(RefTime later, RefTime earlier) {
    return RefDuration(later.ticks_ - earlier.ticks_);
  }
  friend constexpr auto operator<=>(RefTime, RefTime) = default;

 private:
  uint64_t ticks_ = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_REF_TIME_H_
