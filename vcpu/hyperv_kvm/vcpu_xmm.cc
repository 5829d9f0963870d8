#include "vcpu/hyperv_kvm/vcpu_xmm.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

constexpr size_t kXmmOffset = 160;
constexpr size_t kXstateBvOffset = 512;
// KVM loads the legacy area of a vCPU that has not used it only where both are marked as in use.
constexpr uint64_t kX87AndSse = 3;

}  // namespace

void VcpuXmm::Read(hyperv::XmmValues& values) {
  values = {};
  error_.Update(Get());
  if (error_.ok()) std::memcpy(values.data(), xsave_.bytes().data() + kXmmOffset, sizeof(values));
}

void VcpuXmm::Write(const hyperv::XmmValues& values) {
  error_.Update(Get());
  if (!error_.ok()) return;
  std::byte* const area = xsave_.bytes().data();
  uint64_t in_use;
  std::memcpy(&in_use, area + kXstateBvOffset, sizeof(in_use));
  in_use |= kX87AndSse;
  std::memcpy(area + kXstateBvOffset, &in_use, sizeof(in_use));
  std::memcpy(area + kXmmOffset, values.data(), sizeof(values));
  error_.Update(vcpu_.SetXsave(xsave_));
}

absl::Status VcpuXmm::TakeError() { return std::exchange(error_, absl::OkStatus()); }

absl::Status VcpuXmm::Get() {
  return vcpu_.xsave_size() > sizeof(kvm_xsave) ? vcpu_.GetXsave2(xsave_) : vcpu_.GetXsave(xsave_);
}

}  // namespace hvkit::vcpu
