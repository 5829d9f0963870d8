// The --events stream: one JSON object a line, each with the key "event". Scripts read it; the keys
// and event names here are the format.
//
// It only writes; what an event means for the VMM's exit status is decided elsewhere. With the
// serial port on the same stdout the lines of both mix, a JSON object is still written whole.
#ifndef HVKIT_VMM_EVENTS_H_
#define HVKIT_VMM_EVENTS_H_

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace hvkit::vmm {

struct GuestCrash {
  std::array<uint64_t, 5> parameters{};  // P0..P4
  std::optional<std::string> message;    // the guest's bytes; need not be valid UTF-8
};

// The set in force, and what was left out of it.
struct EnlightenmentsInForce {
  struct Entry {
    std::string name;
    std::optional<std::string> value;  // for those that take one, as in `hv_spinlocks=0x1fff`
  };
  struct Absent {
    std::string name;
    std::string reason;
  };
  std::string backend;  // "kernel" or "user"
  std::vector<Entry> in_force;
  std::vector<Absent> absent;
};

using ExitCounts = std::map<std::string, uint64_t>;  // exit reason -> how often

// Writes events to a file, stdout or nowhere; a line is flushed before the call returns.
// Thread-safe: one mutex orders the lines.
class EventLog {
 public:
  EventLog() = default;  // discards
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog();

  // Opens `path` for writing, truncating it; "-" is stdout.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<EventLog>> Open(const std::string& path);

  void Report(const GuestCrash& crash);
  void Report(const EnlightenmentsInForce& set);
  void ReportExitStats(const ExitCounts& counts);
  void ReportDebugExit(uint32_t value, int status);
  void ReportGuestReset();
  void ReportGuestShutdown();

  // The first failed write, which names the path. Later events are dropped after one.
  [[nodiscard]] absl::Status status() const;

 private:
  EventLog(std::FILE* file, std::string path) : path_(std::move(path)), file_(file) {}

  void WriteLine(const std::string& line);

  const std::string path_;
  mutable absl::Mutex mutex_;
  std::FILE* file_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_EVENTS_H_
