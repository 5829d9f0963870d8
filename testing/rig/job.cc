#include "testing/rig/job.h"

#include <charconv>
#include <cstddef>

namespace hvkit::testing::rig {
namespace {

// Strings are NUL-terminated (none of these can hold a NUL); a list is its length, in decimal, and
// its strings.
void AppendString(std::string& text, std::string_view value) {
  text.append(value);
  text.push_back('\0');
}

void AppendList(std::string& text, const std::vector<std::string>& values) {
  AppendString(text, std::to_string(values.size()));
  for (const std::string& value : values) AppendString(text, value);
}

bool TakeString(std::string_view& text, std::string& value) {
  const size_t end = text.find('\0');
  if (end == std::string_view::npos) return false;
  value = std::string(text.substr(0, end));
  text.remove_prefix(end + 1);
  return true;
}

bool TakeList(std::string_view& text, std::vector<std::string>& values) {
  std::string count_text;
  if (!TakeString(text, count_text)) return false;
  size_t count = 0;
  const char* end = count_text.data() + count_text.size();
  if (std::from_chars(count_text.data(), end, count).ptr != end || count_text.empty()) return false;
  for (; count > 0; --count) {
    if (!TakeString(text, values.emplace_back())) return false;
  }
  return true;
}

}  // namespace

std::string EncodeJob(const Job& job) {
  std::string text;
  AppendString(text, job.program);
  AppendString(text, job.cwd);
  AppendList(text, job.argv);
  AppendList(text, job.env);
  AppendList(text, job.out_files);
  return text;
}

std::optional<Job> DecodeJob(std::string_view text) {
  Job job;
  if (!TakeString(text, job.program) || !TakeString(text, job.cwd) || !TakeList(text, job.argv) ||
      !TakeList(text, job.env) || !TakeList(text, job.out_files) || !text.empty()) {
    return std::nullopt;
  }
  return job;
}

}  // namespace hvkit::testing::rig
