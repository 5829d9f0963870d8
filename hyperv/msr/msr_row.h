// What the model knows about one synthetic MSR, as data: the type of a row of msr_table.h.
//
// TLFS: each chapter's register tables. Routing, gating, reset and the coverage document derive
// from the rows. Immutable.
#ifndef HVKIT_HYPERV_MSR_MSR_ROW_H_
#define HVKIT_HYPERV_MSR_MSR_ROW_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperv/overlay/overlay_kind.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {

// One name per row: a register, or registers that are alike and differ by their instance.
enum class MsrId : uint8_t {
  kGuestOsId,
  kHypercall,
  kVpIndex,
  kReset,
  kVpRuntime,
  kTimeRefCount,
  kReferenceTsc,
  kTscFrequency,
  kApicFrequency,
  kNpiepConfig,
  kEoi,
  kIcr,
  kTpr,
  kVpAssistPage,
  kScontrol,
  kSversion,
  kSiefp,
  kSimp,
  kEom,
  kSint,          // Instances 0..15
  kStimerConfig,  // Instances 0..3
  kStimerCount,   // Instances 0..3
  kGuestIdle,
  kSyndbgControl,
  kSyndbgStatus,
  kSyndbgSendBuffer,
  kSyndbgReceiveBuffer,
  kSyndbgPendingBuffer,
  kSyndbgOptions,
  kCrashParameter,  // Instances 0..4
  kCrashControl,
  kReenlightenmentControl,
  kTscEmulationControl,
  kTscEmulationStatus,
  kUnhaltedTimerConfig,
  kUnhaltedTimerCount,
  kTscInvariantControl,
};
// How many rows there are.
inline constexpr size_t kMsrIdCount = size_t{1} + size_t(MsrId::kTscInvariantControl);

// The place of `id` in arrays of kMsrIdCount elements.
constexpr size_t Index(MsrId id) { return static_cast<size_t>(id); }

// What a guest may do with it.
enum class MsrAccess : uint8_t { kRead, kWrite, kReadWrite };  // Any other access is #GP

// The part of the model that holds the register.
enum class MsrOwner : uint8_t {
  kNobody,     // Not offered: answered with kNotOurs
  kPartition,  // Identity, hypercall page, reset, reenlightenment, invariant TSC
  kVp,         // Index, run time, idle
  kTime,       // Reference time and frequencies
  kApic,       // Passed on to the host's APIC
  kVpAssist,
  kSynic,
  kStimer,
  kCrash,
  kSyndbg,
};

// Whether all VPs share the register.
enum class MsrScope : uint8_t { kPartition, kVp };

// What a guest's write does with bits that have no meaning; the masks are disjoint. Bits in none of
// them belong to fields.
struct MsrReservedBits {
  uint64_t preserved = 0;  // RsvdP: stored and read back, without effect
  uint64_t faulting = 0;   // RsvdZ: the write is #GP when one is set
  uint64_t ignored = 0;    // Dropped
};

// Bits that are reserved, of the kind named, for a guest without `gate`.
struct MsrGatedBits {
  const tlfs::CpuidBit* gate = nullptr;
  MsrReservedBits without = {};
};

// A register, or several of one kind. The name is a literal.
struct MsrRow {
  MsrId id;
  tlfs::MsrIndex first;
  uint8_t instances = 1;
  uint8_t stride = 1;  // From one instance's index to the next
  const char* name;    // The TLFS's, with x for the instance
  const tlfs::CpuidBit* gate;
  MsrAccess access = MsrAccess::kReadWrite;
  MsrOwner owner;
  MsrScope scope = MsrScope::kPartition;
  std::optional<uint64_t> reset = 0;  // Nothing: what it reads is the host's
  MsrReservedBits reserved = {};
  MsrGatedBits gated = {};
  std::optional<OverlayKind> overlay = std::nullopt;  // Whose page it enables; see NeedsRam

  // The number of one of `instances`.
  constexpr uint32_t IndexOf(unsigned instance) const {
    return static_cast<uint32_t>(first) + instance * stride;
  }
  // `index` is that of one of the instances.
  constexpr unsigned InstanceOf(uint32_t index) const {
    return (index - static_cast<uint32_t>(first)) / stride;
  }
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_MSR_ROW_H_
