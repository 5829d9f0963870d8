#include "vcpu/hyperv_kvm/vp_start.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "hyperv/tlfs/hypercall_vp.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::InitialVpContext;
using hyperv::tlfs::SegmentAttributes;

constexpr uint64_t kPe = 1;
constexpr uint64_t kPg = uint64_t{1} << 31;
constexpr uint64_t kPae = 1 << 5;
constexpr uint64_t kLa57 = 1 << 12;
constexpr uint64_t kLmeAndLma = 1 << 8 | 1 << 10;
constexpr uint64_t kVm86 = 1 << 17;

InitialVpContext RealMode() {
  InitialVpContext context{};
  context.rip = 0x7C00;
  return context;
}

InitialVpContext LongMode() {
  InitialVpContext context{};
  context.rip = 0xFFFF'8000'0000'0000;
  context.rflags = 2;
  context.cr0 = kPg | kPe;
  context.cr4 = kPae;
  context.efer = kLmeAndLma;
  SegmentAttributes::Long::Set(context.cs.attributes, 1);
  return context;
}

TEST(VpStartTest, RealAndLongModeArePossible) {
  EXPECT_TRUE(IsPossible(RealMode()));
  EXPECT_TRUE(IsPossible(LongMode()));
}

TEST(VpStartTest, PagingNeedsProtectedMode) {
  InitialVpContext context = RealMode();
  context.cr0 = kPg;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpStartTest, LongModeNeedsPaeAndBothBitsOfEfer) {
  InitialVpContext context = LongMode();
  context.cr4 = 0;
  EXPECT_FALSE(IsPossible(context));
  context = LongMode();
  context.efer = 1 << 8;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpStartTest, LongCodeSegmentNeedsLongModeAndIsNothingElse) {
  InitialVpContext context = RealMode();
  SegmentAttributes::Long::Set(context.cs.attributes, 1);
  EXPECT_FALSE(IsPossible(context));
  context = LongMode();
  SegmentAttributes::Default::Set(context.cs.attributes, 1);
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpStartTest, ReservedFlagsAreImpossible) {
  for (const unsigned bit : {3u, 5u, 15u, 22u, 63u}) {
    InitialVpContext context = LongMode();
    context.rflags |= uint64_t{1} << bit;
    EXPECT_FALSE(IsPossible(context)) << bit;
  }
}

TEST(VpStartTest, Vm86NeedsProtectedModeOutsideLongMode) {
  InitialVpContext context = LongMode();
  context.rflags |= kVm86;
  EXPECT_FALSE(IsPossible(context));
  context = RealMode();
  context.rflags = kVm86;
  EXPECT_FALSE(IsPossible(context));
  context.cr0 = kPe;
  EXPECT_TRUE(IsPossible(context));
}

TEST(VpStartTest, InstructionPointerIsCanonicalOrOf32Bits) {
  InitialVpContext context = LongMode();
  context.rip = 0x0000'8000'0000'0000;
  EXPECT_FALSE(IsPossible(context));
  context.cr4 |= kLa57;
  EXPECT_TRUE(IsPossible(context));
  context = RealMode();
  context.rip = uint64_t{1} << 32;
  EXPECT_FALSE(IsPossible(context));
}

}  // namespace
}  // namespace hvkit::vcpu
