#include "testing/linux/kernel_log.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace hvkit::testing {
namespace {

// The rest of the first line that has `marker`, from the end of `marker`; `otherwise` if there is
// no such line.
std::string AfterMarker(std::string_view log, std::string_view marker, std::string_view otherwise) {
  const size_t at = log.find(marker);
  if (at == std::string_view::npos) return std::string(otherwise);
  const std::string_view rest = log.substr(at + marker.size());
  return std::string(rest.substr(0, rest.find('\n')));
}

std::string ChooseByLine(std::string_view log, std::string_view line, const char* present,
                         const char* absent) {
  return log.find(line) == std::string_view::npos ? absent : present;
}

}  // namespace

KernelFindings FindInKernelLog(std::string_view log) {
  constexpr std::string_view kPrivileges = "privilege flags ";
  std::string privileges = AfterMarker(log, "Hyper-V: privilege flags ", "");
  privileges = privileges.empty() ? "none" : std::string(kPrivileges) + privileges;
  return {
      .hypervisor = AfterMarker(log, "Hypervisor detected: ", "none"),
      .privileges = std::move(privileges),
      .ipi = ChooseByLine(log, "Using IPI hypercalls", "hypercall", "apic"),
      .tlbflush = ChooseByLine(log, "Using hypercall for remote TLB flush", "hypercall", "native"),
  };
}

std::string FindTrouble(std::string_view log) {
  constexpr std::string_view kSigns[] = {"soft lockup",           "hard LOCKUP", "detected stall",
                                         "blocked for more than", "BUG: ",       "Oops: "};
  size_t first = std::string_view::npos;
  for (const std::string_view sign : kSigns) first = std::min(first, log.find(sign));
  if (first == std::string_view::npos) return "";
  const size_t newline = log.rfind('\n', first);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  return std::string(log.substr(begin, log.find('\n', first) - begin));
}

}  // namespace hvkit::testing
