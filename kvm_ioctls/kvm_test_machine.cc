#include "kvm_ioctls/kvm_test_machine.h"

#include <cpuid.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace hvkit::kvm {
namespace {

constexpr unsigned kDeadlineSeconds = 60;
constexpr uint16_t kCodeSelector = 0x08;
constexpr uint16_t kDataSelector = 0x10;
constexpr uint64_t kFlatCode = 0x00cf9b000000ffff;
constexpr uint64_t kFlatData = 0x00cf93000000ffff;

kvm_segment FlatSegment(uint16_t selector, uint8_t type) {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = selector;
  segment.type = type;
  segment.present = segment.s = segment.db = segment.g = 1;
  return segment;
}

}  // namespace

bool KernelAtLeast(int major, int minor) {
  utsname name{};
  ::uname(&name);
  int have_major = 0;
  int have_minor = 0;
  std::sscanf(name.release, "%d.%d", &have_major, &have_minor);
  return std::pair(have_major, have_minor) >= std::pair(major, minor);
}

bool IsDebianCloudKernel() {
  utsname name{};
  ::uname(&name);
  return std::strstr(name.release, "-cloud-amd64") != nullptr;
}

bool ProcessorHasSvm() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & (1u << 2)) != 0;
}

EventFd::EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void EventFd::Signal() const {
  const uint64_t one = 1;
  ASSERT_EQ(::write(fd(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
}

uint64_t EventFd::Take() const {
  uint64_t count = 0;
  return ::read(fd(), &count, sizeof(count)) == sizeof(count) ? count : 0;
}

void KvmTest::SetUp() {
  ::alarm(kDeadlineSeconds);
  ASSERT_OK_AND_ASSIGN(kvm_, Kvm::Open());
  ASSERT_OK_AND_ASSIGN(vm_, kvm_->CreateVm());
  void* memory = ::mmap(nullptr, kRam, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ram_ = static_cast<std::byte*>(memory);
}

void KvmTest::TearDown() {
  vcpu_.reset();
  vm_.reset();
  ::munmap(ram_, kRam);
  ::alarm(0);
}

void KvmTest::AddRam(uint32_t flags) {
  kvm_userspace_memory_region region{};
  region.flags = flags;
  region.memory_size = kRam;
  region.userspace_addr = reinterpret_cast<uintptr_t>(ram_);
  ASSERT_OK(vm_->SetUserMemoryRegion(region));
}

void KvmTest::CreateVcpu(std::span<const std::byte> guest, uint32_t memory_flags) {
  AddRam(memory_flags);
  ASSERT_OK_AND_ASSIGN(vcpu_, vm_->CreateVcpu(0));
  ASSERT_OK_AND_ASSIGN(const Cpuid cpuid, kvm_->GetSupportedCpuid());
  ASSERT_OK(vcpu_->SetCpuid2(cpuid));
  SetProtectedMode();
  Load(guest);
}

void KvmTest::SetProtectedMode() {
  Write(kGdt + kCodeSelector, kFlatCode);
  Write(kGdt + kDataSelector, kFlatData);
  ASSERT_OK_AND_ASSIGN(kvm_sregs sregs, vcpu_->GetSregs());
  sregs.cs = FlatSegment(kCodeSelector, 0xb);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = FlatSegment(kDataSelector, 0x3);
  sregs.gdt = {kGdt, 0x17, {}};
  sregs.idt = {kIdt, 0x7ff, {}};
  sregs.cr0 |= 1;  // PE
  ASSERT_OK(vcpu_->SetSregs(sregs));
}

void KvmTest::Load(std::span<const std::byte> guest) {
  std::ranges::copy(guest, ram_ + kCode);
  kvm_regs regs{};
  regs.rip = kCode;
  regs.rsp = kStack;
  regs.rflags = 2;
  ASSERT_OK(vcpu_->SetRegs(regs));
}

void KvmTest::Handler(uint8_t vector, std::span<const std::byte> handler) {
  std::ranges::copy(handler, ram_ + kHandler);
  constexpr uint64_t kInterruptGate = 0x8e0000000000;
  Write(kIdt + vector * uint64_t{8}, kInterruptGate | (uint64_t{kCodeSelector} << 16) | kHandler);
}

uint32_t KvmTest::Run() {
  const Errno error = vcpu_->Run();
  EXPECT_TRUE(error.ok()) << ErrnoName(error);
  return vcpu_->exit().reason();
}

uint32_t KvmTest::RunToOut() {
  const uint32_t reason = Run();
  EXPECT_STREQ(ExitReasonName(reason), "KVM_EXIT_IO");
  uint32_t value = 0;
  if (reason == KVM_EXIT_IO) {
    const auto data = vcpu_->exit().io().data();
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
  }
  return value;
}

void KvmTest::CompleteExit() {
  vcpu_->SetImmediateExit(true);
  EXPECT_EQ(vcpu_->Run(), Errno(EINTR));
  vcpu_->SetImmediateExit(false);
}

void KvmTest::EnableLapic() {
  constexpr size_t kSpuriousVector = 0xf0;
  ASSERT_OK_AND_ASSIGN(kvm_lapic_state lapic, vcpu_->GetLapic());
  const uint32_t enabled = 0x1ff;
  std::memcpy(lapic.regs + kSpuriousVector, &enabled, sizeof(enabled));
  ASSERT_OK(vcpu_->SetLapic(lapic));
}

bool KvmTest::Requested(uint8_t vector) {
  const auto lapic = vcpu_->GetLapic();
  EXPECT_OK(lapic);
  uint32_t word = 0;
  std::memcpy(&word, lapic->regs + 0x200 + 0x10 * (vector / 32), sizeof(word));
  return (word >> (vector % 32)) & 1;
}

}  // namespace hvkit::kvm
