// Sizes and offsets are static_asserts in the headers; here are bit positions and numbers, checked
// against values written out by hand from the TLFS.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/cpuid_platform.h"
#include "hyperv/tlfs/field.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/pages.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"

namespace hvkit::hyperv::tlfs {
namespace {

struct Word8 {
  uint8_t raw = 0;
  using Low = Field<0, 4>;
  using High = Field<4, 4>;
};

struct Word64 {
  uint64_t raw = 0;
  using All = Field<0, 64>;
  using Top = Field<63, 1>;
};

TEST(FieldTest, SetChangesOnlyItsBits) {
  Word8 word{0xA5};
  Word8::High::Set(word, 3);
  EXPECT_EQ(word.raw, 0x35);
}

TEST(FieldTest, SetDropsBitsAboveItsWidth) {
  Word8 word{};
  Word8::Low::Set(word, 0x1F);
  EXPECT_EQ(word.raw, 0x0F);
}

TEST(FieldTest, GetShiftsDown) { EXPECT_EQ(Word8::High::Get(Word8{0xA5}), 0xAu); }

TEST(FieldTest, FieldMayBeTheWholeWord) {
  Word64 word{};
  Word64::All::Set(word, ~uint64_t{0});
  EXPECT_EQ(Word64::All::Get(word), ~uint64_t{0});
  EXPECT_EQ(Word64::Top::kMask, uint64_t{1} << 63);
}

TEST(RegisterTest, SintResetsMasked) {
  EXPECT_EQ(Sint{}.raw, 0x10000u);
  EXPECT_EQ(Sint::Masked::Get(Sint{}), 1u);
}

TEST(RegisterTest, SintFieldsAreWhereTheTlfsSays) {
  const Sint sint{0x600F3};
  EXPECT_EQ(Sint::Vector::Get(sint), 0xF3u);
  EXPECT_EQ(Sint::Masked::Get(sint), 0u);
  EXPECT_EQ(Sint::AutoEoi::Get(sint), 1u);
  EXPECT_EQ(Sint::Polling::Get(sint), 1u);
}

TEST(RegisterTest, StimerConfigReservedMaskIsWhatNoFieldCovers) {
  EXPECT_EQ(~StimerConfig::kReservedMask,
            StimerConfig::Enable::kMask | StimerConfig::Periodic::kMask |
                StimerConfig::Lazy::kMask | StimerConfig::AutoEnable::kMask |
                StimerConfig::ApicVector::kMask | StimerConfig::DirectMode::kMask |
                StimerConfig::SintIndex::kMask);
}

TEST(RegisterTest, StimerConfigOfLinuxDirectModeReadsBack) {
  const StimerConfig config{0x1ED9};  // Enable, auto-enable, direct mode, vector 0xED
  EXPECT_EQ(StimerConfig::Enable::Get(config), 1u);
  EXPECT_EQ(StimerConfig::AutoEnable::Get(config), 1u);
  EXPECT_EQ(StimerConfig::DirectMode::Get(config), 1u);
  EXPECT_EQ(StimerConfig::ApicVector::Get(config), 0xEDu);
  EXPECT_EQ(StimerConfig::SintIndex::Get(config), 0u);
}

TEST(RegisterTest, HypercallControlReservedMaskIsRsvdZ) {
  EXPECT_EQ(HypercallControl::kReservedMask, 0xF000'F000'7800'0000u);
}

TEST(RegisterTest, HypercallControlFieldsReadBack) {
  const HypercallControl control{
      0x0002'0005'0002'0003u};  // Two reps done of five, header of 8 bytes
  EXPECT_EQ(HypercallControl::Code::Get(control), uint64_t(CallCode::kFlushVirtualAddressList));
  EXPECT_EQ(HypercallControl::VariableHeaderSize::Get(control), 1u);
  EXPECT_EQ(HypercallControl::RepCount::Get(control), 5u);
  EXPECT_EQ(HypercallControl::RepStart::Get(control), 2u);
  EXPECT_EQ(HypercallControl::Fast::Get(control), 0u);
}

TEST(RegisterTest, CrashControlUsesTheTopBits) {
  EXPECT_EQ(CrashCtl::CrashNotify::kMask, 0x8000'0000'0000'0000u);
  EXPECT_EQ(CrashCtl::CrashMessage::kMask, 0x4000'0000'0000'0000u);
  EXPECT_EQ(CrashCtl::NoCrashDump::kMask, 0x2000'0000'0000'0000u);
}

TEST(RegisterTest, GuestOsIdOfLinuxReadsBack) {
  const GuestOsId id{0x8100'0006'0100'0000u};  // Linux 6.1
  EXPECT_EQ(GuestOsId::OpenSource::Get(id), 1u);
  EXPECT_EQ(GuestOsId::OpenSourceType::Get(id), 1u);
  EXPECT_EQ(GuestOsId::OpenSourceVersion::Get(id), 0x60100u);
}

TEST(RegisterTest, ReenlightenmentControlFieldsReadBack) {
  const ReenlightenmentControl control{0x0000'0003'0001'00EE};
  EXPECT_EQ(ReenlightenmentControl::Vector::Get(control), 0xEEu);
  EXPECT_EQ(ReenlightenmentControl::Enabled::Get(control), 1u);
  EXPECT_EQ(ReenlightenmentControl::TargetVp::Get(control), 3u);
}

TEST(RegisterTest, OverlayMsrKeepsPageNumberAndEnableApart) {
  const OverlayMsr msr{0x1234'5001};
  EXPECT_EQ(OverlayMsr::Enable::Get(msr), 1u);
  EXPECT_EQ(OverlayMsr::Gpn::Get(msr), 0x12345u);
}

TEST(SignatureTest, WordsSpellTheirText) {
  const auto spell = [](uint32_t word) {
    std::string text;
    for (unsigned shift = 0; shift < 32; shift += 8) {
      text.push_back(static_cast<char>(word >> shift & 0xFF));
    }
    return text;
  };
  EXPECT_EQ(spell(kInterfaceSignature), "Hv#1");
  EXPECT_EQ(spell(kSyndbgSignature), "VS#1");
  EXPECT_EQ(sizeof(kVendorMicrosoft), 13u);
  EXPECT_EQ(sizeof(kSyndbgVendor), 13u);
}

struct BitRow {
  CpuidBit bit;
  uint32_t leaf;
  CpuidRegister reg;
  uint32_t mask;
};

// The masks are those that Linux and Windows guests test.
TEST(CpuidBitTest, BitsAreWhereTheTlfsSays) {
  const std::vector<BitRow> rows = {
      {bits::kAccessVpRuntime, 0x40000003, CpuidRegister::kEax, 0x0001},
      {bits::kAccessTimeRefCount, 0x40000003, CpuidRegister::kEax, 0x0002},
      {bits::kAccessSynic, 0x40000003, CpuidRegister::kEax, 0x0004},
      {bits::kAccessStimer, 0x40000003, CpuidRegister::kEax, 0x0008},
      {bits::kAccessApic, 0x40000003, CpuidRegister::kEax, 0x0010},
      {bits::kAccessHypercall, 0x40000003, CpuidRegister::kEax, 0x0020},
      {bits::kAccessVpIndex, 0x40000003, CpuidRegister::kEax, 0x0040},
      {bits::kAccessReset, 0x40000003, CpuidRegister::kEax, 0x0080},
      {bits::kAccessReferenceTsc, 0x40000003, CpuidRegister::kEax, 0x0200},
      {bits::kAccessGuestIdle, 0x40000003, CpuidRegister::kEax, 0x0400},
      {bits::kAccessFrequency, 0x40000003, CpuidRegister::kEax, 0x0800},
      {bits::kAccessReenlightenment, 0x40000003, CpuidRegister::kEax, 0x2000},
      {bits::kAccessTscInvariant, 0x40000003, CpuidRegister::kEax, 0x8000},
      {bits::kPostMessages, 0x40000003, CpuidRegister::kEbx, 0x0010},
      {bits::kSignalEvents, 0x40000003, CpuidRegister::kEbx, 0x0020},
      {bits::kDebugging, 0x40000003, CpuidRegister::kEbx, 0x0800},
      {bits::kCpuManagement, 0x40000003, CpuidRegister::kEbx, 0x1000},
      {bits::kAccessVpRegisters, 0x40000003, CpuidRegister::kEbx, 0x2'0000},
      {bits::kExtendedHypercalls, 0x40000003, CpuidRegister::kEbx, 0x10'0000},
      {bits::kStartVirtualProcessor, 0x40000003, CpuidRegister::kEbx, 0x20'0000},
      {bits::kGuestDebugging, 0x40000003, CpuidRegister::kEdx, 0x0002},
      {bits::kDynamicPartitioning, 0x40000003, CpuidRegister::kEdx, 0x0008},
      {bits::kXmmInput, 0x40000003, CpuidRegister::kEdx, 0x0010},
      {bits::kGuestIdle, 0x40000003, CpuidRegister::kEdx, 0x0020},
      {bits::kFrequencyMsrs, 0x40000003, CpuidRegister::kEdx, 0x0100},
      {bits::kGuestCrashMsrs, 0x40000003, CpuidRegister::kEdx, 0x0400},
      {bits::kDebugMsrs, 0x40000003, CpuidRegister::kEdx, 0x0800},
      {bits::kExtendedGvaRanges, 0x40000003, CpuidRegister::kEdx, 0x4000},
      {bits::kXmmOutput, 0x40000003, CpuidRegister::kEdx, 0x8000},
      {bits::kSintPolling, 0x40000003, CpuidRegister::kEdx, 0x2'0000},
      {bits::kHypercallMsrLock, 0x40000003, CpuidRegister::kEdx, 0x4'0000},
      {bits::kDirectStimer, 0x40000003, CpuidRegister::kEdx, 0x8'0000},
      {bits::kUseRemoteFlush, 0x40000004, CpuidRegister::kEax, 0x0004},
      {bits::kUseApicMsrs, 0x40000004, CpuidRegister::kEax, 0x0008},
      {bits::kUseRelaxedTiming, 0x40000004, CpuidRegister::kEax, 0x0020},
      {bits::kDeprecateAutoEoi, 0x40000004, CpuidRegister::kEax, 0x0200},
      {bits::kUseClusterIpi, 0x40000004, CpuidRegister::kEax, 0x0400},
      {bits::kUseExProcessorMasks, 0x40000004, CpuidRegister::kEax, 0x0800},
      {bits::kUseEvmcs, 0x40000004, CpuidRegister::kEax, 0x4000},
      {bits::kNoNonarchCoresharing, 0x40000004, CpuidRegister::kEax, 0x4'0000},
      {bits::kNestedDirectFlush, 0x4000000A, CpuidRegister::kEax, 0x2'0000},
      {bits::kNestedMsrBitmap, 0x4000000A, CpuidRegister::kEax, 0x8'0000},
      {bits::kNestedPerfGlobalCtrl, 0x4000000A, CpuidRegister::kEbx, 0x0001},
      {bits::kAllowKernelDebugging, 0x40000082, CpuidRegister::kEax, 0x0002},
      {bits::kApicOverlayAssist, 0x40000006, CpuidRegister::kEax, 0x0001},
      {bits::kNestedAccessReenlightenment, 0x40000009, CpuidRegister::kEax, 0x1000},
  };
  for (const BitRow& row : rows) {
    SCOPED_TRACE(row.bit.name);
    EXPECT_EQ(static_cast<uint32_t>(row.bit.leaf), row.leaf);
    EXPECT_EQ(row.bit.reg, row.reg);
    EXPECT_EQ(row.bit.mask(), row.mask);
  }
}

TEST(MsrIndexTest, RunsOfRegistersAreContiguous) {
  const auto distance = [](MsrIndex first, MsrIndex last) {
    return static_cast<uint32_t>(last) - static_cast<uint32_t>(first);
  };
  EXPECT_EQ(distance(MsrIndex::kSint0, MsrIndex::kSint15) + 1, kSintCount);
  EXPECT_EQ(distance(MsrIndex::kStimer0Config, MsrIndex::kStimer3Count) + 1, 2 * kStimerCount);
  EXPECT_EQ(distance(MsrIndex::kCrashP0, MsrIndex::kCrashP4) + 1, 5u);
}

TEST(StatusTest, CodesThatGuestsTestHaveTheirNumbers) {
  EXPECT_EQ(uint16_t(HvStatus::kSuccess), 0);
  EXPECT_EQ(uint16_t(HvStatus::kInvalidHypercallCode), 2);
  EXPECT_EQ(uint16_t(HvStatus::kInvalidAlignment), 4);
  EXPECT_EQ(uint16_t(HvStatus::kInsufficientMemory), 0xB);
  EXPECT_EQ(uint16_t(HvStatus::kInvalidConnectionId), 0x12);
  EXPECT_EQ(uint16_t(HvStatus::kInsufficientBuffers), 0x13);
  EXPECT_EQ(uint16_t(HvStatus::kInvalidSynicState), 0x18);
  EXPECT_EQ(uint16_t(HvStatus::kNoData), 0x1B);
  EXPECT_EQ(uint16_t(HvStatus::kTimeout), 0x78);
}

}  // namespace
}  // namespace hvkit::hyperv::tlfs
