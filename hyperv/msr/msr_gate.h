// The part of an MSR access that is the same for every register: is it ours, may this guest make
// it, are its reserved bits right.
//
// TLFS: partition-properties.md "Partition Privilege Flags"; the attributes and reserved bits in
// each chapter's register tables. Values and effects belong to the row's owner.
#ifndef HVKIT_HYPERV_MSR_MSR_GATE_H_
#define HVKIT_HYPERV_MSR_MSR_GATE_H_

#include <array>
#include <cstdint>

#include "hyperv/msr/msr_lookup.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/msr/privileges.h"

namespace hvkit::hyperv {

// `id`, `owner`, `instance` and `value` have meaning when the outcome is kHandled: the access then
// goes on to the owner, which may still fault.
struct [[nodiscard]] MsrAdmission {
  MsrOutcome outcome = MsrOutcome::kNotOurs;
  MsrId id = MsrId::kGuestOsId;
  MsrOwner owner = MsrOwner::kNobody;
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
    const uint32_t offset = index - internal::kFirstMsr;  // Wraps for indices below the first
    if (offset >= registers_.size()) return {};
    const Register& found = registers_[offset];
    return {
        .outcome = found.read, .id = found.id, .owner = found.owner, .instance = found.instance};
  }

  // As AdmitRead; the value without the bits that a write ignores.
  constexpr MsrAdmission AdmitWrite(uint32_t index, uint64_t value) const {
    const uint32_t offset = index - internal::kFirstMsr;
    if (offset >= registers_.size()) return {};
    const Register& found = registers_[offset];
    if (found.write != MsrOutcome::kHandled) return {.outcome = found.write};
    const MsrReservedBits& reserved = reserved_[Index(found.id)];
    if ((value & reserved.faulting) != 0) return {.outcome = MsrOutcome::kGeneralProtection};
    return {.outcome = MsrOutcome::kHandled,
            .id = found.id,
            .owner = found.owner,
            .instance = found.instance,
            .value = value & ~reserved.ignored};
  }

  // The bits without meaning to this guest: those of the row, and its gated bits if the guest lacks
  // their privilege. The owner reads fields from what is left.
  constexpr const MsrReservedBits& ReservedBits(MsrId id) const { return reserved_[Index(id)]; }

 private:
  // All that an access has to know of an index, in one place. As for an index that no row has.
  struct alignas(uint64_t) Register {
    MsrOutcome read = MsrOutcome::kNotOurs;
    MsrOutcome write = MsrOutcome::kNotOurs;
    MsrId id = MsrId::kGuestOsId;
    MsrOwner owner = MsrOwner::kNobody;
    uint8_t instance = 0;
  };

  constexpr void Admit(const MsrRow& row, const Privileges& privileges) {
    MsrReservedBits& reserved = reserved_[Index(row.id)];
    reserved = row.reserved;
    if (row.gated.gate != nullptr && !privileges.Has(*row.gated.gate)) {
      reserved.preserved |= row.gated.without.preserved;
      reserved.faulting |= row.gated.without.faulting;
      reserved.ignored |= row.gated.without.ignored;
    }
    if (row.owner == MsrOwner::kNobody) return;
    const bool allowed = privileges.Has(*row.gate);
    for (uint8_t i = 0; i < row.instances; ++i) {
      registers_[row.IndexOf(i) - internal::kFirstMsr] = {
          .read = OutcomeIf(allowed && row.access != MsrAccess::kWrite),
          .write = OutcomeIf(allowed && row.access != MsrAccess::kRead),
          .id = row.id,
          .owner = row.owner,
          .instance = i};
    }
  }
  static constexpr MsrOutcome OutcomeIf(bool admitted) {
    return admitted ? MsrOutcome::kHandled : MsrOutcome::kGeneralProtection;
  }

  std::array<Register, internal::kLastMsr - internal::kFirstMsr + 1> registers_{};
  std::array<MsrReservedBits, kMsrIdCount> reserved_{};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_MSR_GATE_H_
