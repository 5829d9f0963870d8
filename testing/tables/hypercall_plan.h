// What becomes of a row of hypercall_cases.h when one thing of the ABI is done differently: the
// control word, where the blocks go, and the answer.
//
// TLFS: hypercall-interface.md. A runner goes over all forms, twists and variants, does what the
// plan says if it applies, and compares. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_TABLES_HYPERCALL_PLAN_H_
#define HVKIT_TESTING_TABLES_HYPERCALL_PLAN_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "testing/tables/hypercall_row.h"
#include "testing/tables/hypercall_twist.h"

namespace hvkit::testing {

namespace internal {

using hyperv::tlfs::HvStatus;

inline constexpr size_t kPageBytes = 4096;
inline constexpr size_t kFastBytes = 16;
inline constexpr size_t kXmmBytes = 112;
inline constexpr uint64_t kFastBit = uint64_t{1} << 16;
inline constexpr std::array<uint8_t, kMaxHypercallVariants> kReservedBits = {
    27, 28, 29, 30, 31, 44, 45, 46, 47, 60, 61, 62, 63};

constexpr HypercallAnswer Refused(HvStatus status) { return {.status = status}; }
constexpr HypercallAnswer InvalidOpcode() { return {.invalid_opcode = true}; }
constexpr uint64_t RepStart(uint64_t start) { return start << 48; }
constexpr size_t RoundedToRegister(size_t size) { return (size + 15) / 16 * 16; }
// The last place in a page where so many bytes, 8 bytes aligned, still end in it.
constexpr uint16_t LastPlace(size_t size) {
  return static_cast<uint16_t>((kPageBytes - size) & ~size_t{7});
}

// KVM reads the input of the calls that it handles from any address, and spins without looking.
constexpr HypercallAnswer KvmWithInputAt(const HypercallRow& row, HypercallTwist twist) {
  if (row.on_kvm != OnKvm::kAnswers) return Refused(HvStatus::kInvalidAlignment);
  const bool unreadable = twist == HypercallTwist::kInputBeyondMemory &&
                          row.code != hyperv::tlfs::CallCode::kNotifyLongSpinWait;
  return unreadable ? Refused(HvStatus::kInvalidHypercallInput) : row.Answer();
}

constexpr void Refuse(HypercallPlan& plan, HvStatus status) {
  plan.answer = plan.kvm_answer = Refused(status);
}

// KVM forwards these in memory form only.
constexpr bool KvmRefusesFast(const HypercallRow& row) {
  using hyperv::tlfs::CallCode;
  return static_cast<uint16_t>(row.code) >= hyperv::tlfs::kFirstExtendedCall ||
         row.code == CallCode::kPostDebugData || row.code == CallCode::kRetrieveDebugData;
}

constexpr void PlanFast(const HypercallRow& row, HypercallPlan& plan) {
  plan.control |= kFastBit;
  const size_t output_end =
      row.OutputSize() == 0 ? 0 : RoundedToRegister(row.InputSize()) + row.OutputSize();
  plan.needs_xmm_input = row.InputSize() > kFastBytes;
  plan.needs_xmm_output = output_end != 0;
  const bool fits = row.InputSize() <= kXmmBytes && output_end <= kXmmBytes;
  if (!fits || row.is_memory_only) Refuse(plan, HvStatus::kInvalidHypercallInput);
  // User space can return no XMM registers through KVM, nor raise an exception.
  if (row.on_kvm == OnKvm::kForwards && plan.needs_xmm_output) {
    plan.kvm_answer = Refused(HvStatus::kInvalidHypercallCode);
  }
  if (KvmRefusesFast(row)) plan.kvm_answer = Refused(HvStatus::kInvalidParameter);
}

// Twists of the control word and of the caller; false if it is none of them.
constexpr bool PlanControl(const HypercallRow& row, HypercallTwist twist, unsigned variant,
                           HypercallPlan& plan) {
  using enum HypercallTwist;
  const bool is_rep = row.reps != 0;
  switch (twist) {
    case kNone:
      break;
    case k32BitCode:
      plan.is_32_bit = true;
      if (plan.needs_xmm_output) plan.answer = InvalidOpcode();
      if (plan.needs_xmm_output && row.on_kvm != OnKvm::kForwards) {
        plan.kvm_answer = InvalidOpcode();
      }
      break;
    case kCpl3:
      plan.is_cpl3 = true;
      plan.answer = plan.kvm_answer = InvalidOpcode();
      break;
    case kNoPrivilege:
      plan.applies = row.gates[0] != nullptr;
      plan.lacks_privilege = true;
      plan.needs_xmm_input = plan.needs_xmm_output = false;
      Refuse(plan, HvStatus::kAccessDenied);
      break;
    case kReservedBit:
      plan.control |= uint64_t{1} << kReservedBits[variant];
      plan.needs_xmm_input = plan.needs_xmm_output = false;
      Refuse(plan, HvStatus::kInvalidHypercallInput);
      break;
    case kMoreVariableHeader:
      plan.control += uint64_t{1} << 17;
      Refuse(plan, HvStatus::kInvalidHypercallInput);
      break;
    case kRepCount:
      plan.control ^= uint64_t{is_rep ? row.reps : 1u} << 32;
      Refuse(plan, HvStatus::kInvalidHypercallInput);
      break;
    case kRepStart:
      plan.control |=
          is_rep ? RepStart(uint64_t{row.reps} + variant) : RepStart(variant == 0 ? 1 : 4095);
      Refuse(plan, HvStatus::kInvalidHypercallInput);
      break;
    case kRepStartInside:
      plan.applies = is_rep;
      plan.control |= RepStart(row.reps - 1u);
      if (row.on_kvm == OnKvm::kAnswers) {
        plan.kvm_answer = Refused(HvStatus::kInvalidHypercallInput);
      }
      break;
    default:
      return false;
  }
  return true;
}

// Twists of the places of blocks in memory.
constexpr void PlanInput(const HypercallRow& row, HypercallTwist twist, unsigned variant,
                         HypercallPlan& plan) {
  using enum HypercallTwist;
  const size_t size = row.InputSize();
  plan.applies = size != 0;
  if (twist == kInputEndsWithPage) {
    // Input that tells its own size is given all it needs.
    plan.input.offset = row.is_memory_only ? LastPlace(size + 8) : LastPlace(size);
    return;
  }
  plan.answer = Refused(HvStatus::kInvalidAlignment);
  plan.kvm_answer = KvmWithInputAt(row, twist);
  if (twist == kInputMisaligned) plan.input.offset = static_cast<uint16_t>(1u << variant);
  if (twist == kInputBeyondMemory) plan.input.beyond_memory = true;
  if (twist == kInputCrossesPage) {
    plan.applies = size > 8;
    plan.input.offset = static_cast<uint16_t>(LastPlace(size) + 8);
  }
}

constexpr void PlanOutput(const HypercallRow& row, HypercallTwist twist, unsigned variant,
                          HypercallPlan& plan) {
  using enum HypercallTwist;
  const size_t size = row.OutputSize();
  plan.applies = size != 0;
  if (twist == kOutputEndsWithPage) {
    plan.output.offset = LastPlace(size);
    return;
  }
  Refuse(plan, HvStatus::kInvalidAlignment);
  if (twist == kOutputMisaligned) plan.output.offset = static_cast<uint16_t>(1u << variant);
  if (twist == kOutputBeyondMemory) plan.output.beyond_memory = true;
  if (twist == kOutputOnInput) {
    plan.applies = size != 0 && row.InputSize() != 0;
    plan.output.on_input = true;
  }
  if (twist == kOutputCrossesPage) {
    plan.applies = size > 8;
    plan.output.offset = static_cast<uint16_t>(LastPlace(size) + 8);
  }
}

}  // namespace internal

constexpr HypercallPlan PlanOf(const HypercallRow& row, HypercallForm form, HypercallTwist twist,
                               unsigned variant) {
  HypercallPlan plan;
  plan.applies = true;
  plan.control = row.Control();
  plan.answer = plan.kvm_answer = row.Answer();
  if (form == HypercallForm::kFast) internal::PlanFast(row, plan);
  if (internal::PlanControl(row, twist, variant, plan)) return plan;
  if (form == HypercallForm::kFast) {
    plan.applies = false;
  } else if (twist < HypercallTwist::kOutputMisaligned) {
    internal::PlanInput(row, twist, variant, plan);
  } else {
    internal::PlanOutput(row, twist, variant, plan);
  }
  return plan;
}

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_HYPERCALL_PLAN_H_
