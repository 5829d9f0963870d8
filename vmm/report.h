// The output of --probe and --list-enlightenments as text and JSON. Takes plain values: what KVM
// and the back ends say is asked elsewhere.
//
// The JSON is a format that scripts read; the text is for people and may change.
#ifndef HVKIT_VMM_REPORT_H_
#define HVKIT_VMM_REPORT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vmm/config.h"

namespace hvkit::vmm {

// One line of --list-enlightenments.
struct EnlightenmentInfo {
  std::string name;                // "hv_spinlocks"
  std::string value;               // what follows '=', as in "N"; empty for a plain switch
  std::string summary;             // what it gives the guest
  std::vector<std::string> needs;  // names of others that it cannot be without
};

struct KvmProbe {
  std::string unusable_reason;  // empty when KVM is usable
  int api_version = 0;
  std::vector<std::pair<std::string, int>> caps;  // name, what KVM_CHECK_EXTENSION says
};

struct BackendProbe {
  std::string unavailable_reason;  // empty when it is available
};

// Whether each back end offers an enlightenment: no value is a yes, a value is the reason for a no.
struct EnlightenmentProbe {
  std::string name;
  std::optional<std::string> kernel_refusal;
  std::optional<std::string> user_refusal;
};

struct ProbeResult {
  KvmProbe kvm;
  BackendProbe kernel;
  BackendProbe user;
  std::vector<EnlightenmentProbe> enlightenments;
};

// Both end in a newline.
[[nodiscard]] std::string FormatProbe(const ProbeResult& probe, OutputFormat format);
[[nodiscard]] std::string FormatEnlightenments(const std::vector<EnlightenmentInfo>& list,
                                               OutputFormat format);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_REPORT_H_
