#include <cstdio>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "guest.h"
#include "toy_vmm.h"

int main() {
  const std::span<const unsigned char> image(toy_guest,
                                             static_cast<size_t>(toy_guest_end - toy_guest));
  absl::StatusOr<std::unique_ptr<toy::Vmm>> vmm = toy::Vmm::Create(image);
  if (!vmm.ok()) {
    std::fprintf(stderr, "toy_vmm: %s\n", vmm.status().ToString().c_str());
    return 3;
  }
  const absl::StatusOr<int> status = (*vmm)->Run();
  if (!status.ok()) {
    std::fprintf(stderr, "toy_vmm: %s\n", status.status().ToString().c_str());
    return 5;
  }
  std::printf("the guest printed: %s", (*vmm)->printed().c_str());
  std::printf("its private hypercall gave: %lu\n", (*vmm)->private_number());
  return *status;
}
