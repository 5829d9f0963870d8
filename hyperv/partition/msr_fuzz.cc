// A guest that does anything with its synthetic MSRs: random accesses on up to three VPs, between
// which time passes, messages and events arrive, and the VPs get the turns that they asked for.
//
// Held: a write that faults changes nothing, an access that the model does not handle reads as
// zero, no vector below 16 is requested, a VP that has had its turns asks for no other at the same
// time, and a reset gives back every register's reset value and every page.
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/msr/msr_lookup.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/test_host.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fuzz/fuzz_input.h"
#include "testing/fuzz/fuzz_target.h"

namespace hvkit::hyperv {
namespace {

using testing::FuzzInput;
using testing::Require;

constexpr size_t kMaxVps = 3;
constexpr size_t kPages = 10;  // Guest pages that inputs name: some RAM, one read-only, some holes
constexpr size_t kReadOnlyPage = 5;
constexpr int kMaxTurns = 64;  // That a VP may ask for at one moment
constexpr uint8_t kFirstVector = 16;

// The indices of all rows, instance by instance.
std::vector<uint32_t> AllIndices() {
  std::vector<uint32_t> indices;
  for (const MsrRow& row : MsrTable()) {
    for (unsigned i = 0; i < row.instances; ++i) indices.push_back(row.IndexOf(i));
  }
  return indices;
}

void MapMemory(testing::FakeGuestMemory& memory) {
  memory.MapRam(Gpn::Containing(Gpa(0)), kReadOnlyPage);
  memory.MapRam(*Gpn::FromGuest(kReadOnlyPage), 1, Access::kRead);
  memory.MapRam(*Gpn::FromGuest(kPages - 1), 1);
}

PartitionConfig TakeConfig(FuzzInput& input) {
  PartitionConfig config{.tsc_frequency_hz = testing::FakeReferenceClock::kTscHz};
  config.vp_count = static_cast<uint32_t>(1 + input.Below(kMaxVps));
  config.hypercall_code = {.bytes = {0xE6, 0x80, 0xC3}, .size = 3};
  config.in_force = AllEnforced();
  const auto without = input.Take<uint64_t>();
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (((without >> (Index(info.id) % 64)) & 1) != 0) config.in_force.Remove(info.id);
  }
  const size_t choices = input.Below(8);
  if ((choices & 1) != 0) config.policy.synic.vector_check = SynicPolicy::VectorCheck::kAlways;
  if ((choices & 2) != 0) config.policy.synic.masked_signal = SynicPolicy::MaskedSignal::kSetFlag;
  if ((choices & 4) != 0) config.policy.stimer.sint_zero = StimerPolicy::SintZero::kDisables;
  return config;
}

// In less memory than TestHost.
struct Fakes : FakeHost {
  Fakes() { MapMemory(memory); }
};

class Guest {
 public:
  explicit Guest(FuzzInput& input)
      : input_(input),
        config_(TakeConfig(input)),
        partition_(config_, input.Below(2) != 0 ? fakes_.Host() : fakes_.HostWithoutHooks()) {
    for (uint32_t i = 0; i < config_.vp_count; ++i) {
      VirtualProcessor* const vp = partition_.FindVp(VpIndex(i));
      ports_.emplace_back(vp->synic(), *SintIndex::FromGuest(input.Below(16)), i);
    }
  }

  void Run() {
    while (!input_.empty()) Step();
    EndTurns();
    CheckInterrupts();
    partition_.Reset();
    CheckReset();
  }

 private:
  void Step() {
    const size_t step = input_.Below(16);
    const VpIndex vp(static_cast<uint32_t>(input_.Below(config_.vp_count)));
    VirtualProcessor& target = *partition_.FindVp(vp);
    switch (step) {
      case 0:
        return CheckUnhandledRead(target.ReadMsr(TakeIndex()));
      case 1:
        return PassTime();
      case 2:
        return WriteMemory();
      case 3:
        return Post(vp);
      case 4:
        return static_cast<void>(
            target.synic().SignalEvent(TakeSint(), input_.Take<uint16_t>() % 2100));
      case 5:
        return target.OnEoi(Vector(input_.Take<uint8_t>()));
      case 6:
        return ResetSomething(target);
      case 7:
        return ChangeTsc();
      case 8:
        return target.Poll(fakes_.clock.Now());
      default:
        return Write(target);
    }
  }

  SintIndex TakeSint() { return *SintIndex::FromGuest(input_.Below(16)); }

  uint32_t TakeIndex() {
    static const std::vector<uint32_t> indices = AllIndices();
    const auto choice = input_.Take<uint8_t>();
    return choice < indices.size() ? indices[choice] : input_.Take<uint32_t>();
  }

