#include "vcpu/guest_memory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "testing/contracts/guest_memory_contract.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kMiB = uint64_t{1} << 20;

std::unique_ptr<GuestMemory> MustCreate(uint64_t size) {
  absl::StatusOr<std::unique_ptr<GuestMemory>> memory = GuestMemory::Create(size);
  EXPECT_OK(memory);
  return memory.ok() ? *std::move(memory) : nullptr;
}

// The smallest memory: RAM ends where the legacy area does.
class SmallMemoryHarness {
 public:
  hyperv::GuestMemory& memory() { return *memory_; }
  hyperv::Gpa ram() const { return hyperv::Gpa(kMiB - 8 * hyperv::kPageSize); }
  hyperv::Gpa ram_end() const { return hyperv::Gpa(kMiB); }
  std::optional<hyperv::Gpn> read_only_page() const { return std::nullopt; }

 private:
  std::unique_ptr<GuestMemory> memory_ = MustCreate(kMiB);
};

// RAM on both sides of the gap below 4 GiB; the run under test ends at the gap or at the top.
class BelowGapHarness {
 public:
  hyperv::GuestMemory& memory() { return *memory_; }
  hyperv::Gpa ram() const { return hyperv::Gpa(3 * kGiB - 8 * hyperv::kPageSize); }
  hyperv::Gpa ram_end() const { return hyperv::Gpa(3 * kGiB); }
  std::optional<hyperv::Gpn> read_only_page() const { return std::nullopt; }

 private:
  std::unique_ptr<GuestMemory> memory_ = MustCreate(3 * kGiB + kMiB);
};

class AboveGapHarness {
 public:
  hyperv::GuestMemory& memory() { return *memory_; }
  hyperv::Gpa ram() const { return hyperv::Gpa(4 * kGiB); }
  hyperv::Gpa ram_end() const { return hyperv::Gpa(4 * kGiB + kMiB); }
  std::optional<hyperv::Gpn> read_only_page() const { return std::nullopt; }

 private:
  std::unique_ptr<GuestMemory> memory_ = MustCreate(3 * kGiB + kMiB);
};

}  // namespace hvkit::vcpu

namespace hvkit::testing {

INSTANTIATE_TYPED_TEST_SUITE_P(SmallMemory, GuestMemoryContract, vcpu::SmallMemoryHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(BelowGap, GuestMemoryContract, vcpu::BelowGapHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(AboveGap, GuestMemoryContract, vcpu::AboveGapHarness);

}  // namespace hvkit::testing

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

struct RamRun {
  uint64_t base;
  uint64_t size;
  friend bool operator==(const RamRun&, const RamRun&) = default;
};

std::vector<RamRun> RamRuns(const GuestMemory& memory) {
  std::vector<RamRun> runs;
  for (const E820Entry& entry : memory.E820Map()) {
    if (entry.type == E820Type::kRam) runs.push_back({entry.base, entry.size});
  }
  return runs;
}

TEST(GuestMemoryTest, LessThanOneMebibyteIsRefused) {
  EXPECT_THAT(GuestMemory::Create(1024),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1024")));
}

TEST(GuestMemoryTest, PartOfAPageIsRefused) {
  EXPECT_THAT(GuestMemory::Create(kMiB + 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("multiple of 4096")));
}

TEST(GuestMemoryTest, AbsurdSizeIsRefused) {
  EXPECT_THAT(GuestMemory::Create(~uint64_t{0} & ~uint64_t{0xFFF}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must be from")));
}

TEST(GuestMemoryTest, MoreThanTheHostHasIsReservedOnlyOnTouch) {
  const std::unique_ptr<GuestMemory> memory = MustCreate(64 * kGiB);
  ASSERT_NE(memory, nullptr);
  const std::array<std::byte, 1> byte{std::byte{1}};
  EXPECT_EQ(memory->Write(hyperv::Gpa(65 * kGiB - 1), byte), hyperv::MemFault::kNone);
}

TEST(GuestMemoryTest, UpToThreeGibibytesIsOneRegion) {
  const std::unique_ptr<GuestMemory> memory = MustCreate(3 * kGiB);
  ASSERT_EQ(memory->regions().size(), 1u);
  EXPECT_EQ(memory->regions()[0].size, 3 * kGiB);
}

TEST(GuestMemoryTest, RestContinuesAtFourGibibytes) {
  const std::unique_ptr<GuestMemory> memory = MustCreate(5 * kGiB);
  ASSERT_EQ(memory->regions().size(), 2u);
  EXPECT_EQ(memory->regions()[1].base, hyperv::Gpa(4 * kGiB));
  EXPECT_EQ(memory->regions()[1].size, 2 * kGiB);
  EXPECT_EQ(memory->regions()[1].file_offset, 3 * kGiB);
}

TEST(GuestMemoryTest, RegionsNextToEachOtherInTheFileDoNotMeet) {
  const std::unique_ptr<GuestMemory> memory = MustCreate(3 * kGiB + kMiB);
  std::array<std::byte, 2> bytes{};
  EXPECT_EQ(memory->Read(hyperv::Gpa(3 * kGiB - 1), bytes), hyperv::MemFault::kUnmapped);
}

TEST(GuestMemoryTest, HighRegionIsNotAnAliasOfLowOne) {
  const std::unique_ptr<GuestMemory> memory = MustCreate(3 * kGiB + kMiB);
  const std::array<std::byte, 1> in{std::byte{0x5A}};
  ASSERT_EQ(memory->Write(hyperv::Gpa(4 * kGiB), in), hyperv::MemFault::kNone);
  std::array<std::byte, 1> out{std::byte{0xFF}};
  ASSERT_EQ(memory->Read(hyperv::Gpa(0), out), hyperv::MemFault::kNone);
  EXPECT_EQ(out[0], std::byte{0});
}

TEST(GuestMemoryTest, E820KeepsTheLegacyAreaOut) {
  const std::unique_ptr<GuestMemory> memory = MustCreate(16 * kMiB);
  EXPECT_EQ(RamRuns(*memory), (std::vector<RamRun>{{0, 0x9FC00}, {kMiB, 15 * kMiB}}));
}

TEST(GuestMemoryTest, E820OfOneMebibyteHasNothingAbove) {
  EXPECT_EQ(RamRuns(*MustCreate(kMiB)), (std::vector<RamRun>{{0, 0x9FC00}}));
}

TEST(GuestMemoryTest, E820ListsHighRam) {
  EXPECT_EQ(RamRuns(*MustCreate(4 * kGiB)),
            (std::vector<RamRun>{{0, 0x9FC00}, {kMiB, 3 * kGiB - kMiB}, {4 * kGiB, kGiB}}));
}

}  // namespace
}  // namespace hvkit::vcpu
