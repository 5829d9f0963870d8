#include "kvm_ioctls/fam.h"

#include <gtest/gtest.h>

#include "kvm_ioctls/xsave.h"

namespace hvkit::kvm {
namespace {

kvm_msr_entry Entry(uint32_t index, uint64_t data) { return {index, 0, data}; }

TEST(FamTest, StartsWithZeroedEntries) {
  const Msrs msrs(3);
  ASSERT_EQ(msrs.size(), 3u);
  EXPECT_EQ(msrs->nmsrs, 3u);
  EXPECT_EQ(msrs.entries()[2].index, 0u);
}

TEST(FamTest, EntriesAreBehindTheHeader) {
  Msrs msrs(1);
  msrs.entries()[0].data = 0x1122;
  EXPECT_EQ(msrs.get()->entries[0].data, 0x1122u);
}

TEST(FamTest, PushBackKeepsEarlierEntries) {
  Msrs msrs;
  msrs.PushBack(Entry(1, 10));
  msrs.PushBack(Entry(2, 20));
  msrs.PushBack(Entry(3, 30));
  ASSERT_EQ(msrs.size(), 3u);
  EXPECT_EQ(msrs.entries()[0].data, 10u);
  EXPECT_EQ(msrs.entries()[2].data, 30u);
}

TEST(FamTest, PushBackOfOwnEntrySurvivesGrowth) {
  Msrs msrs;
  msrs.PushBack(Entry(7, 70));
  ASSERT_EQ(msrs.size(), msrs.capacity());
  msrs.PushBack(msrs.entries()[0]);
  EXPECT_EQ(msrs.entries()[1].data, 70u);
}

TEST(FamTest, ShrinkingAndGrowingAgainAllocatesNothing) {
  Msrs msrs(8);
  const void* const storage = msrs.get();
  msrs.Clear();
  msrs.Resize(8);
  EXPECT_EQ(msrs.get(), storage);
}

TEST(FamTest, EntriesThatComeBackAreZero) {
  Msrs msrs(2);
  msrs.entries()[1].data = 5;
  msrs.Resize(1);
  msrs.Resize(2);
  EXPECT_EQ(msrs.entries()[1].data, 0u);
}

TEST(FamTest, SizeFollowsTheCountThatTheKernelWrote) {
  Cpuid cpuid(4);
  cpuid->nent = 2;
  EXPECT_EQ(cpuid.entries().size(), 2u);
}

TEST(FamTest, CountBeyondTheRoomIsClamped) {
  MsrList list(2);
  list->nmsrs = 500;
  EXPECT_EQ(list.entries().size(), 2u);
}

TEST(FamTest, CopyIsIndependent) {
  Msrs first;
  first.PushBack(Entry(1, 10));
  Msrs second(first);
  second.entries()[0].data = 11;
  EXPECT_EQ(first.entries()[0].data, 10u);
  EXPECT_EQ(second.entries()[0].index, 1u);
}

TEST(FamTest, CopyAssignmentKeepsHeaderFields) {
  PmuEventFilter first(1);
  first->action = KVM_PMU_EVENT_DENY;
  PmuEventFilter second(5);
  second = first;
  EXPECT_EQ(second->action, static_cast<__u32>(KVM_PMU_EVENT_DENY));
  EXPECT_EQ(second.size(), 1u);
}

TEST(FamTest, MovedFromIsEmptyAndUsableAfterResize) {
  Msrs first(3);
  const Msrs second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(first.entries().empty());
  first.Resize(1);
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(second.size(), 3u);
}

TEST(FamTest, SpanConstructorCopies) {
  const kvm_msr_entry entries[] = {Entry(1, 10), Entry(2, 20)};
  const Msrs msrs{std::span<const kvm_msr_entry>(entries)};
  EXPECT_EQ(msrs.entries()[1].data, 20u);
}

TEST(FamTest, NestedStateCountsItsHeaderToo) {
  NestedState state(4096);
  EXPECT_EQ(state->size, 4096u + 128u);
  state->size = 128;
  EXPECT_TRUE(state.empty());
}

TEST(FamTest, SignalMaskCountsBytes) {
  SignalMask mask(8);
  EXPECT_EQ(mask->len, 8u);
  EXPECT_EQ(reinterpret_cast<std::byte*>(mask.entries().data()) -
                reinterpret_cast<std::byte*>(mask.get()),
            4);
}

TEST(XsaveTest, IsNeverSmallerThanTheKernelStruct) {
  EXPECT_EQ(Xsave(1).size(), 4096u);
  EXPECT_EQ(Xsave(8192).bytes().size(), 8192u);
}

TEST(XsaveTest, IsZeroAtFirst) {
  const Xsave xsave;
  EXPECT_EQ(xsave.get()->region[1023], 0u);
}

}  // namespace
}  // namespace hvkit::kvm
