// VM methods but interrupts, on real KVM.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <vector>

#include "kvm_ioctls/dirty_ring.h"
#include "kvm_ioctls/kvm_test_machine.h"
#include "kvm_ioctls/stats.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

HVKIT_GUEST(kStoreToData, "movl $0x12345678, 0x9000; hlt");
HVKIT_GUEST(kStoreToMmio, "movl $0x12345678, 0xd0000000; movb $0x9a, 0xd0000004; hlt");
HVKIT_GUEST(kOutToPort, "mov $0xab, %al; out %al, $0x70; hlt");
HVKIT_GUEST(kReadMsr, "mov $0x40000000, %ecx; rdmsr; out %eax, $0x10; hlt");
HVKIT_GUEST(kWriteMsr, "mov $0x40000001, %ecx; mov $7, %eax; mov $9, %edx; wrmsr; hlt");
HVKIT_GUEST(kSayFault, "mov $0x47, %al; out %al, $0x11; hlt");

class VmKvmTest : public KvmTest {
 protected:
  static constexpr uint64_t kDataPage = kData / 4096;
};

kvm_userspace_memory_region2 Region2(std::span<std::byte> ram) {
  kvm_userspace_memory_region2 region{};
  region.memory_size = ram.size();
  region.userspace_addr = reinterpret_cast<uintptr_t>(ram.data());
  return region;
}

TEST_F(VmKvmTest, OverlappingSlotIsRefused) {
  AddRam();
  kvm_userspace_memory_region region{};
  region.slot = 1;
  region.memory_size = kRam;
  region.userspace_addr = reinterpret_cast<uintptr_t>(ram().data());
  EXPECT_THAT(vm().SetUserMemoryRegion(region),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "KVM_SET_USER_MEMORY_REGION(slot=0x1, flags=0x0, gpa=0x0, size=0x100000): "
                       "EEXIST"));
}

TEST_F(VmKvmTest, Region2ExistsFromLinux68) {
  const absl::Status status = vm().SetUserMemoryRegion2(Region2(ram()));
  EXPECT_EQ(status.code(),
            KernelAtLeast(6, 8) ? absl::StatusCode::kOk : absl::StatusCode::kUnimplemented)
      << status;
}

// Debian's cloud kernels are built without guest-private memory; where a kernel has it, these
// arguments are bad.
absl::StatusCode PrivateMemoryCode(int capability) {
  EXPECT_TRUE(capability == 0 || !IsDebianCloudKernel());
  return capability == 0 ? absl::StatusCode::kUnimplemented : absl::StatusCode::kInvalidArgument;
}

TEST_F(VmKvmTest, GuestMemfdOfUnalignedSizeIsRefused) {
  ASSERT_OK_AND_ASSIGN(const int capability, kvm().CheckExtension(KVM_CAP_GUEST_MEMFD));
  kvm_create_guest_memfd args{};
  args.size = 1;
  EXPECT_THAT(vm().CreateGuestMemfd(args).status(),
              StatusIs(PrivateMemoryCode(capability),
                       HasSubstr("KVM_CREATE_GUEST_MEMFD(size=0x1, flags=0x0): ")));
}

TEST_F(VmKvmTest, MemoryAttributesAreRefusedForADefaultVm) {
  ASSERT_OK_AND_ASSIGN(const int capability, kvm().CheckExtension(KVM_CAP_MEMORY_ATTRIBUTES));
  kvm_memory_attributes attributes{};
  attributes.size = 4096;
  attributes.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE;
  EXPECT_THAT(vm().SetMemoryAttributes(attributes),
              StatusIs(PrivateMemoryCode(capability), HasSubstr("KVM_SET_MEMORY_ATTRIBUTES(")));
}

TEST_F(VmKvmTest, TssAddressIsTakenBelow4GiB) { EXPECT_OK(vm().SetTssAddr(0xfffbd000)); }

