// A Runner for tests of the run loop: it "runs the guest" by blocking until a test or an interrupt
// makes it leave. It has no KVM, no signal and no guest.
#ifndef HVKIT_VCPU_FAKE_RUNNER_H_
#define HVKIT_VCPU_FAKE_RUNNER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "vcpu/runner.h"

namespace hvkit::vcpu {

// Thread-safe. Like KVM_RUN it returns kInterrupted at once while an interrupt is pending. Its lock
// is its own: the loop's locks are not involved. (Interrupt is not async-signal-safe here.)
class FakeRunner final : public Runner {
 public:
  // Makes the Run in the guest, or the next one, return `outcome`.
  void ExitGuest(RunOutcome outcome) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    script_.push_back(outcome);
  }
  // Waits until all that ExitGuest asked for has been returned.
  void WaitUntilExited() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_, absl::Condition(this, &FakeRunner::NothingToPlay));
  }
  // While deaf, a Run in the guest ignores interrupts: a stand-in for a long time in KVM_RUN.
  void SetDeaf(bool deaf) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    deaf_ = deaf;
  }
  void SetOnKicked(std::function<RunOutcome()> on_kicked) { on_kicked_ = std::move(on_kicked); }
  void SetError(absl::Status error) { error_ = std::move(error); }

  // Waits until the thread is in the guest with nothing to make it leave.
  void WaitUntilInGuest() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_, absl::Condition(this, &FakeRunner::Settled));
  }
  bool in_guest() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return in_guest_;
  }
  uint64_t runs() const { return runs_.load(); }
  uint64_t kicks_seen() const { return kicks_seen_.load(); }

  RunOutcome Run() override ABSL_LOCKS_EXCLUDED(mutex_) {
    runs_.fetch_add(1);
    absl::MutexLock lock(&mutex_);
    in_guest_ = true;
    mutex_.Await(absl::Condition(this, &FakeRunner::MustExit));
    in_guest_ = false;
    if (interrupted_ && !deaf_) return RunOutcome::kInterrupted;
    const RunOutcome outcome = script_.front();
    script_.pop_front();
    return outcome;
  }
  void Interrupt() override ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    interrupted_ = true;
  }
  void AcknowledgeInterrupt() override ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    interrupted_ = false;
  }
  RunOutcome OnKicked() override {
    kicks_seen_.fetch_add(1);
    return on_kicked_ ? on_kicked_() : RunOutcome::kHandled;
  }
  absl::Status CompletePendingExit() override { return absl::OkStatus(); }
  absl::Status TakeError() override { return error_; }

 private:
  bool MustExit() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !script_.empty() || (interrupted_ && !deaf_);
  }

  bool NothingToPlay() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return script_.empty(); }
  bool Settled() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return in_guest_ && !MustExit(); }

  mutable absl::Mutex mutex_;
  std::deque<RunOutcome> script_ ABSL_GUARDED_BY(mutex_);
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
  bool deaf_ ABSL_GUARDED_BY(mutex_) = false;
  bool in_guest_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<RunOutcome()> on_kicked_;
  absl::Status error_;
  std::atomic<uint64_t> runs_{0};
  std::atomic<uint64_t> kicks_seen_{0};
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_FAKE_RUNNER_H_
