// How a guest's run ends, and how the first end of several is the one that counts.
#ifndef HVKIT_VMM_ENDING_H_
#define HVKIT_VMM_ENDING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kvm_ioctls/unique_fd.h"
#include "vmm/events.h"

namespace hvkit::vmm {

struct PoweredOff {};
struct WasReset {
  const char* how;  // a literal: what the guest used
};
inline constexpr char kResetByMsr[] = "HV_X64_MSR_RESET";
struct DebugExited {
  uint32_t value;
};
struct Crashed {
  GuestCrash crash;
};
struct TripleFaulted {
  uint32_t cpu;
  std::string registers;  // many lines, or why there are none
};
struct Signalled {
  int number;
};
struct Failed {
  absl::Status status;
};
using Ending =
    std::variant<PoweredOff, WasReset, DebugExited, Crashed, TripleFaulted, Signalled, Failed>;

// What is said of an ending: the process's exit status, one line for stderr (more after a triple
// fault), and an event.
struct EndReport {
  int status;
  std::string line;
};
[[nodiscard]] EndReport ReportEnding(const Ending& ending, EventLog& events);

// Holds the first ending and tells whoever waits. Thread-safe; mutex_ is not held while calling
// out.
class EndLatch {
 public:
  // `on_end` runs once, on the thread that ended the run.
  EndLatch() = default;
  EndLatch(const EndLatch&) = delete;
  EndLatch& operator=(const EndLatch&) = delete;

  // Makes fd(); before anything else.
  [[nodiscard]] absl::Status Open();
  void set_on_end(std::function<void()> on_end) { on_end_ = std::move(on_end); }

  // Ends the run, unless it has ended.
  void End(Ending ending) ABSL_LOCKS_EXCLUDED(mutex_);
  // The ending, once there is one.
  [[nodiscard]] std::optional<Ending> Get() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Readable once the run has ended.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  std::function<void()> on_end_;
  kvm::UniqueFd fd_;
  mutable absl::Mutex mutex_;
  std::optional<Ending> ending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_ENDING_H_
