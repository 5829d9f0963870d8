// The table of hypercall cases against the model.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/test_guest.h"
#include "hyperv/hypercall/x64_registers.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "testing/tables/hypercall_cases.h"
#include "testing/tables/hypercall_plan.h"
#include "testing/tables/hypercall_row.h"
#include "testing/tables/hypercall_twist.h"

namespace hvkit::hyperv {
namespace {

using Kind = HypercallOutcome::Kind;
using testing::HypercallAnswer;
using testing::HypercallForm;
using testing::HypercallInputCase;
using testing::HypercallPlan;
using testing::HypercallRow;
using testing::HypercallTwist;

constexpr uint64_t kResultJunk = 0xDEADBEEF;

uint64_t PlaceOf(const testing::BlockPlace& place, uint64_t pages) {
  return (place.beyond_memory ? kNoMemoryGpa : pages) + place.offset;
}

GeneralRegisters RegistersOf(const HypercallWords& words) {
  const uint64_t first = words.parameters[0];
  const uint64_t second = words.parameters[1];
  GeneralRegisters registers{.rax = kResultJunk};
  if (words.mode != CallerMode::k32Bit) {
    registers.rcx = words.control;
    registers.rdx = first;
    registers.r8 = second;
    return registers;
  }
  constexpr uint64_t kJunk = 0xFFFF'FFFF'0000'0000;  // Above 32-bit registers: of no account
  registers = {.rax = kJunk | (words.control & 0xFFFFFFFF),
               .rbx = kJunk | first >> 32,
               .rcx = kJunk | (first & 0xFFFFFFFF),
               .rdx = kJunk | words.control >> 32,
               .rsi = kJunk | (second & 0xFFFFFFFF),
               .rdi = kJunk | second >> 32};
  return registers;
}

uint64_t ResultIn(CallerMode mode, const GeneralRegisters& registers) {
  return mode == CallerMode::k32Bit ? registers.rdx << 32 | registers.rax : registers.rax;
}

CallerMode ModeOf(const HypercallPlan& plan) {
  if (plan.is_cpl3) return CallerMode::kIllegal;
  return plan.is_32_bit ? CallerMode::k32Bit : CallerMode::k64Bit;
}

HypercallWords Prepare(TestGuest& guest, const HypercallRow& row, HypercallForm form,
                       const HypercallPlan& plan) {
  HypercallWords words{.mode = ModeOf(plan), .control = plan.control};
  if (form == HypercallForm::kFast) {
    std::memcpy(words.parameters.data(), row.block.data(), 16);
    std::memcpy(guest.xmm.values.data(), row.block.data() + 2, sizeof(XmmValues));
    return words;
  }
  const uint64_t input = PlaceOf(plan.input, kInputGpa);
  if (!plan.input.beyond_memory) guest.Put(input, row.block);
  words.parameters = {input, plan.output.on_input ? input : PlaceOf(plan.output, kOutputGpa)};
  return words;
}

// Executes the call through its registers until it is complete.
HypercallAnswer Execute(TestGuest& guest, const HypercallWords& prepared) {
  GeneralRegisters registers = RegistersOf(prepared);
  for (int executions = 0; executions < 100; ++executions) {
    HypercallWords words = ReadHypercall(prepared.mode, registers);
    if (prepared.mode == CallerMode::kIllegal) words = prepared;
    const HypercallOutcome outcome = guest.Execute(words);
    WriteHypercall(words, outcome, registers);
    if (outcome.kind == Kind::kInvalidOpcode) return {.invalid_opcode = true};
    if (outcome.kind == Kind::kRetry) continue;
    const tlfs::HypercallResult result{ResultIn(prepared.mode, registers)};
    return {.status = static_cast<tlfs::HvStatus>(tlfs::HypercallResult::Status::Get(result)),
            .reps = static_cast<uint16_t>(tlfs::HypercallResult::RepsCompleted::Get(result))};
  }
  ADD_FAILURE() << "never complete";
  return {};
}

std::string Describe(const HypercallAnswer& answer) {
  if (answer.invalid_opcode) return "#UD";
  return "status " + std::to_string(static_cast<int>(answer.status)) + ", reps " +
         std::to_string(answer.reps);
}

Privileges WithoutGate(const tlfs::CpuidBit& gate) {
  std::array<CpuidWords, 2> leaves = {CpuidWords{~0u, ~0u, ~0u, ~0u},
                                      CpuidWords{~0u, 0xFFF, ~0u, ~0u}};
  CpuidWords& leaf = leaves[gate.leaf == tlfs::CpuidLeaf::kFeatures ? 0 : 1];
  const std::array<uint32_t*, 4> registers = {&leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx};
  *registers[static_cast<size_t>(gate.reg)] &= ~gate.mask();
  return Privileges(leaves[0], leaves[1]);
}

void Check(const HypercallRow& row, HypercallForm form, HypercallTwist twist, unsigned variant,
           const Privileges& privileges) {
  const HypercallPlan plan = testing::PlanOf(row, form, twist, variant);
  if (!plan.applies) return;
  TestGuest guest(4, privileges);
  const HypercallAnswer answer = Execute(guest, Prepare(guest, row, form, plan));
  EXPECT_TRUE(answer == plan.answer)
      << row.name << (form == HypercallForm::kFast ? ", fast" : ", in memory") << ", twist "
      << static_cast<int>(twist) << ", variant " << variant << ": " << Describe(answer)
      << " instead of " << Describe(plan.answer);
}

class HypercallRowTest : public ::testing::TestWithParam<size_t> {
 protected:
  const HypercallRow& row() const { return testing::kHypercallRows[GetParam()]; }

