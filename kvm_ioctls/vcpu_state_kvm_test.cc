// A vCPU's state, set and read back on real KVM.
#include <cstring>

#include "kvm_ioctls/kvm_test_machine.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

constexpr uint32_t kMsrTscAux = 0xc0000103;
constexpr uint32_t kMsrStar = 0xc0000081;
constexpr uint32_t kMsrUnknown = 0x12345678;

class VcpuStateKvmTest : public KvmTest {
 protected:
  void SetUp() override {
    KvmTest::SetUp();
    CreateVcpu();
  }
};

TEST_F(VcpuStateKvmTest, RegsRoundTrip) {
  ASSERT_OK_AND_ASSIGN(kvm_regs regs, vcpu().GetRegs());
  regs.r15 = 0x1122334455667788;
  ASSERT_OK(vcpu().SetRegs(regs));
  ASSERT_OK_AND_ASSIGN(const kvm_regs changed, vcpu().GetRegs());
  EXPECT_EQ(changed.r15, regs.r15);
  EXPECT_EQ(changed.rip, kCode);
}

TEST_F(VcpuStateKvmTest, SregsRoundTrip) {
  ASSERT_OK_AND_ASSIGN(kvm_sregs sregs, vcpu().GetSregs());
  sregs.fs.base = 0x5000;
  ASSERT_OK(vcpu().SetSregs(sregs));
  ASSERT_OK_AND_ASSIGN(const kvm_sregs changed, vcpu().GetSregs());
  EXPECT_EQ(changed.fs.base, 0x5000u);
}

