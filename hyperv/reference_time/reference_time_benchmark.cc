// What clock arithmetic costs, and a guest that reads its reference TSC page, next to a bare rdtsc.
// Names are those of the peers' measurements.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/reference_time/reference_tsc_page.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/tlfs/pages.h"
#include "testing/benchmarks/scenario.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;

constexpr uint64_t kTscHz = 2'000'000'000;
constexpr Gpn kPage = Gpn::Containing(Gpa(0x10000));

class TscClock final : public ReferenceClock {
 public:
  RefTime Now() const override { return ReferenceTimeAt(__builtin_ia32_rdtsc(), parameters_); }
  std::optional<TscParameters> InvariantTsc() const override { return parameters_; }

 private:
  TscParameters parameters_ = *ParametersOfTsc(kTscHz, 0, RefTime(0));
};

// A guest with the page enabled.
class Guest {
 public:
  Guest() {
    memory_.MapRam(kPage, 1);
    page_.Enable(kPage);
    pinned_ = memory_.Pin(kPage, Access::kRead);
  }

  // TLFS: timers.md "Partition Reference TSC Mechanism".
  RefTime Now() const {
    for (;;) {
      const auto sequence = Load<uint32_t>(offsetof(tlfs::ReferenceTscPage, sequence));
      const TscParameters parameters{
          .scale = Load<uint64_t>(offsetof(tlfs::ReferenceTscPage, scale)),
          .offset = Load<uint64_t>(offsetof(tlfs::ReferenceTscPage, offset))};
      const RefTime now = ReferenceTimeAt(__builtin_ia32_rdtsc(), parameters);
      if (Load<uint32_t>(offsetof(tlfs::ReferenceTscPage, sequence)) == sequence) return now;
    }
  }

 private:
  template <typename T>
  T Load(size_t offset) const {
    return pinned_->Load<T>(offset, std::memory_order_acquire);
  }

  testing::FakeGuestMemory memory_;
  OverlayMap overlays_{memory_};
  TscClock clock_;
  ReferenceTscPage page_{clock_, overlays_};
  std::optional<PinnedPage> pinned_;
};

auto Scale() {
  return [hz = kTscHz]() mutable {
    Keep(hz);
    Keep(ScaleOfTsc(hz));
  };
}
auto GuestRead() {
  return [guest = std::make_unique<Guest>()] { Keep(guest->Now()); };
}

void AddAll() {
  AddScenario("ref_tsc scale compute (u128 div)", Scale);
  AddScenario("ref_tsc_page guest read (seq+rdtsc+mul128+add+seq)", GuestRead);
}
[[maybe_unused]] const int kAdded = (AddAll(), 0);

}  // namespace
}  // namespace hvkit::hyperv