  void CheckAll(HypercallForm form) const {
    for (size_t twist = 0; twist < testing::kHypercallTwists; ++twist) {
      const auto kind = static_cast<HypercallTwist>(twist);
      if (kind == HypercallTwist::kNoPrivilege) continue;  // Has tests of its own
      for (unsigned variant = 0; variant < testing::VariantsOf(kind); ++variant) {
        Check(row(), form, kind, variant, Privileges::Unrestricted());
      }
    }
  }
};

TEST_P(HypercallRowTest, AnswersAsInTheTableInMemory) { CheckAll(HypercallForm::kMemory); }

TEST_P(HypercallRowTest, AnswersAsInTheTableInRegisters) { CheckAll(HypercallForm::kFast); }

TEST_P(HypercallRowTest, IsDeniedWithoutAnyOfItsGates) {
  for (const tlfs::CpuidBit* gate : row().gates) {
    if (gate == nullptr) continue;
    for (const HypercallForm form : {HypercallForm::kMemory, HypercallForm::kFast}) {
      Check(row(), form, HypercallTwist::kNoPrivilege, 0, WithoutGate(*gate));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, HypercallRowTest,
                         ::testing::Range(size_t{0}, testing::kHypercallRows.size()),
                         [](const auto& row) {
                           return std::string(testing::kHypercallRows[row.param].name);
                         });

const HypercallRow& RowOf(tlfs::CallCode code) {
  for (const HypercallRow& row : testing::kHypercallRows) {
    if (row.code == code) return row;
  }
  ADD_FAILURE() << "no row for " << static_cast<int>(code);
  return testing::kHypercallRows[0];
}

TEST(HypercallInputCases, AreRefusedAsInTheTable) {
  for (const HypercallInputCase& input : testing::kHypercallInputCases) {
    HypercallRow row = RowOf(input.code);
    row.block[input.word] = input.value;
    const HypercallPlan plan =
        testing::PlanOf(row, HypercallForm::kMemory, HypercallTwist::kNone, 0);
    TestGuest guest;
    const HypercallAnswer answer =
        Execute(guest, Prepare(guest, row, HypercallForm::kMemory, plan));
    EXPECT_TRUE(answer == HypercallAnswer{.status = input.status})
        << row.name << ", " << input.name << ": " << Describe(answer);
  }
}

TEST(HypercallCases, CodesThatDoNotExistAreInvalid) {
  TestGuest guest;
  int existing = 0;
  for (uint32_t code = 0; code <= 0xFFFF; ++code) {
    if (guest.table().Find(static_cast<uint16_t>(code)) != nullptr) {
      ++existing;
      continue;
    }
    const CallAnswer answer = guest.Call(code);
    ASSERT_EQ(answer.status, tlfs::HvStatus::kInvalidHypercallCode) << code;
  }
  EXPECT_EQ(existing, static_cast<int>(testing::kHypercallRows.size()));
}

}  // namespace
}  // namespace hvkit::hyperv
