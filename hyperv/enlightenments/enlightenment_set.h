// A set of enlightenments with their values: the small value type that everything queries.
//
// Two kinds of set are of this type: the one asked for (CpuSpec, cpu_flag.h) and the one in force
// (Resolution, resolve.h). It checks nothing but the length of the vendor id. Copyable, no heap;
// const methods are safe from any thread.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_ENLIGHTENMENT_SET_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_ENLIGHTENMENT_SET_H_

#include <array>
#include <cstdint>
#include <initializer_list>

#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {

// CPUID leaf 0x40000002. The default is Windows Server 2016, as in QEMU and KVM.
struct HypervisorVersion {
  uint32_t build = 0x3839;
  uint16_t major_version = 10;
  uint16_t minor_version = 0;
  uint32_t service_pack = 0;
  uint8_t service_branch = 0;
  uint32_t service_number = 0;  // 24 bits

  friend bool operator==(const HypervisorVersion&, const HypervisorVersion&) = default;
};

// Enlightenments with their values: what is asked for, or what is in force. A value type; not
// thread-safe.
class EnlightenmentSet {
 public:
  // Characters; CPUID has no room for more.
  static constexpr size_t kVendorIdLength = 12;

  EnlightenmentSet() { set_vendor_id(tlfs::kVendorMicrosoft); }
  EnlightenmentSet(std::initializer_list<Enlightenment> members) : EnlightenmentSet() {
    mask_ = EnlightenmentMask(members);
  }

  // Membership; values stay as they are, and nothing is said about what a member needs.
  [[nodiscard]] bool Has(Enlightenment e) const { return mask_.Has(e); }
  void Add(Enlightenment e) { mask_.Add(e); }  // hv_spinlocks: use set_spinlocks
  void Remove(Enlightenment e) { mask_.Remove(e); }
  [[nodiscard]] EnlightenmentMask mask() const { return mask_; }

  // Whether the guest is to be shown Hyper-V at all. True if the set holds hv_passthrough or any
  // enlightenment that gives the guest something: every flag of QEMU's that has a CPUID bit, ours,
  // and hv_spinlocks with a value other than "never notify". Identity (hv_vendor_id,
  // hv_version_id_*), hv_enforce_cpuid and hv_no_nonarch_coresharing alone do not count; this is
  // QEMU's rule (hyperv_enabled() in target/i386/kvm/kvm.c).
  [[nodiscard]] bool Enabled() const;

  // Spinlock attempts before the guest notifies; kSpinlocksNever without hv_spinlocks.
  [[nodiscard]] uint32_t spinlocks() const { return spinlocks_; }
  void set_spinlocks(uint32_t attempts);  // kSpinlocksNever takes hv_spinlocks out of the set

  // CPUID leaf 0x40000000: EBX, ECX, EDX. Shorter ids are padded with zeros.
  [[nodiscard]] const std::array<char, kVendorIdLength>& vendor_id() const { return vendor_id_; }
  void set_vendor_id(absl::string_view id);  // At most kVendorIdLength: the rest is dropped

  [[nodiscard]] const HypervisorVersion& version() const { return version_; }
  // To be changed in place.
  [[nodiscard]] HypervisorVersion& version() { return version_; }

  friend bool operator==(const EnlightenmentSet&, const EnlightenmentSet&) = default;

 private:
  EnlightenmentMask mask_;
  uint32_t spinlocks_ = tlfs::kSpinlocksNever;
  std::array<char, kVendorIdLength> vendor_id_{};
  HypervisorVersion version_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_ENLIGHTENMENT_SET_H_
