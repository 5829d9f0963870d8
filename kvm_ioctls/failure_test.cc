// Every method that calls the kernel, over a descriptor that is not KVM's: the status names the
// ioctl and the errno.
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/vcpu_hyperv.h"
#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::hvkit::testing::ToStatus;
using ::testing::StartsWith;

constexpr size_t kRunSize = 3 * 4096;

// A file that maps like a vCPU and knows no ioctl (ENOTTY).
UniqueFd MakeFile() {
  UniqueFd fd(::memfd_create("failure_test", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(fd.get(), kRunSize), 0);
  return fd;
}

template <typename Object>
struct Case {
  const char* ioctl;
  std::function<absl::Status(Object&)> call;
};

template <typename Object>
void ExpectUnimplemented(Object& object, const std::vector<Case<Object>>& cases) {
  for (const auto& [ioctl, call] : cases) {
    const absl::Status status = call(object);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented, StartsWith(ioctl)));
    EXPECT_THAT(std::string(status.message()), ::testing::EndsWith(": ENOTTY"));
  }
}

// A case whose method is called with these arguments.
#define CASE(ioctl, call) {#ioctl, [](auto& object) { return ToStatus(object.call); }}

TEST(FailureTest, OpenNamesThePath) {
  EXPECT_THAT(Kvm::Open("/nonexistent/kvm"),
              StatusIs(absl::StatusCode::kNotFound, "open of /nonexistent/kvm: ENOENT"));
}

TEST(FailureTest, OpenOfAnotherDeviceFailsAtTheApiVersion) {
  EXPECT_THAT(Kvm::Open("/dev/null"),
              StatusIs(absl::StatusCode::kUnimplemented, "KVM_GET_API_VERSION: ENOTTY"));
}

TEST(FailureTest, InvalidFdIsFailedPrecondition) {
  EXPECT_THAT(
      Kvm::FromFd(UniqueFd()).CheckExtension(KVM_CAP_HYPERV),
      StatusIs(absl::StatusCode::kFailedPrecondition, "KVM_CHECK_EXTENSION(cap=0x2c): EBADF"));
}

TEST(FailureTest, EverySystemMethodReportsItsIoctl) {
  Kvm kvm = Kvm::FromFd(MakeFile());
  Msrs msrs(1);
  const kvm_device_attr attr{};
  ExpectUnimplemented<Kvm>(
      kvm, {CASE(KVM_GET_API_VERSION, GetApiVersion()),
            CASE(KVM_CHECK_EXTENSION, GetRecommendedVcpus()),
            CASE(KVM_CHECK_EXTENSION, GetMaxVcpus()),
            CASE(KVM_CHECK_EXTENSION, GetMaxVcpuId()),
            CASE(KVM_CHECK_EXTENSION, GetMaxMemslots()),
            CASE(KVM_GET_VCPU_MMAP_SIZE, GetVcpuMmapSize()),
            CASE(KVM_GET_SUPPORTED_CPUID, GetSupportedCpuid()),
            CASE(KVM_GET_EMULATED_CPUID, GetEmulatedCpuid()),
            CASE(KVM_GET_SUPPORTED_HV_CPUID, GetSupportedHvCpuid()),
            CASE(KVM_GET_MSR_INDEX_LIST, GetMsrIndexList()),
            CASE(KVM_GET_MSR_FEATURE_INDEX_LIST, GetMsrFeatureIndexList()),
            CASE(KVM_X86_GET_MCE_CAP_SUPPORTED, GetMceCapSupported()),
            CASE(KVM_CREATE_VM, CreateVm()),
            {"KVM_GET_MSRS", [&](Kvm& object) { return object.GetMsrs(msrs); }},
            {"KVM_HAS_DEVICE_ATTR", [&](Kvm& object) { return object.HasDeviceAttr(attr); }},
            {"KVM_GET_DEVICE_ATTR", [&](Kvm& object) { return object.GetDeviceAttr(attr); }}});
}

