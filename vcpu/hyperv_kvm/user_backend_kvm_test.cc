// The user back end as a whole on real KVM: a guest of one VP that uses the synthetic MSRs.
#include "vcpu/hyperv_kvm/user_backend.h"

#include <asm/kvm_para.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/pages.h"
#include "hyperv/tlfs/status.h"
#include "kvm_ioctls/kvm_compat.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/guest_tsc.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/msr_intercept.h"
#include "vcpu/hyperv_kvm/user_ability.h"
#include "vcpu/hyperv_kvm/user_kvm_test_guests.h"
#include "vcpu/hyperv_kvm/user_kvm_test_machine.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using hyperv::Gpa;
using hyperv::RefTime;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;
using ::testing::ElementsAre;

constexpr Gpa kTscPage{0x5000};
constexpr Gpa kHypercallPage{0x6000};
constexpr Gpa kAssist{kAssistPage};
constexpr uint64_t kEnable = 1;
constexpr auto kInvalidCode = static_cast<uint32_t>(hyperv::tlfs::HvStatus::kInvalidHypercallCode);

struct RecordedEvents final : hyperv::PartitionEvents {
  void OnReset(VpIndex) override { ++resets; }
  void OnCrash(VpIndex, const hyperv::CrashReport& report) override {
    crashes.push_back(report.parameters[0]);
  }

  int resets = 0;
  std::vector<uint64_t> crashes;
};

// Everything that the back end has.
hyperv::EnlightenmentSet All(const KernelFacts& facts) {
  const hyperv::Ability ability = UserAbility(facts, CoreSharing::kUnknown);
  hyperv::EnlightenmentSet set;
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (info.kind == hyperv::EnlightenmentKind::kFlag && ability.Can(info.id)) set.Add(info.id);
  }
  return set;
}

class UserBackendKvmTest : public ::testing::Test {
 protected:
  void SetUp() override { StartWith(1); }

  void StartWith(uint32_t vps) {
    ASSERT_OK_AND_ASSIGN(machine_, UserKvmMachine::Create());
    ASSERT_OK_AND_ASSIGN(const KernelFacts facts, QueryKernelFacts(machine().kvm()));
    backend_ = std::make_unique<UserBackend>(
        UserBackend::Options{.in_force = All(facts), .facts = facts, .vp_count = vps},
        UserBackend::Host{.vm = machine().vm(),
                          .memory = machine().memory(),
                          .events = events_,
                          .kick = [this](VpIndex) { machine().Kick(); }});
    ASSERT_OK(backend().SetUpVm());
    for (uint32_t i = 0; i < vps; ++i) {
      const VpIndex vp(i);
      ASSERT_OK(machine().AddCpu(i));
      ASSERT_OK(machine().EnableX2Apic(i));
      backend().Attach(vp, machine().runner(i));
      machine().handlers(i).on_msr = [this, vp](kvm::MsrExit exit) { backend().OnMsr(vp, exit); };
      machine().handlers(i).on_kicked = [this, vp] { backend().OnKicked(vp); };
    }
    ASSERT_OK(backend().Start());
  }

  UserKvmMachine& machine() { return *machine_; }
  UserBackend& backend() { return *backend_; }

  int Faults() { return machine().handlers().faults; }
  uint64_t TakeLogged() {
    const std::vector<uint32_t> halves = machine().log().Take();
    return halves.size() == 2 ? halves[0] | uint64_t{halves[1]} << 32 : 0;
  }
  // By the guest's own RDMSR and WRMSR.
  uint64_t Read(MsrIndex msr, size_t cpu = 0) {
    EXPECT_OK(machine().RunProtected32(ReadMsrGuest(), {.esi = static_cast<uint32_t>(msr)}, cpu));
    return TakeLogged();
  }
  void Write(uint32_t msr, uint64_t value, size_t cpu = 0) {
    EXPECT_OK(machine().RunProtected32(WriteMsrGuest(),
                                       {.eax = static_cast<uint32_t>(value),
                                        .ebx = static_cast<uint32_t>(value >> 32),
                                        .esi = msr},
                                       cpu));
    (void)machine().log().Take();
  }
  void Write(MsrIndex msr, uint64_t value) { Write(static_cast<uint32_t>(msr), value); }