TEST_F(VmKvmTest, IdentityMapAddressIsTakenBeforeTheFirstVcpuOnly) {
  EXPECT_OK(vm().SetIdentityMapAddr(0xfffbc000));
  CreateVcpu();
  EXPECT_THAT(vm().SetIdentityMapAddr(0xfffbc000),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_SET_IDENTITY_MAP_ADDR(address=0xfffbc000): EINVAL"));
}

TEST_F(VmKvmTest, DirtyLogShowsTheWrittenPageOnce) {
  CreateVcpu(kStoreToData, KVM_MEM_LOG_DIRTY_PAGES);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
  std::array<uint64_t, kRam / 4096 / 64> bitmap{};
  ASSERT_OK(vm().GetDirtyLog(0, bitmap));
  EXPECT_NE(bitmap[0] & (1u << kDataPage), 0u);
  EXPECT_EQ(bitmap[0] & (1u << (kDataPage + 1)), 0u);
  ASSERT_OK(vm().GetDirtyLog(0, bitmap));
  EXPECT_EQ(bitmap[0], 0u);
}

TEST_F(VmKvmTest, ClearDirtyLogClearsWhatItNames) {
  ASSERT_OK(vm().EnableCap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
  CreateVcpu(kStoreToData, KVM_MEM_LOG_DIRTY_PAGES);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
  std::array<uint64_t, kRam / 4096 / 64> bitmap{};
  ASSERT_OK(vm().GetDirtyLog(0, bitmap));
  ASSERT_NE(bitmap[0] & (1u << kDataPage), 0u);
  ASSERT_OK(vm().ClearDirtyLog(0, 0, 64, bitmap));
  ASSERT_OK(vm().GetDirtyLog(0, bitmap));
  EXPECT_EQ(bitmap[0], 0u);
}

TEST_F(VmKvmTest, DirtyLogOfAnUnloggedSlotIsNotFound) {
  AddRam();
  std::array<uint64_t, kRam / 4096 / 64> bitmap{};
  EXPECT_THAT(vm().GetDirtyLog(0, bitmap),
              StatusIs(absl::StatusCode::kNotFound, "KVM_GET_DIRTY_LOG(slot=0x0): ENOENT"));
}

TEST_F(VmKvmTest, DirtyRingGivesTheWrittenPage) {
  constexpr size_t kRingBytes = 1024 * sizeof(kvm_dirty_gfn);
  ASSERT_OK(vm().EnableCap(KVM_CAP_DIRTY_LOG_RING, kRingBytes));
  CreateVcpu(kStoreToData, KVM_MEM_LOG_DIRTY_PAGES);
  ASSERT_OK_AND_ASSIGN(DirtyRing ring, vcpu().MapDirtyRing(kRingBytes));
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
  std::vector<uint64_t> pages;
  for (auto page = ring.Pop(); page.has_value(); page = ring.Pop()) {
    pages.push_back(page->offset);
  }
  EXPECT_THAT(pages, ::testing::Contains(kDataPage));
  ASSERT_OK_AND_ASSIGN(const int reset, vm().ResetDirtyRings());
  EXPECT_EQ(reset, static_cast<int>(pages.size()));
}

TEST_F(VmKvmTest, ResetWithoutDirtyRingIsRefused) {
  EXPECT_THAT(vm().ResetDirtyRings().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_RESET_DIRTY_RINGS: EINVAL"));
}

TEST_F(VmKvmTest, CoalescedMmioGoesToTheRingInOrder) {
  kvm_coalesced_mmio_zone zone{};
  zone.addr = 0xd0000000;
  zone.size = 4096;
  ASSERT_OK(vm().RegisterCoalescedMmio(zone));
  CreateVcpu(kStoreToMmio);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
  const auto first = vcpu().PopCoalescedMmio();
  const auto second = vcpu().PopCoalescedMmio();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(first->phys_addr, 0xd0000000u);
  EXPECT_EQ(first->len, 4u);
  EXPECT_EQ(second->data[0], 0x9a);
  EXPECT_FALSE(vcpu().PopCoalescedMmio().has_value());
}

TEST_F(VmKvmTest, CoalescedPortExitsAgainAfterUnregistering) {
  kvm_coalesced_mmio_zone zone{};
  zone.addr = 0x70;
  zone.size = 1;
  zone.pio = 1;
  ASSERT_OK(vm().RegisterCoalescedMmio(zone));
  CreateVcpu(kOutToPort);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
  EXPECT_EQ(vcpu().PopCoalescedMmio()->pio, 1u);
  ASSERT_OK(vm().UnregisterCoalescedMmio(zone));
  Load(kOutToPort);
  EXPECT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
}

// Neither the rig's processor nor a plain VM has SEV.
TEST_F(VmKvmTest, EncryptionIsUnimplementedWithoutSev) {
  EXPECT_THAT(vm().CanEncrypt(),
              StatusIs(absl::StatusCode::kUnimplemented, "KVM_MEMORY_ENCRYPT_OP: ENOTTY"));
  kvm_sev_cmd command{};
  command.id = KVM_SEV_GUEST_STATUS;
  EXPECT_THAT(vm().EncryptOp(command),
              StatusIs(absl::StatusCode::kUnimplemented, "KVM_MEMORY_ENCRYPT_OP(id=0x10): ENOTTY"));
}

TEST_F(VmKvmTest, EncryptedRegionsAreUnimplementedWithoutSev) {
  const kvm_enc_region region{reinterpret_cast<uintptr_t>(ram().data()), 4096};
  EXPECT_THAT(vm().RegisterEncryptedRegion(region),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("ENCRYPT_REG_REGION")));
  EXPECT_THAT(vm().UnregisterEncryptedRegion(region),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("ENCRYPT_UNREG_REGION")));
}

TEST_F(VmKvmTest, SecondVcpuOfTheSameIdIsRefused) {
  CreateVcpu();
  EXPECT_THAT(vm().CreateVcpu(0).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, "KVM_CREATE_VCPU(id=0x0): EEXIST"));
}

