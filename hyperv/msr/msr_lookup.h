// From the index that a guest gives to the row of the MSR table, in constant time.
//
// TLFS: the register tables of each chapter give the indices. Immutable.
#ifndef HVKIT_HYPERV_MSR_MSR_LOOKUP_H_
#define HVKIT_HYPERV_MSR_MSR_LOOKUP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {
namespace internal {

inline constexpr uint32_t kFirstMsr = static_cast<uint32_t>(tlfs::MsrIndex::kGuestOsId);
inline constexpr uint32_t kLastMsr = static_cast<uint32_t>(tlfs::MsrIndex::kTscInvariantControl);
inline constexpr uint8_t kNoRow = 0xFF;

// For each index the number of its row.
constexpr auto BuildMsrRowNumbers() {
  std::array<uint8_t, kLastMsr - kFirstMsr + 1> numbers{};
  numbers.fill(kNoRow);
  for (const MsrRow& row : MsrTable()) {
    for (unsigned i = 0; i < row.instances; ++i) {
      numbers[row.IndexOf(i) - kFirstMsr] = static_cast<uint8_t>(row.id);
    }
  }
  return numbers;
}
inline constexpr auto kMsrRowNumbers = BuildMsrRowNumbers();

constexpr bool RowsFollowMsrId() {
  for (size_t i = 0; i < MsrTable().size(); ++i) {
    if (Index(MsrTable()[i].id) != i) return false;
  }
  return MsrTable().size() == kMsrIdCount;
}
static_assert(RowsFollowMsrId());
static_assert(kMsrIdCount < kNoRow);

}  // namespace internal

// Nothing for an index that no row has.
constexpr std::optional<MsrId> FindMsr(uint32_t index) {
  const uint32_t offset = index - internal::kFirstMsr;  // Wraps for indices below the first
  if (offset >= internal::kMsrRowNumbers.size()) return std::nullopt;
  const uint8_t number = internal::kMsrRowNumbers[offset];
  if (number == internal::kNoRow) return std::nullopt;
  return static_cast<MsrId>(number);
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_MSR_LOOKUP_H_
