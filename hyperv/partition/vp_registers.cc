#include "hyperv/partition/vp_registers.h"

#include <cstddef>
#include <optional>

#include "hyperv/msr/msr_lookup.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/vp_register.h"

namespace hvkit::hyperv {
namespace {

using tlfs::CpuidLeaf;
using tlfs::HvStatus;
using tlfs::MsrIndex;
using tlfs::VpRegister;
using tlfs::VpRegisterValue;

// Names that follow each other, for MSRs, or CPUID leaves, that do so too.
struct Names {
  VpRegister first;
  uint32_t count;
  uint32_t target;
};

constexpr Names Msrs(VpRegister first, uint32_t count, MsrIndex msr) {
  return {first, count, static_cast<uint32_t>(msr)};
}
constexpr Names Leaves(VpRegister first, uint32_t count, CpuidLeaf leaf) {
  return {first, count, static_cast<uint32_t>(leaf)};
}

constexpr Names kMsrNames[] = {
    Msrs(VpRegister::kGuestCrashP0, 6, MsrIndex::kCrashP0),
    Msrs(VpRegister::kProcessorClockFrequency, 2, MsrIndex::kTscFrequency),
    Msrs(VpRegister::kVpRuntime, 1, MsrIndex::kVpRuntime),
    Msrs(VpRegister::kHypercall, 1, MsrIndex::kHypercall),
    Msrs(VpRegister::kGuestOsId, 1, MsrIndex::kGuestOsId),
    Msrs(VpRegister::kVpIndex, 1, MsrIndex::kVpIndex),
    Msrs(VpRegister::kTimeRefCount, 1, MsrIndex::kTimeRefCount),
    Msrs(VpRegister::kEoi, 4, MsrIndex::kEoi),
    Msrs(VpRegister::kReferenceTsc, 1, MsrIndex::kReferenceTsc),
    Msrs(VpRegister::kSint0, 16, MsrIndex::kSint0),
    Msrs(VpRegister::kScontrol, 5, MsrIndex::kScontrol),
    Msrs(VpRegister::kStimer0Config, 8, MsrIndex::kStimer0Config),
};
constexpr Names kLeafNames[] = {
    Leaves(VpRegister::kHypervisorVersion, 1, CpuidLeaf::kVersion),
    Leaves(VpRegister::kPrivilegesAndFeaturesInfo, 4, CpuidLeaf::kFeatures),
};

template <size_t kSize>
std::optional<uint32_t> Find(const Names (&table)[kSize], uint32_t name) {
  for (const Names& names : table) {
    const uint32_t offset = name - static_cast<uint32_t>(names.first);  // wraps for names below
    if (offset < names.count) return names.target + offset;
  }
  return std::nullopt;
}

// Whether the guest may access the register of a name at all; then `index` is its MSR's.
HvStatus Admit(const Privileges& guest, uint32_t name, MsrAccess refused, uint32_t& index) {
  const std::optional<uint32_t> msr = Find(kMsrNames, name);
  const std::optional<MsrId> id = msr.has_value() ? FindMsr(*msr) : std::nullopt;
  if (!id.has_value() || RowOf(*id).access == refused) return HvStatus::kInvalidParameter;
  if (!guest.Has(*RowOf(*id).gate)) return HvStatus::kAccessDenied;
  index = *msr;
  return HvStatus::kSuccess;
}

constexpr uint64_t Join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

}  // namespace

MsrRead PartitionMsrAccess::ReadMsr(VpIndex vp, uint32_t index) {
  return partition_.FindVp(vp)->ReadMsr(index);
}

MsrOutcome PartitionMsrAccess::WriteMsr(VpIndex vp, uint32_t index, uint64_t value) {
  return partition_.FindVp(vp)->WriteMsr(index, value);
}

HvStatus VpRegisters::Get(VpIndex caller, VpIndex vp, uint32_t name, VpRegisterValue& value) {
  if (const std::optional<uint32_t> leaf = Find(kLeafNames, name)) return GetLeaf(*leaf, value);
  uint32_t index = 0;
  const HvStatus status = Admit(guest_, name, MsrAccess::kWrite, index);
  if (status != HvStatus::kSuccess) return status;
  if (vp != caller) return HvStatus::kInvalidVpState;
  const MsrRead read = msrs_.ReadMsr(vp, index);
  if (read.outcome != MsrOutcome::kHandled) return HvStatus::kInvalidParameter;
  value = {.low = read.value};
  return HvStatus::kSuccess;
}

HvStatus VpRegisters::Set(VpIndex caller, VpIndex vp, uint32_t name, const VpRegisterValue& value) {
  uint32_t index = 0;
  const HvStatus status = Admit(guest_, name, MsrAccess::kRead, index);
  if (status != HvStatus::kSuccess) return status;
  if (vp != caller) return HvStatus::kInvalidVpState;
  if (value.high != 0) return HvStatus::kInvalidRegisterValue;
  switch (msrs_.WriteMsr(vp, index, value.low)) {
    case MsrOutcome::kHandled:
      return HvStatus::kSuccess;
    case MsrOutcome::kGeneralProtection:
      return HvStatus::kInvalidRegisterValue;
    case MsrOutcome::kNotOurs:
      break;
  }
  return HvStatus::kInvalidParameter;
}

// The leaves are the same on all VPs. One that the guest does not have reads as zeros.
HvStatus VpRegisters::GetLeaf(uint32_t leaf, VpRegisterValue& value) const {
  value = {};
  for (const CpuidEntry& entry : cpuid_) {
    if (entry.leaf != leaf) continue;
    value = {.low = Join(entry.eax, entry.ebx), .high = Join(entry.ecx, entry.edx)};
  }
  return HvStatus::kSuccess;
}

}  // namespace hvkit::hyperv