TEST(FailureTest, EveryMemoryMethodReportsItsIoctl) {
  Vm vm = Vm::FromFd(MakeFile(), kRunSize);
  kvm_sev_cmd sev{};
  ExpectUnimplemented<Vm>(
      vm, {CASE(KVM_SET_USER_MEMORY_REGION, SetUserMemoryRegion({})),
           CASE(KVM_SET_USER_MEMORY_REGION2, SetUserMemoryRegion2({})),
           CASE(KVM_CREATE_GUEST_MEMFD, CreateGuestMemfd({})),
           CASE(KVM_SET_MEMORY_ATTRIBUTES, SetMemoryAttributes({})),
           CASE(KVM_SET_TSS_ADDR, SetTssAddr(0)),
           CASE(KVM_SET_IDENTITY_MAP_ADDR, SetIdentityMapAddr(0)),
           CASE(KVM_GET_DIRTY_LOG, GetDirtyLog(0, {})),
           CASE(KVM_CLEAR_DIRTY_LOG, ClearDirtyLog(0, 0, 0, {})),
           CASE(KVM_RESET_DIRTY_RINGS, ResetDirtyRings()),
           CASE(KVM_REGISTER_COALESCED_MMIO, RegisterCoalescedMmio({})),
           CASE(KVM_UNREGISTER_COALESCED_MMIO, UnregisterCoalescedMmio({})),
           CASE(KVM_MEMORY_ENCRYPT_OP, CanEncrypt()),
           CASE(KVM_MEMORY_ENCRYPT_REG_REGION, RegisterEncryptedRegion({})),
           CASE(KVM_MEMORY_ENCRYPT_UNREG_REGION, UnregisterEncryptedRegion({})),
           {"KVM_MEMORY_ENCRYPT_OP", [&](Vm& object) { return object.EncryptOp(sev); }}});
}

TEST(FailureTest, EveryInterruptMethodReportsItsIoctl) {
  Vm vm = Vm::FromFd(MakeFile(), kRunSize);
  kvm_irqchip chip{};
  ExpectUnimplemented<Vm>(vm,
                          {CASE(KVM_CREATE_IRQCHIP, CreateIrqchip()),
                           {"KVM_GET_IRQCHIP", [&](Vm& object) { return object.GetIrqchip(chip); }},
                           CASE(KVM_SET_IRQCHIP, SetIrqchip({})),
                           CASE(KVM_CREATE_PIT2, CreatePit2({})),
                           CASE(KVM_GET_PIT2, GetPit2()),
                           CASE(KVM_SET_PIT2, SetPit2({})),
                           CASE(KVM_REINJECT_CONTROL, ReinjectControl({})),
                           CASE(KVM_IRQ_LINE, IrqLine({})),
                           CASE(KVM_IRQ_LINE_STATUS, IrqLineStatus({})),
                           CASE(KVM_SIGNAL_MSI, SignalMsi({})),
                           CASE(KVM_SET_GSI_ROUTING, SetGsiRouting(IrqRouting())),
                           CASE(KVM_IRQFD, Irqfd({})),
                           CASE(KVM_IOEVENTFD, Ioeventfd({})),
                           CASE(KVM_HYPERV_EVENTFD, HypervEventfd({}))});
}

