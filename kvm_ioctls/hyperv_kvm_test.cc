// KVM's Hyper-V emulation through this package, on real KVM: SynIC, hypercalls, debugger, crash and
// reset, eventfds, SINT routes.

#include "kvm_ioctls/kvm_test_machine.h"
#include "kvm_ioctls/vcpu_hyperv.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

constexpr uint32_t kMsrGuestOsId = 0x40000000;
constexpr uint32_t kMsrHypercall = 0x40000001;
constexpr uint32_t kMsrVpIndex = 0x40000002;
constexpr uint32_t kMsrScontrol = 0x40000080;
constexpr uint32_t kMsrSint2 = 0x40000092;
constexpr uint32_t kMsrSyndbgStatus = 0x400000f2;
constexpr uint64_t kHypercallPage = 0x4000;
constexpr uint32_t kFeaturesLeaf = 0x40000003;
constexpr uint32_t kPostMessages = 1u << 4;
constexpr uint8_t kVector = 0x50;

// EDX:EAX to the MSR in ECX, as loaded by the test.
HVKIT_GUEST(kWriteEcxMsr, "wrmsr; out %eax, $0x10; hlt");
// A hypercall with the registers that the test loaded, through the page at 0x4000; the result's low
// half goes out.
HVKIT_GUEST(kCallHypercallPage, "mov $0x4000, %ebp; call *%ebp; out %eax, $0x10; hlt");

class HypervKvmTest : public KvmTest {
 protected:
  void SetUp() override {
    KvmTest::SetUp();
    ASSERT_OK(vm().CreateIrqchip());
  }
  // A vCPU with KVM's Hyper-V leaves instead of its own, less `hidden` of leaf 0x40000003's EBX.
  void CreateHypervVcpu(std::span<const std::byte> guest, uint32_t hidden = 0) {
    CreateVcpu(guest);
    ASSERT_OK_AND_ASSIGN(const Cpuid supported, kvm().GetSupportedCpuid());
    ASSERT_OK_AND_ASSIGN(const Cpuid hyperv, GetSupportedHvCpuid(vcpu()));
    Cpuid cpuid;
    for (const auto& entry : supported.entries()) {
      if (entry.function >> 8 != 0x400000) {
        cpuid.PushBack(entry);
      }
    }
    for (kvm_cpuid_entry2 entry : hyperv.entries()) {
      entry.ebx &= entry.function == kFeaturesLeaf ? ~hidden : ~0u;
      cpuid.PushBack(entry);
    }
    ASSERT_OK(vcpu().SetCpuid2(cpuid));
  }
  void EnableHypercalls() {
    ASSERT_OK(vcpu().SetMsr(kMsrGuestOsId, 1));
    ASSERT_OK(vcpu().SetMsr(kMsrHypercall, kHypercallPage | 1));
  }
  // Loads EAX, ECX, EDX; EBX, ESI, EDI stay 0.
  void SetArguments(uint32_t eax, uint32_t ecx, uint32_t edx = 0) {
    ASSERT_OK_AND_ASSIGN(kvm_regs regs, vcpu().GetRegs());
    regs.rax = eax;
    regs.rcx = ecx;
    regs.rdx = edx;
    ASSERT_OK(vcpu().SetRegs(regs));
  }
};

constexpr uint32_t kPostMessage = 0x5c;
constexpr uint32_t kFastSignalEvent = 0x1005d;

TEST_F(HypervKvmTest, VcpuReportsWhatTheSystemDoes) {
  CreateVcpu();
  ASSERT_OK_AND_ASSIGN(const Cpuid of_vcpu, GetSupportedHvCpuid(vcpu()));
  ASSERT_OK_AND_ASSIGN(const Cpuid of_system, kvm().GetSupportedHvCpuid());
  ASSERT_EQ(of_vcpu.size(), of_system.size());
  EXPECT_EQ(of_vcpu.entries()[0].function, 0x40000000u);
}