kvm_device_attr VfioGroup(uint64_t attribute, const int32_t* group) {
  kvm_device_attr attr{};
  attr.group = KVM_DEV_VFIO_GROUP;
  attr.attr = attribute;
  attr.addr = reinterpret_cast<uintptr_t>(group);
  return attr;
}

TEST_F(VmKvmTest, VfioDeviceCanBeMade) {
  EXPECT_OK(vm().TestDevice(KVM_DEV_TYPE_VFIO));
  ASSERT_OK_AND_ASSIGN(const Device device, vm().CreateDevice(KVM_DEV_TYPE_VFIO));
  EXPECT_OK(device.HasAttr(VfioGroup(KVM_DEV_VFIO_GROUP_ADD, nullptr)));
}

TEST_F(VmKvmTest, VfioDeviceRefusesWhatIsNoGroup) {
  ASSERT_OK_AND_ASSIGN(const Device device, vm().CreateDevice(KVM_DEV_TYPE_VFIO));
  const int32_t not_a_group = -1;
  EXPECT_THAT(device.SetAttr(VfioGroup(KVM_DEV_VFIO_GROUP_ADD, &not_a_group)),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "KVM_SET_DEVICE_ATTR(group=0x1, attr=0x1): EBADF"));
}

TEST_F(VmKvmTest, VfioDeviceHasNothingToGet) {
  ASSERT_OK_AND_ASSIGN(const Device device, vm().CreateDevice(KVM_DEV_TYPE_VFIO));
  EXPECT_THAT(device.GetAttr(VfioGroup(KVM_DEV_VFIO_GROUP_ADD, nullptr)),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "KVM_GET_DEVICE_ATTR(group=0x1, attr=0x1): EPERM"));
}

TEST_F(VmKvmTest, DeviceOfAnotherArchitectureIsRefused) {
  EXPECT_THAT(
      vm().TestDevice(KVM_DEV_TYPE_FSL_MPIC_20),
      StatusIs(absl::StatusCode::kNotFound, "KVM_CREATE_DEVICE(type=0x1, flags=0x1): ENODEV"));
  EXPECT_THAT(vm().CreateDevice(KVM_DEV_TYPE_FSL_MPIC_20).status(),
              StatusIs(absl::StatusCode::kNotFound, "KVM_CREATE_DEVICE(type=0x1): ENODEV"));
}

TEST_F(VmKvmTest, CheckExtensionAnswersForTheVm) {
  ASSERT_OK_AND_ASSIGN(const int sync_regs, vm().CheckExtension(KVM_CAP_SYNC_REGS));
  EXPECT_EQ(sync_regs, static_cast<int>(KVM_SYNC_X86_VALID_FIELDS));
}

