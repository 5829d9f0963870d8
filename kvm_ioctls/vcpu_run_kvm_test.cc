// Running a vCPU on real KVM: exits, completion, events.
#include <pthread.h>

#include <csignal>
#include <string>

#include "kvm_ioctls/kvm_test_machine.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

HVKIT_GUEST(kHalt, "hlt");
HVKIT_GUEST(kSpin, "1: jmp 1b");
HVKIT_GUEST(kEcho, "in $0x60, %eax; out %eax, $0x61; hlt");
HVKIT_GUEST(kInString, "cld; mov $0x9000, %edi; mov $4, %ecx; mov $0x60, %dx; rep insb; hlt");
HVKIT_GUEST(kOutString, "cld; mov $0x9000, %esi; mov $4, %ecx; mov $0x60, %dx; rep outsb; hlt");
HVKIT_GUEST(kMmioCopy, "movl 0xd0000000, %eax; movl %eax, 0xd0000008; hlt");
HVKIT_GUEST(kTripleFault, "ud2");
HVKIT_GUEST(kJumpNowhere, "mov $0xe0000000, %eax; jmp *%eax");
HVKIT_GUEST(kNops, "nop; nop; hlt");
HVKIT_GUEST(kOutEbx, "out %eax, $0x61; mov %ebx, %eax; out %eax, $0x62; hlt");
// KVM_HC_MAP_GPA_RANGE of one page at 0x9000. The kernel patches VMCALL to what the processor has.
HVKIT_GUEST(kHypercall,
            "mov $12, %eax; mov $0x9000, %ebx; mov $1, %ecx; xor %edx, %edx; xor %esi, %esi;"
            "vmcall; out %eax, $0x61; hlt");
HVKIT_GUEST(kReadTaskPriority, "mov 0xfee00080, %eax; nop; 1: hlt; jmp 1b");

using VcpuRunKvmTest = KvmTest;

TEST_F(VcpuRunKvmTest, HaltWithoutIrqchipExits) {
  CreateVcpu(kHalt);
  EXPECT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
}

TEST_F(VcpuRunKvmTest, PortReadTakesTheValueGivenToTheView) {
  CreateVcpu(kEcho);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  const IoExit in = vcpu().exit().io();
  EXPECT_FALSE(in.is_write());
  EXPECT_EQ(in.port(), 0x60);
  ASSERT_EQ(in.data().size(), 4u);
  const uint32_t value = 0x8badf00d;
  std::memcpy(in.data().data(), &value, sizeof(value));
  EXPECT_EQ(RunToOut(), value);
  EXPECT_EQ(vcpu().exit().io().port(), 0x61);
}

TEST_F(VcpuRunKvmTest, StringReadTakesAllRepetitionsAtOnce) {
  CreateVcpu(kInString);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  const IoExit in = vcpu().exit().io();
  EXPECT_EQ(in.size(), 1);
  ASSERT_EQ(in.count(), 4u);
  std::memcpy(in.data().data(), "abcd", 4);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
  EXPECT_EQ(Read<uint32_t>(kData), 0x64636261u);
}

TEST_F(VcpuRunKvmTest, StringWriteGivesAllBytesInOrder) {
  CreateVcpu(kOutString);
  Write(kData, uint32_t{0x64636261});
  std::string text;
  while (Run() == KVM_EXIT_IO && text.size() < 4) {
    const auto data = vcpu().exit().io().data();
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  EXPECT_EQ(text, "abcd");
}

TEST_F(VcpuRunKvmTest, MmioReadAndWritePassThroughTheView) {
  CreateVcpu(kMmioCopy);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_MMIO));
  const MmioExit read = vcpu().exit().mmio();
  EXPECT_FALSE(read.is_write());
  EXPECT_EQ(read.address(), 0xd0000000u);
  const uint32_t value = 0x01020304;
  ASSERT_EQ(read.data().size(), sizeof(value));
  std::memcpy(read.data().data(), &value, sizeof(value));
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_MMIO));
  const MmioExit write = vcpu().exit().mmio();
  EXPECT_TRUE(write.is_write());
  EXPECT_EQ(write.address(), 0xd0000008u);
  EXPECT_EQ(write.data()[0], std::byte{4});
}

