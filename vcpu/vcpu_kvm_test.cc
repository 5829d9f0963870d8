// The package on real KVM: little guests on a VcpuThread each.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu.h"
#include "testing/status_matchers.h"
#include "vcpu/allocation_counter.h"
#include "vcpu/guest_memory.h"
#include "vcpu/kvm_test_guests.h"
#include "vcpu/kvm_test_machine.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Written = RecordingDevice::Written;
constexpr uint64_t kCode = Machine::kCode.value();

// A guest that never ends must not hang the test for ever.
class Deadline : public ::testing::Environment {
 public:
  void SetUp() override { ::alarm(100); }
};
[[maybe_unused]] ::testing::Environment* const kDeadline =
    ::testing::AddGlobalTestEnvironment(new Deadline);

class VcpuKvmTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(machine_, Machine::Create(Irqchip::kNone)); }

  Machine& machine() { return *machine_; }
  // Runs a 32-bit guest until it says that it is done.
  void RunProtected32(GuestCode code) {
    ASSERT_OK(machine().LoadProtected32(code));
    ASSERT_OK(machine().RunToEnd());
  }
  void StartProtected32(GuestCode code) {
    ASSERT_OK(machine().LoadProtected32(code));
    ASSERT_OK(machine().thread().Start());
  }
  void ExpectDoneAfterFlag() {
    ASSERT_OK(machine().SetFlag());
    EXPECT_OK(machine().thread().Join());
  }

  std::unique_ptr<Machine> machine_;
};

TEST_F(VcpuKvmTest, RealModeStartsAtSegmentAndOffset) {
  ASSERT_OK(machine().Load(RealModeGuest(), hyperv::Gpa(0x10230)));
  ASSERT_OK(SetRealMode(machine().vcpu(), {.cs = 0x1000, .ip = 0x230}));
  ASSERT_OK(machine().RunToEnd());
  const std::vector<uint64_t> values = machine().log().values();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0], 0x1000u);       // CS
  EXPECT_EQ(values[1], 0x1000u);       // DS
  EXPECT_EQ(values[2], 0x230u + 11u);  // IP after the call
  EXPECT_EQ(values[3] & 1, 0u);        // CR0.PE
}

TEST_F(VcpuKvmTest, ProtectedModeGetsItsRegistersWithPagingOff) {
  ASSERT_OK(machine().Load(Protected32Guest()));
  ASSERT_OK(SetProtected32(
      machine().vcpu(),
      {.eip = static_cast<uint32_t>(kCode), .eax = 0x2BADB002, .ebx = 0x9500, .esi = 0x12345678}));
  ASSERT_OK(machine().RunToEnd());
  const std::vector<uint64_t> values = machine().log().values();
  EXPECT_THAT(values, ElementsAre(0x2BADB002u, 0x9500u, 0x12345678u, values.back()));
  EXPECT_EQ(values.back() & 0x80000001, 1u);  // CR0: PE, no PG
}

TEST_F(VcpuKvmTest, LongModeGetsItsRegistersAndTables) {
  constexpr uint64_t kRsi = 0x1122334455667788;
  ASSERT_OK(machine().Load(LongModeGuest()));
  ASSERT_OK(WriteLongModeTables(machine().memory(), Machine::kTables));
  ASSERT_OK(SetLongMode(
      machine().vcpu(),
      {.rip = kCode, .rsp = Machine::kStackTop, .rsi = kRsi, .tables = Machine::kTables}));
  ASSERT_OK(machine().RunToEnd());
  EXPECT_THAT(machine().log().values(),
              ElementsAre(0x55667788u, 0x11223344u, Machine::kStackTop, 0x500u, 0x10u));
}

TEST_F(VcpuKvmTest, StringOutputArrivesElementByElement) {
  const std::array<std::byte, 5> text = {std::byte{'h'}, std::byte{'e'}, std::byte{'l'},
                                         std::byte{'l'}, std::byte{'o'}};
  ASSERT_OK(machine().Load(text, hyperv::Gpa(kBufferAddress)));
  RunProtected32(StringIoGuest());
  EXPECT_THAT(machine().log().writes(),
              ElementsAre(Written{0, 'h', 1}, Written{0, 'e', 1}, Written{0, 'l', 1},
                          Written{0, 'l', 1}, Written{0, 'o', 1}));
}

