// Layout of the MADT, which lists processors and interrupt controllers (ACPI specification 6.4,
// section 5.2.12). Layouts and numbers only; little-endian, as the host is.
// Fields are zero unless set.
#ifndef HVKIT_DEVICES_ACPI_MADT_LAYOUT_H_
#define HVKIT_DEVICES_ACPI_MADT_LAYOUT_H_

#include <cstdint>

#include "devices/acpi/acpi_layout.h"

namespace hvkit::devices::acpi {

// Followed by entries.
struct [[gnu::packed]] Madt {
  Header header = {};
  uint32_t local_apic_address = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(Madt) == 44);
// Madt::flags: there are two 8259s too.
inline constexpr uint32_t kMadtHasPics = 1 << 0;

// A processor with an APIC id below 255.
struct [[gnu::packed]] MadtLocalApic {
  uint8_t type = 0;
  uint8_t length = 8;
  uint8_t processor_uid = 0;
  uint8_t apic_id = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(MadtLocalApic) == 8);
// Flags of a processor's entry: it can be used.
inline constexpr uint32_t kProcessorEnabled = 1 << 0;

// An I/O APIC, and the first global interrupt that it takes.
struct [[gnu::packed]] MadtIoApic {
  uint8_t type = 1;
  uint8_t length = 12;
  uint8_t io_apic_id = 0;
  uint8_t reserved = 0;
  uint32_t address = 0;
  uint32_t first_gsi = 0;
};
static_assert(sizeof(MadtIoApic) == 12);

// An ISA interrupt that is another global interrupt than its own number, or of another polarity.
struct [[gnu::packed]] MadtInterruptOverride {
  uint8_t type = 2;
  uint8_t length = 10;
  uint8_t bus = 0;  // 0: ISA
  uint8_t source = 0;
  uint32_t gsi = 0;
  uint16_t flags = 0;
};
static_assert(sizeof(MadtInterruptOverride) == 10);
// Polarity and trigger mode: those of the bus, or active high and level-triggered.
inline constexpr uint16_t kConformsToBus = 0;
inline constexpr uint16_t kActiveHighLevel = 0b1101;

// The input of local APICs that is NMI.
struct [[gnu::packed]] MadtLocalApicNmi {
  uint8_t type = 4;
  uint8_t length = 6;
  uint8_t processor_uid = 0;
  uint16_t flags = 0;
  uint8_t lint = 0;
};
static_assert(sizeof(MadtLocalApicNmi) == 6);
// MadtLocalApicNmi::processor_uid of all processors.
inline constexpr uint8_t kAllProcessors = 0xff;

// A processor with any x2APIC id.
struct [[gnu::packed]] MadtLocalX2Apic {
  uint8_t type = 9;
  uint8_t length = 16;
  uint16_t reserved = 0;
  uint32_t x2apic_id = 0;
  uint32_t flags = 0;
  uint32_t processor_uid = 0;
};
static_assert(sizeof(MadtLocalX2Apic) == 16);

// The same as MadtLocalApicNmi, for processors with wide ids.
struct [[gnu::packed]] MadtLocalX2ApicNmi {
  uint8_t type = 10;
  uint8_t length = 12;
  uint16_t flags = 0;
  uint32_t processor_uid = 0;
  uint8_t lint = 0;
  uint8_t reserved[3] = {};
};
static_assert(sizeof(MadtLocalX2ApicNmi) == 12);
// MadtLocalX2ApicNmi::processor_uid of all processors.
inline constexpr uint32_t kAllX2Processors = 0xffffffff;

}  // namespace hvkit::devices::acpi

#endif  // HVKIT_DEVICES_ACPI_MADT_LAYOUT_H_
