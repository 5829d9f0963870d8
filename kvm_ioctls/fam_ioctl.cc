#include "kvm_ioctls/fam_ioctl.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace hvkit::kvm::internal {
namespace {

// KVM's own limit: a second try costs as much as the first, and where each CPUID instruction traps,
// as in a nested host, that is much of what making a VM costs.
constexpr size_t kFirstCpuidEntries = 256;
constexpr size_t kMaxCpuidEntries = 4096;
constexpr size_t kMaxMsrs = 65536;

unsigned long Argument(const void* pointer) { return reinterpret_cast<unsigned long>(pointer); }

}  // namespace

absl::StatusOr<Cpuid> GetCpuid(int fd, const IoctlId& id) {
  for (size_t count = kFirstCpuidEntries;; count *= 2) {
    Cpuid cpuid(count);
    const IoctlResult result = RawIoctl(fd, id.request, Argument(cpuid.get()));
    if (result.error.ok()) {
      return cpuid;
    }
    if (result.error.value() != E2BIG || count >= kMaxCpuidEntries) {
      return IoctlError(id, result.error, {{"nent", count}});
    }
  }
}

absl::StatusOr<MsrList> GetMsrList(int fd, const IoctlId& id) {
  size_t count = 0;
  for (;;) {
    MsrList list(count);
    const IoctlResult result = RawIoctl(fd, id.request, Argument(list.get()));
    if (result.error.ok()) {
      return list;
    }
    const size_t wanted = list->nmsrs;
    if (result.error.value() != E2BIG || wanted <= count || wanted > kMaxMsrs) {
      return IoctlError(id, result.error, {{"nmsrs", count}});
    }
    count = wanted;
  }
}

absl::Status TransferMsrs(int fd, const IoctlId& id, const kvm_msrs& msrs, const char* verb) {
  const IoctlResult result = RawIoctl(fd, id.request, Argument(&msrs));
  if (!result.error.ok()) {
    return IoctlError(id, result.error, {{"nmsrs", msrs.nmsrs}});
  }
  const auto done = static_cast<uint32_t>(result.value);
  if (done == msrs.nmsrs) {
    return absl::OkStatus();
  }
  return ErrnoToStatus(Errno(EINVAL),
                       absl::StrCat(id.name, ": ", done, " of ", msrs.nmsrs, " ", verb,
                                    ", stopped at 0x", absl::Hex(msrs.entries[done].index)));
}

}  // namespace hvkit::kvm::internal
