#include "vcpu/x86_boot.h"

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_bits.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Gpa;
using hyperv::kPageSize;

// Segment types, all present and accessed (SDM volume 3, 3.4.5.1).
constexpr uint8_t kCodeType = 0xB;  // execute, read
constexpr uint8_t kDataType = 0x3;  // read, write
constexpr uint8_t kBusyTssType = 0xB;
constexpr uint8_t kLdtType = 0x2;

constexpr uint16_t kCodeSelector = 0x10;
constexpr uint16_t kDataSelector = 0x18;

// How the entries of the long mode tables are laid out from `tables` on.
constexpr uint64_t kPml4Offset = 0;
constexpr uint64_t kPdptOffset = kPageSize;
constexpr uint64_t kPdOffset = 2 * kPageSize;
constexpr uint64_t kPdCount = 4;
constexpr uint64_t kGdtOffset = kPdOffset + kPdCount * kPageSize;
static_assert(kGdtOffset + kPageSize == kLongModeTablesSize);
constexpr uint64_t kPresentWritable = 3;
constexpr uint64_t kLargePage = uint64_t{1} << 7;
constexpr uint64_t kLargePageSize = uint64_t{2} << 20;
constexpr size_t kEntriesPerTable = kPageSize / sizeof(uint64_t);
using Table = std::array<uint64_t, kEntriesPerTable>;

// Null, unused, 64-bit code, data, and the two halves of a TSS that starts at 0.
constexpr std::array<uint64_t, 6> kLongModeGdt = {
    0, 0, 0x00AF'9B00'0000'FFFF, 0x00CF'9300'0000'FFFF, 0x0000'8B00'0000'FFFF, 0};
constexpr uint16_t kTssSelector = 0x20;

kvm_segment MakeSegment(uint16_t selector, uint8_t type, bool code_or_data) {
  kvm_segment segment = {};
  segment.selector = selector;
  segment.type = type;
  segment.s = code_or_data ? 1 : 0;
  segment.present = 1;
  segment.limit = 0xFFFF;
  return segment;
}

kvm_segment FlatSegment(uint16_t selector, uint8_t type) {
  kvm_segment segment = MakeSegment(selector, type, true);
  segment.limit = 0xFFFF'FFFF;
  segment.g = 1;
  segment.db = 1;
  return segment;
}

kvm_segment LongCodeSegment() {
  kvm_segment segment = FlatSegment(kCodeSelector, kCodeType);
  segment.db = 0;
  segment.l = 1;
  return segment;
}

kvm_segment RealModeSegment(uint16_t selector, uint8_t type) {
  kvm_segment segment = MakeSegment(selector, type, true);
  segment.base = uint64_t{selector} << 4;
  return segment;
}

void SetSegments(kvm_sregs& sregs, const kvm_segment& code, const kvm_segment& data) {
  sregs.cs = code;
  sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = data;
  sregs.tr = MakeSegment(0, kBusyTssType, false);
  sregs.ldt = MakeSegment(0, kLdtType, false);
}

// General registers as after reset, but for those that the entry gives.
absl::Status SetEntryRegs(kvm::Vcpu& vcpu, kvm_regs regs) {
  regs.rflags = x86::kRflagsFixed;
  return vcpu.SetRegs(regs);
}

absl::Status WriteTable(hyperv::GuestMemory& memory, Gpa base, uint64_t offset,
                        std::span<const uint64_t> words) {
  const std::optional<Gpa> at = base.Plus(offset);
  if (at.has_value() && memory.Write(*at, std::as_bytes(words)) == hyperv::MemFault::kNone) {
    return absl::OkStatus();
  }
  return absl::OutOfRangeError(absl::StrCat("boot tables at 0x", absl::Hex(base.value()), " + 0x",
                                            absl::Hex(offset), ": no RAM there"));
}

uint32_t LapicWord(const kvm_lapic_state& lapic, size_t offset) {
  uint32_t word;
  std::memcpy(&word, lapic.regs + offset, sizeof(word));
  return word;
}

// Unmasks a pin of the local vector table with `delivery_mode`.
void SetLapicPin(kvm_lapic_state& lapic, size_t offset, uint32_t delivery_mode) {
  constexpr uint32_t kDeliveryModeMask = 7u << 8;
  constexpr uint32_t kMasked = 1u << 16;
  uint32_t word = LapicWord(lapic, offset);
  word = (word & ~(kDeliveryModeMask | kMasked)) | delivery_mode << 8;
  std::memcpy(lapic.regs + offset, &word, sizeof(word));
}

}  // namespace

