#include "vmm/convert.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/cpu_flag_text.h"
#include "hyperv/enlightenments/resolve.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/libvirt_xml.h"

namespace hvkit::vmm {

absl::StatusOr<Conversion> Convert(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (!absl::StartsWith(text, "<")) {
    HVKIT_ASSIGN_OR_RETURN(const hyperv::CpuSpec spec, hyperv::ParseCpuFlag(text));
    return Conversion{.text = ToLibvirtXml(spec), .note = ""};
  }
  HVKIT_ASSIGN_OR_RETURN(const hyperv::CpuSpec spec, FromLibvirtXml(text));
  const absl::Status complete = hyperv::CheckDependencies(spec);
  return Conversion{.text = hyperv::FormatCpuFlag(spec) + "\n",
                    .note = std::string(complete.message())};
}

}  // namespace hvkit::vmm
