#include "devices/acpi/acpi_tables.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "devices/acpi/acpi_layout.h"
#include "devices/acpi/madt_layout.h"
#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::devices {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace acpi;

using Bytes = std::span<const std::byte>;

uint8_t SumOf(Bytes bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), uint8_t{0}, [](uint8_t sum, std::byte b) {
    return static_cast<uint8_t>(sum + std::to_integer<uint8_t>(b));
  });
}

std::string TextOf(Bytes bytes) {
  std::string text(bytes.size(), '\0');
  std::memcpy(text.data(), bytes.data(), bytes.size());
  return text;
}

// Reads built tables as a guest does: from the RSDP on.
class AcpiTablesTest : public ::testing::Test {
 protected:
  void Build(std::vector<uint32_t> apic_ids, uint32_t timer_gsi = 2) {
    ASSERT_OK_AND_ASSIGN(
        tables_, BuildAcpiTables({.apic_ids = std::move(apic_ids), .timer_gsi = timer_gsi}));
    rsdp_ = At<Rsdp>(tables_.base);
    xsdt_ = At<Xsdt>(rsdp_.xsdt_address);
    fadt_ = At<Fadt>(xsdt_.fadt_address);
  }

  Bytes BytesAt(uint64_t address, size_t size) const {
    EXPECT_GE(address, tables_.base);
    EXPECT_LE(address + size, tables_.base + tables_.bytes.size());
    return Bytes(tables_.bytes).subspan(address - tables_.base, size);
  }
  template <typename T>
  T At(uint64_t address) const {
    T object;
    std::memcpy(&object, BytesAt(address, sizeof(T)).data(), sizeof(T));
    return object;
  }
  Bytes TableAt(uint64_t address) const { return BytesAt(address, At<Header>(address).length); }

  // All entries of one type in the MADT.
  template <typename T>
  std::vector<T> MadtEntries() const {
    std::vector<T> found;
    Bytes rest = TableAt(xsdt_.madt_address).subspan(sizeof(Madt));
    while (!rest.empty()) {
      const auto length = std::to_integer<size_t>(rest[1]);
      if (std::to_integer<uint8_t>(rest[0]) == T{}.type) {
        EXPECT_EQ(length, sizeof(T));
        std::memcpy(static_cast<void*>(&found.emplace_back()), rest.data(), sizeof(T));
      }
      rest = rest.subspan(length);
    }
    return found;
  }

  std::string Dsdt() const { return TextOf(TableAt(fadt_.dsdt)); }

  AcpiTables tables_{};
  Rsdp rsdp_{};
  Xsdt xsdt_{};
  Fadt fadt_{};
};

TEST_F(AcpiTablesTest, RsdpIsWhereTheBiosScanFindsIt) {
  Build({0});

  EXPECT_EQ(tables_.base, 0xe0000u);
  EXPECT_EQ(TextOf(BytesAt(tables_.base, 8)), "RSD PTR ");
  EXPECT_EQ(rsdp_.revision, 2);
  EXPECT_EQ(rsdp_.length, 36u);
}

TEST_F(AcpiTablesTest, RsdpChecksumsAreRight) {
  Build({0});

  EXPECT_EQ(SumOf(BytesAt(tables_.base, 20)), 0);
  EXPECT_EQ(SumOf(BytesAt(tables_.base, 36)), 0);
}

TEST_F(AcpiTablesTest, EveryTableHasSignatureAndChecksum) {
  Build({0, 1, 300});

  EXPECT_EQ(SumOf(TableAt(rsdp_.xsdt_address)), 0);
  EXPECT_EQ(SumOf(TableAt(xsdt_.fadt_address)), 0);
  EXPECT_EQ(SumOf(TableAt(xsdt_.madt_address)), 0);
  EXPECT_EQ(SumOf(TableAt(fadt_.dsdt)), 0);
  EXPECT_EQ(TextOf(BytesAt(rsdp_.xsdt_address, 4)), "XSDT");
  EXPECT_EQ(TextOf(BytesAt(xsdt_.fadt_address, 4)), "FACP");
  EXPECT_EQ(TextOf(BytesAt(xsdt_.madt_address, 4)), "APIC");
  EXPECT_EQ(TextOf(BytesAt(fadt_.dsdt, 4)), "DSDT");
}

TEST_F(AcpiTablesTest, XsdtAndFadtHaveTheSizesOfTheirRevisions) {
  Build({0});

  EXPECT_EQ(xsdt_.header.length, 36u + 2 * 8);
  EXPECT_EQ(fadt_.header.length, 244u);
  EXPECT_GE(fadt_.header.revision, 3);
}

