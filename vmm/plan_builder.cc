#include "vmm/plan_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

constexpr uint64_t kPage = 4096;

absl::Status FileError(std::string_view flag, std::string_view path, std::string_view message) {
  return absl::InvalidArgumentError(absl::StrFormat("%s=%s: %s", flag, path, message));
}

}  // namespace

absl::Status KernelError(const BootInputs& inputs, std::string_view message) {
  return FileError("--kernel", inputs.kernel.path, message);
}

absl::Status InitrdError(const BootInputs& inputs, std::string_view message) {
  return FileError("--initrd", inputs.initrd.has_value() ? inputs.initrd->path : "", message);
}

PlanBuilder::PlanBuilder(const BootInputs& inputs, std::string_view format)
    : inputs_(inputs), placement_(inputs.memory) {
  plan_.format = format;
}

absl::Status PlanBuilder::AddImage(std::string_view what, uint64_t gpa, Bytes bytes,
                                   uint64_t memory_size, Rest rest) {
  switch (placement_.Take(gpa, memory_size)) {
    case Placement::Refusal::kNone:
      break;
    case Placement::Refusal::kNotRam:
      return KernelError(
          inputs_,
          absl::StrFormat("%s at %#x, %d bytes, is outside RAM, which is 0..%#x and %#x..%#x; give "
                          "the guest more with --memory or use a kernel linked for these addresses",
                          what, gpa, memory_size, kLowRamEnd, kHighRamStart,
                          LowMemoryEnd(inputs_.memory)));
    case Placement::Refusal::kTaken:
      return KernelError(inputs_, absl::StrFormat("%s at %#x, %d bytes, overlaps another part of "
                                                  "the image; use a correctly linked kernel",
                                                  what, gpa, memory_size));
  }
  const uint64_t zeros = rest == Rest::kZero ? memory_size - bytes.size() : 0;
  if (memory_size > 0) plan_.pieces.push_back({gpa, bytes, zeros});
  return absl::OkStatus();
}

absl::StatusOr<Range> PlanBuilder::AddInitrdBelow(uint64_t limit) {
  if (!inputs_.initrd.has_value()) return Range{};
  const Bytes bytes = inputs_.initrd->bytes;
  const std::optional<uint64_t> gpa = placement_.PlaceHigh(bytes.size(), kPage, limit);
  if (!gpa.has_value()) {
    const uint64_t end = std::min(limit, LowMemoryEnd(inputs_.memory));
    return InitrdError(inputs_, absl::StrFormat("%d bytes do not fit below %#x beside the kernel; "
                                                "give the guest more with --memory or use a "
                                                "smaller initrd",
                                                bytes.size(), end));
  }
  plan_.pieces.push_back({*gpa, bytes, 0});
  return Range{*gpa, *gpa + bytes.size()};
}

absl::StatusOr<Range> PlanBuilder::AddInitrdAbove(uint64_t floor) {
  if (!inputs_.initrd.has_value()) return Range{};
  const Bytes bytes = inputs_.initrd->bytes;
  const std::optional<uint64_t> gpa = placement_.PlaceLow(bytes.size(), kPage, floor);
  if (!gpa.has_value()) {
    return InitrdError(
        inputs_,
        absl::StrFormat("%d bytes do not fit between the kernel's end at %#x and %#x; give "
                        "the guest more with --memory or use a smaller initrd",
                        bytes.size(), floor, LowMemoryEnd(inputs_.memory)));
  }
  plan_.pieces.push_back({*gpa, bytes, 0});
  return Range{*gpa, *gpa + bytes.size()};
}

absl::StatusOr<uint64_t> PlanBuilder::PlaceStructure(uint64_t size, uint64_t alignment) {
  const std::optional<uint64_t> gpa = placement_.PlaceSmall(size, alignment);
  if (gpa.has_value()) return *gpa;
  return KernelError(inputs_, absl::StrFormat("no room for %d bytes of boot structures beside the "
                                              "image; give the guest more with --memory",
                                              size));
}

absl::StatusOr<uint64_t> PlanBuilder::AddStructure(std::vector<std::byte> bytes,
                                                   uint64_t alignment) {
  HVKIT_ASSIGN_OR_RETURN(const uint64_t gpa, PlaceStructure(bytes.size(), alignment));
  plan_.AddOwned(gpa, std::move(bytes));
  return gpa;
}

absl::StatusOr<uint64_t> PlanBuilder::AddString(std::string_view text) {
  HVKIT_ASSIGN_OR_RETURN(const uint64_t gpa, PlaceStructure(text.size() + 1, 16));
  plan_.AddString(gpa, text);
  return gpa;
}

absl::StatusOr<uint64_t> PlanBuilder::AddCmdline(std::string_view cmdline, uint64_t max_length) {
  if (cmdline.size() > max_length) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--cmdline: %d bytes are more than the %d that this kernel takes; shorten it",
        cmdline.size(), max_length));
  }
  return AddString(cmdline);
}

absl::StatusOr<BootPlan> PlanBuilder::Finish(EntryState entry) && {
  if (entry.rip >= kRamAbove4G) {
    return KernelError(inputs_, absl::StrFormat("its entry point %#x is above 4 GiB; use a kernel "
                                                "linked for lower addresses",
                                                entry.rip));
  }
  if (entry.mode != EntryMode::kReal16) {
    HVKIT_ASSIGN_OR_RETURN(entry.cpu_tables, PlaceStructure(kCpuTablesSize, kPage));
  }
  plan_.entry = entry;
  return std::move(plan_);
}

}  // namespace hvkit::vmm
