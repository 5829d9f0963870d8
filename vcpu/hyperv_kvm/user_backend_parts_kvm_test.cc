// The parts of the user back end on real KVM, each with a guest of a few instructions.
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu_hyperv.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/guest_tsc.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/msi_interrupt_sink.h"
#include "vcpu/hyperv_kvm/msr_intercept.h"
#include "vcpu/hyperv_kvm/pv_eoi.h"
#include "vcpu/hyperv_kvm/timerfd_scheduler.h"
#include "vcpu/hyperv_kvm/tsc_clock.h"
#include "vcpu/hyperv_kvm/user_ability.h"
#include "vcpu/hyperv_kvm/user_kvm_test_guests.h"
#include "vcpu/hyperv_kvm/user_kvm_test_machine.h"

namespace hvkit::vcpu {
namespace {

using hyperv::EoiMode;
using hyperv::MsrOutcome;
using hyperv::MsrRead;
using hyperv::RefDuration;
using hyperv::RefTime;
using hyperv::TscParameters;
using hyperv::Vector;
using hyperv::VpIndex;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Vector kVector{UserKvmMachine::kVector};
constexpr uint32_t kLastSyntheticMsr = kFirstSyntheticMsr + kSyntheticMsrCount - 1;

// A guest that never ends must not hang the test for ever.
class Deadline : public ::testing::Environment {
 public:
  void SetUp() override { ::alarm(60); }
};
[[maybe_unused]] ::testing::Environment* const kDeadline =
    ::testing::AddGlobalTestEnvironment(new Deadline);

class RecordingMsrs final : public MsrHandler {
 public:
  MsrRead ReadMsr(uint32_t index) override {
    accesses.emplace_back(index, 0);
    return outcome == MsrOutcome::kHandled ? MsrRead::Handled(0x1122334455667788)
                                           : MsrRead{.outcome = outcome};
  }
  MsrOutcome WriteMsr(uint32_t index, uint64_t value) override {
    accesses.emplace_back(index, value);
    return outcome;
  }

  MsrOutcome outcome = MsrOutcome::kHandled;
  std::vector<std::pair<uint32_t, uint64_t>> accesses;
};

class UserKvmTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(machine_, UserKvmMachine::Create()); }

  UserKvmMachine& machine() { return *machine_; }

  std::unique_ptr<UserKvmMachine> machine_;
};

TEST_F(UserKvmTest, ThisMachineOffersTheTableOfTheBackEnd) {
  ASSERT_OK_AND_ASSIGN(const KernelFacts facts, QueryKernelFacts(machine().kvm()));
  const hyperv::Ability ability = UserAbility(facts, QueryCoreSharing());
  for (hyperv::Enlightenment e :
       {hyperv::Enlightenment::kVapic, hyperv::Enlightenment::kTime, hyperv::Enlightenment::kSynic,
        hyperv::Enlightenment::kStimerDirect, hyperv::Enlightenment::kFrequencies}) {
    EXPECT_THAT(ability.reason(e), IsEmpty()) << hyperv::Name(e);
  }
}

class MsrInterceptKvmTest : public UserKvmTest {
 protected:
  void SetUp() override {
    UserKvmTest::SetUp();
    ASSERT_OK(InterceptMsrs(machine().vm(), TscWrites::kIntercepted));
    ASSERT_OK(machine().AddCpu());
    machine().handlers().on_msr = [this](kvm::MsrExit exit) { AnswerMsrExit(exit, msrs_); };
  }

  RecordingMsrs msrs_;
};

TEST_F(MsrInterceptKvmTest, ReadsOfFirstAndLastAreServed) {
  for (uint32_t index : {kFirstSyntheticMsr, kLastSyntheticMsr}) {
    ASSERT_OK(machine().RunProtected32(ReadMsrGuest(), {.esi = index}));
    EXPECT_THAT(machine().log().Take(), ElementsAre(0x55667788u, 0x11223344u));
    EXPECT_EQ(msrs_.accesses.back().first, index);
  }
  EXPECT_EQ(machine().handlers().faults, 0);
}

