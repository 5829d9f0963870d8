// Owning wrappers for the kernel structs that end in a flexible array (kvm_cpuid2, kvm_msrs, ...).
// A Fam is reused: its storage only grows, so that a steady state allocates nothing. It knows no
// ioctl.
#ifndef HVKIT_KVM_IOCTLS_FAM_H_
#define HVKIT_KVM_IOCTLS_FAM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {

// How a struct T counts and places its entries. Specialised below for each T.
template <typename T>
struct FamTraits;

// A T followed by room for capacity() entries. Value semantics; not thread-safe.
template <typename T>
class Fam {
 public:
  // How T counts its entries, and what they are.
  using Traits = FamTraits<T>;
  using Entry = typename Traits::Entry;

  // `count` zeroed entries.
  explicit Fam(size_t count = 0) { Resize(count); }
  explicit Fam(std::span<const Entry> entries) : Fam(entries.size()) {
    std::ranges::copy(entries, this->entries().begin());
  }
  Fam(const Fam& other) { *this = other; }
  Fam(Fam&& other) noexcept
      : storage_(std::move(other.storage_)), capacity_(std::exchange(other.capacity_, 0)) {}
  Fam& operator=(const Fam& other) {
    if (this != &other) {
      Resize(other.size());
      if (other.storage_ != nullptr) {
        std::memcpy(storage_.get(), other.storage_.get(), Bytes(other.size()));
      }
    }
    return *this;
  }
  Fam& operator=(Fam&& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Fam() = default;

  // What the kernel takes. Null only after a move from this object, until Resize().
  T* get() { return reinterpret_cast<T*>(storage_.get()); }
  const T* get() const { return reinterpret_cast<const T*>(storage_.get()); }
  T* operator->() { return get(); }
  const T* operator->() const { return get(); }

  // The count in the header, which the kernel may have written, but never more than there is room
  // for.
  size_t size() const {
    return storage_ == nullptr ? 0 : std::min<size_t>(Traits::Count(*get()), capacity_);
  }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size() == 0; }
  // Valid until the count changes.
  std::span<Entry> entries() { return {EntryAt(0), size()}; }
  std::span<const Entry> entries() const { return const_cast<Fam*>(this)->entries(); }

  // Sets the count. New entries are zero; allocates only beyond capacity(), and then doubles at
  // least.
  void Resize(size_t count) {
    const size_t old = size();
    if (count > capacity_ || storage_ == nullptr) {
      Grow(old, std::max(count, 2 * capacity_));
    }
    if (count > old) {
      std::memset(EntryAt(old), 0, (count - old) * sizeof(Entry));
    }
    Traits::SetCount(*get(), count);
  }
  // Changes of the count, as Resize.
  void Clear() { Resize(0); }
  // `entry` may be one of these.
  void PushBack(const Entry& entry) {
    const Entry copy = entry;  // `entry` may live in the storage that grows
    Resize(size() + 1);
    entries().back() = copy;
  }

 private:
  static constexpr size_t Bytes(size_t count) { return sizeof(T) + count * sizeof(Entry); }
  Entry* EntryAt(size_t index) {
    return storage_ == nullptr
               ? nullptr
               : reinterpret_cast<Entry*>(storage_.get() + sizeof(T) + index * sizeof(Entry));
  }
  void Grow(size_t used, size_t capacity) {
    auto grown = std::make_unique<std::byte[]>(Bytes(capacity));
    if (storage_ != nullptr) {
      std::memcpy(grown.get(), storage_.get(), Bytes(used));
    }
    storage_ = std::move(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte[]> storage_;
  size_t capacity_ = 0;
};

// Traits for a T whose `count` member holds the number of entries.
template <typename T, typename E, __u32 T::* kCount>
struct CountedFamTraits {
  using Entry = E;
  // The header's count of entries.
  static size_t Count(const T& header) { return header.*kCount; }
  static void SetCount(T& header, size_t count) { header.*kCount = static_cast<__u32>(count); }
};
template <>
struct FamTraits<kvm_cpuid2> : CountedFamTraits<kvm_cpuid2, kvm_cpuid_entry2, &kvm_cpuid2::nent> {};
template <>
struct FamTraits<kvm_msrs> : CountedFamTraits<kvm_msrs, kvm_msr_entry, &kvm_msrs::nmsrs> {};
template <>
struct FamTraits<kvm_msr_list> : CountedFamTraits<kvm_msr_list, __u32, &kvm_msr_list::nmsrs> {};
template <>
struct FamTraits<kvm_irq_routing>
    : CountedFamTraits<kvm_irq_routing, kvm_irq_routing_entry, &kvm_irq_routing::nr> {};
template <>
struct FamTraits<kvm_signal_mask> : CountedFamTraits<kvm_signal_mask, __u8, &kvm_signal_mask::len> {
};
template <>
struct FamTraits<kvm_pmu_event_filter>
    : CountedFamTraits<kvm_pmu_event_filter, __u64, &kvm_pmu_event_filter::nevents> {};
// kvm_nested_state::size counts the header too; the entries are the bytes behind it.
template <>
struct FamTraits<kvm_nested_state> {
  using Entry = __u8;
  static size_t Count(const kvm_nested_state& header) {
    return header.size < sizeof(header) ? 0 : header.size - sizeof(header);
  }
  static void SetCount(kvm_nested_state& header, size_t count) {
    header.size = static_cast<__u32>(sizeof(header) + count);
  }
};

// The kernel's structs of this form that KVM's ioctls take.
using Cpuid = Fam<kvm_cpuid2>;
using Msrs = Fam<kvm_msrs>;
using MsrList = Fam<kvm_msr_list>;
using IrqRouting = Fam<kvm_irq_routing>;
using SignalMask = Fam<kvm_signal_mask>;
using PmuEventFilter = Fam<kvm_pmu_event_filter>;
using NestedState = Fam<kvm_nested_state>;

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_FAM_H_
