#include "kvm_ioctls/vm.h"

#include "kvm_ioctls/enable_cap.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {

absl::StatusOr<Vcpu> Vm::CreateVcpu(uint32_t id) const {
  HVKIT_ASSIGN_OR_RETURN(UniqueFd vcpu_fd,
                         NewFd(HVKIT_IOCTL_ID(KVM_CREATE_VCPU), id, {{"id", id}}));
  HVKIT_ASSIGN_OR_RETURN(const int xsave2, CheckExtension(KVM_CAP_XSAVE2));
  return Vcpu::FromFd(std::move(vcpu_fd), run_size_, static_cast<size_t>(xsave2));
}

absl::StatusOr<Device> Vm::CreateDevice(uint32_t type) const {
  kvm_create_device create{};
  create.type = type;
  HVKIT_RETURN_IF_ERROR(DoPtr(HVKIT_IOCTL_ID(KVM_CREATE_DEVICE), &create, {{"type", type}}));
  return Device(UniqueFd(static_cast<int>(create.fd)));
}

absl::Status Vm::TestDevice(uint32_t type) const {
  kvm_create_device create{};
  create.type = type;
  create.flags = KVM_CREATE_DEVICE_TEST;
  return DoPtr(HVKIT_IOCTL_ID(KVM_CREATE_DEVICE), &create,
               {{"type", type}, {"flags", create.flags}});
}

absl::StatusOr<int> Vm::CheckExtension(uint32_t cap) const {
  return Call(HVKIT_IOCTL_ID(KVM_CHECK_EXTENSION), cap, {{"cap", cap}});
}

absl::Status Vm::EnableCap(const kvm_enable_cap& cap) const {
  return internal::EnableCap(fd(), cap);
}

absl::Status Vm::EnableCap(uint32_t cap, uint64_t argument) const {
  return internal::EnableCap(fd(), internal::MakeEnableCap(cap, argument));
}

absl::Status Vm::SetMsrFilter(const kvm_msr_filter& filter) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_X86_SET_MSR_FILTER), &filter,
               {{"flags", filter.flags}, {"ranges[0].base", filter.ranges[0].base}});
}

absl::Status Vm::SetPmuEventFilter(const PmuEventFilter& filter) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_PMU_EVENT_FILTER), filter.get(),
               {{"action", filter->action}, {"nevents", filter->nevents}});
}

absl::Status Vm::SetBootCpuId(uint32_t id) const {
  return Do(HVKIT_IOCTL_ID(KVM_SET_BOOT_CPU_ID), id, {{"id", id}});
}

absl::StatusOr<kvm_clock_data> Vm::GetClock() const {
  return Get<kvm_clock_data>(HVKIT_IOCTL_ID(KVM_GET_CLOCK));
}

absl::Status Vm::SetClock(const kvm_clock_data& clock) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_CLOCK), &clock,
               {{"clock", clock.clock}, {"flags", clock.flags}});
}

absl::StatusOr<uint32_t> Vm::GetTscKhz() const {
  HVKIT_ASSIGN_OR_RETURN(const int khz, Call(HVKIT_IOCTL_ID(KVM_GET_TSC_KHZ), 0));
  return static_cast<uint32_t>(khz);
}

absl::Status Vm::SetTscKhz(uint32_t khz) const {
  return Do(HVKIT_IOCTL_ID(KVM_SET_TSC_KHZ), khz, {{"khz", khz}});
}

absl::StatusOr<UniqueFd> Vm::GetStatsFd() const {
  return NewFd(HVKIT_IOCTL_ID(KVM_GET_STATS_FD), 0);
}

}  // namespace hvkit::kvm