TEST_F(VcpuKvmTest, StringInputFillsMemoryInOrder) {
  RunProtected32(StringIoGuest());
  std::array<std::byte, 6> buffer{};
  ASSERT_EQ(machine().memory().Read(hyperv::Gpa(kBufferAddress), buffer), hyperv::MemFault::kNone);
  EXPECT_THAT(buffer, ElementsAre(std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                  std::byte{5}, std::byte{6}));
}

TEST_F(VcpuKvmTest, MmioGoesToItsBus) {
  RunProtected32(MmioGuest());
  EXPECT_THAT(machine().mmio().writes(), ElementsAre(Written{4, 0x11223344, 4}));
  EXPECT_THAT(machine().log().values(), ElementsAre(0x04030201u));
}

TEST_F(VcpuKvmTest, MsrExitsAreAnsweredByTheHandler) {
  RunProtected32(MsrGuest());
  EXPECT_EQ(machine().handlers().msr_value, 0x0102030405060708u);
  EXPECT_THAT(machine().log().values(), ElementsAre(0x05060708u, 0x01020304u));
}

TEST_F(VcpuKvmTest, ExitsAreCountedByReason) {
  RunProtected32(MsrGuest());
  EXPECT_EQ(machine().runner().exit_counts()[KVM_EXIT_X86_WRMSR], 1u);
  EXPECT_EQ(machine().runner().exit_counts()[KVM_EXIT_X86_RDMSR], 1u);
  EXPECT_EQ(machine().runner().exit_counts()[KVM_EXIT_IO], 3u);
}

TEST_F(VcpuKvmTest, ExitPathAllocatesNothing) {
  uint64_t first = 0;
  uint64_t last = 0;
  std::atomic<int> inputs{0};
  machine().input().OnRead([&] {
    last = AllocationsOfThisThread();
    if (inputs++ == 0) first = last;
  });
  RunProtected32(MixedExitsGuest());
  EXPECT_EQ(inputs, kMixedRounds);
  EXPECT_EQ(machine().handlers().msr_accesses, 2 * kMixedRounds);
  EXPECT_EQ(last - first, 0u);
}

TEST_F(VcpuKvmTest, CpuidHasTheMergedTopology) {
  ASSERT_OK_AND_ASSIGN(machine_, Machine::Create(Irqchip::kInKernel, 2));
  RunProtected32(CpuidGuest());
  const std::vector<uint64_t> values = machine().log().values();
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0] >> 16, 2u);      // APIC id 0, two logical processors
  EXPECT_EQ(values[1] >> 31 & 1, 1u);  // a hypervisor is present
}

TEST_F(VcpuKvmTest, KickReachesASpinningGuest) {
  StartProtected32(SpinningGuest());
  absl::Notification kicked;
  EXPECT_OK(machine().thread().RunOnVcpu([] {}));
  EXPECT_TRUE(machine().thread().Post([&] { kicked.Notify(); }));
  kicked.WaitForNotification();
  ExpectDoneAfterFlag();
  EXPECT_GE(machine().handlers().kicks, 1);
}

TEST_F(VcpuKvmTest, NoKickIsLostOnASpinningGuest) {
  constexpr int kRounds = 300;
  StartProtected32(SpinningGuest());
  int done = 0;
  for (int i = 0; i < kRounds; ++i) {
    ASSERT_OK(machine().thread().RunOnVcpu([&] { ++done; }));
  }
  EXPECT_EQ(done, kRounds);
  ExpectDoneAfterFlag();
}

TEST_F(VcpuKvmTest, StopEndsASpinningGuest) {
  StartProtected32(SpinningGuest());
  machine().thread().Stop();
  EXPECT_OK(machine().thread().Join());
}

TEST_F(VcpuKvmTest, PausedGuestDoesNotMove) {
  StartProtected32(SpinningGuest());
  ASSERT_OK(machine().thread().Pause());
  ASSERT_OK(machine().SetFlag());
  ASSERT_OK_AND_ASSIGN(const kvm_regs before, machine().vcpu().GetRegs());
  ASSERT_OK(machine().thread().RunOnVcpu([] {}));
  ASSERT_OK_AND_ASSIGN(const kvm_regs after, machine().vcpu().GetRegs());
  EXPECT_EQ(before.rip, after.rip);
  EXPECT_EQ(machine().runner().exit_counts()[KVM_EXIT_IO], 0u);
}

