// The system descriptor on real KVM. Facts differ by kernel and processor; none is skipped.
#include <fcntl.h>

#include <algorithm>
#include <string>

#include "kvm_ioctls/kvm_test_machine.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;

const kvm_cpuid_entry2* FindLeaf(const Cpuid& cpuid, uint32_t function) {
  const auto entries = cpuid.entries();
  const auto found = std::ranges::find(entries, function, &kvm_cpuid_entry2::function);
  return found == entries.end() ? nullptr : &*found;
}

std::string Signature(const kvm_cpuid_entry2& leaf) {
  std::string text(12, '\0');
  std::memcpy(text.data(), &leaf.ebx, 4);
  std::memcpy(text.data() + 4, &leaf.ecx, 4);
  std::memcpy(text.data() + 8, &leaf.edx, 4);
  return text.substr(0, text.find('\0'));
}

using SystemKvmTest = KvmTest;

TEST_F(SystemKvmTest, ApiVersionIs12) {
  ASSERT_OK_AND_ASSIGN(const int version, kvm().GetApiVersion());
  EXPECT_EQ(version, 12);
}

TEST_F(SystemKvmTest, ForeignDescriptorIsTakenOver) {
  const Kvm other = Kvm::FromFd(UniqueFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)));
  ASSERT_OK_AND_ASSIGN(const int version, other.GetApiVersion());
  EXPECT_EQ(version, 12);
}

TEST_F(SystemKvmTest, CheckExtensionKnowsUserMemoryAndNotCap9999) {
  ASSERT_OK_AND_ASSIGN(const int present, kvm().CheckExtension(KVM_CAP_USER_MEMORY));
  EXPECT_EQ(present, 1);
  ASSERT_OK_AND_ASSIGN(const int absent, kvm().CheckExtension(9999));
  EXPECT_EQ(absent, 0);
}

struct CapCase {
  uint32_t cap;
  int on_svm;
  int on_vmx;
};
class HypervCapTest : public KvmTest, public ::testing::WithParamInterface<CapCase> {};

TEST_P(HypervCapTest, HasTheProcessorsValue) {
  ASSERT_OK_AND_ASSIGN(const int value, kvm().CheckExtension(GetParam().cap));
  EXPECT_EQ(value, ProcessorHasSvm() ? GetParam().on_svm : GetParam().on_vmx);
}

INSTANTIATE_TEST_SUITE_P(
    All, HypervCapTest,
    ::testing::Values(CapCase{KVM_CAP_HYPERV, 1, 1}, CapCase{KVM_CAP_HYPERV_VAPIC, 1, 1},
                      CapCase{KVM_CAP_HYPERV_SPIN, 1, 1}, CapCase{KVM_CAP_HYPERV_TIME, 1, 1},
                      CapCase{KVM_CAP_HYPERV_SYNIC, 1, 1}, CapCase{KVM_CAP_HYPERV_SYNIC2, 1, 1},
                      CapCase{KVM_CAP_HYPERV_VP_INDEX, 1, 1}, CapCase{KVM_CAP_HYPERV_EVENTFD, 1, 1},
                      CapCase{KVM_CAP_HYPERV_TLBFLUSH, 1, 1},
                      CapCase{KVM_CAP_HYPERV_SEND_IPI, 1, 1}, CapCase{KVM_CAP_HYPERV_CPUID, 1, 1},
                      CapCase{KVM_CAP_SYS_HYPERV_CPUID, 1, 1},
                      CapCase{KVM_CAP_HYPERV_ENFORCE_CPUID, 1, 1},
                      CapCase{KVM_CAP_HYPERV_ENLIGHTENED_VMCS, 0, 1},
                      CapCase{KVM_CAP_HYPERV_DIRECT_TLBFLUSH, 0, 0}));

TEST_F(SystemKvmTest, VcpuMappingHasRunPortAndCoalescedPages) {
  ASSERT_OK_AND_ASSIGN(const size_t size, kvm().GetVcpuMmapSize());
  EXPECT_EQ(size, 3u * 4096);
  EXPECT_EQ(vm().run_size(), size);
}

TEST_F(SystemKvmTest, LimitsAreOrdered) {
  ASSERT_OK_AND_ASSIGN(const int recommended, kvm().GetRecommendedVcpus());
  ASSERT_OK_AND_ASSIGN(const int max_vcpus, kvm().GetMaxVcpus());
  ASSERT_OK_AND_ASSIGN(const int max_id, kvm().GetMaxVcpuId());
  EXPECT_GE(recommended, 1);
  EXPECT_GE(max_vcpus, recommended);
  EXPECT_GE(max_id, max_vcpus);
}

TEST_F(SystemKvmTest, ThereAreMoreThan32Memslots) {
  ASSERT_OK_AND_ASSIGN(const int slots, kvm().GetMaxMemslots());
  EXPECT_GT(slots, 32);
}

