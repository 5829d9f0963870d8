#include "vmm/multiboot_loader.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {
namespace {

constexpr uint64_t kSearchLength = 8192;
constexpr std::string_view kLoaderName = "hvkit";
constexpr uint64_t kAlignment = 8;

struct HeaderStart {
  uint32_t magic;
  uint32_t flags;
  uint32_t checksum;
};

// What follows HeaderStart under kMultibootAddresses.
struct HeaderAddresses {
  uint32_t header;
  uint32_t load;
  uint32_t load_end;  // 0: the whole file
  uint32_t bss_end;   // 0: no bss
  uint32_t entry;
};

// The image as its header's own addresses lay it out.
struct RawImage {
  Bytes bytes;
  uint64_t load = 0;
  uint64_t memory_size = 0;
  uint64_t entry = 0;
};

absl::Status BadAddresses(const BootInputs& inputs, std::string_view what) {
  return KernelError(inputs, absl::StrFormat("a multiboot header whose %s; use a correctly linked "
                                             "kernel",
                                             what));
}

absl::StatusOr<RawImage> LayOut(const BootInputs& inputs, uint64_t header_offset,
                                const HeaderAddresses& addresses) {
  const uint64_t before_header = uint64_t{addresses.header} - addresses.load;
  if (addresses.header < addresses.load || before_header > header_offset) {
    return BadAddresses(inputs, "load address does not fit the header's place in the file");
  }
  const uint64_t start = header_offset - before_header;
  const uint64_t load_end = addresses.load_end != 0
                                ? addresses.load_end
                                : addresses.load + (inputs.kernel.bytes.size() - start);
  if (load_end < addresses.load) return BadAddresses(inputs, "load end is below its load address");
  const std::optional<Bytes> bytes = Slice(inputs.kernel.bytes, start, load_end - addresses.load);
  if (!bytes.has_value()) {
    return KernelError(
        inputs, absl::StrFormat("a truncated multiboot image: its header loads %d "
                                "bytes from offset %d, the file has %d; copy it "
                                "again",
                                load_end - addresses.load, start, inputs.kernel.bytes.size()));
  }
  const uint64_t bss_end = addresses.bss_end != 0 ? addresses.bss_end : load_end;
  if (bss_end < load_end) return BadAddresses(inputs, "bss end is below its load end");
  const uint64_t memory_size = bss_end - addresses.load;
  if (addresses.entry < addresses.load || addresses.entry - addresses.load >= memory_size) {
    return BadAddresses(inputs,
                        absl::StrFormat("entry point %#x is not in the image", addresses.entry));
  }
  return RawImage{*bytes, addresses.load, memory_size, addresses.entry};
}

absl::Status CheckFlags(const BootInputs& inputs, const MultibootHeader& header) {
  const uint32_t refused = header.flags & kMultibootRequired & ~kMultibootUnderstood;
  if (refused == 0) return absl::OkStatus();
  return KernelError(inputs, absl::StrFormat("a multiboot image that requires flags %#x, which are "
                                             "not supported (0x3 are); build it without them",
                                             refused));
}

absl::Status AddModule(const BootInputs& inputs, uint64_t floor, PlanBuilder& builder,
                       MultibootInfo& info) {
  if (!inputs.initrd.has_value()) return absl::OkStatus();
  HVKIT_ASSIGN_OR_RETURN(const Range initrd, builder.AddInitrdAbove(floor));
  HVKIT_ASSIGN_OR_RETURN(const uint64_t string, builder.AddString(inputs.initrd->path));
  const MultibootModule module = {.start = static_cast<uint32_t>(initrd.start),
                                  .end = static_cast<uint32_t>(initrd.end),
                                  .string = static_cast<uint32_t>(string)};
  HVKIT_ASSIGN_OR_RETURN(const uint64_t mods, builder.AddStructure(ToBytes(module), kAlignment));
  info.mods_count = 1;
  info.mods_addr = static_cast<uint32_t>(mods);
  return absl::OkStatus();
}

absl::Status AddMemory(const MemoryMap& map, PlanBuilder& builder, MultibootInfo& info) {
  std::vector<std::byte> table;
  for (const MemoryRegion& region : map) {
    Append(table, MultibootMemoryMapEntry{.address = region.start,
                                          .length = region.size,
                                          .type = static_cast<uint32_t>(region.type)});
  }
  info.mem_lower = static_cast<uint32_t>(kLowRamEnd / 1024);
  info.mem_upper = static_cast<uint32_t>((LowMemoryEnd(map) - kHighRamStart) / 1024);
  info.mmap_length = static_cast<uint32_t>(table.size());
  HVKIT_ASSIGN_OR_RETURN(const uint64_t at, builder.AddStructure(std::move(table), kAlignment));
  info.mmap_addr = static_cast<uint32_t>(at);
  return absl::OkStatus();
}

absl::Status AddStrings(const BootInputs& inputs, PlanBuilder& builder, MultibootInfo& info) {
  std::string cmdline(inputs.kernel.path);
  if (!inputs.cmdline.empty()) absl::StrAppend(&cmdline, " ", inputs.cmdline);
  HVKIT_ASSIGN_OR_RETURN(const uint64_t line, builder.AddCmdline(cmdline, kMaxCmdlineLength));
  HVKIT_ASSIGN_OR_RETURN(const uint64_t name, builder.AddString(kLoaderName));
  info.cmdline = static_cast<uint32_t>(line);
  info.boot_loader_name = static_cast<uint32_t>(name);
  return absl::OkStatus();
}

// Adds everything but the image, whose highest byte is before `image_end`.
absl::StatusOr<BootPlan> FinishPlan(const BootInputs& inputs, uint64_t image_end, uint64_t entry,
                                    PlanBuilder&& builder) {
  MultibootInfo info = {.flags = MultibootInfo::kMemory | MultibootInfo::kCmdline |
                                 MultibootInfo::kModules | MultibootInfo::kMemoryMap |
                                 MultibootInfo::kBootLoaderName};
  HVKIT_RETURN_IF_ERROR(AddModule(inputs, image_end, builder, info));
  HVKIT_RETURN_IF_ERROR(AddMemory(inputs.memory, builder, info));
  HVKIT_RETURN_IF_ERROR(AddStrings(inputs, builder, info));
  HVKIT_ASSIGN_OR_RETURN(const uint64_t at, builder.AddStructure(ToBytes(info), kAlignment));
  return std::move(builder).Finish(
      {.mode = EntryMode::kProtected32, .rip = entry, .rax = kMultibootEntryMagic, .rbx = at});
}

}  // namespace

