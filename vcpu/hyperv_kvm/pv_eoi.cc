#include "vcpu/hyperv_kvm/pv_eoi.h"

#include <asm/kvm_para.h>

#include <cstdint>

namespace hvkit::vcpu {

absl::Status SetPvEoi(const kvm::Vcpu& vcpu, std::optional<hyperv::Gpn> assist_page) {
  uint64_t value = 0;
  if (assist_page.has_value()) value = assist_page->FirstByte().value() | KVM_MSR_ENABLED;
  return vcpu.SetMsr(MSR_KVM_PV_EOI_EN, value);
}

}  // namespace hvkit::vcpu
