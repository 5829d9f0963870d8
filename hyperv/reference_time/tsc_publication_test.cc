#include "hyperv/reference_time/tsc_publication.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/reference_clock.h"

namespace hvkit::hyperv {
namespace {

struct StoreMade {
  size_t offset;
  size_t size;
  uint64_t value;
  std::memory_order order;

  friend bool operator==(const StoreMade&, const StoreMade&) = default;
};

// Keeps the stores in the order in which a guest may see them.
class Recorder {
 public:
  template <typename T>
  void Store(size_t offset, T value, std::memory_order order) {
    stores.push_back({offset, sizeof(T), value, order});
  }
  std::vector<StoreMade> stores;
};

constexpr auto kRelease = std::memory_order_release;

TEST(TscPublicationTest, PageIsInvalidWhileTheParametersChange) {
  Recorder page;
  PublishTscParameters(page, {.scale = 0x1111, .offset = 0x2222}, 9);
  const std::vector<StoreMade> expected = {{0, 4, 0, kRelease},
                                           {8, 8, 0x1111, kRelease},
                                           {16, 8, 0x2222, kRelease},
                                           {0, 4, 9, kRelease}};
  EXPECT_EQ(page.stores, expected);
}

TEST(TscPublicationTest, WithdrawingStoresTheInvalidSequenceAlone) {
  Recorder page;
  WithdrawTscParameters(page);
  const std::vector<StoreMade> expected = {{0, 4, 0, kRelease}};
  EXPECT_EQ(page.stores, expected);
}

TEST(TscSequenceTest, NextIsNeverAValueThatMeansInvalid) {
  EXPECT_EQ(NextTscSequence(0), 1u);
  EXPECT_EQ(NextTscSequence(1), 2u);
  EXPECT_EQ(NextTscSequence(0xFFFFFFFD), 0xFFFFFFFEu);
  EXPECT_EQ(NextTscSequence(0xFFFFFFFE), 1u);
  EXPECT_EQ(NextTscSequence(0xFFFFFFFF), 1u);
}

}  // namespace
}  // namespace hvkit::hyperv
