#include "vcpu/hyperv_kvm/vp_context_check.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "hyperv/tlfs/hypercall_vp.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::InitialVpContext;
using hyperv::tlfs::SegmentAttributes;
using hyperv::tlfs::SegmentRegister;

constexpr uint64_t kPe = 1;
constexpr uint64_t kPg = uint64_t{1} << 31;
constexpr uint64_t kPae = 1 << 5;
constexpr uint64_t kLa57 = 1 << 12;
constexpr uint64_t kLmeAndLma = 1 << 8 | 1 << 10;
constexpr uint64_t kVm86 = 1 << 17;
constexpr uint64_t kNotWriteThrough = 1 << 29;
constexpr uint64_t kPcide = 1 << 17;
constexpr uint64_t kCet = 1 << 23;
constexpr uint64_t kNotCanonical = uint64_t{1} << 60;

SegmentAttributes Attributes(unsigned raw) { return {.raw = static_cast<uint16_t>(raw)}; }

SegmentRegister Segment(uint16_t selector, uint32_t limit, unsigned attributes) {
  return {.base = 0, .limit = limit, .selector = selector, .attributes = Attributes(attributes)};
}

InitialVpContext RealMode() {
  InitialVpContext context{};
  context.rip = 0x7C00;
  context.cs = Segment(0, 0xFFFF, 0x9B);
  context.ds = context.es = context.fs = context.gs = context.ss = Segment(0, 0xFFFF, 0x93);
  context.tr = Segment(0, 0xFFFF, 0x8B);
  context.ldtr = Segment(0, 0xFFFF, 0x82);
  return context;
}

InitialVpContext LongMode() {
  InitialVpContext context{};
  context.rip = 0xFFFF'8000'0000'0000;
  context.rflags = 2;
  context.cr0 = kPg | kPe;
  context.cr4 = kPae;
  context.efer = kLmeAndLma;
  context.cs = Segment(0x10, 0xFFFFFFFF, 0xA09B);
  context.ss = Segment(0x18, 0xFFFFFFFF, 0xC093);
  context.tr = Segment(0x40, 0x67, 0x8B);
  return context;
}

InitialVpContext Vm86() {
  InitialVpContext context = RealMode();
  context.cr0 = kPe;
  context.rflags = kVm86;
  for (SegmentRegister* const segment :
       {&context.cs, &context.ds, &context.es, &context.fs, &context.gs, &context.ss}) {
    *segment = Segment(0x100, 0xFFFF, 0xF3);
    segment->base = 0x1000;
  }
  return context;
}

// Whether a long-mode context is possible once `change` is made to it.
template <typename Change>
bool IsPossibleWith(Change change) {
  InitialVpContext context = LongMode();
  change(context);
  return IsPossible(context);
}

TEST(VpContextCheckTest, RealAndLongModeArePossible) {
  EXPECT_TRUE(IsPossible(RealMode()));
  EXPECT_TRUE(IsPossible(LongMode()));
}

TEST(VpContextCheckTest, PagingNeedsProtectedMode) {
  InitialVpContext context = RealMode();
  context.cr0 = kPg;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, LongModeNeedsPaeAndBothBitsOfEfer) {
  InitialVpContext context = LongMode();
  context.cr4 = 0;
  EXPECT_FALSE(IsPossible(context));
  context = LongMode();
  context.efer = 1 << 8;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, LongCodeSegmentNeedsLongModeAndIsNothingElse) {
  InitialVpContext context = RealMode();
  SegmentAttributes::Long::Set(context.cs.attributes, 1);
  EXPECT_FALSE(IsPossible(context));
  context = LongMode();
  SegmentAttributes::Default::Set(context.cs.attributes, 1);
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, ReservedFlagsAreImpossible) {
  for (const unsigned bit : {3u, 5u, 15u, 22u, 63u}) {
    InitialVpContext context = LongMode();
    context.rflags |= uint64_t{1} << bit;
    EXPECT_FALSE(IsPossible(context)) << bit;
  }
}

TEST(VpContextCheckTest, Vm86NeedsProtectedModeOutsideLongMode) {
  EXPECT_TRUE(IsPossible(Vm86()));
  InitialVpContext context = LongMode();
  context.rflags |= kVm86;
  EXPECT_FALSE(IsPossible(context));
  context = Vm86();
  context.cr0 = 0;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, Vm86NeedsItsSegments) {
  for (const auto change :
       {+[](SegmentRegister& s) { s.base += 16; }, +[](SegmentRegister& s) { s.limit = 0xFFFFF; },
        +[](SegmentRegister& s) { s.attributes = Attributes(0x93); }}) {
    InitialVpContext context = Vm86();
    change(context.gs);
    EXPECT_FALSE(IsPossible(context));
  }
}

