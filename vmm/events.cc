#include "vmm/events.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace hvkit::vmm {
namespace {

// Ordered, so that a line reads as it was written: the event's name comes first.
using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 become U+FFFD, so that the guest cannot make a line invalid.
std::string ToLine(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string EnlightenmentsLine(const EnlightenmentsInForce& set) {
  Json in_force = Json::array();
  for (const EnlightenmentsInForce::Entry& entry : set.in_force) {
    Json item = {{"name", entry.name}};
    if (entry.value.has_value()) item["value"] = *entry.value;
    in_force.push_back(std::move(item));
  }
  Json absent = Json::array();
  for (const EnlightenmentsInForce::Absent& entry : set.absent) {
    absent.push_back(Json{{"name", entry.name}, {"reason", entry.reason}});
  }
  return ToLine({{"event", "enlightenments"},
                 {"backend", set.backend},
                 {"in_force", std::move(in_force)},
                 {"absent", std::move(absent)}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLog>> EventLog::Open(const std::string& path) {
  if (path == "-") return std::unique_ptr<EventLog>(new EventLog(stdout, "stdout"));
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--events=%s: cannot open it: %s; name a file that can be written, or -",
                        path, std::strerror(errno)));
  }
  return std::unique_ptr<EventLog>(new EventLog(file, path));
}

EventLog::~EventLog() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

void EventLog::Report(const GuestCrash& crash) {
  Json line = {{"event", "guest_crash"}};
  for (size_t i = 0; i < crash.parameters.size(); ++i) {
    line[absl::StrFormat("P%d", i)] = crash.parameters[i];
  }
  if (crash.message.has_value()) line["message"] = *crash.message;
  WriteLine(ToLine(line));
}

void EventLog::Report(const EnlightenmentsInForce& set) { WriteLine(EnlightenmentsLine(set)); }

void EventLog::ReportExitStats(const ExitCounts& counts) {
  Json exits = Json::object();
  for (const auto& [reason, count] : counts) exits[reason] = count;
  WriteLine(ToLine({{"event", "exit_stats"}, {"exits", std::move(exits)}}));
}

void EventLog::ReportDebugExit(uint32_t value, int status) {
  WriteLine(ToLine({{"event", "debug_exit"}, {"value", value}, {"status", status}}));
}

void EventLog::ReportGuestReset() { WriteLine(ToLine({{"event", "guest_reset"}})); }

void EventLog::ReportGuestShutdown() { WriteLine(ToLine({{"event", "guest_shutdown"}})); }

absl::Status EventLog::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void EventLog::WriteLine(const std::string& line) {
  absl::MutexLock lock(&mutex_);
  if (file_ == nullptr || !status_.ok()) return;
  if (std::fwrite(line.data(), 1, line.size(), file_) == line.size() && std::fflush(file_) == 0) {
    return;
  }
  status_ = absl::UnknownError(
      absl::StrFormat("--events: writing to %s: %s", path_, std::strerror(errno)));
}

}  // namespace hvkit::vmm
