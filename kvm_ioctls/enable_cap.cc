#include "kvm_ioctls/enable_cap.h"

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/cap.h"
#include "kvm_ioctls/ioctl.h"

namespace hvkit::kvm::internal {

kvm_enable_cap MakeEnableCap(uint32_t cap, uint64_t argument) {
  kvm_enable_cap request{};
  request.cap = cap;
  request.args[0] = argument;
  return request;
}

absl::Status EnableCap(int fd, const kvm_enable_cap& cap) {
  const IoctlResult result = RawIoctl(fd, KVM_ENABLE_CAP, reinterpret_cast<unsigned long>(&cap));
  if (result.error.ok()) {
    return absl::OkStatus();
  }
  std::string what = absl::StrCat("KVM_ENABLE_CAP(", CapName(cap.cap));
  for (const uint64_t argument : cap.args) {
    absl::StrAppend(&what, ", 0x", absl::Hex(argument));
  }
  return ErrnoToStatus(result.error, absl::StrCat(what, ")"));
}

}  // namespace hvkit::kvm::internal