absl::Status SetRealMode(kvm::Vcpu& vcpu, const RealModeEntry& entry) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  SetSegments(sregs, RealModeSegment(entry.cs, kCodeType), RealModeSegment(entry.cs, kDataType));
  sregs.cr0 = x86::kCr0Et;
  sregs.cr4 = 0;
  sregs.efer = 0;
  sregs.idt.base = 0;
  sregs.idt.limit = 0x3FF;
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  kvm_regs regs = {};
  regs.rip = entry.ip;
  return SetEntryRegs(vcpu, regs);
}

absl::Status SetProtected32(kvm::Vcpu& vcpu, const Protected32Entry& entry) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  SetSegments(sregs, FlatSegment(kCodeSelector, kCodeType), FlatSegment(kDataSelector, kDataType));
  sregs.cr0 = x86::kCr0Pe | x86::kCr0Et;
  sregs.cr4 = 0;
  sregs.efer = 0;
  sregs.idt.limit = 0;
  sregs.gdt.limit = 0;
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  kvm_regs regs = {};
  regs.rip = entry.eip;
  regs.rax = entry.eax;
  regs.rbx = entry.ebx;
  regs.rsi = entry.esi;
  return SetEntryRegs(vcpu, regs);
}

absl::Status WriteLongModeTables(hyperv::GuestMemory& memory, Gpa tables) {
  if (!tables.IsAligned(kPageSize)) {
    return absl::InvalidArgumentError(
        absl::StrCat("boot tables at 0x", absl::Hex(tables.value()), ": not page-aligned"));
  }
  Table table = {};
  table[0] = (tables.value() + kPdptOffset) | kPresentWritable;
  HVKIT_RETURN_IF_ERROR(WriteTable(memory, tables, kPml4Offset, table));
  table = {};
  for (uint64_t i = 0; i < kPdCount; ++i) {
    table[i] = (tables.value() + kPdOffset + i * kPageSize) | kPresentWritable;
  }
  HVKIT_RETURN_IF_ERROR(WriteTable(memory, tables, kPdptOffset, table));
  for (uint64_t page = 0; page < kPdCount * kEntriesPerTable; page += kEntriesPerTable) {
    for (uint64_t i = 0; i < kEntriesPerTable; ++i) {
      table[i] = ((page + i) * kLargePageSize) | kLargePage | kPresentWritable;
    }
    HVKIT_RETURN_IF_ERROR(WriteTable(memory, tables, kPdOffset + page * sizeof(uint64_t), table));
  }
  return WriteTable(memory, tables, kGdtOffset, kLongModeGdt);
}

absl::Status SetLongMode(kvm::Vcpu& vcpu, const LongModeEntry& entry) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  SetSegments(sregs, LongCodeSegment(), FlatSegment(kDataSelector, kDataType));
  sregs.tr.selector = kTssSelector;
  sregs.cr0 = x86::kCr0Pe | x86::kCr0Et | x86::kCr0Pg;
  sregs.cr3 = entry.tables.value() + kPml4Offset;
  sregs.cr4 = x86::kCr4Pae;
  sregs.efer = x86::kEferLme | x86::kEferLma;
  sregs.gdt.base = entry.tables.value() + kGdtOffset;
  sregs.gdt.limit = static_cast<uint16_t>(sizeof(kLongModeGdt) - 1);
  sregs.idt.limit = 0;
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  kvm_regs regs = {};
  regs.rip = entry.rip;
  regs.rsp = entry.rsp;
  regs.rsi = entry.rsi;
  return SetEntryRegs(vcpu, regs);
}

absl::Status SetLocalApicPins(kvm::Vcpu& vcpu) {
  constexpr size_t kLint0 = 0x350;
  constexpr size_t kLint1 = 0x360;
  constexpr uint32_t kNmi = 4;
  constexpr uint32_t kExtInt = 7;
  HVKIT_ASSIGN_OR_RETURN(kvm_lapic_state lapic, vcpu.GetLapic());
  SetLapicPin(lapic, kLint0, kExtInt);
  SetLapicPin(lapic, kLint1, kNmi);
  return vcpu.SetLapic(lapic);
}

absl::Status SetWaitForSipi(kvm::Vcpu& vcpu) {
  return vcpu.SetMpState({.mp_state = KVM_MP_STATE_UNINITIALIZED});
}

}  // namespace hvkit::vcpu