TEST_F(MsrInterceptKvmTest, WriteIsServed) {
  ASSERT_OK(machine().RunProtected32(
      WriteMsrGuest(), {.eax = 0x89ABCDEF, .ebx = 0x01234567, .esi = kFirstSyntheticMsr}));
  EXPECT_THAT(msrs_.accesses,
              ElementsAre(std::pair(kFirstSyntheticMsr, uint64_t{0x0123456789ABCDEF})));
  EXPECT_EQ(machine().handlers().faults, 0);
}

TEST_F(MsrInterceptKvmTest, RefusedAccessesFaultInTheGuest) {
  msrs_.outcome = MsrOutcome::kGeneralProtection;
  ASSERT_OK(machine().RunProtected32(ReadMsrGuest(), {.esi = kFirstSyntheticMsr}));
  EXPECT_EQ(machine().handlers().faults, 1);
  msrs_.outcome = MsrOutcome::kNotOurs;
  ASSERT_OK(machine().RunProtected32(WriteMsrGuest(), {.esi = kFirstSyntheticMsr}));
  EXPECT_EQ(machine().handlers().faults, 2);
  EXPECT_THAT(machine().log().Take(), IsEmpty());
}

TEST_F(MsrInterceptKvmTest, MsrBehindTheLastFaultsWithoutAnExit) {
  ASSERT_OK(machine().RunProtected32(ReadMsrGuest(), {.esi = kLastSyntheticMsr + 1}));
  EXPECT_EQ(machine().handlers().faults, 1);
  EXPECT_EQ(machine().handlers().msr_exits, 0);
}

TEST_F(MsrInterceptKvmTest, TscIsReadInTheKernelAndWrittenHere) {
  ASSERT_OK(machine().RunProtected32(ReadMsrGuest(), {.esi = kMsrTsc}));
  EXPECT_EQ(machine().handlers().msr_exits, 0);
  ASSERT_OK(machine().RunProtected32(WriteMsrGuest(), {.eax = 1, .esi = kMsrTsc}));
  ASSERT_OK(machine().RunProtected32(WriteMsrGuest(), {.eax = 1, .esi = kMsrTscAdjust}));
  EXPECT_THAT(msrs_.accesses,
              ElementsAre(std::pair(kMsrTsc, uint64_t{1}), std::pair(kMsrTscAdjust, uint64_t{1})));
}

TEST_F(UserKvmTest, TscWritesAreKvmsUnlessAskedFor) {
  ASSERT_OK(InterceptMsrs(machine().vm(), TscWrites::kToKvm));
  ASSERT_OK(machine().AddCpu());
  ASSERT_OK(machine().RunProtected32(WriteMsrGuest(), {.eax = 1, .esi = kMsrTsc}));
  EXPECT_EQ(machine().handlers().msr_exits, 0);
}

// A 32-bit register of a saved APIC state.
uint32_t ApicRegister(const kvm_lapic_state& apic, size_t offset) {
  uint32_t value;
  std::memcpy(&value, apic.regs + offset, sizeof(value));
  return value;
}

bool IsRequested(const kvm_lapic_state& apic, Vector vector) {
  constexpr size_t kRequestRegisters = 0x200;
  const size_t offset = kRequestRegisters + size_t{vector.value()} / 32 * 0x10;
  return (ApicRegister(apic, offset) >> (vector.value() % 32) & 1) != 0;
}

TEST_F(UserKvmTest, InterruptReachesItsVpOnly) {
  ASSERT_OK(machine().AddCpu(0));
  ASSERT_OK(machine().AddCpu(1));
  MsiInterruptSink sink(machine().vm(), {1, 0});  // VP indices need not be APIC ids
  sink.RequestFixed(VpIndex(0), kVector, EoiMode::kNormal);
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state other, machine().vcpu(0).GetLapic());
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state target, machine().vcpu(1).GetLapic());
  EXPECT_FALSE(IsRequested(other, kVector));
  EXPECT_TRUE(IsRequested(target, kVector));
  EXPECT_EQ(sink.dropped(), 0u);
}

TEST_F(UserKvmTest, InterruptForNobodyIsDropped) {
  ASSERT_OK(machine().AddCpu());
  MsiInterruptSink sink(machine().vm(), {0, 77});
  sink.RequestFixed(VpIndex(1), kVector, EoiMode::kNormal);
  sink.RequestFixed(VpIndex(2), kVector, EoiMode::kNormal);
  EXPECT_EQ(sink.dropped(), 1u);
}

