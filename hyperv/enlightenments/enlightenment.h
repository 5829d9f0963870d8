// The Hyper-V enlightenments that hvkit knows: names, meaning, dependencies, and what each one
// turns on for the guest.
//
// One table (enlightenment.cc) says all of it; the flag parser, the dependency check, the CPUID
// builder and docs/enlightenments.md are driven by that table. Names and dependencies are those of
// QEMU (docs/system/i386/hyperv.rst, target/i386/kvm/kvm.c); bits and MSRs are the TLFS's
// (feature-discovery.md). Everything here is immutable.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_ENLIGHTENMENT_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_ENLIGHTENMENT_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

#include "absl/strings/string_view.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {

// In the order of --list-enlightenments; AllEnlightenments says what each one is.
enum class Enlightenment : uint8_t {
  kRelaxed,
  kVapic,
  kSpinlocks,
  kVpIndex,
  kRuntime,
  kCrash,
  kTime,
  kSynic,
  kStimer,
  kStimerDirect,
  kTlbFlush,
  kTlbFlushExt,
  kTlbFlushDirect,
  kIpi,
  kReset,
  kFrequencies,
  kReenlightenment,
  kEvmcs,
  kAvic,
  kNoNonarchCoresharing,
  kSyndbg,
  kEmsrBitmap,
  kXmmInput,
  kTscInvariant,
  kExtHypercalls,
  kStartVp,
  kVpRegisters,
  kXmmOutput,
  kSintPolling,
  kHypercallLock,
  kGuestIdle,
  kVendorId,
  kVersionIdBuild,
  kVersionIdMajor,
  kVersionIdMinor,
  kVersionIdSpack,
  kVersionIdSbranch,
  kVersionIdSnumber,
  kPassthrough,
  kEnforceCpuid,
};
// How many there are.
inline constexpr size_t kEnlightenmentCount = size_t{1} + size_t(Enlightenment::kEnforceCpuid);

// The place of `e` in arrays of kEnlightenmentCount elements.
[[nodiscard]] constexpr size_t Index(Enlightenment e) { return static_cast<size_t>(e); }

// A set of enlightenments without their values.
class EnlightenmentMask {
 public:
  constexpr EnlightenmentMask() = default;
  constexpr EnlightenmentMask(std::initializer_list<Enlightenment> members) {
    for (Enlightenment e : members) Add(e);
  }

  // Membership of one; what it needs is not looked at.
  constexpr void Add(Enlightenment e) { bits_ |= Bit(e); }
  constexpr void Remove(Enlightenment e) { bits_ &= ~Bit(e); }
  [[nodiscard]] constexpr bool Has(Enlightenment e) const { return (bits_ & Bit(e)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

  friend constexpr EnlightenmentMask operator|(EnlightenmentMask a, EnlightenmentMask b) {
    return EnlightenmentMask(a.bits_ | b.bits_);
  }
  friend constexpr EnlightenmentMask operator&(EnlightenmentMask a, EnlightenmentMask b) {
    return EnlightenmentMask(a.bits_ & b.bits_);
  }
  friend constexpr EnlightenmentMask operator-(EnlightenmentMask a, EnlightenmentMask b) {
    return EnlightenmentMask(a.bits_ & ~b.bits_);
  }
  friend constexpr bool operator==(EnlightenmentMask, EnlightenmentMask) = default;

 private:
  static_assert(kEnlightenmentCount <= 64);
  explicit constexpr EnlightenmentMask(uint64_t bits) : bits_(bits) {}
  static constexpr uint64_t Bit(Enlightenment e) { return uint64_t{1} << Index(e); }

  uint64_t bits_ = 0;
};

// How its value is written.
enum class EnlightenmentKind {
  kFlag,       // hv_x or hv_x=on|off
  kNumber,     // hv_x=N
  kText,       // hv_x=S
  kOnOffAuto,  // hv_x=on|off|auto
};

// Whose name it is.
enum class EnlightenmentOrigin {
  kQemu,   // QEMU has this flag
  kHvkit,  // ours: off unless named, even under hv_passthrough
};

// MSRs with successive numbers.
struct MsrRange {
  tlfs::MsrIndex first;
  tlfs::MsrIndex last;  // Inclusive
};

// All there is to know of one, as data. The texts are literals.
struct EnlightenmentInfo {
  Enlightenment id;
  absl::string_view name = "";   // "hv_relaxed"
  absl::string_view alias = "";  // A second name, or empty
  EnlightenmentKind kind = EnlightenmentKind::kFlag;
  EnlightenmentOrigin origin = EnlightenmentOrigin::kQemu;
  bool turns_on_hyperv = true;     // Whether having it is enough for the guest to be shown Hyper-V
  uint32_t max = 0;                // kNumber: the largest value; kText: the longest text
  absl::string_view summary = "";  // One sentence
  EnlightenmentMask needs = {};    // Direct dependencies: refused without them
  EnlightenmentMask wants = {};    // Better with them
  std::span<const tlfs::CpuidBit* const> cpuid_bits = {};
  std::span<const MsrRange> msrs = {};
};

// Every enlightenment, in the order of the enum.
[[nodiscard]] std::span<const EnlightenmentInfo> AllEnlightenments();

// Its row of the table, and that row's name.
[[nodiscard]] const EnlightenmentInfo& Info(Enlightenment e);
[[nodiscard]] absl::string_view Name(Enlightenment e);

// Finds by name or alias; dashes and underscores are equal ("hv-x" and "hv_x").
[[nodiscard]] std::optional<Enlightenment> FindEnlightenment(absl::string_view name);

// Everything that `e` needs, directly or through what it needs.
[[nodiscard]] EnlightenmentMask AllNeeds(Enlightenment e);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_ENLIGHTENMENT_H_
