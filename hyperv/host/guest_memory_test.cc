#include "hyperv/host/guest_memory.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "gtest/gtest.h"

namespace hvkit::hyperv {
namespace {

constexpr Gpn kPage = Gpn::Containing(Gpa(0x7000));

class PinnedPageTest : public ::testing::Test {
 protected:
  static void CountRelease(void* context, Gpn page) {
    auto& self = *static_cast<PinnedPageTest*>(context);
    ++self.releases_;
    self.released_ = page;
  }
  PinnedPage Pin(Access access = Access::kReadWrite) {
    return PinnedPage(kPage, access, bytes_.data(), CountRelease, this);
  }

  alignas(kPageSize) std::array<std::byte, kPageSize> bytes_{};
  int releases_ = 0;
  std::optional<Gpn> released_;
};

TEST_F(PinnedPageTest, StoredWordIsLoadedBackLittleEndian) {
  PinnedPage page = Pin();
  page.Store<uint32_t>(0x10, 0x11223344);
  EXPECT_EQ(page.Load<uint32_t>(0x10), 0x11223344u);
  EXPECT_EQ(bytes_[0x10], std::byte{0x44});
}

TEST_F(PinnedPageTest, LastWordOfPageIsReachable) {
  PinnedPage page = Pin();
  page.Store<uint64_t>(kPageSize - 8, 7);
  EXPECT_EQ(page.Load<uint8_t>(kPageSize - 8), 7);
}

TEST_F(PinnedPageTest, FetchOrSetsBitsAndReturnsOldOnes) {
  PinnedPage page = Pin();
  page.Store<uint64_t>(0, 1);
  EXPECT_EQ(page.FetchOr<uint64_t>(0, 6), 1u);
  EXPECT_EQ(page.Load<uint64_t>(0), 7u);
}

TEST_F(PinnedPageTest, CompareExchangeFailureReportsFoundValue) {
  PinnedPage page = Pin();
  page.Store<uint32_t>(0, 3);
  uint32_t expected = 0;
  EXPECT_FALSE(page.CompareExchange<uint32_t>(0, expected, 9));
  EXPECT_EQ(expected, 3u);
}

TEST_F(PinnedPageTest, CopiesRoundTripAtOddOffset) {
  PinnedPage page = Pin();
  const std::array<std::byte, 3> in{std::byte{1}, std::byte{2}, std::byte{3}};
  std::array<std::byte, 3> out{};
  page.CopyIn(kPageSize - 3, in);
  page.CopyOut(kPageSize - 3, out);
  EXPECT_EQ(out, in);
}

TEST_F(PinnedPageTest, LinesAreComparedEachForItself) {
  alignas(kPageSize) std::array<std::byte, kPageSize> bytes{};
  bytes[kSharedLine] = std::byte{1};
  const PinnedPage page = Pin();
  const PinnedPage other(kPage, Access::kRead, bytes.data());
  EXPECT_TRUE(page.LineEquals(0, other));
  EXPECT_FALSE(page.LineEquals(kSharedLine, other));
  EXPECT_TRUE(page.LineEquals(2 * kSharedLine, other));
}

TEST_F(PinnedPageTest, DestructionReleasesOnce) {
  {
    PinnedPage page = Pin();
  }
  EXPECT_EQ(releases_, 1);
  EXPECT_EQ(released_, std::optional(kPage));
}

TEST_F(PinnedPageTest, MovedFromPageReleasesNothing) {
  {
    PinnedPage page = Pin();
    PinnedPage moved = std::move(page);
    EXPECT_EQ(releases_, 0);
  }
  EXPECT_EQ(releases_, 1);
}

TEST_F(PinnedPageTest, AssignmentReleasesTheReplacedPage) {
  PinnedPage page = Pin();
  page = Pin();
  EXPECT_EQ(releases_, 1);
}

using PinnedPageDeathTest = PinnedPageTest;

TEST_F(PinnedPageDeathTest, WordOverPageEndTraps) {
  PinnedPage page = Pin();
  EXPECT_DEATH(page.Store<uint64_t>(kPageSize - 4, 0), "");
}

TEST_F(PinnedPageDeathTest, MisalignedWordTraps) {
  const PinnedPage page = Pin();
  EXPECT_DEATH(static_cast<void>(page.Load<uint32_t>(2)), "");
}

TEST_F(PinnedPageDeathTest, StoreToReadPinTraps) {
  PinnedPage page = Pin(Access::kRead);
  EXPECT_DEATH(page.Store<uint8_t>(0, 1), "");
}

TEST_F(PinnedPageDeathTest, UseAfterMoveTraps) {
  PinnedPage page = Pin();
  const PinnedPage moved = std::move(page);
  // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
  EXPECT_DEATH(page.Store<uint8_t>(0, 1), "");
}

}  // namespace
}  // namespace hvkit::hyperv