// Ids that an xAPIC cannot have: only the 32-bit form of the message names them, and 0xFF is one
// VP.
TEST_F(UserKvmTest, InterruptReachesX2ApicIds) {
  ASSERT_OK(EnableX2ApicIds(machine().vm()));
  ASSERT_OK(machine().AddCpu(0x12C));
  ASSERT_OK(machine().EnableX2Apic(0));
  ASSERT_OK(machine().AddCpu(0xFF));
  ASSERT_OK(machine().EnableX2Apic(1));
  MsiInterruptSink sink(machine().vm(), {0x12C, 0xFF});
  sink.RequestFixed(VpIndex(1), kVector, EoiMode::kNormal);
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state large, machine().vcpu(0).GetLapic());
  EXPECT_FALSE(IsRequested(large, kVector));
  sink.RequestFixed(VpIndex(0), Vector(0x61), EoiMode::kNormal);
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state target, machine().vcpu(0).GetLapic());
  EXPECT_TRUE(IsRequested(target, Vector(0x61)));
  EXPECT_EQ(sink.dropped(), 0u);
}

TEST_F(UserKvmTest, InterruptWakesAHaltedGuest) {
  ASSERT_OK(machine().AddCpu());
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  MsiInterruptSink sink(machine().vm(), {0});
  machine().handlers().on_kicked = [&] { sink.RequestFixed(VpIndex(0), kVector, EoiMode::kAuto); };
  ASSERT_OK(machine().StartAndKick());
  ASSERT_OK(machine().Join());
  EXPECT_EQ(machine().handlers().faults, 0);
}

TEST_F(UserKvmTest, InitLeavesKvmsOwnSynicAsItWas) {
  constexpr uint32_t kSint = static_cast<uint32_t>(hyperv::tlfs::MsrIndex::kSint0) + 4;
  constexpr uint32_t kInit = 0x500;
  ASSERT_OK(machine().AddCpu(0));
  ASSERT_OK(machine().AddCpu(1));
  ASSERT_OK(kvm::EnableHypervSynic2(machine().vcpu(1)));
  ASSERT_OK(machine().vcpu(1).SetMsr(kSint, kVector.value()));
  kvm_msi init = FixedInterruptMessage(1, Vector(0));
  init.data |= kInit;
  ASSERT_OK(machine().vm().SignalMsi(init));
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state state, machine().vcpu(1).GetMpState());
  EXPECT_EQ(state.mp_state, uint32_t{KVM_MP_STATE_INIT_RECEIVED});
  EXPECT_EQ(machine().vcpu(1).GetMsr(kSint).value_or(0), kVector.value());
}

// A guest that interrupts itself over and over, with or without an assist word. KVM takes the flag
// back on every exit, so the guest finds it only once no page of its handler has to be mapped any
// more, and no interrupt of the host's comes between.
class PvEoiKvmTest : public UserKvmTest {
 protected:
  static constexpr int kInterrupts = 50;

  void SetUp() override {
    UserKvmTest::SetUp();
    ASSERT_OK(machine().AddCpu());
    ASSERT_OK(machine().EnableX2Apic());  // for EOI from real mode
    ASSERT_OK(machine().LoadHaltingGuest(AssistedHandler()));
    sink_ = std::make_unique<MsiInterruptSink>(machine().vm(), std::vector<uint32_t>{0});
    machine().log().OnAccess([this] {
      spared_ += machine().log().Take().back();
      if (++interrupts_ == kInterrupts) return machine().Stop();
      sink_->RequestFixed(VpIndex(0), kVector, EoiMode::kNormal);
    });
    sink_->RequestFixed(VpIndex(0), kVector, EoiMode::kNormal);
  }

  std::unique_ptr<MsiInterruptSink> sink_;
  int interrupts_ = 0;
  uint32_t spared_ = 0;
};

TEST_F(PvEoiKvmTest, AssistWordSparesTheGuestMostEois) {
  ASSERT_OK(SetPvEoi(machine().vcpu(), hyperv::Gpa(kAssistPage).Page()));
  ASSERT_OK(machine().RunToEnd());
  EXPECT_EQ(interrupts_, kInterrupts);
  EXPECT_GT(spared_, kInterrupts / 2u);
}