TEST_F(HypervKvmTest, VpIndexIsSetByTheHost) {
  CreateHypervVcpu({});
  ASSERT_OK(vcpu().SetMsr(kMsrVpIndex, 5));
  ASSERT_OK_AND_ASSIGN(const uint64_t index, vcpu().GetMsr(kMsrVpIndex));
  EXPECT_EQ(index, 5u);
}

TEST_F(HypervKvmTest, SynicWriteExitsWithTheRegisters) {
  CreateHypervVcpu(kWriteEcxMsr);
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  SetArguments(1, kMsrScontrol);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HYPERV));
  const HypervExit hyperv = vcpu().exit().hyperv();
  EXPECT_EQ(hyperv.type(), static_cast<uint32_t>(KVM_EXIT_HYPERV_SYNIC));
  EXPECT_EQ(hyperv.synic().msr, kMsrScontrol);
  EXPECT_EQ(hyperv.synic().control, 1u);
}

TEST_F(HypervKvmTest, PostMessageExitsAndTakesAResult) {
  CreateHypervVcpu(kCallHypercallPage);
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  EnableHypercalls();
  SetArguments(kPostMessage, kData);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HYPERV));
  HypervExit hyperv = vcpu().exit().hyperv();
  ASSERT_EQ(hyperv.type(), static_cast<uint32_t>(KVM_EXIT_HYPERV_HCALL));
  EXPECT_EQ(hyperv.hcall().input, kPostMessage);
  EXPECT_EQ(hyperv.hcall().params[0], kData);
  hyperv.SetHcallResult(0x12);
  EXPECT_EQ(RunToOut(), 0x12u);
}

TEST_F(HypervKvmTest, EnforcedCpuidDeniesACallWithoutItsPrivilege) {
  constexpr uint32_t kAccessDenied = 6;
  CreateHypervVcpu(kCallHypercallPage, kPostMessages);
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  ASSERT_OK(SetHypervEnforceCpuid(vcpu(), true));
  EnableHypercalls();
  SetArguments(kPostMessage, kData);
  EXPECT_EQ(RunToOut(), kAccessDenied);
}

TEST_F(HypervKvmTest, CpuidThatIsNotEnforcedDeniesNothing) {
  CreateHypervVcpu(kCallHypercallPage, kPostMessages);
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  ASSERT_OK(SetHypervEnforceCpuid(vcpu(), false));
  EnableHypercalls();
  SetArguments(kPostMessage, kData);
  EXPECT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HYPERV));
}

TEST_F(HypervKvmTest, SyndbgWriteExitsAndTakesAStatus) {
  constexpr uint32_t kMsrSyndbgControl = 0x400000f1;
  CreateHypervVcpu(kWriteEcxMsr);
  SetArguments(0, kMsrSyndbgControl);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HYPERV));
  HypervExit hyperv = vcpu().exit().hyperv();
  ASSERT_EQ(hyperv.type(), static_cast<uint32_t>(KVM_EXIT_HYPERV_SYNDBG));
  EXPECT_EQ(hyperv.syndbg().msr, kMsrSyndbgControl);
  hyperv.SetSyndbgStatus(0x33);
  RunToOut();
  ASSERT_OK_AND_ASSIGN(const uint64_t status, vcpu().GetMsr(kMsrSyndbgStatus));
  EXPECT_EQ(status, 0x33u);
}

TEST_F(HypervKvmTest, CrashIsASystemEvent) {
  constexpr uint32_t kMsrCrashControl = 0x40000105;
  CreateHypervVcpu(kWriteEcxMsr);
  SetArguments(0, kMsrCrashControl, 1u << 31);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_SYSTEM_EVENT));
  EXPECT_EQ(vcpu().exit().system_event().type(), static_cast<uint32_t>(KVM_SYSTEM_EVENT_CRASH));
}

TEST_F(HypervKvmTest, ResetIsASystemEvent) {
  constexpr uint32_t kMsrReset = 0x40000003;
  CreateHypervVcpu(kWriteEcxMsr);
  SetArguments(1, kMsrReset);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_SYSTEM_EVENT));
  EXPECT_EQ(vcpu().exit().system_event().type(), static_cast<uint32_t>(KVM_SYSTEM_EVENT_RESET));
}

