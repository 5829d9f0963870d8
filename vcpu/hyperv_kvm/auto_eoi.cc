#include "vcpu/hyperv_kvm/auto_eoi.h"

#include "hyperv/tlfs/synic.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu_hyperv.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::MsrIndex;
using hyperv::tlfs::Sint;

constexpr auto kFirstSintMsr = static_cast<uint32_t>(MsrIndex::kSint0);
static_assert(hyperv::tlfs::kSintCount <= 16, "a bit for each SINT");

bool EndsByItself(Sint sint) {
  return Sint::Masked::Get(sint) == 0 && Sint::AutoEoi::Get(sint) != 0;
}

// The same vector and nothing else that KVM would act on.
Sint ForKvm(Sint sint) {
  Sint value{0};
  Sint::Vector::Set(value, Sint::Vector::Get(sint));
  Sint::Masked::Set(value, EndsByItself(sint) ? 0 : 1);
  Sint::AutoEoi::Set(value, EndsByItself(sint) ? 1 : 0);
  return value;
}

}  // namespace

std::optional<uint32_t> SintOfMsr(uint32_t msr) {
  const uint32_t sint = msr - kFirstSintMsr;
  if (sint >= hyperv::tlfs::kSintCount) return std::nullopt;
  return sint;
}

AutoEoi::AutoEoi(const KernelFacts& facts, uint32_t vp_count)
    : is_supported_(facts.Capability(KVM_CAP_HYPERV_SYNIC2) != 0), vps_(vp_count) {}

absl::Status AutoEoi::SetSint(const kvm::Vcpu& vcpu, hyperv::VpIndex vp, uint32_t sint,
                              Sint value) {
  Vp& known = vps_[vp.value()];
  const auto bit = static_cast<uint16_t>(1u << sint);
  if (!is_supported_ || (!EndsByItself(value) && (known.auto_eoi & bit) == 0)) {
    return absl::OkStatus();
  }
  HVKIT_RETURN_IF_ERROR(EnableSynic(vcpu, known));
  HVKIT_RETURN_IF_ERROR(vcpu.SetMsr(kFirstSintMsr + sint, ForKvm(value).raw));
  known.auto_eoi =
      static_cast<uint16_t>(EndsByItself(value) ? known.auto_eoi | bit : known.auto_eoi & ~bit);
  return absl::OkStatus();
}

absl::Status AutoEoi::EnableSynic(const kvm::Vcpu& vcpu, Vp& vp) {
  if (vp.has_synic) return absl::OkStatus();
  HVKIT_RETURN_IF_ERROR(kvm::EnableHypervSynic2(vcpu));
  vp.has_synic = true;
  return absl::OkStatus();
}

}  // namespace hvkit::vcpu