TEST_F(AcpiTablesTest, FacsIsAlignedAndFound) {
  Build({0});

  EXPECT_EQ(fadt_.firmware_control % 64, 0u);
  EXPECT_EQ(TextOf(BytesAt(fadt_.firmware_control, 4)), "FACS");
  EXPECT_EQ(At<Facs>(fadt_.firmware_control).length, 64u);
}

TEST_F(AcpiTablesTest, BothDsdtPointersAgree) {
  Build({0});

  EXPECT_EQ(uint64_t{fadt_.dsdt}, fadt_.x_dsdt);
}

TEST_F(AcpiTablesTest, FadtPointsAtFixedHardware) {
  Build({0});

  EXPECT_EQ(fadt_.pm1a_event_block, kAcpiPmBase + kAcpiPm1Event);
  EXPECT_EQ(fadt_.x_pm1a_event_block.address, kAcpiPmBase + kAcpiPm1Event);
  EXPECT_EQ(fadt_.pm1a_control_block, kAcpiPmBase + kAcpiPm1Control);
  EXPECT_EQ(fadt_.x_pm1a_control_block.address, kAcpiPmBase + kAcpiPm1Control);
  EXPECT_EQ(fadt_.pm_timer_block, kAcpiPmBase + kAcpiPmTimer);
  EXPECT_EQ(fadt_.x_pm_timer_block.address, kAcpiPmBase + kAcpiPmTimer);
  EXPECT_EQ(fadt_.x_pm_timer_block.bit_width, 32);
  EXPECT_EQ(fadt_.sci_interrupt, 9);
}

TEST_F(AcpiTablesTest, FadtHasNoSmiCommandPort) {
  Build({0});

  EXPECT_EQ(fadt_.smi_command, 0u);
}

TEST_F(AcpiTablesTest, FadtResetRegisterIsAcpiPms) {
  Build({0});

  EXPECT_EQ(fadt_.flags & kFadtResetRegister, kFadtResetRegister);
  EXPECT_EQ(fadt_.reset_register.space, kSystemIo);
  EXPECT_EQ(fadt_.reset_register.bit_width, 8);
  EXPECT_EQ(fadt_.reset_register.address, kAcpiPmBase + kAcpiReset);
  EXPECT_EQ(fadt_.reset_value, kAcpiResetValue);
}

TEST_F(AcpiTablesTest, FadtTellsLegacyDevices) {
  Build({0});

  EXPECT_EQ(fadt_.boot_architecture, 0b111);
  EXPECT_EQ(fadt_.century, kRtcCenturyRegister);
  EXPECT_EQ(fadt_.flags & kFadtTimerIs32Bits, kFadtTimerIs32Bits);
}

TEST_F(AcpiTablesTest, ProcessorsAreLocalApicsInOrder) {
  Build({0, 2, 1, 254});

  std::vector<int> ids;
  for (const auto& entry : MadtEntries<MadtLocalApic>()) ids.push_back(entry.apic_id);
  EXPECT_THAT(ids, ElementsAre(0, 2, 1, 254));
  EXPECT_THAT(MadtEntries<MadtLocalX2Apic>(), IsEmpty());
  EXPECT_THAT(MadtEntries<MadtLocalX2ApicNmi>(), IsEmpty());
}

TEST_F(AcpiTablesTest, ProcessorsFromId255AreX2Apics) {
  Build({0, 255, 70000});

  EXPECT_THAT(MadtEntries<MadtLocalApic>(), SizeIs(1));
  const auto wide = MadtEntries<MadtLocalX2Apic>();
  ASSERT_THAT(wide, SizeIs(2));
  EXPECT_EQ(wide[0].x2apic_id, 255u);
  EXPECT_EQ(wide[1].x2apic_id, 70000u);
  EXPECT_EQ(wide[1].flags, kProcessorEnabled);
  EXPECT_THAT(MadtEntries<MadtLocalX2ApicNmi>(), SizeIs(1));
}

TEST_F(AcpiTablesTest, IoApicIsWhereKvmHasIt) {
  Build({0});

  const auto io_apics = MadtEntries<MadtIoApic>();
  ASSERT_THAT(io_apics, SizeIs(1));
  EXPECT_EQ(io_apics[0].address, 0xfec00000u);
  EXPECT_EQ(io_apics[0].first_gsi, 0u);
  EXPECT_EQ(At<Madt>(xsdt_.madt_address).local_apic_address, 0xfee00000u);
}

