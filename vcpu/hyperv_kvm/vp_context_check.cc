#include "vcpu/hyperv_kvm/vp_context_check.h"

#include <cstdint>

#include "vcpu/x86_bits.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::InitialVpContext;
using hyperv::tlfs::SegmentAttributes;
using hyperv::tlfs::SegmentRegister;
using A = SegmentAttributes;

// Types of segments.
constexpr uint16_t kAccessed = 1;
constexpr uint16_t kReadable = 2;  // of code; of data: writable
constexpr uint16_t kConforming = 4;
constexpr uint16_t kCode = 8;
constexpr uint16_t kData = kAccessed | kReadable;
constexpr uint16_t kLdt = 2;
constexpr uint16_t kBusyTss16 = 3;
constexpr uint16_t kBusyTss = 11;

constexpr uint16_t kReservedAttributes = 0x0F00;
constexpr uint16_t kVm86Attributes = 0xF3;
constexpr uint32_t kVm86Limit = 0xFFFF;
constexpr uint16_t kTableIndicator = 1 << 2;

bool IsLong(const InitialVpContext& context) {
  return (context.efer & x86::kEferLme) != 0 && (context.cr0 & x86::kCr0Pg) != 0;
}

bool IsVm86(const InitialVpContext& context) { return (context.rflags & x86::kRflagsVm86) != 0; }

bool IsCanonical(uint64_t address, const InitialVpContext& context) {
  const unsigned unused = (context.cr4 & x86::kCr4La57) != 0 ? 7 : 16;
  return static_cast<int64_t>(address << unused) >> unused == static_cast<int64_t>(address);
}

bool Has32Bits(uint64_t value) { return value >> 32 == 0; }

uint16_t TypeOf(const SegmentRegister& segment) {
  return static_cast<uint16_t>(A::Type::Get(segment.attributes));
}

bool IsPresent(const SegmentRegister& segment) { return A::Present::Get(segment.attributes) != 0; }

unsigned DplOf(const SegmentRegister& segment) {
  return static_cast<unsigned>(A::Dpl::Get(segment.attributes));
}

// A limit that pages do not make up is one of bytes; one above 1 MiB is one of pages.
bool HasPossibleLimit(const SegmentRegister& segment) {
  const bool pages = A::Granularity::Get(segment.attributes) != 0;
  return pages ? (segment.limit & 0xFFF) == 0xFFF : segment.limit >> 20 == 0;
}

bool IsWellFormed(const SegmentRegister& segment, bool is_system) {
  return IsPresent(segment) && (segment.attributes.raw & kReservedAttributes) == 0 &&
         (A::NonSystem::Get(segment.attributes) == 0) == is_system && HasPossibleLimit(segment);
}

bool IsPossibleCode(const InitialVpContext& context) {
  const SegmentRegister& cs = context.cs;
  if (!IsWellFormed(cs, false) || !Has32Bits(cs.base)) return false;
  const bool is_long = A::Long::Get(cs.attributes) != 0;
  if (is_long && (!IsLong(context) || A::Default::Get(cs.attributes) != 0)) return false;
  const uint16_t type = TypeOf(cs);
  if (type == kData) return DplOf(cs) == 0;  // as in real mode
  if ((type & (kCode | kAccessed)) != (kCode | kAccessed)) return false;
  return (type & kConforming) != 0 ? DplOf(cs) <= DplOf(context.ss)
                                   : DplOf(cs) == DplOf(context.ss);
}

// What DPL it has is the processor's privilege level even where it is not present.
bool IsPossibleStack(const InitialVpContext& context) {
  const SegmentRegister& ss = context.ss;
  const bool must_be_0 = TypeOf(context.cs) == kData || (context.cr0 & x86::kCr0Pe) == 0;
  if (must_be_0 && DplOf(ss) != 0) return false;
  if (!IsPresent(ss)) return true;
  return IsWellFormed(ss, false) && Has32Bits(ss.base) && (TypeOf(ss) & (kCode | kData)) == kData;
}

