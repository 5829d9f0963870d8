// Hypercalls of real guests on the user back end: which OUTs are calls, in which code, and what
// becomes of the caller's registers. A guest here is one CALL: its return address is code that ends
// the run, and the test looks at the registers then.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/xsave.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/hypercall_port.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/tlb_flush.h"
#include "vcpu/hyperv_kvm/user_ability.h"
#include "vcpu/hyperv_kvm/user_backend.h"
#include "vcpu/hyperv_kvm/user_kvm_test_guests.h"
#include "vcpu/hyperv_kvm/user_kvm_test_machine.h"
#include "vcpu/hyperv_kvm/vp_start.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Arguments;
using hyperv::CallDefaults;
using hyperv::Enlightenment;
using hyperv::Gpa;
using hyperv::MemFault;
using hyperv::VpIndex;
using hyperv::tlfs::CallCode;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::HypercallControl;
using hyperv::tlfs::MsrIndex;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Gpa kPage{0x6000};
constexpr Gpa kCopy{0x7000};  // the page's code where there is no hypercall page
constexpr Gpa kInput{0x8000};
constexpr Gpa kGdt{0x9000};
constexpr Gpa kIdt{0xA000};
constexpr Gpa kTss{0xB000};
constexpr uint64_t kStack = 0x30000;
constexpr uint64_t kKernelStack = 0x38000;
constexpr uint64_t kFast = HypercallControl::Fast::kMask;
constexpr uint64_t kIopl3 = uint64_t{3} << 12;
constexpr uint64_t kRflagsFixed = 2;
constexpr uint64_t kPageUser = uint64_t{1} << 2;

using Words = std::vector<uint64_t>;

struct TwoWords : CallDefaults {
  static constexpr CallCode kCode{0xF001};
  using Input = std::array<uint64_t, 2>;
};
struct ManyWords : CallDefaults {
  static constexpr CallCode kCode{0xF002};
  using Input = std::array<uint64_t, 14>;
};
struct Echo : CallDefaults {
  static constexpr CallCode kCode{0xF003};
  using Input = std::array<uint64_t, 2>;
  using Output = std::array<uint64_t, 2>;
};
struct Repeated : CallDefaults {
  static constexpr CallCode kCode{0xF004};
  using Element = uint64_t;
  static constexpr uint32_t kRepsPerEntry = 2;
};

uint64_t Control(CallCode code) { return static_cast<uint64_t>(code); }

// What the guest has sent, call by call.
struct Calls {
  std::vector<Words> seen;

  template <typename Definition>
  HvStatus OnInput(const Arguments<Definition>& call) {
    seen.emplace_back(call.input.begin(), call.input.end());
    return HvStatus::kSuccess;
  }
  HvStatus OnEcho(const Arguments<Echo>& call) {
    call.output = call.input;
    return HvStatus::kSuccess;
  }
  HvStatus OnRepeated(const Arguments<Repeated>& call) {
    seen.emplace_back(call.elements.begin(), call.elements.end());
    return HvStatus::kSuccess;
  }
};

struct NoEvents final : hyperv::PartitionEvents {
  void OnReset(VpIndex) override {}
  void OnCrash(VpIndex, const hyperv::CrashReport&) override {}
};

hyperv::EnlightenmentSet All(const KernelFacts& facts) {
  const hyperv::Ability ability = UserAbility(facts, CoreSharing::kUnknown);
  hyperv::EnlightenmentSet set;
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (info.kind == hyperv::EnlightenmentKind::kFlag && ability.Can(info.id)) set.Add(info.id);
  }
  return set;
}

class HypercallKvmTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(machine_, UserKvmMachine::Create());
    ASSERT_OK_AND_ASSIGN(facts_, QueryKernelFacts(machine().kvm()));
    if (!GetParam()) facts_.capabilities[KVM_CAP_SYNC_REGS] = 0;
    backend_ = std::make_unique<UserBackend>(
        UserBackend::Options{.in_force = All(facts_), .facts = facts_, .vp_count = 2},
        UserBackend::Host{.vm = machine().vm(),
                          .memory = machine().memory(),
                          .events = events_,
                          .kick = [](VpIndex) {}});
    ASSERT_OK(backend().SetUpVm());
    for (uint32_t i = 0; i < 2; ++i) ASSERT_NO_FATAL_FAILURE(AddVp(VpIndex(i)));
    ASSERT_OK(backend().Start());
    ASSERT_TRUE((backend().calls().Add<TwoWords, &Calls::OnInput<TwoWords>>(calls_)));
    ASSERT_TRUE((backend().calls().Add<ManyWords, &Calls::OnInput<ManyWords>>(calls_)));
    ASSERT_TRUE((backend().calls().Add<Echo, &Calls::OnEcho>(calls_)));
    ASSERT_TRUE((backend().calls().Add<Repeated, &Calls::OnRepeated>(calls_)));
    ASSERT_OK(machine().AddPort(kDefaultHypercallPort, port_));
    WriteMsr(MsrIndex::kGuestOsId, 1);
    WriteMsr(MsrIndex::kHypercall, kPage.value() | 1);
    ASSERT_OK(WriteLongModeTables(machine().memory(), UserKvmMachine::kTables));
    ASSERT_OK(machine().Load(EndOfRunGuest()));
    const hyperv::HypercallCode code = HypercallPageCode(kDefaultHypercallPort);
    ASSERT_OK(machine().Load(std::as_bytes(std::span(code.bytes).first(code.size)), kCopy));
  }

  void AddVp(VpIndex vp) {
    ASSERT_OK(machine().AddCpu(vp.value()));
    machine().handlers(vp.value()).on_msr = [](kvm::MsrExit exit) { exit.SetError(); };
    backend().Attach(vp, machine().runner(vp.value()));
  }

  UserKvmMachine& machine() { return *machine_; }
  UserBackend& backend() { return *backend_; }
  kvm::Vcpu& vcpu() { return machine().vcpu(); }

  void WriteMsr(MsrIndex msr, uint64_t value) {
    EXPECT_EQ(backend().partition().FindVp(VpIndex(0))->WriteMsr(static_cast<uint32_t>(msr), value),
              hyperv::MsrOutcome::kHandled);
  }

  template <typename T>
  void Store(Gpa at, const T& value) {
    ASSERT_EQ(machine().memory().Write(at, std::as_bytes(std::span(&value, 1))), MemFault::kNone);
  }

  // As after the CALL: `regs` with RIP at `target`, and what ends the run as the return address.
  kvm_regs Called(kvm_regs regs, Gpa target) {
    Store(Gpa(kStack), UserKvmMachine::kCode.value());
    regs.rip = target.value();
    regs.rsp = kStack;
    regs.rflags |= kRflagsFixed;
    return regs;
  }
  // The registers at the end of the run.
  kvm_regs Run(const kvm_regs& regs) {
    EXPECT_OK(vcpu().SetRegs(regs));
    EXPECT_OK(machine().RunToEnd());
    EXPECT_EQ(machine().handlers().faults, 0);
    return vcpu().GetRegs().value_or(kvm_regs{});
  }
  kvm_regs Call64(const kvm_regs& regs, Gpa target = kPage) {
    EXPECT_OK(SetLongMode(vcpu(), {.tables = UserKvmMachine::kTables}));
    return Run(Called(regs, target));
  }
  kvm_regs Call32(const kvm_regs& regs, Gpa target = kPage) {
    EXPECT_OK(SetProtected32(vcpu(), {}));
    return Run(Called(regs, target));
  }

  // Of VP 0, as its run loop would.
  void MakeMsrExits(size_t count) {
    kvm_run run{};
    run.exit_reason = KVM_EXIT_X86_RDMSR;
    run.msr.index = static_cast<uint32_t>(MsrIndex::kVpIndex);
    for (size_t i = 0; i < count; ++i) backend().OnMsr(VpIndex(0), kvm::MsrExit(run));
  }

  // Lets CPL 3 use the first 2 MiB, of the tables that CR3 points at.
  void ShareFirstPages(uint64_t cr3) {
    uint64_t table = cr3;
    for (int level = 0; level < 3; ++level) {
      uint64_t entry = 0;
      ASSERT_EQ(machine().memory().Read(Gpa(table), std::as_writable_bytes(std::span(&entry, 1))),
                MemFault::kNone);
      Store(Gpa(table), entry | kPageUser);
      table = entry & ~uint64_t{0xFFF};
    }
  }

  // 64-bit code at CPL 3 that may use all ports, with a kernel that logs where it got #UD.
  void EnterRing3() {
    constexpr uint64_t kKernelCode = 0x00AF9B000000FFFF;
    constexpr uint64_t kInterruptGate = 0x00008E0000080000;
    constexpr size_t kInvalidOpcode = 6;
    ASSERT_OK(SetLongMode(vcpu(), {.tables = UserKvmMachine::kTables}));
    Store(kGdt, std::array<uint64_t, 2>{0, kKernelCode});
    Store(kTss, std::array<uint32_t, 26>{0, static_cast<uint32_t>(kKernelStack)});
    const uint64_t handler = UserKvmMachine::kHandler.value();
    std::array<uint64_t, 32> idt{};
    idt[2 * kInvalidOpcode] = kInterruptGate | (handler & 0xFFFF) | handler >> 16 << 48;
    Store(kIdt, idt);
    ASSERT_OK(machine().Load(LogReturnAddressHandler(), UserKvmMachine::kHandler));
    ASSERT_OK_AND_ASSIGN(kvm_sregs sregs, vcpu().GetSregs());
    for (kvm_segment* segment : {&sregs.cs, &sregs.ds, &sregs.es, &sregs.ss}) segment->dpl = 3;
    sregs.cs.selector = 0x1B;
    sregs.ds.selector = sregs.es.selector = sregs.ss.selector = 0x23;
    sregs.gdt.base = kGdt.value();
    sregs.gdt.limit = 0xF;
    sregs.idt.base = kIdt.value();
    sregs.idt.limit = sizeof(idt) - 1;
    sregs.tr.base = kTss.value();
    sregs.tr.limit = 0x67;
    ASSERT_OK(vcpu().SetSregs(sregs));
    ShareFirstPages(sregs.cr3);
  }

  void SetXmm(const std::array<uint64_t, 12>& values) {
    kvm::Xsave xsave(vcpu().xsave_size());
    ASSERT_OK(GetXsave(xsave));
    std::memcpy(xsave.bytes().data() + 160, values.data(), sizeof(values));
    xsave.bytes()[512] |= std::byte{3};
    ASSERT_OK(vcpu().SetXsave(xsave));
  }
  std::array<uint64_t, 12> Xmm() {
    kvm::Xsave xsave(vcpu().xsave_size());
    EXPECT_OK(GetXsave(xsave));
    std::array<uint64_t, 12> values;
    std::memcpy(values.data(), xsave.bytes().data() + 160, sizeof(values));
    return values;
  }
  absl::Status GetXsave(kvm::Xsave& xsave) {
    return xsave.size() > sizeof(kvm_xsave) ? vcpu().GetXsave2(xsave) : vcpu().GetXsave(xsave);
  }

  NoEvents events_;
  Calls calls_;
  LogPort port_;
  KernelFacts facts_;
  std::unique_ptr<UserKvmMachine> machine_;
  std::unique_ptr<UserBackend> backend_;
};

