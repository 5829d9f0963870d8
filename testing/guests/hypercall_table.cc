// Each row of the table of hypercall cases, as a guest meets it: made in each way that the table's
// plans have, by 64-bit and 32-bit code and at ring 3. Where the guest lacks the privilege, denied.
// `kvm=1` on the command line says that KVM's own dispatcher comes first: it must then differ where
// the table says so. Of what needs more than a processor and memory `debugger=1` says that it is
// there.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/syndbg.h"
#include "testing/guests/lib/boot_info.h"
#include "testing/guests/lib/callers.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/text.h"
#include "testing/tables/hypercall_cases.h"
#include "testing/tables/hypercall_plan.h"
#include "testing/tables/hypercall_row.h"
#include "testing/tables/hypercall_twist.h"

namespace hvkit::guest {
namespace {

using testing::BlockPlace;
using testing::HypercallAnswer;
using testing::HypercallForm;
using testing::HypercallInputCase;
using testing::HypercallPlan;
using testing::HypercallRow;
using testing::HypercallTwist;
using testing::OnKvm;
using tlfs::HvStatus;

constexpr uint64_t kNoMemory = 0xe0000000;  // between RAM and devices
constexpr uint64_t kMappedPages = (uint64_t{4} << 30) / tlfs::kPageSize;
constexpr size_t kInputBytes = testing::kMaxBlockWords * sizeof(uint64_t);

// Two pages each, and room for a block that begins at the end of the second one.
alignas(tlfs::kPageSize) uint8_t g_input[3 * tlfs::kPageSize];
alignas(tlfs::kPageSize) uint8_t g_output[3 * tlfs::kPageSize];

constinit bool g_on_kvm = false;
constinit bool g_has_debugger = false;

struct Tried {
  unsigned count = 0;
  bool failed = false;
  Text detail;  // of the first failure
};

bool Allowed(const HypercallRow& row) {
  for (const tlfs::CpuidBit* gate : row.gates) {
    if (gate != nullptr && !CpuidHas(*gate)) return false;
  }
  return true;
}

uint64_t AddressOf(const BlockPlace& place, const uint8_t* pages) {
  return (place.beyond_memory ? kNoMemory : reinterpret_cast<uint64_t>(pages)) + place.offset;
}

HypercallRegisters Prepare(const HypercallRow& row, HypercallForm form, const HypercallPlan& plan) {
  HypercallRegisters registers = {.control = plan.control, .input = 0, .output = 0, .xmm = {}};
  if (form == HypercallForm::kFast) {
    registers.input = row.block[0];
    registers.output = row.block[1];
    std::memcpy(registers.xmm, &row.block[2], sizeof(registers.xmm));
    return registers;
  }
  if (!plan.input.beyond_memory) {
    std::memcpy(&g_input[plan.input.offset], row.block.data(), kInputBytes);
  }
  registers.input = AddressOf(plan.input, g_input);
  registers.output = plan.output.on_input ? registers.input : AddressOf(plan.output, g_output);
  return registers;
}

HypercallAnswer ToAnswer(const HypercallReturn& returned) {
  if (returned.fault.raised) return {.invalid_opcode = returned.fault.vector == kUndefinedOpcode};
  const tlfs::HypercallResult result{returned.result};
  return {.status = static_cast<HvStatus>(tlfs::HypercallResult::Status::Get(result)),
          .reps = static_cast<uint16_t>(tlfs::HypercallResult::RepsCompleted::Get(result))};
}

void Append(Text& text, const HypercallAnswer& answer) {
  if (answer.invalid_opcode) {
    text.Append("#UD");
    return;
  }
  text.AppendHex(static_cast<uint64_t>(answer.status)).Append(" reps ").AppendDecimal(answer.reps);
}

Caller CallerOf(const HypercallPlan& plan) {
  if (plan.is_cpl3) return Caller::kRing3WithPorts;
  return plan.is_32_bit ? Caller::k32BitCode : Caller::k64BitCode;
}

// XMM registers that are not for output keep their values.
bool KeepsXmm(const HypercallPlan& plan, const HypercallRegisters& before,
              const HypercallRegisters& after) {
  return plan.needs_xmm_output || std::memcmp(before.xmm, after.xmm, sizeof(before.xmm)) == 0;
}

void Try(const HypercallRow& row, HypercallForm form, const HypercallPlan& plan,
         const HypercallAnswer& expected, Tried& tried, const char* way, unsigned variant) {
  const HypercallRegisters before = Prepare(row, form, plan);
  HypercallRegisters registers = before;
  const HypercallReturn returned = CallHypervisor(CallerOf(plan), registers);
  const HypercallAnswer answer = ToAnswer(returned);
  ++tried.count;
  const bool kept = KeepsXmm(plan, before, registers);
  if ((answer == expected && kept) || tried.failed) return;
  tried.failed = true;
  tried.detail.Append(way).AppendDecimal(variant).Append(": ");
  Append(tried.detail, answer);
  if (returned.fault.raised) tried.detail.Append(" vector ").AppendDecimal(returned.fault.vector);
  tried.detail.Append(", expected ");
  Append(tried.detail, expected);
  if (!kept) tried.detail.Append(", XMM changed");
}

// Whether the plan's call is to be made here, and with which answer.
bool Expect(const HypercallRow& row, const HypercallPlan& plan, HypercallTwist twist, bool allowed,
            HypercallAnswer& expected) {
  if (!plan.applies || plan.lacks_privilege == allowed) return false;
  expected = g_on_kvm ? plan.kvm_answer : plan.answer;
  const bool lacks_xmm = (plan.needs_xmm_input && !CpuidHas(tlfs::bits::kXmmInput)) ||
                         (plan.needs_xmm_output && !CpuidHas(tlfs::bits::kXmmOutput));
  const bool forwarded = g_on_kvm && row.on_kvm == OnKvm::kForwards;
  if (lacks_xmm && !forwarded) expected = {.invalid_opcode = true};
  return !lacks_xmm || twist == HypercallTwist::kNone;
}

void CheckForm(const HypercallRow& row, HypercallForm form, bool allowed) {
  Tried tried;
  for (size_t i = 0; i < testing::kHypercallTwists; ++i) {
    const auto twist = static_cast<HypercallTwist>(i);
    for (unsigned variant = 0; variant < testing::VariantsOf(twist); ++variant) {
      const HypercallPlan plan = testing::PlanOf(row, form, twist, variant);
      HypercallAnswer expected;
      if (!Expect(row, plan, twist, allowed, expected)) continue;
      Text way;
      way.Append("way ").AppendDecimal(i).Append(" variant ");
      Try(row, form, plan, expected, tried, way.c_str(), variant);
    }
  }
  Text name;
  name.Append(row.name).Append(form == HypercallForm::kFast ? ", fast," : " in memory");
  name.Append(allowed ? " answers as in the table" : " is denied without its privilege");
  Check(tried.count != 0 && !tried.failed, name.c_str(), tried.detail.c_str());
}

// Whether the call is answered as one that does not exist.
bool IsUnknown(const HypercallRow& row) {
  HypercallRegisters registers = {.control = row.Control(), .input = 0, .output = 0, .xmm = {}};
  return ToAnswer(CallHypervisor(Caller::k64BitCode, registers)).status ==
         HvStatus::kInvalidHypercallCode;
}

// Of the extended calls the hypervisor says itself which it has.
bool HasExtendedCall(uint64_t capability) {
  HypercallRegisters registers = {
      .control = static_cast<uint64_t>(tlfs::CallCode::kExtQueryCapabilities),
      .input = 0,
      .output = reinterpret_cast<uint64_t>(g_output),
      .xmm = {}};
  if (CallHypervisor(Caller::k64BitCode, registers).result != 0) return false;
  uint64_t capabilities;
  std::memcpy(&capabilities, g_output, sizeof(capabilities));
  return (capabilities & capability) != 0;
}

bool IsThere(const HypercallRow& row) {
  if (row.code == tlfs::CallCode::kExtGetBootZeroedMemory)
    return HasExtendedCall(tlfs::ExtCapabilities::GetBootZeroedMemory::kMask);
  if (row.needs == testing::Needs::kDebugger) return g_has_debugger;
  return row.needs == testing::Needs::kNothing;
}

// A back end may lack a call that it does not announce.
void CheckRow(const HypercallRow& row) {
  const bool allowed = Allowed(row);
  const bool is_there = IsThere(row);
  const bool kvm_lacks_it = g_on_kvm && row.on_kvm == OnKvm::kAbsent;
  if (kvm_lacks_it || (!(allowed && is_there) && IsUnknown(row))) {
    Check(IsUnknown(row), Text().Append(row.name).Append(" is not there").c_str());
    return;
  }
  if (allowed && !is_there) return;
  CheckForm(row, HypercallForm::kMemory, allowed);
  CheckForm(row, HypercallForm::kFast, allowed);
}

// KVM denies the debugger's calls to a guest that has not asked for them.
void AskForDebuggerCalls() {
  tlfs::SyndbgOptions options;
  tlfs::SyndbgOptions::UseHypercalls::Set(options, 1);
  Check(!WriteMsr(tlfs::MsrIndex::kSyndbgOptions, options.raw).raised,
        "the guest may ask for the debugger's calls");
}

void CheckInput(const HypercallInputCase& input) {
  for (HypercallRow row : testing::kHypercallRows) {
    if (row.code != input.code || !Allowed(row) || !IsThere(row)) continue;
    if (g_on_kvm && row.on_kvm == OnKvm::kAbsent) continue;
    row.block[input.word] = input.value;
    const HypercallPlan plan =
        testing::PlanOf(row, HypercallForm::kMemory, HypercallTwist::kNone, 0);
    HypercallAnswer expected = {.status = g_on_kvm ? input.kvm_status : input.status};
    if (expected.status == HvStatus::kSuccess) expected.reps = row.reps;
    Tried tried;
    Try(row, HypercallForm::kMemory, plan, expected, tried, "", 0);
    Text name;
    name.Append(row.name).Append(", ").Append(input.name).Append(": refused as in the table");
    Check(!tried.failed, name.c_str(), tried.detail.c_str());
  }
}

bool ReadsAsZero(uint64_t page) {
  const auto* words = AtAddress<uint64_t>(page * tlfs::kPageSize);
  for (size_t i = 0; i < tlfs::kPageSize / sizeof(*words); ++i) {
    if (words[i] != 0) return false;
  }
  return true;
}

// A range that is not this image, and whose ends are zero.
bool IsZeroed(const tlfs::BootZeroedRange& range) {
  const uint64_t own = reinterpret_cast<uint64_t>(g_output) / tlfs::kPageSize;
  const uint64_t last = range.first_page + range.page_count - 1;
  if (range.page_count == 0 || (range.first_page <= own && own <= last)) return false;
  return last >= kMappedPages || (ReadsAsZero(range.first_page) && ReadsAsZero(last));
}

// The largest ranges come first.
void CheckBootZeroedMemory() {
  if (!HasExtendedCall(tlfs::ExtCapabilities::GetBootZeroedMemory::kMask)) return;
  const auto code = static_cast<uint64_t>(tlfs::CallCode::kExtGetBootZeroedMemory);
  const auto status = Hypercall(code, 0, reinterpret_cast<uint64_t>(g_output));
  tlfs::BootZeroedMemoryOutput found;
  std::memcpy(&found, g_output, sizeof(found));
  Check(status == 0 && found.count > 0 && found.count <= tlfs::kMaxBootZeroedRanges,
        "some memory is told to be zero");
  bool zeroed = true;
  uint64_t previous = ~uint64_t{0};
  for (size_t i = 0; i < found.count && i < tlfs::kMaxBootZeroedRanges; ++i) {
    tlfs::BootZeroedRange range;
    std::memcpy(&range, g_output + sizeof(found) + i * sizeof(range), sizeof(range));
    zeroed = zeroed && IsZeroed(range) && range.page_count <= previous;
    previous = range.page_count;
  }
  Check(zeroed, "memory that is told to be zero reads as zero");
}

// An instruction of the page that ring 3 may not execute faults before the hypervisor sees it.
void CheckRing3WithoutPorts() {
  HypercallRegisters registers = {};
  const Fault fault = CallHypervisor(Caller::kRing3, registers).fault;
  CheckEqual(fault.vector, g_on_kvm ? kUndefinedOpcode : kGeneralProtection,
             "a call at ring 3 without the right to use ports faults");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  g_on_kvm = CmdlineNumber(boot, "kvm=", 0) != 0;
  g_has_debugger = CmdlineNumber(boot, "debugger=", 0) != 0;
  Check(EnableHypercalls(), "the hypercall page can be turned on");
  PrepareCallers();
  if (g_has_debugger) AskForDebuggerCalls();
  for (const HypercallRow& row : testing::kHypercallRows) CheckRow(row);
  for (const HypercallInputCase& input : testing::kHypercallInputCases) CheckInput(input);
  CheckBootZeroedMemory();
  CheckRing3WithoutPorts();
}

}  // namespace hvkit::guest
