// The toy VMM's memory, clock, interrupts and scheduler: hvkit's interfaces of hyperv/host over the
// simplest classes that keep their contracts (toy_host_test.cc).
#ifndef TOY_HOST_H_
#define TOY_HOST_H_

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"

namespace toy {

namespace hv = hvkit::hyperv;

inline constexpr uint32_t kMaxVps = 2;

// RAM from address 0 on, in one piece. Thread-safe.
class Memory final : public hv::GuestMemory {
 public:
  explicit Memory(size_t bytes);
  ~Memory() override;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::byte* data() { return data_; }
  size_t size() const { return size_; }

  hv::MemFault Read(hv::Gpa from, std::span<std::byte> to) const override;
  hv::MemFault Write(hv::Gpa to, std::span<const std::byte> from) override;
  std::optional<hv::PinnedPage> Pin(hv::Gpn page, hv::Access access) override;

 private:
  bool Has(hv::Gpa address, size_t size) const;

  std::byte* data_;
  size_t size_;
};

// The host's monotonic clock. It gives no TSC parameters: guests read TIME_REF_COUNT. Thread-safe.
class Clock final : public hv::ReferenceClock {
 public:
  void Pause();
  void Resume();

  hv::RefTime Now() const override;
  std::optional<hv::TscParameters> InvariantTsc() const override { return std::nullopt; }

 private:
  using Steady = std::chrono::steady_clock;

  mutable std::mutex mutex_;
  Steady::time_point start_ = Steady::now();  // Guarded by mutex_, as is the next
  std::optional<Steady::time_point> paused_at_;
};

// Vectors that wait until the VP can take them: an interrupt controller without priorities in
// service, so that no EOI is needed. Thread-safe.
class Interrupts final : public hv::InterruptSink {
 public:
  using Wake = std::function<void(hv::VpIndex)>;  // Makes a VP look; must not block

  explicit Interrupts(Wake wake) : wake_(std::move(wake)) {}

  bool IsPending(hv::VpIndex vp) const;
  std::optional<hv::Vector> Take(hv::VpIndex vp);  // The highest

  void RequestFixed(hv::VpIndex vp, hv::Vector vector, hv::EoiMode eoi) override;
  bool SupportsAutoEoi() const override { return true; }

 private:
  const Wake wake_;
  mutable std::mutex mutex_;
  std::array<std::bitset<256>, kMaxVps> pending_;  // Guarded by mutex_
};

// Remembers who is to be polled, and when. Waiting is the VP thread's: it asks for deadline(), and
// is woken when something has changed. Thread-safe.
class Scheduler final : public hv::VpScheduler {
 public:
  using Wake = Interrupts::Wake;

  Scheduler(const hv::ReferenceClock& clock, Wake wake) : clock_(clock), wake_(std::move(wake)) {}

  bool TakePoll(hv::VpIndex vp);  // Whether to poll now; answers what was asked until now
  std::optional<hv::RefTime> deadline(hv::VpIndex vp) const;

  void Kick(hv::VpIndex vp) override;
  void SetDeadline(hv::VpIndex vp, std::optional<hv::RefTime> deadline) override;

 private:
  struct Vp {
    bool kicked = false;
    std::optional<hv::RefTime> deadline;
  };

  const hv::ReferenceClock& clock_;
  const Wake wake_;
  mutable std::mutex mutex_;
  std::array<Vp, kMaxVps> vps_;  // Guarded by mutex_
};

}  // namespace toy

#endif  // TOY_HOST_H_