TEST_F(VcpuKvmTest, ResumedGuestGoesOn) {
  StartProtected32(SpinningGuest());
  ASSERT_OK(machine().thread().Pause());
  ASSERT_OK(machine().SetFlag());
  machine().thread().Resume();
  EXPECT_OK(machine().thread().Join());
}

TEST_F(VcpuKvmTest, WorkOnVcpuSeesTheRunningGuestsRegisters) {
  StartProtected32(SpinningGuest());
  absl::StatusOr<kvm_regs> regs;
  ASSERT_OK(machine().thread().RunOnVcpu([&] { regs = machine().vcpu().GetRegs(); }));
  ASSERT_OK(regs);
  EXPECT_GE(regs->rip, kCode);
  EXPECT_LT(regs->rip, kCode + SpinningGuest().size());
  ExpectDoneAfterFlag();
}

TEST_F(VcpuKvmTest, WorkOnVcpuMayMoveTheGuest) {
  StartProtected32(SpinningGuest());
  constexpr size_t kAfterLoop = 9;  // behind CMPL and JE
  absl::Status moved;
  ASSERT_OK(machine().thread().RunOnVcpu([&] {
    absl::StatusOr<kvm_regs> regs = machine().vcpu().GetRegs();
    moved = regs.status();
    if (!regs.ok()) return;
    regs->rip = kCode + kAfterLoop;
    moved = machine().vcpu().SetRegs(*regs);
  }));
  EXPECT_OK(moved);
  EXPECT_OK(machine().thread().Join());
}

TEST_F(VcpuKvmTest, PauseDuringAnExitCompletesItsInstruction) {
  absl::Notification requested;
  machine().input().OnRead([&] {
    machine().thread().RequestPause();
    requested.Notify();
  });
  StartProtected32(InputGuest());
  requested.WaitForNotification();
  ASSERT_OK(machine().thread().WaitUntilPaused());
  ASSERT_OK_AND_ASSIGN(const kvm_regs regs, machine().vcpu().GetRegs());
  EXPECT_EQ(regs.rip, kCode + 2);  // behind the IN
  EXPECT_EQ(regs.rax & 0xFF, 1u);  // with its result
  machine().thread().Resume();
  ExpectDoneAfterFlag();
}

TEST_F(VcpuKvmTest, HandlerMayCompleteItsExitToSeeRegisters) {
  absl::StatusOr<kvm_regs> regs;
  machine().log().OnWrite([&] {
    ASSERT_OK(machine().runner().CompletePendingExit());
    regs = machine().vcpu().GetRegs();
  });
  RunProtected32(MmioGuest());
  ASSERT_OK(regs);
  EXPECT_EQ(regs->rip, kCode + 17);  // behind the OUT of what was read
}

TEST_F(VcpuKvmTest, CompletingAnExitKeepsAKickThatCameBefore) {
  absl::Notification requested;
  machine().input().OnRead([&] {
    machine().thread().RequestPause();
    EXPECT_OK(machine().runner().CompletePendingExit());
    requested.Notify();
  });
  StartProtected32(InputGuest());
  requested.WaitForNotification();
  EXPECT_OK(machine().thread().WaitUntilPaused());
  machine().thread().Resume();
  ExpectDoneAfterFlag();
}

TEST_F(VcpuKvmTest, HaltWithoutIrqchipWaitsForAKick) {
  StartProtected32(HaltingGuest());
  while (machine().thread().RunOnVcpu([] {}).ok()) {  // each is a kick; one finds the guest halted
  }
  EXPECT_OK(machine().thread().Join());
  EXPECT_EQ(machine().runner().exit_counts()[KVM_EXIT_HLT], 1u);
}

TEST_F(VcpuKvmTest, TripleFaultIsReported) {
  ASSERT_OK(machine().LoadProtected32(TripleFaultGuest()));
  EXPECT_OK(machine().RunToEnd());
  EXPECT_EQ(machine().handlers().shutdowns, 1);
}

