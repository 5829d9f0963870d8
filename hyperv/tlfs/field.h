// Named subfields of one raw register word.
//
// A register is a struct with a single unsigned member `raw`; its subfields are types:
//
//   struct Sint { uint64_t raw = 0; using Vector = Field<0, 8>; using Masked = Field<16, 1>; };
//   if (Sint::Masked::Get(sint) == 0) Deliver(Sint::Vector::Get(sint));
//
// C++ bit-fields are not used: their layout is the compiler's choice, and reserved bits need a
// mask. Stateless: usable from any thread.
#ifndef HVKIT_HYPERV_TLFS_FIELD_H_
#define HVKIT_HYPERV_TLFS_FIELD_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace hvkit::hyperv::tlfs {

template <typename T>
concept RawRegister = std::is_trivially_copyable_v<T> && requires(T reg) {
  { reg.raw } -> std::convertible_to<uint64_t>;
  requires std::unsigned_integral<std::remove_cvref_t<decltype(reg.raw)>>;
};

// Bits kLo .. kLo + kWidth - 1 of a register's raw word.
template <unsigned kLo, unsigned kWidth>
struct Field {
  static_assert(kWidth >= 1 && kLo + kWidth <= 64);

  static constexpr unsigned kShift = kLo;
  static constexpr uint64_t kMax = ~uint64_t{0} >> (64 - kWidth);
  static constexpr uint64_t kMask = kMax << kLo;

  // The field's value, shifted down to bit 0.
  template <RawRegister R>
  [[nodiscard]] static constexpr uint64_t Get(const R& reg) {
    static_assert(kLo + kWidth <= 8 * sizeof(reg.raw));
    return (uint64_t{reg.raw} >> kLo) & kMax;
  }

  // Bits of `value` above the field's width are dropped.
  template <RawRegister R>
  static constexpr void Set(R& reg, uint64_t value) {
    static_assert(kLo + kWidth <= 8 * sizeof(reg.raw));
    using Raw = decltype(reg.raw);
    reg.raw = static_cast<Raw>((uint64_t{reg.raw} & ~kMask) | ((value & kMax) << kLo));
  }
};

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_FIELD_H_
