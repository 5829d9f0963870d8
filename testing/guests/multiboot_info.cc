// Checks what a multiboot-1 loader hands over. The VMM is started with 128 MiB, the command line
// words `check` and `number=42`, and an initrd of kModuleText.

#include <cstring>

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint32_t kHasMemory = 1 << 0;
constexpr uint32_t kHasCmdline = 1 << 2;
constexpr uint32_t kHasModules = 1 << 3;
constexpr uint32_t kHasMap = 1 << 6;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMemory = 128 * kMiB;
constexpr char kModuleText[] = "the content of module 1\n";

extern "C" const uint8_t guest_end[];

bool OverlapsImage(uint64_t start, uint64_t end) {
  return start < reinterpret_cast<uint64_t>(guest_end) && end > kMiB;
}

// Low memory that images may use without asking.
bool OverlapsScratch(uint64_t start, uint64_t end) {
  return start < 0x10000 && end > AP_TRAMPOLINE;
}

void CheckClear(uint64_t start, uint64_t size, const char* name) {
  Check(start != 0 && !OverlapsImage(start, start + size) && !OverlapsScratch(start, start + size),
        name);
}

void CheckMemory(const MultibootInfo& info) {
  Check((info.flags & kHasMemory) != 0, "memory sizes are given");
  Check(info.mem_lower > 512 && info.mem_lower <= 640, "mem_lower is conventional memory");
  CheckEqual(info.mem_upper, (kMemory - kMiB) / 1024, "mem_upper is what lies above 1 MiB");
}

void CheckCmdline(const MultibootInfo& info, const BootInfo& boot) {
  Check((info.flags & kHasCmdline) != 0, "a command line is given");
  CheckEqual(CmdlineNumber(boot, "number=", 0), 42, "the command line has its number");
  const char* rest = FindWord(boot.cmdline, "check");
  Check(rest != nullptr && *rest == ' ', "the command line has its word");
  CheckClear(info.cmdline, std::strlen(boot.cmdline) + 1, "the command line is clear of the image");
}

void CheckModule(const MultibootInfo& info) {
  Check((info.flags & kHasModules) != 0, "modules are given");
  CheckEqual(info.modules_count, 1, "there is one module");
  if (info.modules_count != 1) return;
  const auto& module = *AtAddress<MultibootModule>(info.modules);
  CheckEqual(module.end - module.start, sizeof(kModuleText) - 1, "the module has its size");
  Check(std::memcmp(AtAddress<char>(module.start), kModuleText, sizeof(kModuleText) - 1) == 0,
        "the module has its content");
  CheckClear(module.start, module.end - module.start, "the module is clear of the image");
  CheckClear(info.modules, sizeof(module), "the module list is clear of the image");
}

// RAM that the map has from `start` on, up to the end of that region.
uint64_t RamFrom(const MultibootInfo& info, uint64_t start) {
  for (uint64_t at = info.map; at < uint64_t{info.map} + info.map_length;) {
    const auto& region = *AtAddress<MultibootRegion>(at);
    if (region.type == kRegionRam && region.base <= start && start < region.base + region.length) {
      return region.base + region.length - start;
    }
    at += region.size + sizeof(region.size);
  }
  return 0;
}

void CheckMap(const MultibootInfo& info) {
  Check((info.flags & kHasMap) != 0, "a memory map is given");
  CheckEqual(RamFrom(info, kMiB), kMemory - kMiB, "the map has RAM from 1 MiB to its end");
  Check(RamFrom(info, 0) >= 0x10000, "the map has conventional memory");
  CheckEqual(RamFrom(info, 0xa0000), 0, "the map has no RAM at the video memory");
  CheckClear(info.map, info.map_length, "the map is clear of the image");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  CheckEqual(boot.magic, kMultibootMagic, "EAX has the multiboot magic");
  if (boot.magic != kMultibootMagic) return;
  const auto& info = *AtAddress<MultibootInfo>(boot.address);
  CheckClear(boot.address, sizeof(info), "the information is clear of the image");
  CheckMemory(info);
  CheckCmdline(info, boot);
  CheckModule(info);
  CheckMap(info);
}

}  // namespace hvkit::guest
