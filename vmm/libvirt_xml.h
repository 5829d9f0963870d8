// Between a CpuSpec (QEMU's -cpu string) and libvirt's <hyperv> element, both ways.
//
// Source: libvirt's docs/formatdomain.rst "Hypervisor features" and its domaincommon.rng. What
// libvirt says elsewhere in a domain (hv_time, hv_crash, kvm=off) or not at all is written as a
// comment inside the element, `<!-- hvkit: FLAG; where it goes -->`, which is read back: nothing is
// lost either way. Syntax only: dependencies are not checked. Pure functions: thread-safe.
#ifndef HVKIT_VMM_LIBVIRT_XML_H_
#define HVKIT_VMM_LIBVIRT_XML_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/cpu_spec.h"
#include "hyperv/enlightenments/enlightenment.h"

namespace hvkit::vmm {

// One <hyperv> element of several lines. Members of presets are spelled out.
[[nodiscard]] std::string ToLibvirtXml(const hyperv::CpuSpec& spec);

// Reads the first <hyperv> element of `xml`, which may be a whole domain: then the hypervclock
// timer, the hyperv panic device and the hidden state of KVM count too. Errors are
// kInvalidArgument, one line: not XML, no <hyperv>, or an element or value that is not known.
[[nodiscard]] absl::StatusOr<hyperv::CpuSpec> FromLibvirtXml(absl::string_view xml);

// How libvirt says that `e` is on, and where: "<synic state='on'/> in <hyperv>".
[[nodiscard]] std::string LibvirtForm(hyperv::Enlightenment e);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_LIBVIRT_XML_H_
