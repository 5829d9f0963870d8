#include "vcpu/vcpu_thread.h"

#include <unistd.h>

#include <utility>

#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/kick_signal.h"

namespace hvkit::vcpu {

VcpuThread::VcpuThread(std::unique_ptr<Runner> runner, OnEnd on_end)
    : runner_(std::move(runner)), on_end_(std::move(on_end)) {}

VcpuThread::~VcpuThread() {
  Stop();
  Join().IgnoreError();
}

absl::Status VcpuThread::Start() {
  HVKIT_RETURN_IF_ERROR(InstallKickSignalHandler());
  absl::MutexLock lock(&mutex_);
  if (state_ != State::kIdle) return absl::FailedPreconditionError("vCPU thread started twice");
  const int error = ::pthread_create(&thread_, nullptr, ThreadMain, this);
  if (error != 0) return kvm::ErrnoToStatus(kvm::Errno(error), "pthread_create for a vCPU");
  joinable_ = true;
  state_ = State::kRunning;
  return absl::OkStatus();
}

void VcpuThread::Kick() {
  kicked_.store(1, std::memory_order_seq_cst);
  kicked_.notify_one();
  runner_->Interrupt();
  // Both sides change tid_: either this sees the thread's id, or its first Run sees the interrupt.
  const pid_t tid = tid_.fetch_add(0, std::memory_order_seq_cst);
  if (tid != 0) SendKickSignal(tid);
}

bool VcpuThread::Post(std::function<void()> work) {
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kEnded) return false;
    work_.push_back({std::move(work), nullptr});
  }
  Kick();
  return true;
}

absl::Status VcpuThread::RunOnVcpu(std::function<void()> work) {
  Progress progress = Progress::kQueued;
  {
    absl::MutexLock lock(&mutex_);
    HVKIT_RETURN_IF_ERROR(CheckCanWait());
    work_.push_back({std::move(work), &progress});
  }
  Kick();
  const auto settled = [&progress] { return progress != Progress::kQueued; };
  absl::MutexLock lock(&mutex_, absl::Condition(&settled));
  if (progress == Progress::kDone) return absl::OkStatus();
  return absl::CancelledError("the vCPU's run ended before the posted work ran");
}

void VcpuThread::RequestPause() {
  {
    absl::MutexLock lock(&mutex_);
    pause_requested_ = true;
  }
  Kick();
}

absl::Status VcpuThread::WaitUntilPaused() {
  absl::MutexLock lock(&mutex_);
  HVKIT_RETURN_IF_ERROR(CheckCanWait());
  mutex_.Await(absl::Condition(this, &VcpuThread::PauseIsDecided));
  if (state_ == State::kPaused) return absl::OkStatus();
  if (state_ == State::kEnded) return absl::CancelledError("the vCPU's run ended before its pause");
  return absl::AbortedError("the vCPU is not asked to pause, or no longer");
}

absl::Status VcpuThread::Pause() {
  RequestPause();
  return WaitUntilPaused();
}

void VcpuThread::Resume() {
  absl::MutexLock lock(&mutex_);
  pause_requested_ = false;
}

void VcpuThread::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_requested_ = true;
  }
  Kick();
}

absl::Status VcpuThread::Join() {
  pthread_t thread;
  bool join;
  {
    absl::MutexLock lock(&mutex_);
    thread = thread_;
    join = std::exchange(joinable_, false);
  }
  if (join) ::pthread_join(thread, nullptr);
  absl::MutexLock lock(&mutex_);
  return result_;
}

absl::Status VcpuThread::CheckCanWait() const {
  if (state_ == State::kIdle) {
    return absl::FailedPreconditionError("waiting for a vCPU that was not started");
  }
  if (tid_.load(std::memory_order_relaxed) == ::gettid()) {
    return absl::FailedPreconditionError("waiting for a vCPU on its own thread");
  }
  if (state_ == State::kEnded) return absl::CancelledError("the vCPU's run has ended");
  return absl::OkStatus();
}

void* VcpuThread::ThreadMain(void* self) {
  VcpuThread& thread = *static_cast<VcpuThread*>(self);
  UnblockKickSignal();
  thread.tid_.exchange(::gettid(), std::memory_order_seq_cst);
  const absl::Status status = thread.Loop();
  thread.End(status);
  if (thread.on_end_) thread.on_end_(status);
  return nullptr;
}

// Between two exits nothing shared is looked at: whoever wants this thread makes Run return
// kInterrupted.
absl::Status VcpuThread::Loop() {
  for (;;) {
    RunOutcome outcome = runner_->Run();
    if (outcome == RunOutcome::kInterrupted) outcome = ServeRequests();
    switch (outcome) {
      case RunOutcome::kHandled:
        break;
      case RunOutcome::kHalted:
        WaitForKick();
        break;
      case RunOutcome::kInterrupted:
        break;
      case RunOutcome::kStopped:
        return absl::OkStatus();
      case RunOutcome::kFailed:
        return runner_->TakeError();
    }
  }
}

// A kick after the acknowledgement interrupts the next Run, so what is missed here is seen then.
RunOutcome VcpuThread::ServeRequests() {
  kicked_.exchange(0, std::memory_order_seq_cst);
  runner_->AcknowledgeInterrupt();
  RunOutcome next;
  do {
    RunWork();
    next = WaitOutPause();
  } while (next == RunOutcome::kInterrupted);
  return next == RunOutcome::kHandled ? runner_->OnKicked() : next;
}

void VcpuThread::WaitForKick() { kicked_.wait(0, std::memory_order_seq_cst); }

void VcpuThread::RunWork() {
  {
    absl::MutexLock lock(&mutex_);
    taken_work_.swap(work_);
  }
  for (Work& work : taken_work_) {
    work.run();
    work.run = nullptr;
    absl::MutexLock lock(&mutex_);
    Settle(work, Progress::kDone);
  }
  taken_work_.clear();
}

// kInterrupted when there is work to do first.
RunOutcome VcpuThread::WaitOutPause() {
  absl::MutexLock lock(&mutex_);
  if (!MayLeavePause()) {
    state_ = State::kPaused;
    mutex_.Await(absl::Condition(this, &VcpuThread::MayLeavePause));
  }
  if (stop_requested_) return RunOutcome::kStopped;
  if (!work_.empty()) return RunOutcome::kInterrupted;
  state_ = State::kRunning;
  return RunOutcome::kHandled;
}

void VcpuThread::End(const absl::Status& status) {
  tid_.store(0, std::memory_order_seq_cst);
  std::vector<Work> dropped;
  absl::MutexLock lock(&mutex_);
  state_ = State::kEnded;
  result_ = status;
  dropped.swap(work_);
  for (const Work& work : dropped) Settle(work, Progress::kDropped);
}

void VcpuThread::Settle(const Work& work, Progress progress) {
  if (work.progress != nullptr) *work.progress = progress;
}

bool VcpuThread::MayLeavePause() const {
  return stop_requested_ || !pause_requested_ || !work_.empty();
}

bool VcpuThread::PauseIsDecided() const {
  return state_ == State::kPaused || state_ == State::kEnded || !pause_requested_;
}

}  // namespace hvkit::vcpu