TEST_F(PvEoiKvmTest, AssistWordIsLeftAloneOnceTakenBack) {
  ASSERT_OK(SetPvEoi(machine().vcpu(), hyperv::Gpa(kAssistPage).Page()));
  ASSERT_OK(SetPvEoi(machine().vcpu(), std::nullopt));
  ASSERT_OK(machine().RunToEnd());
  EXPECT_EQ(interrupts_, kInterrupts);
  EXPECT_EQ(spared_, 0u);
}

// Two VPs and a clock over their TSCs.
class TscKvmTest : public UserKvmTest {
 protected:
  static constexpr size_t kCpus = 2;

  void SetUp() override {
    UserKvmTest::SetUp();
    ASSERT_OK(InterceptMsrs(machine().vm(), TscWrites::kIntercepted));
    std::vector<uint64_t> offsets;
    for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      ASSERT_OK(machine().AddCpu(cpu));
      ASSERT_OK_AND_ASSIGN(const uint64_t offset, machine().vcpu(cpu).GetTscOffset());
      offsets.push_back(offset);
      machine().handlers(cpu).on_msr = [this, cpu](kvm::MsrExit exit) { OnTscWrite(cpu, exit); };
    }
    ASSERT_OK_AND_ASSIGN(const uint32_t khz, machine().vcpu(0).GetTscKhz());
    const std::optional<uint64_t> scale = hyperv::ScaleOfTsc(uint64_t{khz} * 1000);
    ASSERT_TRUE(scale.has_value());
    clock_ = std::make_unique<TscClock>(*scale, offsets, [this] {
      const absl::StatusOr<kvm_clock_data> clock = machine().vm().GetClock();
      return clock.ok() && (clock->flags & KVM_CLOCK_TSC_STABLE) != 0;
    });
  }

  void OnTscWrite(uint32_t cpu, kvm::MsrExit exit) {
    const absl::StatusOr<uint64_t> offset =
        WriteTscMsr(machine().vcpu(cpu), exit.index(), exit.data());
    ASSERT_OK(offset);
    changes_ += clock_->MoveTsc(VpIndex(cpu), *offset) ? 1 : 0;
    exit.SetWritten();
  }
  void WriteMsr(uint32_t cpu, uint32_t msr, uint64_t value) {
    ASSERT_OK(machine().RunProtected32(WriteMsrGuest(),
                                       {.eax = static_cast<uint32_t>(value),
                                        .ebx = static_cast<uint32_t>(value >> 32),
                                        .esi = msr},
                                       cpu));
    ASSERT_EQ(machine().handlers(cpu).faults, 0);
  }
  uint64_t TakeLogged() {
    const std::vector<uint32_t> halves = machine().log().Take();
    return halves.size() == 2 ? halves[0] | uint64_t{halves[1]} << 32 : 0;
  }
  // Lets the VP read its TSC, and checks that the time on the page lies between clock readings
  // around it.
  void ExpectPageAgrees(uint32_t cpu) {
    std::vector<RefTime> around;
    machine().input().OnAccess([&] { around.push_back(clock_->Now()); });
    ASSERT_OK(machine().RunProtected32(ReadTscGuest(), {}, cpu));
    const uint64_t tsc = TakeLogged();
    const std::optional<TscParameters> page = clock_->InvariantTsc();
    ASSERT_TRUE(page.has_value());
    ASSERT_EQ(around.size(), 2u);
    EXPECT_GE(hyperv::ReferenceTimeAt(tsc, *page), around[0]);
    EXPECT_LE(hyperv::ReferenceTimeAt(tsc, *page), around[1]);
  }

  std::unique_ptr<TscClock> clock_;
  int changes_ = 0;
};

TEST_F(TscKvmTest, ClockAndPageAgreeOnEachVp) {
  ExpectPageAgrees(0);
  ExpectPageAgrees(1);
}

TEST_F(TscKvmTest, GuestsWriteOfItsTscTakesEffect) {
  constexpr uint64_t kValue = uint64_t{0x1234} << 32;
  WriteMsr(0, kMsrTsc, kValue);
  EXPECT_EQ(TakeLogged() >> 32, 0x1234u);
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(clock_->InvariantTsc(), std::nullopt);
}