TEST_F(VcpuStateKvmTest, ImpossibleSregsAreRefused) {
  ASSERT_OK_AND_ASSIGN(kvm_sregs sregs, vcpu().GetSregs());
  sregs.cr4 = ~uint64_t{0};
  EXPECT_THAT(vcpu().SetSregs(sregs),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cr4=0xffffffffffffffff")));
}

TEST_F(VcpuStateKvmTest, Sregs2RoundTrip) {
  ASSERT_OK_AND_ASSIGN(kvm_sregs2 sregs, vcpu().GetSregs2());
  sregs.gs.base = 0x6000;
  ASSERT_OK(vcpu().SetSregs2(sregs));
  ASSERT_OK_AND_ASSIGN(const kvm_sregs2 changed, vcpu().GetSregs2());
  EXPECT_EQ(changed.gs.base, 0x6000u);
}

// Marks x87 and SSE as in use, without which KVM_SET_FPU is lost.
void UseSse(Xsave& xsave) {
  constexpr size_t kXstateBv = 512 / sizeof(uint32_t);
  xsave.get()->region[kXstateBv] |= 3;
}

TEST_F(VcpuStateKvmTest, XsaveRoundTrips) {
  constexpr size_t kXmm0 = 160 / sizeof(uint32_t);
  Xsave xsave(vcpu().xsave_size());
  ASSERT_OK(vcpu().GetXsave(xsave));
  UseSse(xsave);
  xsave.get()->region[kXmm0] = 0xdeadbeef;
  ASSERT_OK(vcpu().SetXsave(xsave));
  Xsave changed(vcpu().xsave_size());
  ASSERT_OK(vcpu().GetXsave2(changed));
  EXPECT_EQ(changed.get()->region[kXmm0], 0xdeadbeefu);
}

TEST_F(VcpuStateKvmTest, XsaveSizeIsTheCapability) {
  ASSERT_OK_AND_ASSIGN(const int size, vm().CheckExtension(KVM_CAP_XSAVE2));
  EXPECT_GE(size, 4096);
  EXPECT_EQ(vcpu().xsave_size(), static_cast<size_t>(size));
}

TEST_F(VcpuStateKvmTest, FpuRoundTrips) {
  Xsave xsave(vcpu().xsave_size());
  ASSERT_OK(vcpu().GetXsave(xsave));
  UseSse(xsave);
  ASSERT_OK(vcpu().SetXsave(xsave));
  ASSERT_OK_AND_ASSIGN(kvm_fpu fpu, vcpu().GetFpu());
  fpu.xmm[3][0] = 0x77;
  ASSERT_OK(vcpu().SetFpu(fpu));
  ASSERT_OK_AND_ASSIGN(const kvm_fpu changed, vcpu().GetFpu());
  EXPECT_EQ(changed.xmm[3][0], 0x77);
}

TEST_F(VcpuStateKvmTest, DebugRegsRoundTrip) {
  ASSERT_OK_AND_ASSIGN(kvm_debugregs regs, vcpu().GetDebugRegs());
  regs.db[0] = 0x1234;
  ASSERT_OK(vcpu().SetDebugRegs(regs));
  ASSERT_OK_AND_ASSIGN(const kvm_debugregs changed, vcpu().GetDebugRegs());
  EXPECT_EQ(changed.db[0], 0x1234u);
}

TEST_F(VcpuStateKvmTest, WideDebugControlIsRefused) {
  kvm_debugregs regs{};
  regs.dr7 = uint64_t{1} << 40;
  EXPECT_THAT(vcpu().SetDebugRegs(regs),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dr7=0x10000000000")));
}

TEST_F(VcpuStateKvmTest, XcrsRoundTrip) {
  ASSERT_OK_AND_ASSIGN(kvm_xcrs xcrs, vcpu().GetXcrs());
  ASSERT_EQ(xcrs.nr_xcrs, 1u);
  xcrs.xcrs[0].value = 3;
  ASSERT_OK(vcpu().SetXcrs(xcrs));
  ASSERT_OK_AND_ASSIGN(const kvm_xcrs changed, vcpu().GetXcrs());
  EXPECT_EQ(changed.xcrs[0].value, 3u);
}

TEST_F(VcpuStateKvmTest, CpuidRoundTrips) {
  ASSERT_OK_AND_ASSIGN(Cpuid cpuid, vcpu().GetCpuid2());
  ASSERT_FALSE(cpuid.empty());
  cpuid.PushBack({.function = 0x40000010,
                  .index = 0,
                  .flags = 0,
                  .eax = 0xabc,
                  .ebx = 0,
                  .ecx = 0,
                  .edx = 0,
                  .padding = {}});
  ASSERT_OK(vcpu().SetCpuid2(cpuid));
  ASSERT_OK_AND_ASSIGN(const Cpuid changed, vcpu().GetCpuid2());
  EXPECT_EQ(changed.entries().back().eax, 0xabcu);
}

TEST_F(VcpuStateKvmTest, TooManyCpuidEntriesAreRefused) {
  EXPECT_THAT(vcpu().SetCpuid2(Cpuid(5000)),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_SET_CPUID2(nent=0x1388): E2BIG"));
}

TEST_F(VcpuStateKvmTest, MsrsRoundTrip) {
  Msrs msrs;
  msrs.PushBack({kMsrStar, 0, 0x1111});
  msrs.PushBack({kMsrTscAux, 0, 0x2222});
  ASSERT_OK(vcpu().SetMsrs(msrs));
  msrs.entries()[0].data = msrs.entries()[1].data = 0;
  ASSERT_OK(vcpu().GetMsrs(msrs));
  EXPECT_EQ(msrs.entries()[0].data, 0x1111u);
  EXPECT_EQ(msrs.entries()[1].data, 0x2222u);
}

TEST_F(VcpuStateKvmTest, PartialWriteOfMsrsIsAnErrorThatNamesTheMsr) {
  Msrs msrs;
  msrs.PushBack({kMsrStar, 0, 1});
  msrs.PushBack({kMsrUnknown, 0, 1});
  msrs.PushBack({kMsrTscAux, 0, 1});
  EXPECT_THAT(vcpu().SetMsrs(msrs),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_SET_MSRS: 1 of 3 written, stopped at 0x12345678: EINVAL"));
}

TEST_F(VcpuStateKvmTest, OneMsrRoundTrips) {
  ASSERT_OK(vcpu().SetMsr(kMsrStar, 0x4321));
  ASSERT_OK_AND_ASSIGN(const uint64_t value, vcpu().GetMsr(kMsrStar));
  EXPECT_EQ(value, 0x4321u);
}

TEST_F(VcpuStateKvmTest, OneUnknownMsrIsAnError) {
  EXPECT_THAT(vcpu().GetMsr(kMsrUnknown).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_GET_MSRS: 0 of 1 read, stopped at 0x12345678: EINVAL"));
  EXPECT_THAT(vcpu().SetMsr(kMsrUnknown, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_SET_MSRS: 0 of 1 written, stopped at 0x12345678: EINVAL"));
}

TEST_F(VcpuStateKvmTest, LapicNeedsAnIrqchip) {
  EXPECT_THAT(vcpu().GetLapic().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_GET_LAPIC: EINVAL"));
  EXPECT_THAT(vcpu().SetLapic({}),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_SET_LAPIC: EINVAL"));
}

TEST_F(VcpuStateKvmTest, MpStateIsRunnableAndKeepsIt) {
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state state, vcpu().GetMpState());
  EXPECT_EQ(state.mp_state, static_cast<uint32_t>(KVM_MP_STATE_RUNNABLE));
  EXPECT_OK(vcpu().SetMpState(state));
}

TEST_F(VcpuStateKvmTest, StartupStateNeedsAnIrqchip) {
  EXPECT_THAT(vcpu().SetMpState({KVM_MP_STATE_SIPI_RECEIVED}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mp_state=0x4")));
}

TEST_F(VcpuStateKvmTest, EventsRoundTrip) {
  ASSERT_OK_AND_ASSIGN(kvm_vcpu_events events, vcpu().GetVcpuEvents());
  events.nmi.masked = 1;
  ASSERT_OK(vcpu().SetVcpuEvents(events));
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events changed, vcpu().GetVcpuEvents());
  EXPECT_EQ(changed.nmi.masked, 1);
}

TEST_F(VcpuStateKvmTest, UnknownEventFlagIsRefused) {
  kvm_vcpu_events events{};
  events.flags = 1u << 30;
  EXPECT_THAT(vcpu().SetVcpuEvents(events),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("flags=0x40000000")));
}

TEST_F(VcpuStateKvmTest, NestedStateHasTheProcessorsFormatAndCanBeSet) {
  ASSERT_OK_AND_ASSIGN(const int size, kvm().CheckExtension(KVM_CAP_NESTED_STATE));
  NestedState state(static_cast<size_t>(size) - sizeof(kvm_nested_state));
  ASSERT_OK(vcpu().GetNestedState(state));
  EXPECT_EQ(state->format,
            ProcessorHasSvm() ? KVM_STATE_NESTED_FORMAT_SVM : KVM_STATE_NESTED_FORMAT_VMX);
  EXPECT_OK(vcpu().SetNestedState(state));
}

TEST_F(VcpuStateKvmTest, NestedStateWithUnknownFlagIsRefused) {
  NestedState state;
  ASSERT_OK(vcpu().GetNestedState(state));
  state->flags = 0x8000;
  EXPECT_THAT(vcpu().SetNestedState(state),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("flags=0x8000")));
}

TEST_F(VcpuStateKvmTest, NestedStateBufferThatIsTooSmallIsRefused) {
  NestedState state;
  state->size = 64;
  EXPECT_THAT(vcpu().GetNestedState(state), StatusIs(absl::StatusCode::kInvalidArgument,
                                                     "KVM_GET_NESTED_STATE(size=0x40): E2BIG"));
}

TEST_F(VcpuStateKvmTest, TscFrequencyRoundTrips) {
  ASSERT_OK_AND_ASSIGN(const uint32_t khz, vcpu().GetTscKhz());
  EXPECT_GT(khz, 0u);
  ASSERT_OK(vcpu().SetTscKhz(khz));
  ASSERT_OK_AND_ASSIGN(const uint32_t changed, vcpu().GetTscKhz());
  EXPECT_EQ(changed, khz);
}

TEST_F(VcpuStateKvmTest, TscOffsetRoundTrips) {
  ASSERT_OK(vcpu().SetTscOffset(uint64_t{0} - 12345));
  ASSERT_OK_AND_ASSIGN(const uint64_t offset, vcpu().GetTscOffset());
  EXPECT_EQ(offset, uint64_t{0} - 12345);
}

TEST_F(VcpuStateKvmTest, TscOffsetIsADeviceAttribute) {
  uint64_t offset = 777;
  kvm_device_attr attr{};
  attr.group = KVM_VCPU_TSC_CTRL;
  attr.attr = KVM_VCPU_TSC_OFFSET;
  attr.addr = reinterpret_cast<uintptr_t>(&offset);
  EXPECT_OK(vcpu().HasDeviceAttr(attr));
  ASSERT_OK(vcpu().SetDeviceAttr(attr));
  offset = 0;
  ASSERT_OK(vcpu().GetDeviceAttr(attr));
  EXPECT_EQ(offset, 777u);
}

TEST_F(VcpuStateKvmTest, UnknownAttributeIsNotFound) {
  kvm_device_attr attr{};
  attr.group = 9;
  EXPECT_THAT(vcpu().HasDeviceAttr(attr),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ENXIO")));
}

class LapicKvmTest : public KvmTest {
 protected:
  void SetUp() override {
    KvmTest::SetUp();
    ASSERT_OK(vm().CreateIrqchip());
    CreateVcpu();
  }
};

TEST_F(LapicKvmTest, LapicRoundTrips) {
  constexpr size_t kTaskPriority = 0x80;
  ASSERT_OK_AND_ASSIGN(kvm_lapic_state lapic, vcpu().GetLapic());
  lapic.regs[kTaskPriority] = 0x30;
  ASSERT_OK(vcpu().SetLapic(lapic));
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state changed, vcpu().GetLapic());
  EXPECT_EQ(changed.regs[kTaskPriority], 0x30);
}

TEST_F(LapicKvmTest, SecondaryVcpuWaitsForStartup) {
  ASSERT_OK_AND_ASSIGN(const Vcpu second, vm().CreateVcpu(1));
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state state, second.GetMpState());
  EXPECT_EQ(state.mp_state, static_cast<uint32_t>(KVM_MP_STATE_UNINITIALIZED));
  EXPECT_OK(second.SetMpState({KVM_MP_STATE_HALTED}));
}

}  // namespace
}  // namespace hvkit::kvm
