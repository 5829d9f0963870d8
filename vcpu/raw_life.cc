#include "vcpu/raw_life.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

constexpr size_t kMaxCpuidEntries = 256;
constexpr size_t kTableBytes = 4096;
constexpr size_t kTableEntries = kTableBytes / sizeof(uint64_t);

// What there is of the VM so far.
struct RawVm {
  int kvm = -1;
  int vm = -1;
  int vcpu = -1;
  int ram_file = -1;
  char* ram = nullptr;
  kvm_run* run = nullptr;
  size_t run_size = 0;
};

// Each is a step: whether it went well.
bool Open(RawVm& raw) {
  raw.kvm = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  return raw.kvm >= 0 && ::ioctl(raw.kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION;
}

bool CreateVm(RawVm& raw) {
  raw.vm = ::ioctl(raw.kvm, KVM_CREATE_VM, 0);
  return raw.vm >= 0;
}

bool AddMemory(RawVm& raw) {
  raw.ram_file = ::memfd_create("raw", MFD_CLOEXEC);
  if (raw.ram_file < 0 || ::ftruncate(raw.ram_file, kLifeRamSize) != 0) return false;
  void* const ram = ::mmap(nullptr, kLifeRamSize, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_NORESERVE, raw.ram_file, 0);
  if (ram == MAP_FAILED) return false;
  raw.ram = static_cast<char*>(ram);
  kvm_userspace_memory_region region{};
  region.memory_size = kLifeRamSize;
  region.userspace_addr = reinterpret_cast<uint64_t>(ram);
  return ::ioctl(raw.vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

bool CreateIrqchip(RawVm& raw) { return ::ioctl(raw.vm, KVM_CREATE_IRQCHIP, 0) == 0; }

bool CreateVcpu(RawVm& raw) {
  raw.vcpu = ::ioctl(raw.vm, KVM_CREATE_VCPU, 0);
  const int size = ::ioctl(raw.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (raw.vcpu < 0 || size < 0) return false;
  raw.run_size = static_cast<size_t>(size);
  void* const run = ::mmap(nullptr, raw.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, raw.vcpu, 0);
  if (run == MAP_FAILED) return false;
  raw.run = static_cast<kvm_run*>(run);
  return true;
}

bool CopyCpuid(RawVm& raw) {
  alignas(kvm_cpuid2)
      std::byte bytes[sizeof(kvm_cpuid2) + kMaxCpuidEntries * sizeof(kvm_cpuid_entry2)] = {};
  auto* const cpuid = reinterpret_cast<kvm_cpuid2*>(bytes);
  cpuid->nent = kMaxCpuidEntries;
  return ::ioctl(raw.kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0 &&
         ::ioctl(raw.vcpu, KVM_SET_CPUID2, cpuid) == 0;
}

// Maps the first 4 GiB to themselves with pages of 2 MiB, with a GDT behind, as vcpu/x86_boot.h
// does.
void WriteTables(char* tables, uint64_t address) {
  auto* const entries = reinterpret_cast<uint64_t*>(tables);
  entries[0] = (address + kTableBytes) | 3;
  for (uint64_t i = 0; i < 4; ++i) {
    entries[kTableEntries + i] = (address + (2 + i) * kTableBytes) | 3;
  }
  for (uint64_t page = 0; page < 4 * kTableEntries; ++page) {
    entries[2 * kTableEntries + page] = page << 21 | 0x83;
  }
  entries[6 * kTableEntries + 2] = 0x00AF'9B00'0000'FFFF;  // code
  entries[6 * kTableEntries + 3] = 0x00CF'9300'0000'FFFF;  // data
}

kvm_segment Segment(uint16_t selector, uint8_t type, bool is_code) {
  kvm_segment segment{};
  segment.limit = 0xFFFFFFFF;
  segment.selector = selector;
  segment.type = type;
  segment.present = segment.s = segment.g = 1;
  segment.l = is_code ? 1 : 0;
  segment.db = is_code ? 0 : 1;
  return segment;
}

bool SetState(RawVm& raw) {
  WriteTables(raw.ram + kLifeTables.value(), kLifeTables.value());
  std::memcpy(raw.ram + kLifeCode.value(), kLifeGuest.data(), kLifeGuest.size());
  kvm_sregs sregs;
  if (::ioctl(raw.vcpu, KVM_GET_SREGS, &sregs) != 0) return false;
  sregs.cs = Segment(0x10, 0xB, true);
  sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = Segment(0x18, 3, false);
  sregs.cr0 = 0x80000011;  // PG, ET, PE
  sregs.cr3 = kLifeTables.value();
  sregs.cr4 = 0x20;    // PAE
  sregs.efer = 0x500;  // LMA, LME
  sregs.gdt.base = kLifeTables.value() + 6 * kTableBytes;
  sregs.gdt.limit = 4 * sizeof(uint64_t) - 1;
  if (::ioctl(raw.vcpu, KVM_SET_SREGS, &sregs) != 0) return false;
  kvm_regs regs{};
  regs.rip = kLifeCode.value();
  regs.rflags = 2;
  return ::ioctl(raw.vcpu, KVM_SET_REGS, &regs) == 0;
}

bool RunOnce(RawVm& raw) {
  return ::ioctl(raw.vcpu, KVM_RUN, 0) == 0 && raw.run->exit_reason == KVM_EXIT_IO &&
         raw.run->io.port == kLifePort;
}

void Close(const RawVm& raw) {
  if (raw.run != nullptr) ::munmap(raw.run, raw.run_size);
  if (raw.vcpu >= 0) ::close(raw.vcpu);
  if (raw.vm >= 0) ::close(raw.vm);
  if (raw.ram != nullptr) ::munmap(raw.ram, kLifeRamSize);
  if (raw.ram_file >= 0) ::close(raw.ram_file);
  if (raw.kvm >= 0) ::close(raw.kvm);
}

using Step = bool (*)(RawVm&);
constexpr Step kSteps[] = {Open,       CreateVm,  AddMemory, CreateIrqchip,
                           CreateVcpu, CopyCpuid, SetState,  RunOnce};
static_assert(std::size(kSteps) == static_cast<size_t>(LifeStep::kUntilFirstExit));

}  // namespace

absl::StatusOr<LifeTimes> RawLife() {
  RawVm raw;
  absl::Status status;
  LifeWatch watch;
  for (size_t i = 0; i < std::size(kSteps) && status.ok(); ++i) {
    if (!kSteps[i](raw)) {
      const std::string errno_name = kvm::ErrnoName(kvm::Errno::Last());
      status = absl::InternalError(
          absl::StrCat(kLifeStepNames[i], ", raw C, failed; errno is ", errno_name));
    }
    watch.Lap(static_cast<LifeStep>(i));
  }
  Close(raw);
  watch.Lap(LifeStep::kClose);
  if (!status.ok()) return status;
  return watch.times();
}

}  // namespace hvkit::vcpu