INSTANTIATE_TEST_SUITE_P(SyncedRegisters, HypercallKvmTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "With" : "Without"; });

TEST_P(HypercallKvmTest, FastCallIn64BitCodeChangesOnlyRax) {
  kvm_regs regs{};
  regs.rax = 0x55;
  regs.rcx = Control(TwoWords::kCode) | kFast;
  regs.rdx = 0x1234'5678'9ABC'DEF0;
  regs.r8 = 22;
  regs.rbx = 0xB;
  regs.r11 = 0x11;
  const kvm_regs after = Call64(regs);
  EXPECT_THAT(calls_.seen, ElementsAre(Words{regs.rdx, regs.r8}));
  EXPECT_EQ(after.rax, 0u);
  EXPECT_EQ(after.rcx, regs.rcx);
  EXPECT_EQ(after.rdx, regs.rdx);
  EXPECT_EQ(after.r8, regs.r8);
  EXPECT_EQ(after.rbx, regs.rbx);
  EXPECT_EQ(after.r11, regs.r11);
  EXPECT_EQ(after.rsp, kStack + 8);
}

TEST_P(HypercallKvmTest, CallIsMadeAgainEachTime) {
  kvm_regs regs{};
  regs.rcx = Control(TwoWords::kCode) | kFast;
  for (regs.rdx = 0; regs.rdx < 3; ++regs.rdx) Call64(regs);
  EXPECT_THAT(calls_.seen, ElementsAre(Words{0, 0}, Words{1, 0}, Words{2, 0}));
}