  hyperv::tlfs::ReferenceTscPage TscPage() {
    hyperv::tlfs::ReferenceTscPage page;
    EXPECT_EQ(machine().memory().Read(kTscPage, std::as_writable_bytes(std::span(&page, 1))),
              hyperv::MemFault::kNone);
    return page;
  }
  void ExpectPageGivesTheTime() {
    const hyperv::tlfs::ReferenceTscPage page = TscPage();
    ASSERT_NE(page.sequence, hyperv::tlfs::ReferenceTscPage::kSequenceInvalid);
    std::vector<RefTime> around;
    machine().input().OnAccess([&] { around.push_back(backend().clock().Now()); });
    ASSERT_OK(machine().RunProtected32(ReadTscGuest(), {}));
    ASSERT_EQ(around.size(), 2u);
    const RefTime time = hyperv::ReferenceTimeAt(
        TakeLogged(), {.scale = page.scale, .offset = static_cast<uint64_t>(page.offset)});
    EXPECT_GE(time, around[0]);
    EXPECT_LE(time, around[1]);
  }
  void EnableHypercalls() {
    Write(MsrIndex::kGuestOsId, uint64_t{1} << 63);
    Write(MsrIndex::kHypercall, kHypercallPage.value() | kEnable);
  }

  RecordedEvents events_;
  std::unique_ptr<UserKvmMachine> machine_;
  std::unique_ptr<UserBackend> backend_;  // ends before the machine that it kicks
};

TEST_F(UserBackendKvmTest, CpuidIsHypervsWithoutWhatIsWithheld) {
  const std::vector<hyperv::CpuidEntry> leaves = backend().Cpuid();
  ASSERT_GE(leaves.size(), 5u);
  EXPECT_EQ(leaves[1].eax, hyperv::tlfs::kInterfaceSignature);
  EXPECT_EQ(hyperv::MissingBits(Enlightenment::kTime, leaves).size(), 0u);
  EXPECT_EQ(hyperv::MissingBits(Enlightenment::kAvic, leaves).size(), 0u);
  EXPECT_EQ(hyperv::MissingBits(Enlightenment::kSynic, leaves).size(), 0u);
  EXPECT_EQ(hyperv::MissingBits(Enlightenment::kVapic, leaves).size(), 1u);
}

TEST_F(UserBackendKvmTest, GuestReadsItsVpIndexAndFrequencies) {
  ASSERT_OK_AND_ASSIGN(const uint32_t khz, machine().vcpu().GetTscKhz());
  EXPECT_EQ(Read(MsrIndex::kVpIndex), 0u);
  EXPECT_EQ(Read(MsrIndex::kTscFrequency), uint64_t{khz} * 1000);
  EXPECT_EQ(Faults(), 0);
}

TEST_F(UserBackendKvmTest, WriteOfAReadOnlyMsrFaults) {
  Write(MsrIndex::kVpIndex, 1);
  EXPECT_EQ(Faults(), 1);
}

TEST_F(UserBackendKvmTest, MsrOfNobodyFaults) {
  Write(kFirstSyntheticMsr + kSyntheticMsrCount - 1, 1);
  EXPECT_EQ(Faults(), 1);
}

TEST_F(UserBackendKvmTest, ReferenceCountIsTheClocks) {
  const RefTime before = backend().clock().Now();
  const RefTime time(Read(MsrIndex::kTimeRefCount));
  EXPECT_GE(time, before);
  EXPECT_LE(time, backend().clock().Now());
}

TEST_F(UserBackendKvmTest, RuntimeIsThere) { EXPECT_GT(Read(MsrIndex::kVpRuntime), 0u); }

TEST_F(UserBackendKvmTest, ReferenceTscPageGivesTheTime) {
  Write(MsrIndex::kReferenceTsc, kTscPage.value() | kEnable);
  ExpectPageGivesTheTime();
}

TEST_F(UserBackendKvmTest, PageIsPublishedAnewWhenTheGuestMovesItsTsc) {
  Write(MsrIndex::kReferenceTsc, kTscPage.value() | kEnable);
  const uint32_t sequence = TscPage().sequence;
  Write(kMsrTsc, uint64_t{1} << 44);
  EXPECT_NE(TscPage().sequence, sequence);
  ExpectPageGivesTheTime();
}