std::optional<MultibootHeader> FindMultibootHeader(Bytes file) {
  const Bytes head = file.first(std::min<uint64_t>(file.size(), kSearchLength));
  for (uint64_t at = 0; at < head.size(); at += sizeof(uint32_t)) {
    const auto start = ReadAt<HeaderStart>(head, at);
    if (!start.has_value()) break;
    if (start->magic == kMultibootHeaderMagic &&
        start->magic + start->flags + start->checksum == 0) {
      return MultibootHeader{at, start->flags};
    }
  }
  return std::nullopt;
}

absl::StatusOr<BootPlan> PlanMultibootElf(const BootInputs& inputs, const MultibootHeader& header,
                                          const ElfImage& elf) {
  if ((header.flags & kMultibootAddresses) != 0) return PlanMultibootRaw(inputs, header);
  HVKIT_RETURN_IF_ERROR(CheckFlags(inputs, header));
  PlanBuilder builder(inputs, "multiboot ELF");
  HVKIT_RETURN_IF_ERROR(AddSegments(inputs, elf, elf.entry, builder));
  uint64_t end = 0;
  for (const ElfSegment& segment : elf.segments) {
    end = std::max(end, segment.physical + segment.memory_size);
  }
  return FinishPlan(inputs, end, elf.entry, std::move(builder));
}

absl::StatusOr<BootPlan> PlanMultibootRaw(const BootInputs& inputs, const MultibootHeader& header) {
  HVKIT_RETURN_IF_ERROR(CheckFlags(inputs, header));
  if ((header.flags & kMultibootAddresses) == 0) {
    return KernelError(inputs,
                       "a multiboot header without load addresses in a file that is not "
                       "ELF; link it as ELF or set flag 16 and the addresses");
  }
  const auto addresses =
      ReadAt<HeaderAddresses>(inputs.kernel.bytes, header.offset + sizeof(HeaderStart));
  if (!addresses.has_value()) {
    return KernelError(inputs,
                       "a truncated multiboot image: it ends inside its header; copy it "
                       "again");
  }
  HVKIT_ASSIGN_OR_RETURN(const RawImage image, LayOut(inputs, header.offset, *addresses));
  PlanBuilder builder(inputs, "multiboot");
  HVKIT_RETURN_IF_ERROR(builder.AddImage("the image", image.load, image.bytes, image.memory_size,
                                         PlanBuilder::Rest::kZero));
  return FinishPlan(inputs, image.load + image.memory_size, image.entry, std::move(builder));
}

}  // namespace hvkit::vmm
