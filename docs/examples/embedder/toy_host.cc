#include "toy_host.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

#include "hyperv/host/shared_bytes.h"

namespace toy {

// --- Memory ---

Memory::Memory(size_t bytes)
    : data_(static_cast<std::byte*>(
          mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
      size_(bytes) {
  if (data_ == MAP_FAILED) std::abort();
}

Memory::~Memory() { munmap(data_, size_); }

bool Memory::Has(hv::Gpa address, size_t size) const {
  return size <= size_ && address.value() <= size_ - size;
}

// The guest may write at the same time: hvkit's copies are made for that.
hv::MemFault Memory::Read(hv::Gpa from, std::span<std::byte> to) const {
  if (to.empty()) return hv::MemFault::kNone;
  if (!Has(from, to.size())) return hv::MemFault::kUnmapped;
  hv::CopyFromShared(to.data(), data_ + from.value(), to.size());
  return hv::MemFault::kNone;
}

hv::MemFault Memory::Write(hv::Gpa to, std::span<const std::byte> from) {
  if (from.empty()) return hv::MemFault::kNone;
  if (!Has(to, from.size())) return hv::MemFault::kUnmapped;
  hv::CopyToShared(data_ + to.value(), from.data(), from.size());
  return hv::MemFault::kNone;
}

std::optional<hv::PinnedPage> Memory::Pin(hv::Gpn page, hv::Access access) {
  if (!Has(page.FirstByte(), hv::kPageSize)) return std::nullopt;
  return hv::PinnedPage(page, access, data_ + page.FirstByte().value());
}

// --- Clock ---

void Clock::Pause() {
  const std::scoped_lock lock(mutex_);
  if (!paused_at_) paused_at_ = Steady::now();
}

void Clock::Resume() {
  const std::scoped_lock lock(mutex_);
  if (paused_at_) start_ += Steady::now() - *paused_at_;
  paused_at_.reset();
}

hv::RefTime Clock::Now() const {
  using Ticks = std::chrono::duration<uint64_t, std::ratio<1, hv::RefDuration::kTicksPerSecond>>;
  const std::scoped_lock lock(mutex_);
  const auto passed = (paused_at_ ? *paused_at_ : Steady::now()) - start_;
  return hv::RefTime(std::chrono::duration_cast<Ticks>(passed).count());
}

// --- Interrupts ---

bool Interrupts::IsPending(hv::VpIndex vp) const {
  const std::scoped_lock lock(mutex_);
  return pending_[vp.value()].any();
}

std::optional<hv::Vector> Interrupts::Take(hv::VpIndex vp) {
  const std::scoped_lock lock(mutex_);
  std::bitset<256>& pending = pending_[vp.value()];
  for (size_t vector = pending.size(); vector-- > 0;) {
    if (!pending.test(vector)) continue;
    pending.reset(vector);
    return hv::Vector(static_cast<uint8_t>(vector));
  }
  return std::nullopt;
}

void Interrupts::RequestFixed(hv::VpIndex vp, hv::Vector vector, hv::EoiMode) {
  if (vp.value() >= kMaxVps) return;
  {
    const std::scoped_lock lock(mutex_);
    pending_[vp.value()].set(vector.value());
  }
  wake_(vp);
}

// --- Scheduler ---

bool Scheduler::TakePoll(hv::VpIndex vp) {
  const hv::RefTime now = clock_.Now();
  const std::scoped_lock lock(mutex_);
  Vp& state = vps_[vp.value()];
  const bool due = state.deadline && *state.deadline <= now;
  if (due) state.deadline.reset();
  return std::exchange(state.kicked, false) || due;
}

std::optional<hv::RefTime> Scheduler::deadline(hv::VpIndex vp) const {
  const std::scoped_lock lock(mutex_);
  return vps_[vp.value()].deadline;
}

void Scheduler::Kick(hv::VpIndex vp) {
  if (vp.value() >= kMaxVps) return;
  {
    const std::scoped_lock lock(mutex_);
    vps_[vp.value()].kicked = true;
  }
  wake_(vp);
}

void Scheduler::SetDeadline(hv::VpIndex vp, std::optional<hv::RefTime> deadline) {
  if (vp.value() >= kMaxVps) return;
  {
    const std::scoped_lock lock(mutex_);
    vps_[vp.value()].deadline = deadline;
  }
  wake_(vp);
}

}  // namespace toy