TEST_F(UserBackendKvmTest, TimeStandsStillWhilePausedAndThePageFollows) {
  Write(MsrIndex::kReferenceTsc, kTscPage.value() | kEnable);
  backend().Pause();
  const RefTime stopped = backend().clock().Now();
  EXPECT_EQ(backend().clock().Now(), stopped);
  backend().Resume();
  EXPECT_GE(backend().clock().Now(), stopped);
  ExpectPageGivesTheTime();
}

TEST_F(UserBackendKvmTest, DirectTimerWakesAHaltedGuestInTime) {
  hyperv::tlfs::StimerConfig config;
  hyperv::tlfs::StimerConfig::Enable::Set(config, 1);
  hyperv::tlfs::StimerConfig::DirectMode::Set(config, 1);
  hyperv::tlfs::StimerConfig::ApicVector::Set(config, UserKvmMachine::kVector);
  constexpr uint64_t kHalfSecond = hyperv::RefDuration::kTicksPerSecond / 2;
  const uint64_t expiry = Read(MsrIndex::kTimeRefCount) + kHalfSecond;
  Write(MsrIndex::kStimer0Count, expiry);
  Write(MsrIndex::kStimer0Config, config.raw);
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  ASSERT_OK(machine().StartAndKick());
  ASSERT_OK(machine().Join());
  EXPECT_GE(backend().clock().Now(), RefTime(expiry));
  EXPECT_EQ(Read(MsrIndex::kStimer0Config) & kEnable, 0u);
  EXPECT_EQ(Faults(), 0);
}

TEST_F(UserBackendKvmTest, AssistPageBecomesKvmsPvEoiWord) {
  Write(MsrIndex::kVpAssistPage, kAssist.value() | kEnable);
  EXPECT_THAT(machine().vcpu().GetMsr(MSR_KVM_PV_EOI_EN).value_or(0), kAssist.value() | kEnable);
  Write(MsrIndex::kVpAssistPage, 0);
  EXPECT_THAT(machine().vcpu().GetMsr(MSR_KVM_PV_EOI_EN).value_or(1), 0u);
}

TEST_F(UserBackendKvmTest, TaskPriorityIsTheApics) {
  constexpr size_t kTaskPriority = 0x80;
  Write(MsrIndex::kTpr, 0x40);
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state apic, machine().vcpu().GetLapic());
  EXPECT_EQ(static_cast<uint8_t>(apic.regs[kTaskPriority]), 0x40);
  EXPECT_EQ(Read(MsrIndex::kTpr), 0x40u);
  EXPECT_EQ(Faults(), 0);
}

TEST_F(UserBackendKvmTest, IcrSendsAnInterrupt) {
  Write(MsrIndex::kIcr, UserKvmMachine::kVector);  // to APIC 0: itself
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  ASSERT_OK(machine().RunToEnd());
  EXPECT_EQ(Faults(), 0);
}

TEST_F(UserBackendKvmTest, HypercallFrom32BitCodeIsAnUnknownOne) {
  EnableHypercalls();
  ASSERT_OK(machine().RunProtected32(CallGuest(),
                                     {.ebx = static_cast<uint32_t>(kHypercallPage.value())}));
  EXPECT_THAT(machine().log().Take(), ElementsAre(kInvalidCode, 1u, 0u));
}

TEST_F(UserBackendKvmTest, HypercallFrom64BitCodeIsAnUnknownOne) {
  EnableHypercalls();
  ASSERT_OK(machine().Load(CallGuest64()));
  ASSERT_OK(WriteLongModeTables(machine().memory(), UserKvmMachine::kTables));
  ASSERT_OK(SetLongMode(machine().vcpu(), {.rip = UserKvmMachine::kCode.value(),
                                           .rsp = 0x30000,
                                           .rsi = kHypercallPage.value(),
                                           .tables = UserKvmMachine::kTables}));
  ASSERT_OK(machine().RunToEnd());
  EXPECT_THAT(machine().log().Take(), ElementsAre(kInvalidCode, 1u, 2u));
}

