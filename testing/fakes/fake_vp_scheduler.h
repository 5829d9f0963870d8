// A VpScheduler for tests: it keeps what was asked for, and says which polls are due.
#ifndef HVKIT_TESTING_FAKES_FAKE_VP_SCHEDULER_H_
#define HVKIT_TESTING_FAKES_FAKE_VP_SCHEDULER_H_

#include <map>
#include <mutex>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"

namespace hvkit::testing {

// Thread-safe.
class FakeVpScheduler : public hyperv::VpScheduler {
 public:
  // How often the VP was kicked, ever.
  int kicks(hyperv::VpIndex vp) const {
    const std::scoped_lock lock(mutex_);
    const auto found = vps_.find(vp);
    return found == vps_.end() ? 0 : found->second.kicks;
  }
  std::optional<hyperv::RefTime> deadline(hyperv::VpIndex vp) const {
    const std::scoped_lock lock(mutex_);
    const auto found = vps_.find(vp);
    return found == vps_.end() ? std::nullopt : found->second.deadline;
  }
  // How often SetDeadline was called for the VP.
  int deadlines_set(hyperv::VpIndex vp) const {
    const std::scoped_lock lock(mutex_);
    const auto found = vps_.find(vp);
    return found == vps_.end() ? 0 : found->second.deadlines_set;
  }

  // Whether the host now has to poll the VP. Answers the kicks and, if it is due, the deadline.
  bool TakePoll(hyperv::VpIndex vp, hyperv::RefTime now) {
    const std::scoped_lock lock(mutex_);
    Vp& state = vps_[vp];
    const bool due = state.deadline.has_value() && *state.deadline <= now;
    const bool kicked = state.kicks != state.answered;
    if (due) state.deadline.reset();
    state.answered = state.kicks;
    return due || kicked;
  }

  void Kick(hyperv::VpIndex vp) override {
    const std::scoped_lock lock(mutex_);
    ++vps_[vp].kicks;
  }
  void SetDeadline(hyperv::VpIndex vp, std::optional<hyperv::RefTime> deadline) override {
    const std::scoped_lock lock(mutex_);
    vps_[vp].deadline = deadline;
    ++vps_[vp].deadlines_set;
  }

 private:
  struct Vp {
    int kicks = 0;
    int answered = 0;
    int deadlines_set = 0;
    std::optional<hyperv::RefTime> deadline = std::nullopt;
  };

  mutable std::mutex mutex_;
  std::map<hyperv::VpIndex, Vp> vps_;  // Guarded by mutex_
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FAKES_FAKE_VP_SCHEDULER_H_
