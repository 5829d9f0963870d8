#include "testing/guests/lib/boot_info.h"

#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint32_t kMultibootHasCmdline = 1 << 2;
constexpr uint64_t kZeroPageMagic =
    0x202;  // offsets in Linux's boot_params, for a plain 64-bit entry
constexpr uint64_t kZeroPageCmdline = 0x228;
constexpr uint32_t kLinuxMagic = 0x53726448;  // "HdrS"

uint64_t CmdlineAddress(uint32_t magic, uint64_t address) {
  if (magic == kMultibootMagic) {
    const auto* info = AtAddress<MultibootInfo>(address);
    return (info->flags & kMultibootHasCmdline) != 0 ? info->cmdline : 0;
  }
  if (address == 0) return 0;
  const auto* pvh = AtAddress<PvhInfo>(address);
  if (pvh->magic == kPvhMagic) return pvh->cmdline;
  const bool zero_page = *AtAddress<uint32_t>(address + kZeroPageMagic) == kLinuxMagic;
  return zero_page ? *AtAddress<uint32_t>(address + kZeroPageCmdline) : 0;
}

}  // namespace

BootInfo MakeBootInfo(uint32_t magic, uint64_t address) {
  const uint64_t cmdline = CmdlineAddress(magic, address);
  return {magic, address, cmdline == 0 ? "" : AtAddress<char>(cmdline)};
}

uint64_t CmdlineNumber(const BootInfo& boot, const char* prefix, uint64_t otherwise) {
  const char* value = FindWord(boot.cmdline, prefix);
  return value == nullptr ? otherwise : ParseDecimal(value);
}

}  // namespace hvkit::guest
