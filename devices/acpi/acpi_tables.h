// ACPI tables for a PC without PCI: enough for Linux's SMP start, power-off and reset.
//
// RSDP (revision 2), XSDT, FADT (revision 3), FACS, MADT and a DSDT compiled by iasl at build time
// from dsdt.asl; ACPI specification 6.4. They describe devices/acpi_pm, serial, rtc and i8042 at
// the ports of their headers, and KVM's in-kernel interrupt controllers. No RSDT: guests of
// ACPI 1.0 find nothing. Reads no global state and touches no guest memory.
//
//   offset 0    RSDP, where the BIOS area's scan finds it first
//   then        FACS (64-byte aligned), DSDT, FADT, MADT, XSDT (16-byte aligned each)
#ifndef HVKIT_DEVICES_ACPI_ACPI_TABLES_H_
#define HVKIT_DEVICES_ACPI_ACPI_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace hvkit::devices {

// The part of the BIOS area that the tables may take. The guest's memory map says reserved here.
inline constexpr uint64_t kAcpiTablesBase = 0xe0000;
inline constexpr uint64_t kAcpiTablesLimit = 0x100000;

// Guest-physical addresses that the MADT tells, those of a PC.
inline constexpr uint32_t kLocalApicAddress = 0xfee00000;
inline constexpr uint32_t kIoApicAddress = 0xfec00000;

// What the tables are to describe.
struct AcpiConfig {
  // One for each processor, the boot processor first. Ids up to 254 get a local APIC entry, others
  // an x2APIC entry.
  std::vector<uint32_t> apic_ids;

  // The I/O APIC input of the PIT, ISA interrupt 0. 2 as on a PC; that takes a GSI routing from 0
  // to input 2, which KVM_CREATE_IRQCHIP does not make by itself: its default routing goes to 0.
  uint32_t timer_gsi = 2;
};

// Tables as the guest's firmware would have left them in memory.
struct AcpiTables {
  uint64_t base;  // where `bytes` go in guest memory, and the RSDP's address
  std::vector<std::byte> bytes;
};

// Builds the tables. InvalidArgument for no processors, an id twice or the broadcast id;
// OutOfRange for more processors than the area has room for (about 8000).
[[nodiscard]] absl::StatusOr<AcpiTables> BuildAcpiTables(const AcpiConfig& config);

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_ACPI_ACPI_TABLES_H_