TEST(FailureTest, EveryOtherVmMethodReportsItsIoctl) {
  Vm vm = Vm::FromFd(MakeFile(), kRunSize);
  ExpectUnimplemented<Vm>(
      vm, {CASE(KVM_CREATE_VCPU, CreateVcpu(0)),
           CASE(KVM_CREATE_DEVICE, CreateDevice(KVM_DEV_TYPE_VFIO)),
           CASE(KVM_CREATE_DEVICE, TestDevice(KVM_DEV_TYPE_VFIO)),
           CASE(KVM_CHECK_EXTENSION, CheckExtension(0)),
           CASE(KVM_ENABLE_CAP, EnableCap(kvm_enable_cap{})),
           CASE(KVM_X86_SET_MSR_FILTER, SetMsrFilter({})),
           CASE(KVM_SET_PMU_EVENT_FILTER, SetPmuEventFilter(PmuEventFilter())),
           CASE(KVM_SET_BOOT_CPU_ID, SetBootCpuId(1)), CASE(KVM_GET_CLOCK, GetClock()),
           CASE(KVM_SET_CLOCK, SetClock({})), CASE(KVM_GET_TSC_KHZ, GetTscKhz()),
           CASE(KVM_SET_TSC_KHZ, SetTscKhz(1)), CASE(KVM_GET_STATS_FD, GetStatsFd())});
}

TEST(FailureTest, EnableCapNamesTheCapabilityAndItsArguments) {
  const Vm vm = Vm::FromFd(MakeFile(), kRunSize);
  EXPECT_THAT(vm.EnableCap(KVM_CAP_SPLIT_IRQCHIP, 24),
              StatusIs(absl::StatusCode::kUnimplemented,
                       "KVM_ENABLE_CAP(KVM_CAP_SPLIT_IRQCHIP, 0x18, 0x0, 0x0, 0x0): ENOTTY"));
}

TEST(FailureTest, EveryDeviceMethodReportsItsIoctl) {
  Device device(MakeFile());
  ExpectUnimplemented<Device>(
      device, {CASE(KVM_HAS_DEVICE_ATTR, HasAttr({})), CASE(KVM_SET_DEVICE_ATTR, SetAttr({})),
               CASE(KVM_GET_DEVICE_ATTR, GetAttr({}))});
}

TEST(FailureTest, VcpuWithoutMappingIsAnError) {
  EXPECT_THAT(Vcpu::FromFd(UniqueFd(), kRunSize, 0),
              StatusIs(absl::StatusCode::kFailedPrecondition, StartsWith("mmap of kvm_run")));
}

class VcpuFailureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto vcpu = Vcpu::FromFd(MakeFile(), kRunSize, 0);
    ASSERT_OK(vcpu);
    vcpu_.emplace(*std::move(vcpu));
  }
  std::optional<Vcpu> vcpu_;
};

TEST_F(VcpuFailureTest, RunGivesTheErrno) { EXPECT_EQ(vcpu_->Run(), Errno(ENOTTY)); }

