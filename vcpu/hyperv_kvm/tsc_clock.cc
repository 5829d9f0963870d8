#include "vcpu/hyperv_kvm/tsc_clock.h"

#include <x86intrin.h>

#include <algorithm>
#include <utility>

#include "hyperv/reference_time/tsc_scale.h"

namespace hvkit::vcpu {

uint64_t ReadHostTsc() {
  _mm_lfence();
  return __rdtsc();
}

TscClock::TscClock(uint64_t scale, std::vector<uint64_t> tsc_offsets, IsStable is_stable,
                   ReadTsc read_tsc)
    : scale_(scale),
      is_stable_(std::move(is_stable)),
      read_tsc_(read_tsc),
      tsc_offsets_(std::move(tsc_offsets)) {
  absl::MutexLock lock(&mutex_);
  const uint64_t tsc_offset = tsc_offsets_.empty() ? 0 : tsc_offsets_.front();
  Store({tsc_offset, OffsetFor(0, tsc_offset, read_tsc_()), kRunning});
}

hyperv::RefTime TscClock::Now() const {
  uint64_t time;
  uint64_t before;
  do {
    before = sequence_.load(std::memory_order_acquire);
    time = TimeAt(Load(), read_tsc_());
  } while (before % 2 != 0 || sequence_.load(std::memory_order_relaxed) != before);
  return hyperv::RefTime(stable_.load(std::memory_order_relaxed) ? time : NotBeforeLatest(time));
}

uint64_t TscClock::NotBeforeLatest(uint64_t time) const {
  uint64_t latest = latest_.load(std::memory_order_relaxed);
  while (latest < time && !latest_.compare_exchange_weak(latest, time)) {
  }
  return std::max(latest, time);
}

std::optional<hyperv::TscParameters> TscClock::InvariantTsc() const {
  absl::MutexLock lock(&mutex_);
  const bool stable = stable_.load(std::memory_order_relaxed) || is_stable_();
  stable_.store(stable, std::memory_order_relaxed);
  const Parameters parameters = Load();
  if (!stable || !VpsAgree() || parameters.frozen_at != kRunning) return std::nullopt;
  return hyperv::TscParameters{scale_, parameters.offset};
}

bool TscClock::MoveTsc(hyperv::VpIndex vp, uint64_t tsc_offset) {
  absl::MutexLock lock(&mutex_);
  if (vp.value() >= tsc_offsets_.size() || tsc_offsets_[vp.value()] == tsc_offset) return false;
  const bool agreed = VpsAgree();
  tsc_offsets_[vp.value()] = tsc_offset;
  if (!VpsAgree()) return agreed;
  const Parameters old = Load();
  if (tsc_offset != old.tsc_offset) {
    // Both products are rounded down: without the 1 time could step back by a unit.
    const uint64_t host_tsc = read_tsc_();
    const uint64_t time = TimeAt(old, host_tsc) + 1;
    Store({tsc_offset, OffsetFor(time, tsc_offset, host_tsc), old.frozen_at});
  }
  return true;
}

void TscClock::Freeze() {
  absl::MutexLock lock(&mutex_);
  Parameters parameters = Load();
  parameters.frozen_at = TimeAt(parameters, read_tsc_());
  Store(parameters);
}

void TscClock::Thaw() {
  absl::MutexLock lock(&mutex_);
  const Parameters frozen = Load();
  if (frozen.frozen_at == kRunning) return;
  const uint64_t offset = OffsetFor(frozen.frozen_at, frozen.tsc_offset, read_tsc_());
  Store({frozen.tsc_offset, offset, kRunning});
}

uint64_t TscClock::TimeAt(const Parameters& parameters, uint64_t host_tsc) const {
  if (parameters.frozen_at != kRunning) return parameters.frozen_at;
  return hyperv::ReferenceTimeAt(host_tsc + parameters.tsc_offset, {scale_, parameters.offset})
      .ticks();
}

uint64_t TscClock::OffsetFor(uint64_t time, uint64_t tsc_offset, uint64_t host_tsc) const {
  return time - hyperv::ReferenceTimeAt(host_tsc + tsc_offset, {scale_, 0}).ticks();
}

// Acquire loads here and release stores below keep the fields between the two accesses of the
// sequence.
TscClock::Parameters TscClock::Load() const {
  return {tsc_offset_.load(std::memory_order_acquire), offset_.load(std::memory_order_acquire),
          frozen_at_.load(std::memory_order_acquire)};
}

void TscClock::Store(const Parameters& parameters) {
  const uint64_t sequence = sequence_.load(std::memory_order_relaxed);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  tsc_offset_.store(parameters.tsc_offset, std::memory_order_release);
  offset_.store(parameters.offset, std::memory_order_release);
  frozen_at_.store(parameters.frozen_at, std::memory_order_release);
  sequence_.store(sequence + 2, std::memory_order_release);
}

bool TscClock::VpsAgree() const {
  return tsc_offsets_.empty() ||
         std::all_of(tsc_offsets_.begin(), tsc_offsets_.end(),
                     [first = tsc_offsets_.front()](uint64_t offset) { return offset == first; });
}

}  // namespace hvkit::vcpu
