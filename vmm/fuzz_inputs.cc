#include "vmm/fuzz_inputs.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "testing/fuzz/fuzz_input.h"
#include "testing/fuzz/fuzz_target.h"
#include "vmm/memory_map.h"
#include "vmm/test_images.h"

namespace hvkit::vmm {
namespace {

using testing::Require;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr std::array<uint64_t, 4> kMemorySizes = {2 * kMiB, 8 * kMiB, 512 * kMiB, 5120 * kMiB};
constexpr std::array<std::byte, 70'000> kInitrd = {};

}  // namespace

BootInputs TakeBootInputs(std::span<const std::byte> input) {
  testing::FuzzInput fields(input);
  BootInputs inputs;
  inputs.memory = MakeMemoryMap(kMemorySizes[fields.Below(kMemorySizes.size())]);
  inputs.acpi_rsdp = fields.Below(2) == 0 ? 0 : kBiosArea;
  inputs.cmdline = std::string(fields.Below(256) * 10, 'x');
  const size_t initrd_size = fields.Below(256) * 257;
  if (initrd_size != 0)
    inputs.initrd = InputFile{"initrd.img", std::span(kInitrd).first(initrd_size)};
  inputs.kernel = {"kernel.img", fields.TakeRest()};
  return inputs;
}

void CheckPlan(const absl::StatusOr<BootPlan>& plan, const BootInputs& inputs) {
  if (plan.ok()) return Require(IsSound(*plan, inputs.memory), "a plan's parts are apart, in RAM");
  const absl::string_view message = plan.status().message();
  Require(absl::IsInvalidArgument(plan.status()), "a bad file is an invalid argument");
  Require(absl::StartsWith(message, "--"), "a refusal names the flag");
  Require(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }),
          "a refusal is one line of plain text");
}

}  // namespace hvkit::vmm