TEST_F(VcpuKvmTest, InternalErrorEndsTheRunWithWhatKvmSays) {
  ASSERT_OK(machine().LoadProtected32(JumpToNowhereGuest()));
  EXPECT_THAT(machine().RunToEnd(),
              StatusIs(absl::StatusCode::kInternal,
                       AllOf(HasSubstr("KVM_EXIT_INTERNAL_ERROR on vCPU 0"),
                             HasSubstr("suberror 1 (instruction emulation failed)"))));
}

TEST_F(VcpuKvmTest, ExitWithoutAMethodOfItsOwnGoesToOnOther) {
  ASSERT_OK(machine().LoadProtected32(SpinningGuest()));
  kvm_guest_debug debug = {};
  debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
  ASSERT_OK(machine().vcpu().SetGuestDebug(debug));
  EXPECT_OK(machine().RunToEnd());
  EXPECT_EQ(machine().handlers().other_reason, uint32_t{KVM_EXIT_DEBUG});
}

TEST_F(VcpuKvmTest, FailingKvmRunEndsTheRunWithItsError) {
  ASSERT_OK(machine().LoadProtected32(SpinningGuest()));
  machine().vcpu().run().kvm_valid_regs = ~uint64_t{0};
  EXPECT_THAT(machine().RunToEnd(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("KVM_RUN of vCPU 0")));
}

class VcpuIrqchipKvmTest : public VcpuKvmTest {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(machine_, Machine::Create(Irqchip::kInKernel, 2)); }
};

TEST_F(VcpuIrqchipKvmTest, SecondProcessorStartsThroughInitAndSipi) {
  absl::Notification started;
  machine().log().OnWrite([&] { started.Notify(); });
  ASSERT_OK(machine().Load(SecondProcessorGuest(), hyperv::Gpa(kTrampoline)));
  ASSERT_OK(SetWaitForSipi(machine().vcpu(1)));
  ASSERT_OK(machine().thread(1).Start());
  StartProtected32(StartSecondGuest());
  started.WaitForNotification();
  ExpectDoneAfterFlag();
  EXPECT_OK(machine().thread(1).Join());
  EXPECT_THAT(machine().log().values(), ElementsAre(kTrampoline >> 4));
}

TEST_F(VcpuIrqchipKvmTest, WaitingProcessorCanBeStopped) {
  ASSERT_OK(SetWaitForSipi(machine().vcpu(1)));
  ASSERT_OK(machine().thread(1).Start());
  EXPECT_OK(machine().thread(1).Pause());
  machine().thread(1).Stop();
  EXPECT_OK(machine().thread(1).Join());
}

TEST_F(VcpuIrqchipKvmTest, HaltedGuestCanBeStopped) {
  StartProtected32(HaltingGuest());
  EXPECT_OK(machine().thread().RunOnVcpu([] {}));
  machine().thread().Stop();
  EXPECT_OK(machine().thread().Join());
  EXPECT_EQ(machine().runner().exit_counts()[KVM_EXIT_HLT], 0u);
}

TEST_F(VcpuIrqchipKvmTest, LocalApicPinsAreExtIntAndNmi) {
  ASSERT_OK(SetLocalApicPins(machine().vcpu()));
  ASSERT_OK_AND_ASSIGN(const kvm_lapic_state lapic, machine().vcpu().GetLapic());
  uint32_t lint0;
  uint32_t lint1;
  std::memcpy(&lint0, lapic.regs + 0x350, sizeof(lint0));
  std::memcpy(&lint1, lapic.regs + 0x360, sizeof(lint1));
  EXPECT_EQ(lint0, 0x700u);
  EXPECT_EQ(lint1, 0x400u);
}

TEST(GuestMemoryKvmTest, BothRegionsBecomeSlots) {
  ASSERT_OK_AND_ASSIGN(const kvm::Kvm kvm, kvm::Kvm::Open());
  ASSERT_OK_AND_ASSIGN(const kvm::Vm vm, kvm.CreateVm());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<GuestMemory> memory,
                       GuestMemory::Create(uint64_t{5} << 30));
  ASSERT_OK(memory->RegisterWith(vm, 3));
  EXPECT_THAT(memory->RegisterWith(vm, 7),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("EEXIST")));
}

}  // namespace
}  // namespace hvkit::vcpu
