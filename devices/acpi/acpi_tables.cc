#include "devices/acpi/acpi_tables.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "devices/acpi/acpi_layout.h"
#include "devices/acpi/madt_layout.h"
#include "devices/acpi_pm.h"
#include "devices/rtc.h"

namespace hvkit::devices {
namespace {

using namespace acpi;  // the layouts, under the names that the specification gives them

constexpr uint8_t kDsdt[] = {
#include "devices/acpi/dsdt_aml.inc"
};

constexpr uint32_t kBroadcastId = 0xffffffff;
constexpr uint32_t kFirstX2ApicOnlyId = 255;
constexpr uint8_t kNmiLint = 1;
constexpr uint16_t kNoC2 = 101;   // microseconds; above 100 means that there is none
constexpr uint16_t kNoC3 = 1001;  // likewise, above 1000

template <typename T>
std::span<const std::byte> BytesOf(const T& object) {
  return std::as_bytes(std::span(&object, 1));
}

// The value that makes all of `bytes` sum to 0 if its place holds 0 now.
uint8_t ChecksumOf(std::span<const std::byte> bytes) {
  uint8_t sum = 0;
  for (const std::byte b : bytes) sum = static_cast<uint8_t>(sum + std::to_integer<uint8_t>(b));
  return static_cast<uint8_t>(-sum);
}

// Tables laid out one after the other from kAcpiTablesBase.
class Area {
 public:
  // Appends `bytes` at the next multiple of `alignment` and returns their guest address.
  uint32_t Append(std::span<const std::byte> bytes, size_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    const auto address = static_cast<uint32_t>(kAcpiTablesBase + bytes_.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return address;
  }

  // Appends a table that starts with a Header, and fills in its length and checksum.
  uint32_t AppendTable(std::span<const std::byte> bytes) {
    const uint32_t address = Append(bytes, kTableAlignment);
    const auto table = std::span(bytes_).last(bytes.size());
    const auto length = static_cast<uint32_t>(bytes.size());
    std::memcpy(&table[offsetof(Header, length)], &length, sizeof(length));
    table[offsetof(Header, checksum)] = std::byte{ChecksumOf(table)};
    return address;
  }

  // Replaces what Append put first.
  void Overwrite(std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }

  size_t size() const { return bytes_.size(); }
  std::vector<std::byte> Take() && { return std::move(bytes_); }

 private:
  static constexpr size_t kTableAlignment = 16;

  std::vector<std::byte> bytes_;
};

Header MakeHeader(const char (&signature)[5], uint8_t revision) {
  Header header{.revision = revision, .oem_revision = 1, .creator_revision = 1};
  std::memcpy(header.signature, signature, sizeof(header.signature));
  std::memcpy(header.oem_id, "HVKIT ", sizeof(header.oem_id));
  std::memcpy(header.oem_table_id, "HVKITVM ", sizeof(header.oem_table_id));
  std::memcpy(header.creator_id, "HVKT", sizeof(header.creator_id));
  return header;
}

GenericAddress Port(uint64_t offset, uint64_t length, AccessSize access_size) {
  return {.space = kSystemIo,
          .bit_width = static_cast<uint8_t>(length * 8),
          .bit_offset = 0,
          .access_size = access_size,
          .address = kAcpiPmBase + offset};
}

void SetPmBlocks(Fadt& fadt) {
  fadt.pm1a_event_block = kAcpiPmBase + kAcpiPm1Event;
  fadt.pm1_event_length = kAcpiPm1EventLength;
  fadt.x_pm1a_event_block = Port(kAcpiPm1Event, kAcpiPm1EventLength, AccessSize::kWord);
  fadt.pm1a_control_block = kAcpiPmBase + kAcpiPm1Control;
  fadt.pm1_control_length = kAcpiPm1ControlLength;
  fadt.x_pm1a_control_block = Port(kAcpiPm1Control, kAcpiPm1ControlLength, AccessSize::kWord);
  fadt.pm_timer_block = kAcpiPmBase + kAcpiPmTimer;
  fadt.pm_timer_length = kAcpiPmTimerLength;
  fadt.x_pm_timer_block = Port(kAcpiPmTimer, kAcpiPmTimerLength, AccessSize::kDword);
}

Fadt MakeFadt(uint32_t facs, uint32_t dsdt) {
  Fadt fadt{.header = MakeHeader("FACP", 3)};
  fadt.firmware_control = facs;
  fadt.dsdt = dsdt;
  fadt.x_dsdt = dsdt;
  fadt.sci_interrupt = kAcpiSciInterrupt;
  // No SMI command port: ACPI mode is on from the start.
  SetPmBlocks(fadt);
  fadt.c2_latency = kNoC2;
  fadt.c3_latency = kNoC3;
  fadt.century = kRtcCenturyRegister;
  fadt.boot_architecture = kBootLegacyDevices | kBootI8042 | kBootNoVga;
  fadt.flags = kFadtWbinvd | kFadtC1OnAllProcessors | kFadtNoFixedPowerButton |
               kFadtNoFixedSleepButton | kFadtNoFixedRtcWake | kFadtTimerIs32Bits |
               kFadtResetRegister;
  fadt.reset_register = Port(kAcpiReset, 1, AccessSize::kByte);
  fadt.reset_value = kAcpiResetValue;
  return fadt;
}

Facs MakeFacs() {
  Facs facs{.length = sizeof(Facs), .version = 1};
  std::memcpy(facs.signature, "FACS", sizeof(facs.signature));
  return facs;
}

template <typename T>
void AppendEntry(std::vector<std::byte>& table, const T& entry) {
  const auto bytes = BytesOf(entry);
  table.insert(table.end(), bytes.begin(), bytes.end());
}

void AppendProcessor(std::vector<std::byte>& madt, uint32_t id) {
  // The APIC id doubles as the processor's UID: both are unique.
  if (id < kFirstX2ApicOnlyId) {
    const auto id8 = static_cast<uint8_t>(id);
    AppendEntry(madt,
                MadtLocalApic{.processor_uid = id8, .apic_id = id8, .flags = kProcessorEnabled});
  } else {
    AppendEntry(madt,
                MadtLocalX2Apic{.x2apic_id = id, .flags = kProcessorEnabled, .processor_uid = id});
  }
}

void AppendNmis(std::vector<std::byte>& madt, const std::vector<uint32_t>& apic_ids) {
  AppendEntry(
      madt,
      MadtLocalApicNmi{.processor_uid = kAllProcessors, .flags = kConformsToBus, .lint = kNmiLint});
  if (*std::max_element(apic_ids.begin(), apic_ids.end()) < kFirstX2ApicOnlyId) return;
  AppendEntry(madt,
              MadtLocalX2ApicNmi{
                  .flags = kConformsToBus, .processor_uid = kAllX2Processors, .lint = kNmiLint});
}

std::vector<std::byte> MakeMadt(const AcpiConfig& config) {
  std::vector<std::byte> madt;
  AppendEntry(madt, Madt{.header = MakeHeader("APIC", 3),
                         .local_apic_address = kLocalApicAddress,
                         .flags = kMadtHasPics});
  for (const uint32_t id : config.apic_ids) AppendProcessor(madt, id);
  AppendEntry(madt, MadtIoApic{.io_apic_id = 0, .address = kIoApicAddress, .first_gsi = 0});
  if (config.timer_gsi != 0) {
    AppendEntry(madt, MadtInterruptOverride{
                          .bus = 0, .source = 0, .gsi = config.timer_gsi, .flags = kConformsToBus});
  }
  AppendEntry(madt, MadtInterruptOverride{.bus = 0,
                                          .source = kAcpiSciInterrupt,
                                          .gsi = kAcpiSciInterrupt,
                                          .flags = kActiveHighLevel});
  AppendNmis(madt, config.apic_ids);
  return madt;
}

Rsdp MakeRsdp(uint32_t xsdt) {
  Rsdp rsdp{.revision = 2, .length = sizeof(Rsdp), .xsdt_address = xsdt};
  std::memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
  std::memcpy(rsdp.oem_id, "HVKIT ", sizeof(rsdp.oem_id));
  rsdp.checksum = ChecksumOf(BytesOf(rsdp).first(kRsdpChecksummedPart));
  rsdp.extended_checksum = ChecksumOf(BytesOf(rsdp));
  return rsdp;
}

absl::Status Validate(const AcpiConfig& config) {
  if (config.apic_ids.empty()) {
    return absl::InvalidArgumentError("building ACPI tables: no processors");
  }
  std::vector<uint32_t> ids = config.apic_ids;
  std::sort(ids.begin(), ids.end());
  if (ids.back() == kBroadcastId) {
    return absl::InvalidArgumentError("building ACPI tables: APIC id 0xffffffff is broadcast");
  }
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("building ACPI tables: two processors with APIC id ", *twice));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AcpiTables> BuildAcpiTables(const AcpiConfig& config) {
  if (absl::Status valid = Validate(config); !valid.ok()) return valid;
  Area area;
  area.Append(BytesOf(Rsdp{}), 16);
  const uint32_t facs = area.Append(BytesOf(MakeFacs()), 64);
  const uint32_t dsdt = area.Append(std::as_bytes(std::span(kDsdt)), 16);
  const uint32_t fadt = area.AppendTable(BytesOf(MakeFadt(facs, dsdt)));
  const uint32_t madt = area.AppendTable(MakeMadt(config));
  const uint32_t xsdt = area.AppendTable(
      BytesOf(Xsdt{.header = MakeHeader("XSDT", 1), .fadt_address = fadt, .madt_address = madt}));
  area.Overwrite(BytesOf(MakeRsdp(xsdt)));
  if (area.size() > kAcpiTablesLimit - kAcpiTablesBase) {
    return absl::OutOfRangeError(
        absl::StrCat("building ACPI tables: ", area.size(), " bytes for ", config.apic_ids.size(),
                     " processors; there is room for ", kAcpiTablesLimit - kAcpiTablesBase));
  }
  return AcpiTables{.base = kAcpiTablesBase, .bytes = std::move(area).Take()};
}

}  // namespace hvkit::devices
