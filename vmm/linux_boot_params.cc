#include "vmm/linux_boot_params.h"

#include <cstddef>
#include <utility>

#include "kvm_ioctls/status_macros.h"
#include "vmm/byte_view.h"

namespace hvkit::vmm {
namespace {

constexpr uint8_t kUndefinedLoader = 0xff;  // type_of_loader without an assigned id
constexpr uint16_t kNormalVideo = 0xffff;   // vid_mode "normal"

void FillMemoryMap(const MemoryMap& map, boot_params& params) {
  for (const MemoryRegion& region : map) {
    if (params.e820_entries == E820_MAX_ENTRIES_ZEROPAGE) return;
    params.e820_table[params.e820_entries++] = {region.start, region.size,
                                                static_cast<uint32_t>(region.type)};
  }
}

}  // namespace

absl::StatusOr<BootPlan> FinishLinuxPlan(const BootInputs& inputs, const setup_header& header,
                                         Range initrd, uint64_t entry, PlanBuilder&& builder) {
  HVKIT_ASSIGN_OR_RETURN(const uint64_t cmdline,
                         builder.AddCmdline(inputs.cmdline, header.cmdline_size));
  boot_params params{};
  params.hdr = header;
  params.hdr.type_of_loader = kUndefinedLoader;
  params.hdr.vid_mode = kNormalVideo;
  params.hdr.cmd_line_ptr = static_cast<uint32_t>(cmdline);
  params.hdr.ramdisk_image = static_cast<uint32_t>(initrd.start);
  params.hdr.ramdisk_size = static_cast<uint32_t>(initrd.size());
  params.acpi_rsdp_addr = inputs.acpi_rsdp;
  FillMemoryMap(inputs.memory, params);
  static_assert(sizeof(params) == 4096);
  HVKIT_ASSIGN_OR_RETURN(const uint64_t zero_page,
                         builder.AddStructure(ToBytes(params), sizeof(params)));
  return std::move(builder).Finish({.mode = EntryMode::kLong64, .rip = entry, .rsi = zero_page});
}

}  // namespace hvkit::vmm
