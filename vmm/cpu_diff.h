// vmm --diff A B: how two values of --cpu differ as a guest sees them: CPUID leaves, their bits,
// and the MSRs that the guest may use.
//
// Both are taken as a machine that can give everything would show them; what this machine gives is
// for --probe to say. Pure functions: thread-safe.
#ifndef HVKIT_VMM_CPU_DIFF_H_
#define HVKIT_VMM_CPU_DIFF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm/config.h"

namespace hvkit::vmm {

// A bit that has a name.
struct BitChange {
  bool set = false;  // In the second; false: in the first
  unsigned bit = 0;
  std::string name;                  // The TLFS's
  std::vector<std::string> because;  // The enlightenments that turn it on
};

struct RegisterChange {
  std::string name;  // "EAX"
  uint32_t first = 0;
  uint32_t second = 0;
  std::vector<BitChange> bits;
};

enum class Presence : uint8_t { kBoth, kFirst, kSecond };

struct LeafChange {
  uint32_t leaf = 0;
  Presence presence = Presence::kBoth;    // A leaf that is not there counts as zeros
  std::vector<RegisterChange> registers;  // Those that differ
};

struct MsrChange {
  bool added = false;  // Usable in the second only; false: in the first only
  uint32_t index = 0;  // Of the first instance
  std::string name;
};

struct CpuDiff {
  std::vector<LeafChange> leaves;
  std::vector<MsrChange> msrs;
};

// Errors are kInvalidArgument, one line, as --cpu has them.
[[nodiscard]] absl::StatusOr<CpuDiff> DiffCpus(absl::string_view first, absl::string_view second);

// Ends in a newline.
[[nodiscard]] std::string FormatDiff(const CpuDiff& diff, OutputFormat format);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_CPU_DIFF_H_