TEST_F(VcpuFailureTest, EveryStateMethodReportsItsIoctl) {
  Msrs msrs(1);
  Xsave xsave;
  NestedState nested;
  ExpectUnimplemented<Vcpu>(
      *vcpu_,
      {CASE(KVM_GET_REGS, GetRegs()),
       CASE(KVM_SET_REGS, SetRegs({})),
       CASE(KVM_GET_SREGS, GetSregs()),
       CASE(KVM_SET_SREGS, SetSregs({})),
       CASE(KVM_GET_SREGS2, GetSregs2()),
       CASE(KVM_SET_SREGS2, SetSregs2({})),
       CASE(KVM_GET_FPU, GetFpu()),
       CASE(KVM_SET_FPU, SetFpu({})),
       CASE(KVM_GET_DEBUGREGS, GetDebugRegs()),
       CASE(KVM_SET_DEBUGREGS, SetDebugRegs({})),
       CASE(KVM_GET_XCRS, GetXcrs()),
       CASE(KVM_SET_XCRS, SetXcrs({})),
       {"KVM_GET_XSAVE", [&](Vcpu& object) { return object.GetXsave(xsave); }},
       {"KVM_GET_XSAVE2", [&](Vcpu& object) { return object.GetXsave2(xsave); }},
       {"KVM_SET_XSAVE", [&](Vcpu& object) { return object.SetXsave(xsave); }},
       CASE(KVM_SET_CPUID2, SetCpuid2(Cpuid())),
       CASE(KVM_GET_CPUID2, GetCpuid2()),
       {"KVM_GET_MSRS", [&](Vcpu& object) { return object.GetMsrs(msrs); }},
       {"KVM_SET_MSRS", [&](Vcpu& object) { return object.SetMsrs(msrs); }},
       CASE(KVM_GET_MSRS, GetMsr(0x10)),
       CASE(KVM_SET_MSRS, SetMsr(0x10, 0)),
       CASE(KVM_GET_LAPIC, GetLapic()),
       CASE(KVM_SET_LAPIC, SetLapic({})),
       CASE(KVM_GET_MP_STATE, GetMpState()),
       CASE(KVM_SET_MP_STATE, SetMpState({})),
       CASE(KVM_GET_VCPU_EVENTS, GetVcpuEvents()),
       CASE(KVM_SET_VCPU_EVENTS, SetVcpuEvents({})),
       {"KVM_GET_NESTED_STATE", [&](Vcpu& object) { return object.GetNestedState(nested); }},
       {"KVM_SET_NESTED_STATE", [&](Vcpu& object) { return object.SetNestedState(nested); }},
       CASE(KVM_GET_TSC_KHZ, GetTscKhz()),
       CASE(KVM_SET_TSC_KHZ, SetTscKhz(1)),
       CASE(KVM_HAS_DEVICE_ATTR, HasDeviceAttr({})),
       CASE(KVM_GET_DEVICE_ATTR, GetDeviceAttr({})),
       CASE(KVM_SET_DEVICE_ATTR, SetDeviceAttr({})),
       CASE(KVM_GET_DEVICE_ATTR, GetTscOffset()),
       CASE(KVM_SET_DEVICE_ATTR, SetTscOffset(0))});
}

TEST_F(VcpuFailureTest, EveryOtherMethodReportsItsIoctl) {
  ExpectUnimplemented<Vcpu>(
      *vcpu_,
      {CASE(KVM_ENABLE_CAP, EnableCap(KVM_CAP_HYPERV_SYNIC)),
       CASE(KVM_ENABLE_CAP, EnableCap(kvm_enable_cap{})), CASE(KVM_INTERRUPT, Interrupt(0x20)),
       CASE(KVM_NMI, Nmi()), CASE(KVM_SMI, Smi()), CASE(KVM_X86_SETUP_MCE, SetupMce(0)),
       CASE(KVM_X86_SET_MCE, SetMce({})), CASE(KVM_TRANSLATE, Translate(0)),
       CASE(KVM_SET_GUEST_DEBUG, SetGuestDebug({})), CASE(KVM_KVMCLOCK_CTRL, KvmclockCtrl()),
       CASE(KVM_SET_SIGNAL_MASK, SetSignalMask(SignalMask(8))),
       CASE(KVM_TPR_ACCESS_REPORTING, TprAccessReporting(true)),
       CASE(KVM_GET_STATS_FD, GetStatsFd())});
}

TEST_F(VcpuFailureTest, EveryHypervFunctionReportsItsIoctl) {
  ExpectUnimplemented<Vcpu>(
      *vcpu_, {{"KVM_GET_SUPPORTED_HV_CPUID",
                [](Vcpu& vcpu) { return GetSupportedHvCpuid(vcpu).status(); }},
               {"KVM_ENABLE_CAP(KVM_CAP_HYPERV_SYNIC2", EnableHypervSynic2},
               {"KVM_ENABLE_CAP(KVM_CAP_HYPERV_ENFORCE_CPUID, 0x1",
                [](Vcpu& vcpu) { return SetHypervEnforceCpuid(vcpu, true); }},
               {"KVM_ENABLE_CAP(KVM_CAP_HYPERV_ENLIGHTENED_VMCS",
                [](Vcpu& vcpu) { return EnableHypervEnlightenedVmcs(vcpu).status(); }},
               {"KVM_ENABLE_CAP(KVM_CAP_HYPERV_DIRECT_TLBFLUSH", EnableHypervDirectTlbflush}});
}