TEST(VpContextCheckTest, InstructionPointerIsCanonicalOrOf32Bits) {
  InitialVpContext context = LongMode();
  context.rip = 0x0000'8000'0000'0000;
  EXPECT_FALSE(IsPossible(context));
  context.cr4 |= kLa57;
  EXPECT_TRUE(IsPossible(context));
  context = RealMode();
  context.rip = uint64_t{1} << 32;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, ControlRegistersThatNoProcessorCombines) {
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.cr0 |= uint64_t{1} << 32; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.cr0 |= kNotWriteThrough; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.cr4 |= kCet; }));
  EXPECT_TRUE(IsPossibleWith([](auto& c) { c.cr4 |= kPcide; }));
  InitialVpContext context = RealMode();
  context.cr4 = kPcide;
  EXPECT_FALSE(IsPossible(context));
  context = RealMode();
  context.cr3 = uint64_t{1} << 32;
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, TaskRegisterIsABusyTss) {
  for (const unsigned attributes : {0x00u, 0x0Bu, 0x83u, 0x89u, 0x93u, 0x9Bu, 0x18Bu}) {
    EXPECT_FALSE(IsPossibleWith([&](auto& c) { c.tr.attributes = Attributes(attributes); }))
        << attributes;
  }
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.tr.selector = 0x44; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.tr.base = uint64_t{1} << 63; }));
  InitialVpContext context = RealMode();
  context.tr.attributes = Attributes(0x83);  // of 16 bits
  EXPECT_TRUE(IsPossible(context));
}

TEST(VpContextCheckTest, CodeSegmentIsAccessedCodeOrAsInRealMode) {
  for (const unsigned attributes :
       {0xA01Bu, 0xA091u, 0xA09Au, 0xA08Bu, 0xA19Bu, 0xA0FBu, 0xC0B3u}) {
    EXPECT_FALSE(IsPossibleWith([&](auto& c) { c.cs.attributes = Attributes(attributes); }))
        << attributes;
  }
  EXPECT_TRUE(IsPossibleWith([](auto& c) { c.cs.attributes = Attributes(0xA09F); }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.cs.base = uint64_t{1} << 32; }));
}

TEST(VpContextCheckTest, StackSegmentHasThePrivilegeOfTheCode) {
  for (const unsigned attributes : {0xC0F3u, 0xC091u, 0xC09Bu, 0xC083u, 0x0060u}) {
    EXPECT_FALSE(IsPossibleWith([&](auto& c) { c.ss.attributes = Attributes(attributes); }))
        << attributes;
  }
  EXPECT_TRUE(IsPossibleWith([](auto& c) { c.ss.attributes = Attributes(0); }));
  EXPECT_TRUE(IsPossibleWith([](auto& c) {
    c.cs.attributes = Attributes(0xA0FB);
    c.ss.attributes = Attributes(0xC0F3);
  }));
  InitialVpContext context = RealMode();
  context.cs.attributes = Attributes(0xFB);
  context.ss.attributes = Attributes(0xF3);
  EXPECT_FALSE(IsPossible(context));
}

TEST(VpContextCheckTest, DataSegmentsAreAccessedAndReadable) {
  for (const unsigned attributes : {0x82u, 0x92u, 0x99u, 0x193u}) {
    EXPECT_FALSE(IsPossibleWith([&](auto& c) { c.gs.attributes = Attributes(attributes); }))
        << attributes;
  }
  for (const unsigned attributes : {0x00u, 0x91u, 0x9Bu, 0xF3u}) {
    EXPECT_TRUE(IsPossibleWith([&](auto& c) { c.gs.attributes = Attributes(attributes); }))
        << attributes;
  }
}

TEST(VpContextCheckTest, LimitsAgreeWithTheirGranularity) {
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.tr.limit = 0x100000; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.cs.limit = 0xFFFFF000; }));
}

TEST(VpContextCheckTest, LocalTableIsOneOrNotThere) {
  EXPECT_TRUE(IsPossibleWith([](auto& c) { c.ldtr = Segment(0, 0xFF, 0x82); }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.ldtr = Segment(0, 0xFF, 0x8B); }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.ldtr = Segment(4, 0xFF, 0x82); }));
}

TEST(VpContextCheckTest, BasesAreCanonicalOrOf32Bits) {
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.gdtr.base = kNotCanonical; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.idtr.base = kNotCanonical; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.fs.base = kNotCanonical; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) { c.gs.base = kNotCanonical; }));
  EXPECT_FALSE(IsPossibleWith([](auto& c) {
    c.ds = Segment(0x18, 0xFFFFFFFF, 0xC093);
    c.ds.base = uint64_t{1} << 32;
  }));
}

}  // namespace
}  // namespace hvkit::vcpu
