// Reads the binary statistics of a VM or vCPU: what Vm::GetStatsFd and Vcpu::GetStatsFd return
// (KVM_CAP_BINARY_STATS_FD, Linux 5.14). Source: the kernel's KVM API documentation,
// "KVM_GET_STATS_FD". For reports, not for hot paths.
#ifndef HVKIT_KVM_IOCTLS_STATS_H_
#define HVKIT_KVM_IOCTLS_STATS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {

// One statistic: a scalar has one value, a histogram several.
struct Stat {
  std::string name;  // for example "exits", "io_exits", "hypercalls"
  std::vector<uint64_t> values;
};

// All statistics behind `fd`, in the kernel's order. *Thread-safe*. OutOfRange: the kernel's header
// does not fit its data.
[[nodiscard]] absl::StatusOr<std::vector<Stat>> ReadStats(int fd);

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_STATS_H_