TEST_F(TscKvmTest, WriteOfTheTscShowsInTscAdjust) {
  ASSERT_OK_AND_ASSIGN(const uint64_t offset, machine().vcpu(0).GetTscOffset());
  WriteMsr(0, kMsrTsc, 0);
  ASSERT_OK_AND_ASSIGN(const uint64_t adjust, machine().vcpu(0).GetMsr(kMsrTscAdjust));
  ASSERT_OK_AND_ASSIGN(const uint64_t moved, machine().vcpu(0).GetTscOffset());
  EXPECT_EQ(moved - offset, adjust);
}

TEST_F(TscKvmTest, TimeGoesOnWhenAllVpsMoveTheirTscAlike) {
  constexpr uint64_t kAdjust = uint64_t{1} << 40;
  ExpectPageAgrees(0);
  const RefTime before = clock_->Now();
  WriteMsr(0, kMsrTscAdjust, kAdjust);
  EXPECT_EQ(clock_->InvariantTsc(), std::nullopt);
  WriteMsr(1, kMsrTscAdjust, kAdjust);
  EXPECT_EQ(changes_, 2);
  (void)machine().log().Take();
  const RefTime after = clock_->Now();
  EXPECT_GE(after, before);
  EXPECT_LT(after, before + RefDuration(RefDuration::kTicksPerSecond * 100));
  ExpectPageAgrees(0);
  ExpectPageAgrees(1);
}

// Why there is no HV_X64_MSR_GUEST_IDLE: it is to wake for interrupts that RFLAGS keeps out.
TEST_F(TscKvmTest, HaltedGuestThatTakesNoInterruptsIsNotWokenByOne) {
  constexpr uint64_t kInterruptFlag = 1 << 9;
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  ASSERT_OK(machine().vcpu().SetMpState({.mp_state = KVM_MP_STATE_HALTED}));
  MsiInterruptSink sink(machine().vm(), {0, 1});
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<TimerfdScheduler> scheduler,
      TimerfdScheduler::Create(kCpus, *clock_, [this](VpIndex) { machine().Kick(); }));
  RefTime deadline;
  std::optional<uint32_t> state;
  machine().handlers().on_kicked = [&] {
    if (deadline == RefTime()) {
      deadline = clock_->Now() + RefDuration(RefDuration::kTicksPerSecond / 10);
      sink.RequestFixed(VpIndex(0), kVector, EoiMode::kNormal);
      scheduler->SetDeadline(VpIndex(0), deadline);
      return;
    }
    ASSERT_OK_AND_ASSIGN(const kvm_mp_state now, machine().vcpu().GetMpState());
    state = now.mp_state;
    ASSERT_OK_AND_ASSIGN(kvm_regs regs, machine().vcpu().GetRegs());
    regs.rflags |= kInterruptFlag;
    ASSERT_OK(machine().vcpu().SetRegs(regs));
  };
  ASSERT_OK(machine().StartAndKick());
  ASSERT_OK(machine().Join());  // by the interrupt, once it can come
  EXPECT_EQ(state, uint32_t{KVM_MP_STATE_HALTED});
  EXPECT_GE(clock_->Now(), deadline);
}

TEST_F(TscKvmTest, DeadlineWakesAHaltedGuestOnceItsTimeHasCome) {
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  MsiInterruptSink sink(machine().vm(), {0, 1});
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<TimerfdScheduler> scheduler,
      TimerfdScheduler::Create(kCpus, *clock_, [this](VpIndex) { machine().Kick(); }));
  RefTime deadline;
  RefTime polled;
  machine().handlers().on_kicked = [&] {
    polled = clock_->Now();
    if (deadline == RefTime()) {
      deadline = polled + RefDuration(RefDuration::kTicksPerSecond / 100);
      scheduler->SetDeadline(VpIndex(0), deadline);
    } else {
      sink.RequestFixed(VpIndex(0), kVector, EoiMode::kNormal);
    }
  };
  ASSERT_OK(machine().StartAndKick());
  ASSERT_OK(machine().Join());
  EXPECT_GE(polled, deadline);
  EXPECT_NE(deadline, RefTime());
}

}  // namespace
}  // namespace hvkit::vcpu