TEST_F(VcpuFailureTest, XsaveBufferThatIsTooSmallIsRefusedBeforeTheKernel) {
  ASSERT_OK_AND_ASSIGN(const Vcpu vcpu, Vcpu::FromFd(MakeFile(), kRunSize, 11008));
  Xsave small(4096);
  EXPECT_EQ(vcpu.xsave_size(), 11008u);
  EXPECT_THAT(vcpu.SetXsave(small), StatusIs(absl::StatusCode::kOutOfRange,
                                             "KVM_SET_XSAVE: a buffer of 4096 bytes, want 11008"));
  EXPECT_THAT(vcpu.GetXsave2(small),
              StatusIs(absl::StatusCode::kOutOfRange, StartsWith("KVM_GET_XSAVE2: a buffer")));
}

TEST_F(VcpuFailureTest, DirtyRingThatIsNotThereIsAnError) {
  EXPECT_THAT(vcpu_->MapDirtyRing(0),
              StatusIs(absl::StatusCode::kInvalidArgument, "mmap of dirty ring (0 bytes): EINVAL"));
}

TEST_F(VcpuFailureTest, ImmediateExitAndSyncRegsAreInTheRunArea) {
  vcpu_->SetImmediateExit(true);
  EXPECT_EQ(vcpu_->run().immediate_exit, 1);
  vcpu_->SetImmediateExit(false);
  EXPECT_EQ(vcpu_->run().immediate_exit, 0);
  vcpu_->SetSyncValidRegs(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS);
  vcpu_->MarkSyncDirtyRegs(KVM_SYNC_X86_REGS);
  vcpu_->MarkSyncDirtyRegs(KVM_SYNC_X86_EVENTS);
  EXPECT_EQ(vcpu_->run().kvm_valid_regs, 3u);
  EXPECT_EQ(vcpu_->run().kvm_dirty_regs, 5u);
  vcpu_->ClearSyncDirtyRegs();
  EXPECT_EQ(vcpu_->run().kvm_dirty_regs, 0u);
  EXPECT_EQ(&vcpu_->sync_regs(), &vcpu_->run().s.regs);
}

TEST_F(VcpuFailureTest, ExitBorrowsTheRunArea) {
  vcpu_->run().exit_reason = KVM_EXIT_HLT;
  EXPECT_EQ(vcpu_->exit().reason(), static_cast<uint32_t>(KVM_EXIT_HLT));
}

TEST_F(VcpuFailureTest, CoalescedRingIsReadInOrder) {
  auto* ring = reinterpret_cast<kvm_coalesced_mmio_ring*>(
      reinterpret_cast<std::byte*>(&vcpu_->run()) + 2 * 4096);
  auto* entries = reinterpret_cast<kvm_coalesced_mmio*>(ring + 1);
  entries[0].phys_addr = 0x1000;
  entries[1].phys_addr = 0x2000;
  ring->last = 2;
  EXPECT_EQ(vcpu_->PopCoalescedMmio()->phys_addr, 0x1000u);
  EXPECT_EQ(vcpu_->PopCoalescedMmio()->phys_addr, 0x2000u);
  EXPECT_FALSE(vcpu_->PopCoalescedMmio().has_value());
  EXPECT_EQ(ring->first, 2u);
}

TEST_F(VcpuFailureTest, CoalescedRingWithWildIndexIsEmpty) {
  auto* ring = reinterpret_cast<kvm_coalesced_mmio_ring*>(
      reinterpret_cast<std::byte*>(&vcpu_->run()) + 2 * 4096);
  ring->first = 0x40000000;
  EXPECT_FALSE(vcpu_->PopCoalescedMmio().has_value());
}

}  // namespace
}  // namespace hvkit::kvm
