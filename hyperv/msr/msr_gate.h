// The part of an MSR access that is the same for every register: is it ours, may this guest make
// it, are its reserved bits right.
//
// TLFS: partition-properties.md "Partition Privilege Flags"; the attributes and reserved bits in
// each chapter's register tables. Values and effects belong to the row's owner.
#ifndef HVKIT_HYPERV_MSR_MSR_GATE_H_
#define HVKIT_HYPERV_MSR_MSR_GATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperv/msr/msr_lookup.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/msr/privileges.h"

namespace hvkit::hyperv {

// `id`, `instance` and `value` have meaning when the outcome is kHandled: the access then goes on
// to the row's owner, which may still fault.
struct [[nodiscard]] MsrAdmission {
  MsrOutcome outcome = MsrOutcome::kNotOurs;
  MsrId id = MsrId::kGuestOsId;
  uint8_t instance = 0;
  uint64_t value = 0;  // Of a write, without its ignored bits
};

// Computed once from a guest's privileges. Immutable.
class MsrGate {
 public:
  explicit constexpr MsrGate(const Privileges& privileges) {
    for (const MsrRow& row : MsrTable()) Admit(row, privileges);
  }

  // Whether the guest may make the access, and whose register it is: by number, privilege,
  // direction and reserved bits. Takes no lock.
  constexpr MsrAdmission AdmitRead(uint32_t index) const {
    const std::optional<MsrId> id = FindMsr(index);
    if (!id.has_value() || !Has(ours_, *id)) return {};
    if (!Has(readable_, *id)) return {.outcome = MsrOutcome::kGeneralProtection};
    return {.outcome = MsrOutcome::kHandled, .id = *id, .instance = InstanceOf(*id, index)};
  }

  // As AdmitRead; the value without the bits that a write ignores.
  constexpr MsrAdmission AdmitWrite(uint32_t index, uint64_t value) const {
    const std::optional<MsrId> id = FindMsr(index);
    if (!id.has_value() || !Has(ours_, *id)) return {};
    const MsrReservedBits& reserved = reserved_[Index(*id)];
    if (!Has(writable_, *id) || (value & reserved.faulting) != 0) {
      return {.outcome = MsrOutcome::kGeneralProtection};
    }
    return {.outcome = MsrOutcome::kHandled,
            .id = *id,
            .instance = InstanceOf(*id, index),
            .value = value & ~reserved.ignored};
  }

  // The bits without meaning to this guest: those of the row, and its gated bits if the guest lacks
  // their privilege. The owner reads fields from what is left.
  constexpr const MsrReservedBits& ReservedBits(MsrId id) const { return reserved_[Index(id)]; }

 private:
  static_assert(kMsrIdCount <= 64);

  static constexpr uint64_t Bit(MsrId id) { return uint64_t{1} << Index(id); }
  static constexpr bool Has(uint64_t set, MsrId id) { return (set & Bit(id)) != 0; }
  static constexpr uint8_t InstanceOf(MsrId id, uint32_t index) {
    return static_cast<uint8_t>(RowOf(id).InstanceOf(index));
  }

  constexpr void Admit(const MsrRow& row, const Privileges& privileges) {
    MsrReservedBits& reserved = reserved_[Index(row.id)];
    reserved = row.reserved;
    if (row.gated.gate != nullptr && !privileges.Has(*row.gated.gate)) {
      reserved.preserved |= row.gated.without.preserved;
      reserved.faulting |= row.gated.without.faulting;
      reserved.ignored |= row.gated.without.ignored;
    }
    if (row.owner == MsrOwner::kNobody) return;
    ours_ |= Bit(row.id);
    if (!privileges.Has(*row.gate)) return;
    if (row.access != MsrAccess::kWrite) readable_ |= Bit(row.id);
    if (row.access != MsrAccess::kRead) writable_ |= Bit(row.id);
  }

  // One bit for each MsrId.
  uint64_t ours_ = 0;
  uint64_t readable_ = 0;
  uint64_t writable_ = 0;
  std::array<MsrReservedBits, kMsrIdCount> reserved_{};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_MSR_GATE_H_
