#include "vmm/bzimage_loader.h"

#include <asm/bootparam.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/linux_boot_params.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {
namespace {

constexpr uint64_t kHeaderOffset = offsetof(boot_params, hdr);
constexpr uint64_t kJumpOffset = kHeaderOffset + offsetof(setup_header, jump);
constexpr uint64_t kSectorSize = 512;
constexpr uint64_t kParagraphSize = 16;  // the unit of syssize
constexpr uint8_t kDefaultSetupSectors = 4;
constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint32_t kHeaderMagic = 0x53726448;   // "HdrS"
constexpr uint16_t kMinProtocol = 0x020c;       // has xloadflags
constexpr uint64_t kLong64EntryOffset = 0x200;  // from the load address
constexpr uint64_t kHeaderNeeded = offsetof(setup_header, handover_offset);

absl::Status Truncated(const BootInputs& inputs, uint64_t needed) {
  return KernelError(inputs,
                     absl::StrFormat("a truncated bzImage: %d bytes, but its header says %d; copy "
                                     "the file again",
                                     inputs.kernel.bytes.size(), needed));
}

// The setup header, with zeros for the fields that this kernel's protocol does not have.
absl::StatusOr<setup_header> ReadHeader(const BootInputs& inputs) {
  const Bytes file = inputs.kernel.bytes;
  const auto jump = ReadAt<uint16_t>(file, kJumpOffset);  // 0xeb, then the distance
  if (!jump.has_value()) return Truncated(inputs, kJumpOffset + sizeof(uint16_t));
  const uint64_t end = kJumpOffset + sizeof(uint16_t) + (*jump >> 8);
  const uint64_t size = std::min<uint64_t>(end - kHeaderOffset, sizeof(setup_header));
  const std::optional<Bytes> bytes = Slice(file, kHeaderOffset, size);
  if (!bytes.has_value()) return Truncated(inputs, kHeaderOffset + size);
  setup_header header{};
  std::memcpy(&header, bytes->data(), size);
  if (header.version < kMinProtocol || size < kHeaderNeeded) {
    return KernelError(inputs, absl::StrFormat("boot protocol %d.%02d is too old; use a Linux "
                                               "kernel from 3.8 on (protocol 2.12)",
                                               header.version >> 8, header.version & 0xff));
  }
  return header;
}

absl::Status CheckHeader(const BootInputs& inputs, const setup_header& header) {
  if ((header.xloadflags & XLF_KERNEL_64) == 0 || (header.loadflags & LOADED_HIGH) == 0) {
    return KernelError(inputs,
                       "a bzImage without a 64-bit entry point; use a 64-bit kernel (amd64)");
  }
  return absl::OkStatus();
}

// The protected-mode part of the file, which alone is loaded.
absl::StatusOr<Bytes> KernelBytes(const BootInputs& inputs, const setup_header& header) {
  const uint8_t sectors = header.setup_sects == 0 ? kDefaultSetupSectors : header.setup_sects;
  const uint64_t start = (uint64_t{sectors} + 1) * kSectorSize;
  const uint64_t size = uint64_t{header.syssize} * kParagraphSize;
  const std::optional<Bytes> bytes = Slice(inputs.kernel.bytes, start, size);
  if (!bytes.has_value()) return Truncated(inputs, start + size);
  if (size <= kLong64EntryOffset) {
    return KernelError(inputs, absl::StrFormat("a bzImage with %d bytes of kernel, which ends "
                                               "before its entry point; copy the file again",
                                               size));
  }
  return *bytes;
}

}  // namespace

bool LooksLikeBzImage(Bytes bytes) {
  return ReadAt<uint16_t>(bytes, kHeaderOffset + offsetof(setup_header, boot_flag)) == kBootFlag &&
         ReadAt<uint32_t>(bytes, kHeaderOffset + offsetof(setup_header, header)) == kHeaderMagic;
}

absl::StatusOr<BootPlan> PlanBzImage(const BootInputs& inputs) {
  HVKIT_ASSIGN_OR_RETURN(const setup_header header, ReadHeader(inputs));
  HVKIT_RETURN_IF_ERROR(CheckHeader(inputs, header));
  HVKIT_ASSIGN_OR_RETURN(const Bytes kernel, KernelBytes(inputs, header));
  PlanBuilder builder(inputs, "bzImage");
  // init_size is what the kernel uses while it unpacks itself; it clears the rest on its own.
  const uint64_t memory_size = std::max<uint64_t>(header.init_size, kernel.size());
  HVKIT_RETURN_IF_ERROR(builder.AddImage("the unpacking kernel", header.pref_address, kernel,
                                         memory_size, PlanBuilder::Rest::kLeave));
  HVKIT_ASSIGN_OR_RETURN(const Range initrd,
                         builder.AddInitrdBelow(uint64_t{header.initrd_addr_max} + 1));
  return FinishLinuxPlan(inputs, header, initrd, header.pref_address + kLong64EntryOffset,
                         std::move(builder));
}

}  // namespace hvkit::vmm
