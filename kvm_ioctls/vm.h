// A virtual machine. Its methods are in three headers by theme, as bases of one another: guest
// memory in vm_memory.h, interrupts and events in vm_irq.h, the rest here. Source: the kernel's KVM
// API documentation.
#ifndef HVKIT_KVM_IOCTLS_VM_H_
#define HVKIT_KVM_IOCTLS_VM_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/device.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm_irq.h"

namespace hvkit::kvm {

// Owner of a VM's descriptor. *Thread-safe* after construction. The kernel keeps the VM alive while
// a Vcpu or Device of it exists, so the order of destruction does not matter.
class Vm : public VmIrq {
 public:
  // Takes over a VM's descriptor that someone else created (a jailer, a test). Checks nothing.
  // `run_size` is Kvm::GetVcpuMmapSize().
  [[nodiscard]] static Vm FromFd(UniqueFd fd, size_t run_size) {
    return Vm(std::move(fd), run_size);
  }

  // KVM_CREATE_VCPU, and the mapping of its kvm_run. EEXIST: the id is taken; EINVAL: the id is too
  // large. It belongs to the thread that runs it.
  [[nodiscard]] absl::StatusOr<Vcpu> CreateVcpu(uint32_t id) const;
  // KVM_CREATE_DEVICE (KVM_CAP_DEVICE_CTRL). ENODEV: unknown type.
  [[nodiscard]] absl::StatusOr<Device> CreateDevice(uint32_t type) const;
  // KVM_CREATE_DEVICE with KVM_CREATE_DEVICE_TEST: whether CreateDevice() would know the type.
  // Creates nothing.
  [[nodiscard]] absl::Status TestDevice(uint32_t type) const;

  // KVM_CHECK_EXTENSION on the VM (KVM_CAP_CHECK_EXTENSION_VM): as Kvm::CheckExtension, for this
  // VM.
  [[nodiscard]] absl::StatusOr<int> CheckExtension(uint32_t cap) const;
  // KVM_ENABLE_CAP on the VM (KVM_CAP_ENABLE_CAP_VM): switches a capability on, for example
  // KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_X2APIC_API, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_DISABLE_QUIRKS2,
  // KVM_CAP_DIRTY_LOG_RING. EINVAL: unknown, or too late.
  [[nodiscard]] absl::Status EnableCap(const kvm_enable_cap& cap) const;
  // The same with one argument.
  [[nodiscard]] absl::Status EnableCap(uint32_t cap, uint64_t argument = 0) const;

  // KVM_X86_SET_MSR_FILTER (KVM_CAP_X86_MSR_FILTER): which guest MSR accesses KVM serves; the
  // others exit if KVM_CAP_X86_USER_SPACE_MSR says so, else #GP. Replaces the filter before.
  [[nodiscard]] absl::Status SetMsrFilter(const kvm_msr_filter& filter) const;
  // KVM_SET_PMU_EVENT_FILTER (KVM_CAP_PMU_EVENT_FILTER): which PMU events the guest may count.
  [[nodiscard]] absl::Status SetPmuEventFilter(const PmuEventFilter& filter) const;
  // KVM_SET_BOOT_CPU_ID (KVM_CAP_SET_BOOT_CPU_ID): the vCPU id of the boot processor, 0 otherwise.
  // EBUSY: vCPUs exist.
  [[nodiscard]] absl::Status SetBootCpuId(uint32_t id) const;

  // KVM_GET_CLOCK (KVM_CAP_ADJUST_CLOCK): the kvmclock, which Hyper-V's reference time follows.
  // flags tell what else is valid: KVM_CLOCK_TSC_STABLE, KVM_CLOCK_REALTIME, KVM_CLOCK_HOST_TSC.
  [[nodiscard]] absl::StatusOr<kvm_clock_data> GetClock() const;
  // KVM_SET_CLOCK: flags 0, or KVM_CLOCK_REALTIME to add the time that passed since `realtime`.
  // EINVAL: other flags.
  [[nodiscard]] absl::Status SetClock(const kvm_clock_data& clock) const;
  // KVM_GET_TSC_KHZ on the VM (KVM_CAP_VM_TSC_CONTROL, Linux 5.18): what new vCPUs get.
  [[nodiscard]] absl::StatusOr<uint32_t> GetTscKhz() const;
  // KVM_SET_TSC_KHZ on the VM: for vCPUs created later. EINVAL: above what a CPU
  // that scales can reach; one that does not scale takes any value here.
  [[nodiscard]] absl::Status SetTscKhz(uint32_t khz) const;

  // KVM_GET_STATS_FD (KVM_CAP_BINARY_STATS_FD): a descriptor to read the VM's statistics from (see
  // stats.h).
  [[nodiscard]] absl::StatusOr<UniqueFd> GetStatsFd() const;

  // Bytes of a vCPU's mapping (KVM_GET_VCPU_MMAP_SIZE), asked once.
  size_t run_size() const { return run_size_; }

 private:
  Vm(UniqueFd fd, size_t run_size) : VmIrq(std::move(fd)), run_size_(run_size) {}

  size_t run_size_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_VM_H_
