// The buffer of KVM_GET_XSAVE, KVM_GET_XSAVE2 and KVM_SET_XSAVE: a kvm_xsave and, where a feature
// that is enabled on demand (AMX) makes the area longer than 4096 bytes, what follows it. Its
// layout is that of CPUID leaf 0xd.
#ifndef HVKIT_KVM_IOCTLS_XSAVE_H_
#define HVKIT_KVM_IOCTLS_XSAVE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {

// Value semantics; not thread-safe. Reuse it: ioctls never make it grow.
class Xsave {
 public:
  // At least sizeof(kvm_xsave) zeroed bytes. Vcpu::xsave_size() is what a vCPU needs.
  explicit Xsave(size_t size = sizeof(kvm_xsave))
      : words_((std::max(size, sizeof(kvm_xsave)) + sizeof(uint32_t) - 1) / sizeof(uint32_t)) {}

  // What the kernel takes; the same bytes, size() of them.
  kvm_xsave* get() { return reinterpret_cast<kvm_xsave*>(words_.data()); }
  const kvm_xsave* get() const { return reinterpret_cast<const kvm_xsave*>(words_.data()); }
  size_t size() const { return words_.size() * sizeof(uint32_t); }
  std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words_)); }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(words_)); }

 private:
  std::vector<uint32_t> words_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_XSAVE_H_