TEST_F(VmKvmTest, QuirksThatTheKernelKnowsCanBeDisabled) {
  ASSERT_OK_AND_ASSIGN(const int quirks, vm().CheckExtension(KVM_CAP_DISABLE_QUIRKS2));
  EXPECT_NE(quirks & KVM_X86_QUIRK_FIX_HYPERCALL_INSN, 0);
  EXPECT_OK(vm().EnableCap(KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN));
  kvm_enable_cap all{};
  all.cap = KVM_CAP_DISABLE_QUIRKS2;
  all.args[0] = static_cast<uint64_t>(quirks);
  EXPECT_OK(vm().EnableCap(all));
}

TEST_F(VmKvmTest, UnknownCapabilityCannotBeEnabled) {
  EXPECT_THAT(vm().EnableCap(9999, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_ENABLE_CAP(KVM_CAP_9999, 0x1, 0x0, 0x0, 0x0): EINVAL"));
}

// The 1024 Hyper-V MSRs go to user space.
class MsrFilterKvmTest : public KvmTest {
 protected:
  void SetUp() override {
    KvmTest::SetUp();
    ASSERT_OK(vm().EnableCap(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
    kvm_msr_filter filter{};
    filter.ranges[0].flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;
    filter.ranges[0].nmsrs = 0x400;
    filter.ranges[0].base = 0x40000000;
    filter.ranges[0].bitmap = deny_all_.data();
    ASSERT_OK(vm().SetMsrFilter(filter));
  }

 private:
  std::array<uint8_t, 0x400 / 8> deny_all_{};
};

TEST_F(MsrFilterKvmTest, FilteredReadExitsAndTakesData) {
  CreateVcpu(kReadMsr);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_X86_RDMSR));
  MsrExit msr = vcpu().exit().msr();
  EXPECT_EQ(msr.index(), 0x40000000u);
  EXPECT_EQ(msr.reason(), static_cast<uint32_t>(KVM_MSR_EXIT_REASON_FILTER));
  msr.SetData(0xcafe);
  EXPECT_EQ(RunToOut(), 0xcafeu);
}

TEST_F(MsrFilterKvmTest, FilteredReadWithErrorIsAGeneralProtectionFault) {
  CreateVcpu(kReadMsr);
  Handler(13, kSayFault);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_X86_RDMSR));
  vcpu().exit().msr().SetError();
  EXPECT_EQ(RunToOut(), 0x47u);
}

TEST_F(MsrFilterKvmTest, FilteredWriteShowsTheValueAndGoesOn) {
  CreateVcpu(kWriteMsr);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_X86_WRMSR));
  MsrExit msr = vcpu().exit().msr();
  EXPECT_TRUE(msr.is_write());
  EXPECT_EQ(msr.data(), 0x9'0000'0007u);
  msr.SetWritten();
  EXPECT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_HLT));
}

TEST_F(VmKvmTest, UnknownMsrExitsWhenAskedTo) {
  ASSERT_OK(vm().EnableCap(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN));
  CreateVcpu(kReadMsr);
  ASSERT_OK_AND_ASSIGN(kvm_regs regs, vcpu().GetRegs());
  regs.rip += 5;  // past the mov
  regs.rcx = 0x12345678;
  ASSERT_OK(vcpu().SetRegs(regs));
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_X86_RDMSR));
  EXPECT_EQ(vcpu().exit().msr().reason(), static_cast<uint32_t>(KVM_MSR_EXIT_REASON_UNKNOWN));
}

TEST_F(VmKvmTest, BadMsrFilterIsRefused) {
  kvm_msr_filter filter{};
  filter.flags = 1u << 31;
  EXPECT_THAT(vm().SetMsrFilter(filter),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("flags=0x80000000")));
}