TEST_F(VcpuRunKvmTest, TripleFaultIsAShutdown) {
  CreateVcpu(kTripleFault);
  EXPECT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_SHUTDOWN));
}

TEST_F(VcpuRunKvmTest, FetchFromNowhereIsAnEmulationFailure) {
  CreateVcpu(kJumpNowhere);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_INTERNAL_ERROR));
  EXPECT_EQ(vcpu().exit().internal_suberror(), static_cast<uint32_t>(KVM_INTERNAL_ERROR_EMULATION));
}

TEST_F(VcpuRunKvmTest, SingleStepStopsAfterEachInstruction) {
  CreateVcpu(kNops);
  kvm_guest_debug debug{};
  debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
  ASSERT_OK(vcpu().SetGuestDebug(debug));
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_DEBUG));
  EXPECT_EQ(vcpu().exit().debug().pc, kCode + 1);
}

TEST_F(VcpuRunKvmTest, HypercallExitTakesAResult) {
  ASSERT_OK(vm().EnableCap(KVM_CAP_EXIT_HYPERCALL, 1 << 12));
  CreateVcpu(kHypercall);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HYPERCALL));
  auto& hypercall = vcpu().exit().hypercall();
  EXPECT_EQ(hypercall.nr, 12u);
  EXPECT_EQ(hypercall.args[0], kData);
  hypercall.ret = 0x77;
  EXPECT_EQ(RunToOut(), 0x77u);
}

TEST_F(VcpuRunKvmTest, ImmediateExitCompletesAPendingExit) {
  CreateVcpu(kEcho);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  vcpu().exit().io().data()[0] = std::byte{0x5a};
  CompleteExit();
  ASSERT_OK_AND_ASSIGN(const kvm_regs regs, vcpu().GetRegs());
  EXPECT_EQ(regs.rax & 0xff, 0x5au);
  EXPECT_EQ(regs.rip, kCode + 2);
}

TEST_F(VcpuRunKvmTest, ImmediateExitDoesNotEnterTheGuest) {
  CreateVcpu(kSpin);
  vcpu().SetImmediateExit(true);
  EXPECT_EQ(vcpu().Run(), Errno(EINTR));
}

TEST_F(VcpuRunKvmTest, SyncedRegistersComeWithTheExitAndGoBack) {
  CreateVcpu(kOutEbx);
  vcpu().SetSyncValidRegs(KVM_SYNC_X86_REGS);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  EXPECT_EQ(vcpu().sync_regs().regs.rsp, kStack);
  vcpu().sync_regs().regs.rbx = 0xb0b;
  CompleteExit();  // what follows is about the next instruction
  vcpu().sync_regs().regs.rbx = 0xb0b;
  vcpu().MarkSyncDirtyRegs(KVM_SYNC_X86_REGS);
  EXPECT_EQ(RunToOut(), 0xb0bu);
  EXPECT_EQ(vcpu().run().kvm_dirty_regs, 0u);
}

TEST_F(VcpuRunKvmTest, ClearedSyncedRegistersAreNotLoaded) {
  CreateVcpu(kOutEbx);
  vcpu().SetSyncValidRegs(KVM_SYNC_X86_REGS);
  vcpu().sync_regs().regs.rip = 0xdead0000;
  vcpu().MarkSyncDirtyRegs(KVM_SYNC_X86_REGS);
  vcpu().ClearSyncDirtyRegs();
  EXPECT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
}

extern "C" void IgnoreSignal(int) {}

// Blocks SIGUSR1 for the thread, with a handler, as vCPU threads do.
class SignalKvmTest : public KvmTest {
 protected:
  void SetUp() override {
    KvmTest::SetUp();
    struct sigaction action{};
    action.sa_handler = IgnoreSignal;
    ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
    ::sigemptyset(&blocked_);
    ::sigaddset(&blocked_, SIGUSR1);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked_, nullptr), 0);
  }
  void TearDown() override {
    ::pthread_sigmask(SIG_UNBLOCK, &blocked_, nullptr);
    KvmTest::TearDown();
  }

 private:
  sigset_t blocked_{};
};

TEST_F(SignalKvmTest, SignalMaskLetsAPendingSignalInterruptTheGuest) {
  CreateVcpu(kSpin);
  ASSERT_OK(vcpu().SetSignalMask(SignalMask(8)));
  ASSERT_EQ(::pthread_kill(::pthread_self(), SIGUSR1), 0);
  EXPECT_EQ(vcpu().Run(), Errno(EINTR));
}