TEST_F(UserBackendKvmTest, KvmKnowsTheVectorsThatEndByThemselves) {
  constexpr uint32_t kSint = static_cast<uint32_t>(MsrIndex::kSint0) + 5;
  constexpr uint64_t kAutoEoi = hyperv::tlfs::Sint::AutoEoi::kMask | UserKvmMachine::kVector;
  constexpr uint64_t kMasked = hyperv::tlfs::Sint::Masked::kMask | UserKvmMachine::kVector;
  Write(kSint, UserKvmMachine::kVector);
  EXPECT_FALSE(machine().vcpu().SetMsr(kSint, kAutoEoi).ok()) << "KVM's SynIC is on unasked";
  Write(kSint, kAutoEoi);
  EXPECT_THAT(machine().vcpu().GetMsr(kSint).value_or(0), kAutoEoi);
  Write(kSint, UserKvmMachine::kVector);
  EXPECT_THAT(machine().vcpu().GetMsr(kSint).value_or(0), kMasked);
  EXPECT_EQ(Faults(), 0);
}

TEST_F(UserBackendKvmTest, CrashAndResetAreReported) {
  Write(MsrIndex::kCrashP0, 0xBAD);
  Write(MsrIndex::kCrashCtl, hyperv::tlfs::CrashCtl::CrashNotify::kMask);
  Write(MsrIndex::kReset, 1);
  EXPECT_THAT(events_.crashes, ElementsAre(0xBADu));
  EXPECT_EQ(events_.resets, 1);
}

class TwoVpsKvmTest : public UserBackendKvmTest {
 protected:
  void SetUp() override { StartWith(2); }
};

TEST_F(TwoVpsKvmTest, EachHasItsIndex) {
  EXPECT_EQ(Read(MsrIndex::kVpIndex, 1), 1u);
  EXPECT_EQ(Read(MsrIndex::kVpIndex, 0), 0u);
}

// INIT is the in-kernel APIC's alone: nothing tells the back end.
TEST_F(TwoVpsKvmTest, InitLeavesASynicAsItWas) {
  constexpr uint64_t kInitVp1 = uint64_t{1} << 32 | 0x4500;
  constexpr auto kSint = static_cast<MsrIndex>(static_cast<uint32_t>(MsrIndex::kSint0) + 4);
  Write(static_cast<uint32_t>(kSint), UserKvmMachine::kVector, 1);
  Write(MsrIndex::kIcr, kInitVp1);
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state state, machine().vcpu(1).GetMpState());
  EXPECT_EQ(state.mp_state, uint32_t{KVM_MP_STATE_INIT_RECEIVED});
  ASSERT_OK(machine().vcpu(1).SetMpState({.mp_state = KVM_MP_STATE_RUNNABLE}));
  EXPECT_EQ(Read(kSint, 1), UserKvmMachine::kVector);
}

TEST_F(TwoVpsKvmTest, PageIsInvalidWhileTheirTscsDiffer) {
  constexpr uint64_t kAdjust = uint64_t{1} << 40;
  Write(MsrIndex::kReferenceTsc, kTscPage.value() | kEnable);
  Write(kMsrTscAdjust, kAdjust, 0);
  EXPECT_EQ(TscPage().sequence, hyperv::tlfs::ReferenceTscPage::kSequenceInvalid);
  const RefTime before = backend().clock().Now();
  EXPECT_GE(RefTime(Read(MsrIndex::kTimeRefCount, 1)), before);
  Write(kMsrTscAdjust, kAdjust, 1);
  ExpectPageGivesTheTime();
}

TEST_F(UserBackendKvmTest, MoreVpsThanMessagesCanNameAreRefused) {
  const UserBackend many({.vp_count = 256}, {.vm = machine().vm(),
                                             .memory = machine().memory(),
                                             .events = events_,
                                             .kick = [](VpIndex) {}});
  EXPECT_THAT(many.SetUpVm(), testing::StatusIs(absl::StatusCode::kFailedPrecondition,
                                                ::testing::HasSubstr("KVM_CAP_X2APIC_API")));
}

}  // namespace
}  // namespace hvkit::vcpu