TEST_F(SystemKvmTest, SupportedCpuidHasKvmsOwnLeaves) {
  ASSERT_OK_AND_ASSIGN(const Cpuid cpuid, kvm().GetSupportedCpuid());
  const kvm_cpuid_entry2* leaf = FindLeaf(cpuid, 0x40000000);
  ASSERT_NE(leaf, nullptr);
  EXPECT_EQ(Signature(*leaf), "KVMKVMKVM");
}

TEST_F(SystemKvmTest, EmulatedCpuidHasMovbe) {
  ASSERT_OK_AND_ASSIGN(const Cpuid cpuid, kvm().GetEmulatedCpuid());
  const kvm_cpuid_entry2* leaf = FindLeaf(cpuid, 1);
  ASSERT_NE(leaf, nullptr);
  EXPECT_NE(leaf->ecx & (1u << 22), 0u);
}

TEST_F(SystemKvmTest, SupportedHvCpuidHasTheInterfaceAndPrivileges) {
  ASSERT_OK_AND_ASSIGN(const Cpuid cpuid, kvm().GetSupportedHvCpuid());
  const kvm_cpuid_entry2* vendor = FindLeaf(cpuid, 0x40000000);
  const kvm_cpuid_entry2* features = FindLeaf(cpuid, 0x40000003);
  ASSERT_NE(vendor, nullptr);
  ASSERT_NE(features, nullptr);
  EXPECT_EQ(Signature(*vendor), "Linux KVM Hv");
  EXPECT_EQ(features->eax & 0x2aff, 0x2affu);
  EXPECT_EQ(features->ebx & 0x830, 0x830u);
}

TEST_F(SystemKvmTest, MsrIndexListHasTheTsc) {
  ASSERT_OK_AND_ASSIGN(const MsrList list, kvm().GetMsrIndexList());
  EXPECT_THAT(list.entries(), ::testing::Contains(0x10));
}

TEST_F(SystemKvmTest, FeatureMsrsCanBeRead) {
  ASSERT_OK_AND_ASSIGN(const MsrList list, kvm().GetMsrFeatureIndexList());
  ASSERT_FALSE(list.empty());
  Msrs msrs;
  for (const uint32_t index : list.entries()) {
    msrs.PushBack({index, 0, 0});
  }
  EXPECT_OK(kvm().GetMsrs(msrs));
}

TEST_F(SystemKvmTest, ReadingAnMsrThatIsNoFeatureIsAnError) {
  ASSERT_OK_AND_ASSIGN(const MsrList list, kvm().GetMsrFeatureIndexList());
  ASSERT_FALSE(list.empty());
  Msrs msrs;
  msrs.PushBack({list.entries()[0], 0, 0});
  msrs.PushBack({0x40000083, 0, 0});
  EXPECT_THAT(kvm().GetMsrs(msrs),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "KVM_GET_MSRS: 1 of 2 read, stopped at 0x40000083: EINVAL"));
}

TEST_F(SystemKvmTest, MceCapabilitiesHaveMcgCtl) {
  ASSERT_OK_AND_ASSIGN(const uint64_t mcg_cap, kvm().GetMceCapSupported());
  EXPECT_NE(mcg_cap & (1u << 8), 0u);
}

kvm_device_attr XcompGuestSupp(const uint64_t* value) {
  kvm_device_attr attr{};
  attr.attr = KVM_X86_XCOMP_GUEST_SUPP;
  attr.addr = reinterpret_cast<uintptr_t>(value);
  return attr;
}

TEST_F(SystemKvmTest, HasTheXsaveFeaturesAttribute) {
  EXPECT_OK(kvm().HasDeviceAttr(XcompGuestSupp(nullptr)));
}

TEST_F(SystemKvmTest, XsaveFeaturesHaveX87AndSse) {
  uint64_t features = 0;
  ASSERT_OK(kvm().GetDeviceAttr(XcompGuestSupp(&features)));
  EXPECT_EQ(features & 3, 3u);
}

TEST_F(SystemKvmTest, UnknownAttributeIsNotFound) {
  kvm_device_attr attr{};
  attr.group = 77;
  EXPECT_THAT(
      kvm().HasDeviceAttr(attr),
      StatusIs(absl::StatusCode::kNotFound, "KVM_HAS_DEVICE_ATTR(group=0x4d, attr=0x0): ENXIO"));
}

TEST_F(SystemKvmTest, VmOfUnknownTypeIsRefused) {
  EXPECT_THAT(kvm().CreateVm(99).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_CREATE_VM(type=0x63): EINVAL"));
}

TEST_F(SystemKvmTest, ForeignVmIsTakenOver) {
  ASSERT_OK_AND_ASSIGN(const Vm created, kvm().CreateVm());
  const Vm other = Vm::FromFd(UniqueFd(::fcntl(created.fd(), F_DUPFD_CLOEXEC, 0)), vm().run_size());
  EXPECT_OK(other.CreateVcpu(0).status());
}

}  // namespace
}  // namespace hvkit::kvm
