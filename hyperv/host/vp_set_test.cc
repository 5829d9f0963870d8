#include "hyperv/host/vp_set.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "hyperv/host/ids.h"

namespace hvkit::hyperv {
namespace {

using Banks = std::vector<std::pair<uint32_t, uint64_t>>;

Banks BanksOf(const VpSet& set) {
  Banks banks;
  set.ForEachBank([&banks](uint32_t bank, uint64_t mask) { banks.emplace_back(bank, mask); });
  return banks;
}

std::vector<uint32_t> MembersOf(const VpSet& set) {
  std::vector<uint32_t> members;
  set.ForEach([&members](VpIndex vp) { members.push_back(vp.value()); });
  return members;
}

TEST(VpSet, DefaultIsEmpty) {
  EXPECT_TRUE(VpSet().IsEmpty());
  EXPECT_EQ(VpSet().Count(), 0u);
}

TEST(VpSet, OfAllEndsWithTheLastVp) {
  EXPECT_EQ(BanksOf(VpSet::All(65)), (Banks{{0, ~uint64_t{0}}, {1, 1}}));
  EXPECT_EQ(BanksOf(VpSet::All(64)), (Banks{{0, ~uint64_t{0}}}));
  EXPECT_EQ(VpSet::All(VpSet::kMaxVps).Count(), VpSet::kMaxVps);
}

TEST(VpSet, OfAllOfNoneIsEmpty) { EXPECT_TRUE(VpSet::All(0).IsEmpty()); }

TEST(VpSet, SparseWordsBelongToTheBitsOfTheBankMaskInOrder) {
  const std::array<uint64_t, 2> words = {0x21, 0x04};
  // The example of the TLFS: 200 VPs, { 0, 5, 130 }.
  const VpSet set = VpSet::Sparse(0b101, words.data(), 200);
  EXPECT_EQ(MembersOf(set), (std::vector<uint32_t>{0, 5, 130}));
  EXPECT_EQ(set.Count(), 3u);
}

TEST(VpSet, VpsThatDoNotExistAreLeftOut) {
  const std::array<uint64_t, 3> words = {1, ~uint64_t{0}, ~uint64_t{0}};
  const VpSet set = VpSet::Sparse(0b111, words.data(), 66);
  EXPECT_EQ(BanksOf(set), (Banks{{0, 1}, {1, 3}}));
  EXPECT_EQ(set.Count(), 3u);
}

TEST(VpSet, SetOfMissingVpsOnlyIsEmpty) {
  const uint64_t word = 0b100;
  EXPECT_TRUE(VpSet::Sparse(1, &word, 2).IsEmpty());
  EXPECT_TRUE(VpSet::Sparse(2, &word, 2).IsEmpty());
}

TEST(VpSet, EmptyBanksAreNotVisited) {
  const std::array<uint64_t, 2> words = {0, 8};
  const VpSet set = VpSet::Sparse(0b11, words.data(), 128);
  EXPECT_EQ(BanksOf(set), (Banks{{1, 8}}));
  EXPECT_FALSE(set.IsEmpty());
}

TEST(VpSet, SetWithEveryBankHasNeitherEmptyOnesNorMissingVps) {
  std::vector<uint64_t> words(64, ~uint64_t{0});
  words[3] = 0;
  const VpSet set = VpSet::Sparse(~uint64_t{0}, words.data(), VpSet::kMaxVps - 1);
  const Banks banks = BanksOf(set);
  ASSERT_EQ(banks.size(), 63u);
  EXPECT_EQ(banks[2], (Banks::value_type{2, ~uint64_t{0}}));
  EXPECT_EQ(banks[3], (Banks::value_type{4, ~uint64_t{0}}));
  EXPECT_EQ(banks[62], (Banks::value_type{63, ~uint64_t{0} >> 1}));
  EXPECT_EQ(set.Count(), 63u * 64 - 1);
}

TEST(VpSet, EmptyLastBankOfEveryBankIsNotVisited) {
  std::vector<uint64_t> words(64, 1);
  words[63] = uint64_t{1} << 63;
  EXPECT_EQ(VpSet::Sparse(~uint64_t{0}, words.data(), VpSet::kMaxVps - 1).Count(), 63u);
}

TEST(VpSet, HasBitsCountsThem) {
  for (uint32_t count = 0; count <= 64; ++count) {
    const uint64_t low = count == 0 ? 0 : ~uint64_t{0} >> (64 - count);
    const uint64_t high = count == 0 ? 0 : ~uint64_t{0} << (64 - count);
    EXPECT_TRUE(VpSet::HasBits(low, count)) << count;
    EXPECT_TRUE(VpSet::HasBits(high, count)) << count;
    EXPECT_FALSE(VpSet::HasBits(low, count + 1)) << count;
    EXPECT_FALSE(VpSet::HasBits(high, size_t{count} - 1)) << count;
  }
}

TEST(VpLimit, HasTheBanksUpToTheLastVp) {
  EXPECT_EQ(VpLimit(0).banks(), 0u);
  EXPECT_EQ(VpLimit(64).banks(), 1u);
  EXPECT_EQ(VpLimit(64).last_mask(), ~uint64_t{0});
  EXPECT_EQ(VpLimit(65).banks(), 3u);
  EXPECT_EQ(VpLimit(65).last_bank(), 2u);
  EXPECT_EQ(VpLimit(65).last_mask(), 1u);
  EXPECT_EQ(VpLimit(VpSet::kMaxVps + 1).banks(), ~uint64_t{0});
}

TEST(VpSet, ContainsItsMembersOnly) {
  const uint64_t word = 0b10;
  const VpSet set = VpSet::Sparse(uint64_t{1} << 63, &word, VpSet::kMaxVps);
  EXPECT_TRUE(set.Contains(VpIndex(63 * 64 + 1)));
  EXPECT_FALSE(set.Contains(VpIndex(63 * 64)));
  EXPECT_FALSE(set.Contains(VpIndex(1)));
}

}  // namespace
}  // namespace hvkit::hyperv