  uint64_t TakeValue() {
    switch (input_.Below(4)) {
      case 0: {  // A page register
        const uint64_t page = input_.Below(kPages);
        return page << kPageShift | input_.Take<uint8_t>();
      }
      case 1:
        return input_.Take<uint16_t>();
      case 2:
        return input_.Take<uint32_t>();
      default:
        return input_.Take<uint64_t>();
    }
  }

  // A write that faults or is not the model's has no effect.
  void Write(VirtualProcessor& vp) {
    const uint32_t index = TakeIndex();
    const uint64_t value = TakeValue();
    const std::optional<MsrId> id = FindMsr(index);
    const bool steady = id.has_value() && RowOf(*id).reset.has_value();
    const MsrRead before = steady ? vp.ReadMsr(index) : MsrRead{};
    const MsrOutcome outcome = vp.WriteMsr(index, value);
    if (!steady || outcome == MsrOutcome::kHandled) return;
    Require(vp.ReadMsr(index) == before, "a write that is refused has no effect");
  }

  static void CheckUnhandledRead(const MsrRead& read) {
    Require(read.outcome == MsrOutcome::kHandled || read.value == 0, "a refused read is zero");
  }

  void PassTime() {
    const auto ticks = input_.Take<uint16_t>();
    fakes_.clock.Advance(RefDuration(uint64_t{ticks} << input_.Below(40)));
    EndTurns();
  }

  // Gives each VP the turns that it asked for.
  void EndTurns() {
    const RefTime now = fakes_.clock.Now();
    for (uint32_t i = 0; i < config_.vp_count; ++i) {
      int turns = 0;
      while (fakes_.scheduler.TakePoll(VpIndex(i), now)) {
        partition_.FindVp(VpIndex(i))->Poll(now);
        Require(++turns < kMaxTurns, "a VP that has had its turns asks for no more");
      }
    }
  }

  void WriteMemory() {
    const uint64_t page = input_.Below(kPages);
    const uint64_t address = page * kPageSize + input_.Take<uint16_t>() % kPageSize;
    const auto size = input_.Below(9);
    static_cast<void>(fakes_.memory.Write(Gpa(address), input_.TakeBytes(size)));
  }

  void Post(VpIndex vp) {
    const auto type = static_cast<tlfs::MessageType>(input_.Take<uint8_t>());
    static constexpr std::array<std::byte, 256> kPayload = {};
    const std::span payload = std::span(kPayload).first(input_.Take<uint8_t>());
    MessagePort& port = ports_[vp.value()];
    static_cast<void>(input_.Below(2) == 0 ? port.Post(type, payload)
                                           : port.PostFromVp(type, payload));
  }

  void ResetSomething(VirtualProcessor& vp) {
    if (input_.Below(2) == 0) {
      vp.Reset();
    } else {
      partition_.Reset();
    }
  }

  void ChangeTsc() {
    const bool invariant = input_.Below(2) != 0;
    const auto scale = input_.Take<uint64_t>();
    fakes_.clock.SetInvariantTsc(invariant ? std::optional(TscParameters{.scale = scale})
                                           : std::nullopt);
    partition_.RepublishReferenceTsc();
  }

  void CheckInterrupts() {
    for (const testing::InterruptRequest& request : fakes_.interrupts.Take()) {
      Require(request.vector.value() >= kFirstVector, "vectors below 16 are exceptions");
      Require(request.vp.value() < config_.vp_count, "interrupts are for VPs that exist");
    }
  }

  void CheckReset() {
    Require(fakes_.memory.pinned() == 0, "a reset takes all overlays away");
    for (uint32_t i = 0; i < config_.vp_count; ++i) {
      VirtualProcessor& vp = *partition_.FindVp(VpIndex(i));
      Require(!fakes_.scheduler.deadline(VpIndex(i)).has_value(), "a reset stops the timers");
      for (const MsrRow& row : MsrTable()) CheckResetValue(vp, row);
    }
  }

  static void CheckResetValue(VirtualProcessor& vp, const MsrRow& row) {
    if (!row.reset.has_value()) return;
    for (unsigned i = 0; i < row.instances; ++i) {
      const MsrRead read = vp.ReadMsr(row.IndexOf(i));
      Require(read.outcome != MsrOutcome::kHandled || read.value == *row.reset,
              "a reset gives back the reset value");
    }
  }

  FuzzInput& input_;
  Fakes fakes_;
  const PartitionConfig config_;
  Partition partition_;
  std::deque<MessagePort> ports_;  // One for each VP; they go before the partition does
};

}  // namespace
}  // namespace hvkit::hyperv

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  FuzzInput fields(input);
  hvkit::hyperv::Guest(fields).Run();
}