TEST_F(SignalKvmTest, SignalMaskOfTheWrongSizeIsRefused) {
  CreateVcpu();
  EXPECT_THAT(vcpu().SetSignalMask(SignalMask(7)),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_SET_SIGNAL_MASK(len=0x7): EINVAL"));
}

TEST_F(VcpuRunKvmTest, InterruptIsQueued) {
  CreateVcpu();
  ASSERT_OK(vcpu().Interrupt(0x21));
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events events, vcpu().GetVcpuEvents());
  EXPECT_EQ(events.interrupt.nr, 0x21);
}

TEST_F(VcpuRunKvmTest, InterruptWithAnIrqchipIsRefused) {
  ASSERT_OK(vm().CreateIrqchip());
  CreateVcpu();
  EXPECT_THAT(vcpu().Interrupt(0x21),
              StatusIs(absl::StatusCode::kNotFound, "KVM_INTERRUPT(vector=0x21): ENXIO"));
}

TEST_F(VcpuRunKvmTest, NmiIsPending) {
  CreateVcpu();
  ASSERT_OK(vcpu().Nmi());
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events events, vcpu().GetVcpuEvents());
  EXPECT_GT(events.nmi.pending, 0);
}

TEST_F(VcpuRunKvmTest, SmiIsPending) {
  CreateVcpu();
  ASSERT_OK(vcpu().Smi());
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events events, vcpu().GetVcpuEvents());
  EXPECT_EQ(events.smi.pending, 1);
}

constexpr uint32_t kMsrMc0Status = 0x401;
constexpr uint64_t kTenBanks = 10;

TEST_F(VcpuRunKvmTest, MachineCheckIsStoredInItsBank) {
  CreateVcpu();
  ASSERT_OK_AND_ASSIGN(const uint64_t supported, kvm().GetMceCapSupported());
  ASSERT_OK(vcpu().SetupMce(supported | kTenBanks));
  kvm_x86_mce mce{};
  mce.bank = 2;
  mce.status = (uint64_t{1} << 63) | 0x42;
  ASSERT_OK(vcpu().SetMce(mce));
  ASSERT_OK_AND_ASSIGN(const uint64_t status, vcpu().GetMsr(kMsrMc0Status + 4 * 2));
  EXPECT_EQ(status, mce.status);
}

TEST_F(VcpuRunKvmTest, MachineChecksOutsideTheirRangeAreRefused) {
  CreateVcpu();
  EXPECT_THAT(vcpu().SetupMce(0), StatusIs(absl::StatusCode::kInvalidArgument,
                                           "KVM_X86_SETUP_MCE(mcg_cap=0x0): EINVAL"));
  kvm_x86_mce mce{};
  mce.bank = 200;
  EXPECT_THAT(vcpu().SetMce(mce),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bank=0xc8")));
}

TEST_F(VcpuRunKvmTest, TranslationWithoutPagingIsTheIdentity) {
  CreateVcpu();
  ASSERT_OK_AND_ASSIGN(const kvm_translation translation, vcpu().Translate(0x9123));
  EXPECT_EQ(translation.valid, 1);
  EXPECT_EQ(translation.physical_address, 0x9123u);
}

TEST_F(VcpuRunKvmTest, KvmclockCtrlNeedsAGuestThatUsesKvmclock) {
  constexpr uint32_t kMsrKvmSystemTimeNew = 0x4b564d01;
  CreateVcpu();
  EXPECT_THAT(vcpu().KvmclockCtrl(),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_KVMCLOCK_CTRL: EINVAL"));
  ASSERT_OK(vcpu().SetMsr(kMsrKvmSystemTimeNew, kData | 1));
  EXPECT_OK(vcpu().KvmclockCtrl());
}

TEST_F(VcpuRunKvmTest, TaskPriorityAccessIsReported) {
  ASSERT_OK(vm().CreateIrqchip());
  CreateVcpu(kReadTaskPriority);
  ASSERT_OK(vcpu().TprAccessReporting(true));
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_TPR_ACCESS));
  EXPECT_EQ(vcpu().exit().tpr_access().is_write, 0u);
}

}  // namespace
}  // namespace hvkit::kvm
