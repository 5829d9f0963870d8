#include "vmm/inputs.h"

#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "devices/acpi/acpi_tables.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_boot.h"
#include "vmm/image.h"
#include "vmm/input_file.h"
#include "vmm/memory_map.h"
#include "vmm/tour.h"

namespace hvkit::vmm {

static_assert(kCpuTablesSize >= vcpu::kLongModeTablesSize);
static_assert(devices::kAcpiTablesBase == kBiosArea && devices::kAcpiTablesLimit == kHighRamStart);

namespace {

// KVM_CREATE_IRQCHIP routes the PIT to the I/O APIC's input 0.
constexpr uint32_t kTimerGsi = 0;

// APIC ids are vCPU numbers.
absl::StatusOr<devices::AcpiTables> BuildAcpi(uint32_t cpus) {
  devices::AcpiConfig config{.apic_ids = std::vector<uint32_t>(cpus), .timer_gsi = kTimerGsi};
  std::iota(config.apic_ids.begin(), config.apic_ids.end(), 0);
  absl::StatusOr<devices::AcpiTables> tables = devices::BuildAcpiTables(config);
  if (tables.ok()) return tables;
  return absl::InvalidArgumentError(absl::StrCat("--cpus=", cpus, ": ", tables.status().message()));
}

absl::StatusOr<std::vector<std::byte>> ReadKernel(const Config& config) {
  if (config.command != Command::kTour) return ReadKernelFile(config.kernel);
  const std::span<const std::byte> guest = TourGuest();
  return std::vector<std::byte>(guest.begin(), guest.end());
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Inputs>> ReadInputs(const Config& config) {
  const bool is_tour = config.command == Command::kTour;
  if (config.kernel.empty() && !is_tour) {
    return absl::InvalidArgumentError(
        "--kernel: missing; name a kernel with --kernel=FILE, see --help");
  }
  auto inputs = std::make_unique<Inputs>();
  HVKIT_ASSIGN_OR_RETURN(inputs->kernel, ReadKernel(config));
  const std::string_view path = is_tour ? "--tour" : std::string_view(config.kernel);
  BootInputs boot{.kernel = {path, inputs->kernel},
                  .initrd = std::nullopt,
                  .cmdline = is_tour ? TourCmdline(config) : config.cmdline,
                  .memory = MakeMemoryMap(config.memory_bytes),
                  .acpi_rsdp = 0};
  if (config.initrd.has_value()) {
    HVKIT_ASSIGN_OR_RETURN(inputs->initrd, ReadInitrdFile(*config.initrd, config.memory_bytes));
    boot.initrd = InputFile{*config.initrd, inputs->initrd};
  }
  HVKIT_ASSIGN_OR_RETURN(devices::AcpiTables acpi, BuildAcpi(config.cpus));
  boot.acpi_rsdp = acpi.base;
  HVKIT_ASSIGN_OR_RETURN(inputs->plan, PlanBoot(boot, config.kernel_format));
  inputs->plan.AddOwned(acpi.base, std::move(acpi.bytes));
  return inputs;
}

}  // namespace hvkit::vmm
