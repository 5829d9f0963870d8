// Strong types for the numbers that guests and hosts exchange: addresses, pages, virtual
// processors, interrupt vectors and synthetic interrupt sources.
//
// TLFS: "Partition Physical Address Space" (GPA, GPN), "Virtual Processor Index", "Synthetic
// Interrupt Sources".
//
// A value that comes from a guest enters through FromGuest, which refuses what the type cannot
// hold; code that receives one of these types has no range to check. The types know nothing of
// which pages have RAM or which processors exist.
#ifndef HVKIT_HYPERV_HOST_IDS_H_
#define HVKIT_HYPERV_HOST_IDS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace hvkit::hyperv {

// The size of a guest's page in bytes, whatever the host's is.
inline constexpr unsigned kPageShift = 12;
inline constexpr size_t kPageSize = size_t{1} << kPageShift;

class Gpn;

// A guest physical address: any 64-bit number. Immutable.
class Gpa {
 public:
  constexpr explicit Gpa(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }

  // The page that holds this byte, and where in it.
  constexpr Gpn Page() const;
  constexpr size_t PageOffset() const { return static_cast<size_t>(value_ & (kPageSize - 1)); }
  constexpr size_t BytesToPageEnd() const { return kPageSize - PageOffset(); }
  constexpr bool IsAligned(uint64_t power_of_two) const {
    return (value_ & (power_of_two - 1)) == 0;
  }

  // The address `bytes` further on, or nothing when that is past the last address.
  [[nodiscard]] constexpr std::optional<Gpa> Plus(uint64_t bytes) const {
    if (bytes > std::numeric_limits<uint64_t>::max() - value_) return std::nullopt;
    return Gpa(value_ + bytes);
  }

  // Whether `size` bytes from here lie in one page; no bytes always do.
  constexpr bool FitsInPage(size_t size) const { return size == 0 || size <= BytesToPageEnd(); }

  friend constexpr auto operator<=>(Gpa, Gpa) = default;

 private:
  uint64_t value_;
};

// A guest page number: below 2^52, so that its address always exists. Immutable.
class Gpn {
 public:
  // The page of the last address.
  static constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max() >> kPageShift;

  // Nothing if the number is too large.
  [[nodiscard]] static constexpr std::optional<Gpn> FromGuest(uint64_t number) {
    if (number > kMax) return std::nullopt;
    return Gpn(number);
  }
  // The page that holds the byte.
  [[nodiscard]] static constexpr Gpn Containing(Gpa address) {
    return Gpn(address.value() >> kPageShift);
  }

  constexpr uint64_t value() const { return number_; }
  // Where the page begins.
  constexpr Gpa FirstByte() const { return Gpa(number_ << kPageShift); }

  friend constexpr auto operator<=>(Gpn, Gpn) = default;

 private:
  constexpr explicit Gpn(uint64_t number) : number_(number) {}

  uint64_t number_;
};

constexpr Gpn Gpa::Page() const { return Gpn::Containing(*this); }

// A virtual processor's index in its partition; HV_ANY_VP and HV_VP_INDEX_SELF are not indices.
// Immutable.
class VpIndex {
 public:
  static constexpr uint32_t kMax = 0xFFFFFFFDu;  // below HV_VP_INDEX_SELF

  constexpr explicit VpIndex(uint32_t value) : value_(value) {}

  // Nothing if the number cannot be an index. Whether there is such a VP is not looked at.
  [[nodiscard]] static constexpr std::optional<VpIndex> FromGuest(uint64_t value) {
    if (value > kMax) return std::nullopt;
    return VpIndex(static_cast<uint32_t>(value));
  }

  constexpr uint32_t value() const { return value_; }

  friend constexpr auto operator<=>(VpIndex, VpIndex) = default;

 private:
  uint32_t value_;
};

// An interrupt vector of the local APIC. Immutable.
class Vector {
 public:
  constexpr explicit Vector(uint8_t value) : value_(value) {}

  // Nothing if the number is above 255.
  [[nodiscard]] static constexpr std::optional<Vector> FromGuest(uint64_t value) {
    if (value > std::numeric_limits<uint8_t>::max()) return std::nullopt;
    return Vector(static_cast<uint8_t>(value));
  }

  constexpr uint8_t value() const { return value_; }

  friend constexpr auto operator<=>(Vector, Vector) = default;

 private:
  uint8_t value_;
};

// One of the sixteen synthetic interrupt sources of a virtual processor. Immutable.
class SintIndex {
 public:
  static constexpr uint8_t kCount = 16;  // HV_SYNIC_SINT_COUNT

  // Nothing if there is no such source.
  [[nodiscard]] static constexpr std::optional<SintIndex> FromGuest(uint64_t value) {
    if (value >= kCount) return std::nullopt;
    return SintIndex(static_cast<uint8_t>(value));
  }
  // For numbers written in the source: a number out of range does not compile.
  template <uint8_t kIndex>
  [[nodiscard]] static constexpr SintIndex Of() {
    static_assert(kIndex < kCount);
    return SintIndex(kIndex);
  }

  constexpr uint8_t value() const { return value_; }

  friend constexpr auto operator<=>(SintIndex, SintIndex) = default;

 private:
  constexpr explicit SintIndex(uint8_t value) : value_(value) {}

  uint8_t value_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_IDS_H_