TEST_F(VmKvmTest, PmuEventFilterTakesDenyAndRefusesAnUnknownAction) {
  PmuEventFilter filter;
  filter.PushBack(0x3c);
  filter->action = KVM_PMU_EVENT_DENY;
  EXPECT_OK(vm().SetPmuEventFilter(filter));
  filter->action = 7;
  EXPECT_THAT(vm().SetPmuEventFilter(filter),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_SET_PMU_EVENT_FILTER(action=0x7, nevents=0x1): EINVAL"));
}

TEST_F(VmKvmTest, BootCpuIdMovesTheBootProcessor) {
  ASSERT_OK(vm().SetBootCpuId(1));
  CreateVcpu();
  ASSERT_OK_AND_ASSIGN(const kvm_sregs sregs, vcpu().GetSregs());
  EXPECT_EQ(sregs.apic_base & (1u << 8), 0u);
}

TEST_F(VmKvmTest, BootCpuIdIsTooLateAfterTheFirstVcpu) {
  CreateVcpu();
  EXPECT_THAT(vm().SetBootCpuId(1), StatusIs(absl::StatusCode::kFailedPrecondition,
                                             "KVM_SET_BOOT_CPU_ID(id=0x1): EBUSY"));
}

TEST_F(VmKvmTest, ClockGoesOnFromWhatWasSet) {
  CreateVcpu();
  constexpr uint64_t kHour = 3'600'000'000'000;
  kvm_clock_data clock{};
  clock.clock = kHour;
  ASSERT_OK(vm().SetClock(clock));
  ASSERT_OK_AND_ASSIGN(const kvm_clock_data now, vm().GetClock());
  EXPECT_GE(now.clock, kHour);
  EXPECT_LT(now.clock, 2 * kHour);
}

TEST_F(VmKvmTest, ClockTellsItsFlagsOnAStableTsc) {
  CreateVcpu(kOutToPort);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  ASSERT_OK_AND_ASSIGN(const int known, vm().CheckExtension(KVM_CAP_ADJUST_CLOCK));
  EXPECT_EQ(known, KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC);
  ASSERT_OK_AND_ASSIGN(const kvm_clock_data now, vm().GetClock());
  EXPECT_NE(now.flags & KVM_CLOCK_TSC_STABLE, 0u);
  EXPECT_NE(now.flags & KVM_CLOCK_REALTIME, 0u);
}

TEST_F(VmKvmTest, ClockWithUnknownFlagIsRefused) {
  kvm_clock_data clock{};
  clock.flags = 1u << 20;
  EXPECT_THAT(vm().SetClock(clock), StatusIs(absl::StatusCode::kInvalidArgument,
                                             "KVM_SET_CLOCK(clock=0x0, flags=0x100000): EINVAL"));
}

TEST_F(VmKvmTest, NewVcpusGetTheVmsTscFrequency) {
  ASSERT_OK_AND_ASSIGN(const uint32_t khz, vm().GetTscKhz());
  EXPECT_GT(khz, 0u);
  CreateVcpu();
  ASSERT_OK_AND_ASSIGN(const uint32_t vcpu_khz, vcpu().GetTscKhz());
  EXPECT_EQ(vcpu_khz, khz);
}

TEST_F(VmKvmTest, TscFrequencyOfTheVmCanBeSet) {
  ASSERT_OK_AND_ASSIGN(const uint32_t khz, vm().GetTscKhz());
  ASSERT_OK(vm().SetTscKhz(khz + 1000));
  ASSERT_OK_AND_ASSIGN(const uint32_t changed, vm().GetTscKhz());
  EXPECT_EQ(changed, khz + 1000);
}

TEST_F(VmKvmTest, StatisticsCountMmuWork) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, vm().GetStatsFd());
  ASSERT_OK_AND_ASSIGN(const std::vector<Stat> stats, ReadStats(fd.get()));
  EXPECT_NE(std::ranges::find(stats, "remote_tlb_flush", &Stat::name), stats.end());
}

TEST_F(VmKvmTest, VcpuStatisticsCountExits) {
  CreateVcpu(kOutToPort);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, vcpu().GetStatsFd());
  ASSERT_OK_AND_ASSIGN(const std::vector<Stat> stats, ReadStats(fd.get()));
  const auto exits = std::ranges::find(stats, "exits", &Stat::name);
  ASSERT_NE(exits, stats.end());
  EXPECT_GE(exits->values[0], 1u);
}

}  // namespace
}  // namespace hvkit::kvm