TEST_P(HypercallKvmTest, ExitsBringRegistersOnlyWhileThereAreCalls) {
  kvm_regs regs{};
  regs.rcx = Control(TwoWords::kCode) | kFast;
  EXPECT_EQ(vcpu().run().kvm_valid_regs, 0u);
  Call64(regs);
  EXPECT_EQ(vcpu().run().kvm_valid_regs != 0, GetParam());
  MakeMsrExits(16);
  EXPECT_EQ(vcpu().run().kvm_valid_regs, 0u);
}

TEST_P(HypercallKvmTest, CallAfterManyOtherExitsIsMade) {
  kvm_regs regs{};
  regs.rcx = Control(TwoWords::kCode) | kFast;
  for (regs.rdx = 0; regs.rdx < 3; ++regs.rdx) {
    EXPECT_EQ(Call64(regs).rax, 0u);
    MakeMsrExits(16 * regs.rdx);
  }
  EXPECT_THAT(calls_.seen, ElementsAre(Words{0, 0}, Words{1, 0}, Words{2, 0}));
}

TEST_P(HypercallKvmTest, UnknownCallIsAStatus) {
  kvm_regs regs{};
  regs.rcx = 0xFFFF;
  EXPECT_EQ(Call64(regs).rax, static_cast<uint64_t>(HvStatus::kInvalidHypercallCode));
}

TEST_P(HypercallKvmTest, CallBy32BitCodeUsesRegisterPairs) {
  kvm_regs regs{};
  regs.rax = Control(TwoWords::kCode) | kFast;
  regs.rbx = 1;
  regs.rcx = 2;
  regs.rdi = 3;
  regs.rsi = 4;
  const kvm_regs after = Call32(regs);
  EXPECT_THAT(calls_.seen, ElementsAre(Words{uint64_t{1} << 32 | 2, uint64_t{3} << 32 | 4}));
  EXPECT_EQ(after.rax, 0u);
  EXPECT_EQ(after.rdx, 0u);
  EXPECT_EQ(after.rbx, 1u);
  EXPECT_EQ(after.rsi, 4u);
}

TEST_P(HypercallKvmTest, CompatibilityModeIs32BitCode) {
  kvm_regs regs{};
  regs.rax = Control(TwoWords::kCode) | kFast;
  regs.rcx = 2;
  regs.rsi = 4;
  ASSERT_OK(SetLongMode(vcpu(), {.tables = UserKvmMachine::kTables}));
  ASSERT_OK_AND_ASSIGN(kvm_sregs sregs, vcpu().GetSregs());
  sregs.cs.l = 0;
  sregs.cs.db = 1;
  ASSERT_OK(vcpu().SetSregs(sregs));
  Run(Called(regs, kPage));
  EXPECT_THAT(calls_.seen, ElementsAre(Words{2, 4}));
}

TEST_P(HypercallKvmTest, OutElsewhereIsOrdinaryPortIo) {
  kvm_regs regs{};
  regs.rcx = Control(TwoWords::kCode) | kFast;
  regs.rax = 0x5A;
  const kvm_regs after = Call64(regs, kCopy);
  EXPECT_THAT(calls_.seen, IsEmpty());
  EXPECT_THAT(port_.Take(), ElementsAre(0x5Au));
  EXPECT_EQ(after.rax, 0x5Au);
}

TEST_P(HypercallKvmTest, OutWhereThePageWasIsOrdinaryPortIo) {
  kvm_regs regs{};
  regs.rcx = Control(TwoWords::kCode) | kFast;
  Call64(regs);
  WriteMsr(MsrIndex::kHypercall, kInput.value() | 1);
  const hyperv::HypercallCode code = HypercallPageCode(kDefaultHypercallPort);
  ASSERT_OK(machine().Load(std::as_bytes(std::span(code.bytes).first(code.size)), kPage));
  Call64(regs);
  EXPECT_EQ(calls_.seen.size(), 1u);
  EXPECT_EQ(port_.Take().size(), 1u);
}

TEST_P(HypercallKvmTest, CallAtCpl3IsAnInvalidOpcodeAtTheOut) {
  ASSERT_NO_FATAL_FAILURE(EnterRing3());
  kvm_regs regs{};
  regs.rflags = kIopl3;
  regs.rcx = Control(TwoWords::kCode) | kFast;
  Run(Called(regs, kPage));
  EXPECT_THAT(calls_.seen, IsEmpty());
  EXPECT_THAT(port_.Take(), IsEmpty());
  EXPECT_THAT(machine().log().Take(), ElementsAre(kPage.value() + 1));
}

