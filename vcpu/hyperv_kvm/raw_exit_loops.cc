#include "vcpu/hyperv_kvm/raw_exit_loops.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>

namespace hvkit::vcpu {
namespace {

// What a device would keep.
volatile uint64_t last_value;

}  // namespace

bool RawPortWrites(RawVcpu vcpu, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_IO) return false;
    last_value = reinterpret_cast<const uint8_t*>(vcpu.run)[vcpu.run->io.data_offset];
  }
  return true;
}

bool RawMmioWrites(RawVcpu vcpu, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_MMIO) return false;
    last_value = vcpu.run->mmio.data[0];
  }
  return true;
}

bool RawMsrReads(RawVcpu vcpu, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_X86_RDMSR) return false;
    vcpu.run->msr.data = last_value;
    vcpu.run->msr.error = 0;
  }
  return true;
}

bool RawMsrReadsWithGetRegs(RawVcpu vcpu, size_t count) {
  kvm_regs regs;
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_X86_RDMSR) return false;
    if (::ioctl(vcpu.fd, KVM_GET_REGS, &regs) < 0) return false;
    vcpu.run->msr.data = regs.rcx;
    vcpu.run->msr.error = 0;
  }
  return true;
}

bool RawMsrReadsWithSyncRegs(RawVcpu vcpu, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_X86_RDMSR) return false;
    vcpu.run->msr.data = vcpu.run->s.regs.regs.rcx;
    vcpu.run->msr.error = 0;
  }
  return true;
}

bool RawMsrWrites(RawVcpu vcpu, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_X86_WRMSR) return false;
    last_value = vcpu.run->msr.data;
    vcpu.run->msr.error = 0;
  }
  return true;
}

bool RawPortCalls(RawVcpu vcpu, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::ioctl(vcpu.fd, KVM_RUN, 0) < 0) return false;
    if (vcpu.run->exit_reason != KVM_EXIT_IO) return false;
    vcpu.run->s.regs.regs.rax = 0;
    vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
  }
  return true;
}

bool RawImmediateExits(RawVcpu vcpu, size_t count) {
  bool good = true;
  vcpu.run->immediate_exit = 1;
  for (size_t i = 0; i < count && good; ++i) {
    good = ::ioctl(vcpu.fd, KVM_RUN, 0) < 0 && errno == EINTR;
  }
  vcpu.run->immediate_exit = 0;
  return good;
}

}  // namespace hvkit::vcpu
