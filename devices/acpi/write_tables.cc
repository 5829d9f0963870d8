// write_tables DIRECTORY APIC_ID...: writes the tables for processors with these ids to
// DIRECTORY/SIGNATURE.dat.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "devices/acpi/acpi_layout.h"
#include "devices/acpi/acpi_tables.h"

namespace hvkit::devices {
namespace {

template <typename T>
T At(const AcpiTables& tables, uint64_t address) {
  T object;
  std::memcpy(&object, tables.bytes.data() + (address - tables.base), sizeof(T));
  return object;
}

bool WriteTable(const std::string& directory, const AcpiTables& tables, uint64_t address) {
  // The FACS starts as others do, as far as its length.
  const auto header = At<acpi::Header>(tables, address);
  const std::string name(header.signature, sizeof(header.signature));
  std::FILE* file = std::fopen((directory + "/" + name + ".dat").c_str(), "wb");
  if (file == nullptr) return false;
  const std::byte* table = tables.bytes.data() + (address - tables.base);
  const bool written = std::fwrite(table, 1, header.length, file) == header.length;
  return std::fclose(file) == 0 && written;
}

int Main(std::span<char*> args) {
  AcpiConfig config;
  for (const char* id : args.subspan(2)) {
    config.apic_ids.push_back(static_cast<uint32_t>(std::strtoul(id, nullptr, 0)));
  }
  const absl::StatusOr<AcpiTables> tables = BuildAcpiTables(config);
  if (!tables.ok()) {
    std::cerr << tables.status() << "\n";
    return EXIT_FAILURE;
  }
  const auto xsdt_address = At<acpi::Rsdp>(*tables, tables->base).xsdt_address;
  const auto xsdt = At<acpi::Xsdt>(*tables, xsdt_address);
  const auto fadt = At<acpi::Fadt>(*tables, xsdt.fadt_address);
  for (const uint64_t address :
       {xsdt_address, uint64_t{xsdt.fadt_address}, uint64_t{xsdt.madt_address}, uint64_t{fadt.dsdt},
        uint64_t{fadt.firmware_control}}) {
    if (!WriteTable(args[1], *tables, address)) return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace hvkit::devices

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: write_tables DIRECTORY APIC_ID...\n";
    return EXIT_FAILURE;
  }
  return hvkit::devices::Main(std::span(argv, static_cast<size_t>(argc)));
}