TEST_P(HypercallKvmTest, OutElsewhereAtCpl3IsOrdinaryPortIo) {
  ASSERT_NO_FATAL_FAILURE(EnterRing3());
  kvm_regs regs{};
  regs.rflags = kIopl3;
  regs.rax = 0x5A;
  Run(Called(regs, kCopy));
  EXPECT_THAT(port_.Take(), ElementsAre(0x5Au));
  EXPECT_THAT(machine().log().Take(), IsEmpty());
}

TEST_P(HypercallKvmTest, CallOfManyRepsIsExecutedAgainUntilAllAreDone) {
  Store(kInput, std::array<uint64_t, 5>{1, 2, 3, 4, 5});
  kvm_regs regs{};
  regs.rcx = Control(Repeated::kCode) | uint64_t{5} << 32;
  regs.rdx = kInput.value();
  const kvm_regs after = Call64(regs);
  EXPECT_THAT(calls_.seen, ElementsAre(Words{1, 2}, Words{3, 4}, Words{5}));
  EXPECT_EQ(after.rax, uint64_t{5} << 32);
}

TEST_P(HypercallKvmTest, FastInputContinuesInXmmRegisters) {
  ASSERT_NO_FATAL_FAILURE(SetXmm({3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}));
  kvm_regs regs{};
  regs.rcx = Control(ManyWords::kCode) | kFast;
  regs.rdx = 1;
  regs.r8 = 2;
  EXPECT_EQ(Call64(regs).rax, 0u);
  EXPECT_THAT(calls_.seen, ElementsAre(Words{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}));
  EXPECT_THAT(Xmm(), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
}

TEST_P(HypercallKvmTest, FastOutputComesInXmmRegistersThatTheGuestNeverUsed) {
  kvm_regs regs{};
  regs.rcx = Control(Echo::kCode) | kFast;
  regs.rdx = 0x1111;
  regs.r8 = 0x2222;
  EXPECT_EQ(Call64(regs).rax, 0u);
  EXPECT_THAT(Xmm(), ElementsAre(0x1111, 0x2222, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST_P(HypercallKvmTest, FlushLeavesTheGuestsRegistersAlone) {
  constexpr size_t kTaskPriority = 0x80;
  constexpr char kPriority = 0x4F;
  ASSERT_OK(SetLongMode(vcpu(), {.tables = UserKvmMachine::kTables}));
  ASSERT_OK_AND_ASSIGN(kvm_lapic_state apic, vcpu().GetLapic());
  apic.regs[kTaskPriority] = kPriority;
  ASSERT_OK(vcpu().SetLapic(apic));
  ASSERT_OK_AND_ASSIGN(const kvm_sregs before, vcpu().GetSregs());
  ASSERT_OK(VcpuTlb(vcpu()).Flush());
  ASSERT_OK_AND_ASSIGN(const kvm_sregs after, vcpu().GetSregs());
  EXPECT_EQ(std::memcmp(&after, &before, sizeof(after)), 0);
  ASSERT_OK_AND_ASSIGN(apic, vcpu().GetLapic());
  EXPECT_EQ(apic.regs[kTaskPriority], kPriority);
}

TEST_P(HypercallKvmTest, GuestFlushesItsOwnTlbAndGoesOn) {
  kvm_regs regs{};
  regs.rcx = Control(CallCode::kFlushVirtualAddressSpace);
  regs.rdx = kInput.value();
  Store(kInput,
        hyperv::tlfs::FlushInput{.flags = {hyperv::tlfs::FlushFlags::AllProcessors::kMask}});
  EXPECT_EQ(Call64(regs).rax, 0u);
}

TEST_P(HypercallKvmTest, IpiToTheCallerItselfArrives) {
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  kvm_regs regs{};
  regs.rcx = Control(CallCode::kSendSyntheticClusterIpi) | kFast;
  regs.rdx = UserKvmMachine::kVector;
  regs.r8 = 1;
  ASSERT_OK(machine().Load(EndOfRunGuest()));
  EXPECT_EQ(Call64(regs).rax, 0u);
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  EXPECT_OK(machine().RunToEnd());
}

class StartVpKvmTest : public HypercallKvmTest {
 protected:
  uint64_t Start(uint32_t vp) {
    hyperv::tlfs::StartVpInput input;
    input.partition_id = hyperv::tlfs::kPartitionIdSelf;
    input.vp_index = vp;
    input.context = context_;
    Store(kInput, input);
    kvm_regs regs{};
    regs.rcx = Control(CallCode::kStartVirtualProcessor);
    regs.rdx = kInput.value();
    return CallWhileTheOtherEnters(regs).rax;
  }

  // VP 0's call, while VP 1's run loop enters the guest again and again.
  kvm_regs CallWhileTheOtherEnters(const kvm_regs& regs) {
    std::atomic<bool> over = false;
    absl::Status entered;
    std::thread other([&] {
      while (!over && entered.ok()) entered = machine().runner(1).CompletePendingExit();
    });
    const kvm_regs after = Call64(regs);
    over = true;
    other.join();
    EXPECT_OK(entered);
    return after;
  }

  void SetUp() override {
    HypercallKvmTest::SetUp();
    ASSERT_OK(SetWaitForSipi(machine().vcpu(1)));
    context_.rip = UserKvmMachine::kCode.value();
    context_.rsp = 0x1000;
    context_.cs = {.limit = 0xFFFFFFFF, .selector = 0x10, .attributes = {0xC09B}};
    context_.ds = context_.es =
        context_.ss = {.limit = 0xFFFFFFFF, .selector = 0x18, .attributes = {0xC093}};
    context_.fs = context_.gs = context_.ds;
    context_.tr = {.limit = 0x67, .selector = 0x20, .attributes = {0x008B}};
    context_.cr0 = 0x11;
    context_.pat = 0x0007040600070406;
  }

  hyperv::tlfs::InitialVpContext context_;
};

INSTANTIATE_TEST_SUITE_P(SyncedRegisters, StartVpKvmTest, ::testing::Values(true));

TEST_P(StartVpKvmTest, WaitingVpRunsFromItsContext) {
  EXPECT_EQ(Start(1), 0u);
  EXPECT_OK(machine().RunToEnd(1));
  ASSERT_OK_AND_ASSIGN(const kvm_regs regs, machine().vcpu(1).GetRegs());
  EXPECT_EQ(regs.rsp, 0x1000u);
}

TEST_P(StartVpKvmTest, SecondStartIsRefused) {
  EXPECT_EQ(Start(1), 0u);
  EXPECT_EQ(Start(1), static_cast<uint64_t>(HvStatus::kInvalidVpState));
}

TEST_P(StartVpKvmTest, RunningVpIsRefused) {
  EXPECT_EQ(Start(0), static_cast<uint64_t>(HvStatus::kInvalidVpState));
}

TEST_P(StartVpKvmTest, VpThatInitAndSipiHaveStartedIsRefused) {
  ASSERT_OK(machine().vcpu(1).SetMpState({.mp_state = KVM_MP_STATE_RUNNABLE}));
  EXPECT_EQ(Start(1), static_cast<uint64_t>(HvStatus::kInvalidVpState));
}

TEST_P(StartVpKvmTest, StateThatKvmRefusesIsToldAndTheVpWaitsOn) {
  context_.efer = 1 << 1;  // reserved
  EXPECT_EQ(Start(1), static_cast<uint64_t>(HvStatus::kInvalidRegisterValue));
  context_.efer = 0;
  context_.pat = 2;  // no type of memory
  EXPECT_EQ(Start(1), static_cast<uint64_t>(HvStatus::kInvalidRegisterValue));
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state state, machine().vcpu(1).GetMpState());
  EXPECT_EQ(state.mp_state, KVM_MP_STATE_UNINITIALIZED);
  context_.pat = 0x0007040600070406;
  EXPECT_EQ(Start(1), 0u);
}

TEST_P(StartVpKvmTest, ImpossibleStateIsRefusedAndTheVpWaitsOn) {
  context_.cr0 = uint64_t{1} << 31;  // paging without protection
  EXPECT_EQ(Start(1), static_cast<uint64_t>(HvStatus::kInvalidRegisterValue));
  context_.cr0 = 0x11;
  EXPECT_EQ(Start(1), 0u);
}

}  // namespace
}  // namespace hvkit::vcpu