kvm_hyperv_eventfd Connection(uint32_t id, const EventFd& event, uint32_t flags = 0) {
  kvm_hyperv_eventfd connection{};
  connection.conn_id = id;
  connection.fd = event.fd();
  connection.flags = flags;
  return connection;
}

TEST_F(HypervKvmTest, SignalEventOnABoundConnectionDoesNotExit) {
  const EventFd event;
  ASSERT_OK(vm().HypervEventfd(Connection(5, event)));
  CreateHypervVcpu(kCallHypercallPage);
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  EnableHypercalls();
  SetArguments(kFastSignalEvent, 5);
  EXPECT_EQ(RunToOut(), 0u);
  EXPECT_EQ(event.Take(), 1u);
}

TEST_F(HypervKvmTest, SignalEventExitsAfterUnbinding) {
  const EventFd event;
  ASSERT_OK(vm().HypervEventfd(Connection(5, event)));
  ASSERT_OK(vm().HypervEventfd(Connection(5, event, KVM_HYPERV_EVENTFD_DEASSIGN)));
  CreateHypervVcpu(kCallHypercallPage);
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  EnableHypercalls();
  SetArguments(kFastSignalEvent, 5);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HYPERV));
  EXPECT_EQ(vcpu().exit().hyperv().hcall().input, kFastSignalEvent);
}

TEST_F(HypervKvmTest, ConnectionsAreBoundOnceAndUnboundOnce) {
  const EventFd event;
  ASSERT_OK(vm().HypervEventfd(Connection(5, event)));
  EXPECT_THAT(vm().HypervEventfd(Connection(5, event)),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("conn_id=0x5")));
  EXPECT_THAT(vm().HypervEventfd(Connection(6, event, KVM_HYPERV_EVENTFD_DEASSIGN)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ENOENT")));
}

TEST_F(HypervKvmTest, IrqfdRaisesItsRoutedSint) {
  constexpr uint32_t kGsi = 30;
  CreateHypervVcpu({});
  EnableLapic();
  ASSERT_OK(EnableHypervSynic2(vcpu()));
  ASSERT_OK(vcpu().SetMsr(kMsrScontrol, 1));
  ASSERT_OK(vcpu().SetMsr(kMsrSint2, kVector));
  IrqRouting routing(1);
  routing.entries()[0].gsi = kGsi;
  routing.entries()[0].type = KVM_IRQ_ROUTING_HV_SINT;
  routing.entries()[0].u.hv_sint = {0, 2};
  ASSERT_OK(vm().SetGsiRouting(routing));
  const EventFd event;
  kvm_irqfd irqfd{};
  irqfd.fd = static_cast<uint32_t>(event.fd());
  irqfd.gsi = kGsi;
  ASSERT_OK(vm().Irqfd(irqfd));
  event.Signal();
  EXPECT_TRUE(Requested(kVector));
}

using HypervNoIrqchipKvmTest = KvmTest;

TEST_F(HypervNoIrqchipKvmTest, SynicNeedsAnIrqchip) {
  CreateVcpu();
  EXPECT_THAT(EnableHypervSynic2(vcpu()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_ENABLE_CAP(KVM_CAP_HYPERV_SYNIC2, 0x0, 0x0, 0x0, 0x0): EINVAL"));
}

// eVMCS is VMX's: KVM on SVM refuses it, on VMX it reports its version.
TEST_F(HypervKvmTest, EnlightenedVmcsIsVmxOnly) {
  CreateHypervVcpu({});
  const auto version = EnableHypervEnlightenedVmcs(vcpu());
  EXPECT_EQ(version.status().code(),
            ProcessorHasSvm() ? absl::StatusCode::kUnimplemented : absl::StatusCode::kOk)
      << version.status();
}

// It needs Hyper-V below KVM.
TEST_F(HypervKvmTest, DirectTlbflushIsUnimplementedHere) {
  CreateHypervVcpu({});
  EXPECT_THAT(
      EnableHypervDirectTlbflush(vcpu()),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("KVM_CAP_HYPERV_DIRECT_TLBFLUSH")));
}

}  // namespace
}  // namespace hvkit::kvm
