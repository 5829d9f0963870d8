// Layouts of the ACPI tables that hvkit builds, but for the MADT (ACPI specification 6.4, sections
// 5.2.5, 5.2.6 and 5.2.8 to 5.2.10). Layouts and numbers only; little-endian, as the host is.
// Fields are zero unless set.
#ifndef HVKIT_DEVICES_ACPI_ACPI_LAYOUT_H_
#define HVKIT_DEVICES_ACPI_ACPI_LAYOUT_H_

#include <cstdint>

namespace hvkit::devices::acpi {

// Four characters, without a NUL.
using Signature = char[4];

// Root System Description Pointer, revision 2: where the other tables are.
struct [[gnu::packed]] Rsdp {
  char signature[8] = {};
  uint8_t checksum = 0;  // of the first 20 bytes
  char oem_id[6] = {};
  uint8_t revision = 0;
  uint32_t rsdt_address = 0;
  uint32_t length = 0;
  uint64_t xsdt_address = 0;
  uint8_t extended_checksum = 0;
  uint8_t reserved[3] = {};
};
static_assert(sizeof(Rsdp) == 36);
// Bytes that Rsdp::checksum is over, as in revision 0.
inline constexpr uint32_t kRsdpChecksummedPart = 20;

// What every table but RSDP and FACS starts with.
struct [[gnu::packed]] Header {
  Signature signature = {};
  uint32_t length = 0;
  uint8_t revision = 0;
  uint8_t checksum = 0;
  char oem_id[6] = {};
  char oem_table_id[8] = {};
  uint32_t oem_revision = 0;
  Signature creator_id = {};
  uint32_t creator_revision = 0;
};
static_assert(sizeof(Header) == 36);

// Extended System Description Table, with the two tables that there are.
struct [[gnu::packed]] Xsdt {
  Header header = {};
  uint64_t fadt_address = 0;
  uint64_t madt_address = 0;
};
static_assert(sizeof(Xsdt) == 52);

// How wide an access to a register must be.
enum class AccessSize : uint8_t { kUndefined = 0, kByte = 1, kWord = 2, kDword = 3 };

// Generic Address Structure: where a register is.
struct [[gnu::packed]] GenericAddress {
  uint8_t space = 0;
  uint8_t bit_width = 0;
  uint8_t bit_offset = 0;
  AccessSize access_size = {};
  uint64_t address = 0;
};
static_assert(sizeof(GenericAddress) == 12);
// GenericAddress::space of an I/O port.
inline constexpr uint8_t kSystemIo = 1;

// Revision 3.
struct [[gnu::packed]] Fadt {
  Header header = {};
  uint32_t firmware_control = 0;  // address of the FACS
  uint32_t dsdt = 0;
  uint8_t reserved0 = 0;
  uint8_t preferred_profile = 0;
  uint16_t sci_interrupt = 0;
  uint32_t smi_command = 0;
  uint8_t acpi_enable = 0;
  uint8_t acpi_disable = 0;
  uint8_t s4bios_request = 0;
  uint8_t pstate_control = 0;
  uint32_t pm1a_event_block = 0;
  uint32_t pm1b_event_block = 0;
  uint32_t pm1a_control_block = 0;
  uint32_t pm1b_control_block = 0;
  uint32_t pm2_control_block = 0;
  uint32_t pm_timer_block = 0;
  uint32_t gpe0_block = 0;
  uint32_t gpe1_block = 0;
  uint8_t pm1_event_length = 0;
  uint8_t pm1_control_length = 0;
  uint8_t pm2_control_length = 0;
  uint8_t pm_timer_length = 0;
  uint8_t gpe0_length = 0;
  uint8_t gpe1_length = 0;
  uint8_t gpe1_base = 0;
  uint8_t cstate_control = 0;
  uint16_t c2_latency = 0;
  uint16_t c3_latency = 0;
  uint16_t flush_size = 0;
  uint16_t flush_stride = 0;
  uint8_t duty_offset = 0;
  uint8_t duty_width = 0;
  uint8_t day_alarm = 0;
  uint8_t month_alarm = 0;
  uint8_t century = 0;
  uint16_t boot_architecture = 0;
  uint8_t reserved1 = 0;
  uint32_t flags = 0;
  GenericAddress reset_register = {};
  uint8_t reset_value = 0;
  uint8_t reserved2[3] = {};
  uint64_t x_firmware_control = 0;
  uint64_t x_dsdt = 0;
  GenericAddress x_pm1a_event_block = {};
  GenericAddress x_pm1b_event_block = {};
  GenericAddress x_pm1a_control_block = {};
  GenericAddress x_pm1b_control_block = {};
  GenericAddress x_pm2_control_block = {};
  GenericAddress x_pm_timer_block = {};
  GenericAddress x_gpe0_block = {};
  GenericAddress x_gpe1_block = {};
};
static_assert(sizeof(Fadt) == 244);

// FADT.boot_architecture
inline constexpr uint16_t kBootLegacyDevices = 1 << 0;
inline constexpr uint16_t kBootI8042 = 1 << 1;
inline constexpr uint16_t kBootNoVga = 1 << 2;

// FADT.flags
inline constexpr uint32_t kFadtWbinvd = 1 << 0;
inline constexpr uint32_t kFadtC1OnAllProcessors = 1 << 2;
inline constexpr uint32_t kFadtNoFixedPowerButton = 1 << 4;
inline constexpr uint32_t kFadtNoFixedSleepButton = 1 << 5;
inline constexpr uint32_t kFadtNoFixedRtcWake = 1 << 6;
inline constexpr uint32_t kFadtTimerIs32Bits = 1 << 8;
inline constexpr uint32_t kFadtResetRegister = 1 << 10;

// Firmware ACPI Control Structure.
struct [[gnu::packed]] Facs {
  Signature signature = {};
  uint32_t length = 0;
  uint32_t hardware_signature = 0;
  uint32_t waking_vector = 0;
  uint32_t global_lock = 0;
  uint32_t flags = 0;
  uint64_t x_waking_vector = 0;
  uint8_t version = 0;
  uint8_t reserved[31] = {};
};
static_assert(sizeof(Facs) == 64);

}  // namespace hvkit::devices::acpi

#endif  // HVKIT_DEVICES_ACPI_ACPI_LAYOUT_H_