bool IsPossibleData(const SegmentRegister& segment) {
  if (!IsPresent(segment)) return true;
  const uint16_t type = TypeOf(segment);
  const bool is_readable = (type & kCode) == 0 || (type & kReadable) != 0;
  return IsWellFormed(segment, false) && (type & kAccessed) != 0 && is_readable;
}

bool IsPossibleTask(const InitialVpContext& context) {
  const SegmentRegister& tr = context.tr;
  const bool has_type = TypeOf(tr) == kBusyTss || (TypeOf(tr) == kBusyTss16 && !IsLong(context));
  return has_type && IsWellFormed(tr, true) && (tr.selector & kTableIndicator) == 0 &&
         IsCanonical(tr.base, context);
}

bool IsPossibleLocalTable(const InitialVpContext& context) {
  const SegmentRegister& ldtr = context.ldtr;
  if (!IsPresent(ldtr)) return true;
  return TypeOf(ldtr) == kLdt && IsWellFormed(ldtr, true) &&
         (ldtr.selector & kTableIndicator) == 0 && IsCanonical(ldtr.base, context);
}

bool IsVm86Segment(const SegmentRegister& segment) {
  return segment.base == uint64_t{segment.selector} << 4 && segment.limit == kVm86Limit &&
         segment.attributes.raw == kVm86Attributes;
}

bool HasPossibleSegments(const InitialVpContext& c) {
  if (!IsPossibleTask(c) || !IsPossibleLocalTable(c)) return false;
  if (IsVm86(c)) {
    return IsVm86Segment(c.cs) && IsVm86Segment(c.ss) && IsVm86Segment(c.ds) &&
           IsVm86Segment(c.es) && IsVm86Segment(c.fs) && IsVm86Segment(c.gs);
  }
  return IsPossibleCode(c) && IsPossibleStack(c) && IsPossibleData(c.ds) && IsPossibleData(c.es) &&
         IsPossibleData(c.fs) && IsPossibleData(c.gs);
}

bool HasPossibleBases(const InitialVpContext& c) {
  const bool has_32_bits =
      (!IsPresent(c.ds) || Has32Bits(c.ds.base)) && (!IsPresent(c.es) || Has32Bits(c.es.base));
  return has_32_bits && IsCanonical(c.fs.base, c) && IsCanonical(c.gs.base, c) &&
         IsCanonical(c.gdtr.base, c) && IsCanonical(c.idtr.base, c);
}

bool HasPossibleFlags(const InitialVpContext& context) {
  if ((context.rflags & ~x86::kRflagsDefined) != 0) return false;
  return !IsVm86(context) || (!IsLong(context) && (context.cr0 & x86::kCr0Pe) != 0);
}

bool HasPossibleRip(const InitialVpContext& context) {
  const bool code_is_long = A::Long::Get(context.cs.attributes) != 0;
  return code_is_long ? IsCanonical(context.rip, context) : Has32Bits(context.rip);
}

bool HasPossibleControls(const InitialVpContext& context) {
  const uint64_t cr0 = context.cr0;
  if (!Has32Bits(cr0) || ((cr0 & x86::kCr0Pg) != 0 && (cr0 & x86::kCr0Pe) == 0)) return false;
  if ((cr0 & x86::kCr0Nw) != 0 && (cr0 & x86::kCr0Cd) == 0) return false;
  if ((context.cr4 & x86::kCr4Cet) != 0 && (cr0 & x86::kCr0Wp) == 0) return false;
  if (IsLong(context) != ((context.efer & x86::kEferLma) != 0)) return false;
  if (IsLong(context)) return (context.cr4 & x86::kCr4Pae) != 0;
  return (context.cr4 & x86::kCr4Pcide) == 0 && Has32Bits(context.cr3);
}

}  // namespace

bool IsPossible(const InitialVpContext& context) {
  return HasPossibleControls(context) && HasPossibleFlags(context) && HasPossibleRip(context) &&
         HasPossibleSegments(context) && HasPossibleBases(context);
}

}  // namespace hvkit::vcpu
