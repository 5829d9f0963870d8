#include "vmm/boot_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

absl::Status WriteBytes(hyperv::GuestMemory& memory, uint64_t gpa,
                        std::span<const std::byte> bytes) {
  if (memory.Write(hyperv::Gpa(gpa), bytes) == hyperv::MemFault::kNone) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat(
      "writing %d bytes of the boot image at %#x: the guest has no RAM there", bytes.size(), gpa));
}

absl::Status WriteZeros(hyperv::GuestMemory& memory, uint64_t gpa, uint64_t count) {
  static constexpr std::array<std::byte, 65536> kZeros{};
  while (count > 0) {
    const uint64_t chunk = std::min<uint64_t>(count, kZeros.size());
    HVKIT_RETURN_IF_ERROR(WriteBytes(memory, gpa, std::span(kZeros).first(chunk)));
    gpa += chunk;
    count -= chunk;
  }
  return absl::OkStatus();
}

}  // namespace

void BootPlan::AddOwned(uint64_t gpa, std::vector<std::byte> bytes) {
  owned.push_back(std::move(bytes));
  pieces.push_back({gpa, owned.back(), 0});
}

void BootPlan::AddString(uint64_t gpa, std::string_view text) {
  std::vector<std::byte> bytes(text.size() + 1);
  std::copy_n(std::as_bytes(std::span(text)).begin(), text.size(), bytes.begin());
  AddOwned(gpa, std::move(bytes));
}

absl::Status WritePlan(const BootPlan& plan, hyperv::GuestMemory& memory) {
  for (const BootPiece& piece : plan.pieces) {
    HVKIT_RETURN_IF_ERROR(WriteBytes(memory, piece.gpa, piece.bytes));
    HVKIT_RETURN_IF_ERROR(WriteZeros(memory, piece.gpa + piece.bytes.size(), piece.zeros));
  }
  return absl::OkStatus();
}

}  // namespace hvkit::vmm
