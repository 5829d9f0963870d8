#include "hyperv/enlightenments/cpu_flag_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

std::string Hex(uint32_t number) { return absl::StrCat("0x", absl::Hex(number)); }

std::string OffText(Enlightenment e) {
  return e == Enlightenment::kSpinlocks ? Hex(tlfs::kSpinlocksNever) : "off";
}

std::string VendorId(const EnlightenmentSet& set) {
  const absl::string_view padded(set.vendor_id().data(), set.vendor_id().size());
  return std::string(padded.substr(0, padded.find('\0')));
}

}  // namespace

std::optional<std::string> ValueText(Enlightenment e, const EnlightenmentSet& set) {
  const HypervisorVersion& version = set.version();
  switch (e) {
    case Enlightenment::kSpinlocks:
      return Hex(set.spinlocks());
    case Enlightenment::kVendorId:
      return VendorId(set);
    case Enlightenment::kVersionIdBuild:
      return Hex(version.build);
    case Enlightenment::kVersionIdMajor:
      return absl::StrCat(version.major_version);
    case Enlightenment::kVersionIdMinor:
      return absl::StrCat(version.minor_version);
    case Enlightenment::kVersionIdSpack:
      return absl::StrCat(version.service_pack);
    case Enlightenment::kVersionIdSbranch:
      return absl::StrCat(version.service_branch);
    case Enlightenment::kVersionIdSnumber:
      return absl::StrCat(version.service_number);
    default:
      return std::nullopt;
  }
}

std::string FormatFeature(const EnlightenmentInfo& info, const CpuSpec& spec) {
  if (spec.requested.Has(info.id)) {
    const std::optional<std::string> value = ValueText(info.id, spec.requested);
    return value ? absl::StrCat(info.name, "=", *value) : std::string(info.name);
  }
  if (spec.refused.Has(info.id)) return absl::StrCat(info.name, "=", OffText(info.id));
  if (info.id == Enlightenment::kNoNonarchCoresharing && spec.auto_coresharing) {
    return absl::StrCat(info.name, "=auto");
  }
  return "";
}

CpuSpec SpellOutPresets(CpuSpec spec) {
  const EnlightenmentMask added = spec.wished - spec.refused - spec.requested.mask();
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (added.Has(info.id)) spec.requested.Add(info.id);
  }
  if (added.Has(Enlightenment::kSpinlocks)) spec.requested.set_spinlocks(spec.wished_spinlocks);
  return spec;
}

std::string FormatCpuFlag(const CpuSpec& spec) {
  const CpuSpec plain = SpellOutPresets(spec);
  std::string flag = "host";
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    const std::string feature = FormatFeature(info, plain);
    if (!feature.empty()) absl::StrAppend(&flag, ",", feature);
  }
  if (!plain.kvm) absl::StrAppend(&flag, ",kvm=off");
  return flag;
}

}  // namespace hvkit::hyperv