TEST_F(AcpiTablesTest, TimerAndSciAreOverridden) {
  Build({0});

  const auto overrides = MadtEntries<MadtInterruptOverride>();
  ASSERT_THAT(overrides, SizeIs(2));
  EXPECT_EQ(overrides[0].source, 0);
  EXPECT_EQ(overrides[0].gsi, 2u);
  EXPECT_EQ(overrides[0].flags, 0);
  EXPECT_EQ(overrides[1].source, 9);
  EXPECT_EQ(overrides[1].gsi, 9u);
  EXPECT_EQ(overrides[1].flags, 0xd);
}

TEST_F(AcpiTablesTest, TimerOnInputZeroNeedsNoOverride) {
  Build({0}, /*timer_gsi=*/0);

  EXPECT_THAT(MadtEntries<MadtInterruptOverride>(), SizeIs(1));
}

TEST_F(AcpiTablesTest, NmiIsLint1OfAllProcessors) {
  Build({0});

  const auto nmis = MadtEntries<MadtLocalApicNmi>();
  ASSERT_THAT(nmis, SizeIs(1));
  EXPECT_EQ(nmis[0].processor_uid, 0xff);
  EXPECT_EQ(nmis[0].lint, 1);
}

// Encodings of AML (ACPI 20.2) and of small resource descriptors (ACPI 6.4.2).

std::string IoDescriptor(uint64_t port, uint64_t length) {
  const auto low = static_cast<char>(port & 0xff);
  const auto high = static_cast<char>(port >> 8);
  return {'\x47', '\x01', low, high, low, high, '\x01', static_cast<char>(length)};
}

TEST_F(AcpiTablesTest, DsdtSleepTypeOfS5IsAcpiPms) {
  Build({0});

  // NameOp "_S5_" PackageOp length count BytePrefix type
  const std::string dsdt = Dsdt();
  const size_t s5 = dsdt.find("\x08_S5_\x12");
  ASSERT_NE(s5, std::string::npos);
  EXPECT_EQ(dsdt[s5 + 8], '\x0a');
  EXPECT_EQ(dsdt[s5 + 9], kAcpiS5SleepType);
}

TEST_F(AcpiTablesTest, DsdtPortsAreThoseOfTheDevices) {
  Build({0});

  EXPECT_THAT(Dsdt(), HasSubstr(IoDescriptor(kCom1Base, kSerialPortCount)));
  EXPECT_THAT(Dsdt(), HasSubstr(IoDescriptor(kRtcBase, kRtcPortCount)));
  EXPECT_THAT(Dsdt(), HasSubstr(IoDescriptor(kI8042DataPort, 1)));
  EXPECT_THAT(Dsdt(), HasSubstr(IoDescriptor(kI8042CommandPort, 1)));
}

TEST_F(AcpiTablesTest, DsdtInterruptOfCom1IsItsOwn) {
  Build({0});

  const std::string irq = {'\x22', static_cast<char>(1 << kCom1Interrupt), '\x00'};
  EXPECT_THAT(Dsdt(), HasSubstr(IoDescriptor(kCom1Base, kSerialPortCount) + irq));
}

TEST_F(AcpiTablesTest, ThousandsOfProcessorsFit) {
  std::vector<uint32_t> ids(4096);
  std::iota(ids.begin(), ids.end(), 0u);

  Build(ids);

  EXPECT_THAT(MadtEntries<MadtLocalX2Apic>(), SizeIs(4096 - 255));
  EXPECT_LE(tables_.base + tables_.bytes.size(), kAcpiTablesLimit);
}

TEST(AcpiTablesErrorTest, NoProcessorsAreRefused) {
  EXPECT_THAT(BuildAcpiTables({}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no processors")));
}

TEST(AcpiTablesErrorTest, RepeatedIdIsRefused) {
  EXPECT_THAT(BuildAcpiTables({.apic_ids = {7, 1, 7}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("APIC id 7")));
}

TEST(AcpiTablesErrorTest, BroadcastIdIsRefused) {
  EXPECT_THAT(BuildAcpiTables({.apic_ids = {0, 0xffffffff}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("broadcast")));
}

TEST(AcpiTablesErrorTest, MoreProcessorsThanFitAreRefused) {
  std::vector<uint32_t> ids(10000);
  std::iota(ids.begin(), ids.end(), 0u);

  EXPECT_THAT(BuildAcpiTables({.apic_ids = ids}),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("10000 processors")));
}

}  // namespace
}  // namespace hvkit::devices
