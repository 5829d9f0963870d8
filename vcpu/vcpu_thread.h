// The run loop: one thread that owns one vCPU and does everything that is done to it.
//
// Other threads never touch the vCPU. They kick it, pause it, or post closures that run on its
// thread while it is out of the guest with no exit pending. A kick sets the runner's interrupt flag
// (immediate_exit) and sends a signal; the flag covers the moments in which the thread is not in
// the guest, the signal the others, so that no kick is lost and the loop reads no shared variable
// between two exits: KVM_RUN itself reports the interruption.
//
// The loop knows nothing of KVM (see runner.h) and nothing of what the exits mean.
#ifndef HVKIT_VCPU_VCPU_THREAD_H_
#define HVKIT_VCPU_VCPU_THREAD_H_

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "vcpu/runner.h"

namespace hvkit::vcpu {

// Thread-safe. mutex_ guards what other threads ask for; it is held neither in Runner::Run nor in a
// closure.
class VcpuThread {
 public:
  // Runs on the vCPU's thread when its run has ended: OK after Stop or a handler's kStop, otherwise
  // why it failed.
  using OnEnd = std::function<void(const absl::Status&)>;

  explicit VcpuThread(std::unique_ptr<Runner> runner, OnEnd on_end = nullptr);
  // Stops and joins.
  ~VcpuThread();
  VcpuThread(const VcpuThread&) = delete;
  VcpuThread& operator=(const VcpuThread&) = delete;

  // Starts the thread, once. The vCPU starts paused if RequestPause came before.
  [[nodiscard]] absl::Status Start() ABSL_LOCKS_EXCLUDED(mutex_);

  // Makes the vCPU leave the guest soon (a halted one wakes) and call Runner::OnKicked before it
  // enters again. Async-signal-safe; from any thread; before Start it acts on the first entry.
  void Kick();

  // Runs `work` on the vCPU's thread, out of the guest, soon; also while paused. False, and `work`
  // is dropped, when the run has ended.
  [[nodiscard]] bool Post(std::function<void()> work) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same and waits until it is done. Cancelled when the run ends first; FailedPrecondition
  // before Start and on the vCPU's own thread, where waiting would be for ever.
  [[nodiscard]] absl::Status RunOnVcpu(std::function<void()> work) ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks the vCPU to stay out of the guest until Resume; does not wait.
  void RequestPause() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until the requested pause is in force: no exit is pending then. Errors as for RunOnVcpu.
  // To pause several vCPUs, request all before waiting for any.
  [[nodiscard]] absl::Status WaitUntilPaused() ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::Status Pause() ABSL_LOCKS_EXCLUDED(mutex_);
  void Resume() ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks the run to end; does not wait. Wins over a pause.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for the thread's end and returns how the run ended; OK if it was never started. Not from
  // its own thread; a second call gives the same answer.
  [[nodiscard]] absl::Status Join() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  enum class State : uint8_t { kIdle, kRunning, kPaused, kEnded };
  enum class Progress : uint8_t { kQueued, kDone, kDropped };
  struct Work {
    std::function<void()> run;
    Progress* progress;  // where its waiter looks, under mutex_; null without one
  };

  // The thread's function and its parts.
  static void* ThreadMain(void* self);
  absl::Status Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  RunOutcome ServeRequests() ABSL_LOCKS_EXCLUDED(mutex_);
  void WaitForKick() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunWork() ABSL_LOCKS_EXCLUDED(mutex_);
  RunOutcome WaitOutPause() ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  void Settle(const Work& work, Progress progress) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckCanWait() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Conditions to wait for.
  bool MayLeavePause() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool PauseIsDecided() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<Runner> runner_;
  const OnEnd on_end_;

  // What Kick uses: lock-free.
  std::atomic<pid_t> tid_{0};  // the thread while it runs, else 0
  std::atomic<uint32_t> kicked_{0};

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool pause_requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool joinable_ ABSL_GUARDED_BY(mutex_) = false;
  pthread_t thread_ ABSL_GUARDED_BY(mutex_){};
  std::vector<Work> work_ ABSL_GUARDED_BY(mutex_);
  absl::Status result_ ABSL_GUARDED_BY(mutex_);

  std::vector<Work> taken_work_;  // of the vCPU's thread: swapped with work_
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_VCPU_THREAD_H_
