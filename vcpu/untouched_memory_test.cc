#include "vcpu/untouched_memory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "testing/status_matchers.h"
#include "vcpu/guest_memory.h"

namespace hvkit::vcpu {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kPages = 256;

// First page and number of pages.
using Found = std::vector<std::pair<uint64_t, uint64_t>>;

Found RangesOf(const GuestMemory& memory, size_t room = 255) {
  std::vector<hyperv::tlfs::BootZeroedRange> ranges(room);
  const size_t count = UntouchedMemory(memory).Ranges(ranges);
  Found found;
  for (size_t i = 0; i < count; ++i) {
    found.emplace_back(ranges[i].first_page, ranges[i].page_count);
  }
  return found;
}

void Touch(GuestMemory& memory, uint64_t page) {
  const std::array<std::byte, 1> dirt{std::byte{1}};
  ASSERT_EQ(memory.Write(hyperv::Gpa(page * kPage + 5), dirt), hyperv::MemFault::kNone);
}

class UntouchedMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(memory_, GuestMemory::Create(kPages * kPage)); }

  std::unique_ptr<GuestMemory> memory_;
};

TEST_F(UntouchedMemoryTest, FreshMemoryIsOneRange) {
  EXPECT_THAT(RangesOf(*memory_), ElementsAre(Pair(0, kPages)));
}

TEST_F(UntouchedMemoryTest, TouchedPagesAreLeftOutAndLargeRangesComeFirst) {
  Touch(*memory_, 10);
  Touch(*memory_, 11);
  Touch(*memory_, 200);
  EXPECT_THAT(RangesOf(*memory_), ElementsAre(Pair(12, 188), Pair(201, 55), Pair(0, 10)));
}

TEST_F(UntouchedMemoryTest, BoundaryPagesAreLeftOut) {
  Touch(*memory_, 0);
  Touch(*memory_, kPages - 1);
  EXPECT_THAT(RangesOf(*memory_), ElementsAre(Pair(1, kPages - 2)));
}

TEST_F(UntouchedMemoryTest, SmallRangesGiveWayWhereThereIsNoRoom) {
  Touch(*memory_, 10);
  Touch(*memory_, 12);
  Touch(*memory_, 100);
  EXPECT_THAT(RangesOf(*memory_, 2), ElementsAre(Pair(101, 155), Pair(13, 87)));
  EXPECT_THAT(RangesOf(*memory_, 0), IsEmpty());
}

TEST_F(UntouchedMemoryTest, MemoryThatWasTouchedEverywhereHasNone) {
  for (uint64_t page = 0; page < kPages; ++page) Touch(*memory_, page);
  EXPECT_THAT(RangesOf(*memory_), IsEmpty());
}

// RAM goes on at 4 GiB.
TEST(UntouchedLargeMemoryTest, RangesEndWithTheirRegion) {
  constexpr uint64_t kHigh = GuestMemory::kHighRamBase / kPage;
  constexpr uint64_t kLow = GuestMemory::kLowRamLimit / kPage;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<GuestMemory> memory,
                       GuestMemory::Create(GuestMemory::kLowRamLimit + 8 * kPage));
  EXPECT_THAT(RangesOf(*memory), ElementsAre(Pair(0, kLow), Pair(kHigh, 8)));
  Touch(*memory, kHigh + 2);
  EXPECT_THAT(RangesOf(*memory), ElementsAre(Pair(0, kLow), Pair(kHigh + 3, 5), Pair(kHigh, 2)));
}

TEST(UntouchedLargeMemoryTest, ScatteredMemoryIsNotSearchedToItsEnd) {
  constexpr uint64_t kScattered = 2 * (UntouchedMemory::kMaxGaps + 10);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<GuestMemory> memory,
                       GuestMemory::Create((kScattered + 1000) * kPage));
  for (uint64_t page = 0; page < kScattered; page += 2) Touch(*memory, page);
  const Found found = RangesOf(*memory);
  EXPECT_EQ(found.size(), 255u);
  EXPECT_EQ(found.front().second, 1u);
}

}  // namespace
}  // namespace hvkit::vcpu
