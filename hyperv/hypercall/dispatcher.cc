#include "hyperv/hypercall/dispatcher.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/control.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/raw_call.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;
using Kind = HypercallOutcome::Kind;

constexpr uint64_t kBlockAlignment = 8;
constexpr size_t kXmmSize = 16;

// Blocks in host memory. Never initialised: only what a call has is ever looked at.
struct alignas(16) PageBlock {
  std::array<std::byte, kPageSize> bytes;
};
struct alignas(16) FastBlock {
  std::array<std::byte, tlfs::kXmmInputSize> bytes;
};
static_assert(tlfs::kXmmInputSize == tlfs::kFastInputSize + sizeof(XmmValues));

HypercallOutcome Completed(HvStatus status, uint32_t reps = 0) {
  return {.kind = Kind::kCompleted, .result = ResultWord(status, reps)};
}

// A call whose control word suits it, and the sizes of its blocks, without a tail that reaches to
// the end of its page.
struct Request {
  Request(VpIndex by, const RawCallEntry& what, Control how)
      : caller(by),
        entry(what),
        control(how),
        input(what.shape.input + uint32_t{sizeof(uint64_t)} * how.variable_words()),
        output(what.shape.fixed_output) {
    if (!shape().is_rep) return;
    const uint32_t count = how.rep_count();
    input += count * shape().element;
    output += count * shape().result;
    reps = std::min(count - how.rep_start(), shape().reps_per_entry);
  }

  const CallShape& shape() const { return entry.shape; }

  VpIndex caller;
  const RawCallEntry& entry;
  Control control;
  uint32_t input;
  uint32_t output;
  uint32_t reps = 0;  // To be done now
};

bool SuitsClass(const CallShape& shape, Control control) {
  if (!shape.takes_variable_header && control.variable_words() != 0) return false;
  if (!shape.is_rep) return !control.HasReps();
  return control.rep_start() < control.rep_count();
}

struct Tails {
  uint32_t input = 0;
  uint32_t output = 0;
};

[[gnu::always_inline]] inline CallResult Handle(const Request& request, const std::byte* input,
                                                const RawExtras& extras) {
  return request.entry.handle(request.entry.handler,
                              {.caller = request.caller,
                               .variable_words = request.control.variable_words(),
                               .input = input},
                              {.start = request.control.rep_start(), .count = request.reps},
                              extras);
}

// How many of the reps to be done are done.
uint32_t RepsDone(const Request& request, CallResult result) {
  if (result.reps() != CallResult::kAllReps) return std::min(result.reps(), request.reps);
  return result.status() == HvStatus::kSuccess ? request.reps : 0;
}

// The bytes of the output block that the guest is to get.
struct Written {
  size_t first = 0;
  size_t size = 0;
};

Written WrittenBy(const Request& request, CallResult result, const Tails& tails) {
  const CallShape& shape = request.shape();
  if (result.again()) return {};
  if (shape.is_rep) {
    return {.first = shape.output + size_t{request.control.rep_start()} * shape.result,
            .size = size_t{RepsDone(request, result)} * shape.result};
  }
  if (result.status() != HvStatus::kSuccess) return {};
  return {.first = 0, .size = shape.output + std::min(result.written(), tails.output)};
}

[[gnu::always_inline]] inline HypercallOutcome Finish(const Request& request, CallResult result,
                                                      HypercallWords& words) {
  if (result.again()) return {.kind = Kind::kRetry};
  if (!request.shape().is_rep) return Completed(result.status());
  const uint32_t done = request.control.rep_start() + RepsDone(request, result);
  if (result.status() == HvStatus::kSuccess && done < request.control.rep_count()) {
    words.control = request.control.StartingAt(done).raw();
    return {.kind = Kind::kRetry};
  }
  return Completed(result.status(), done);
}

// A block in the guest's memory.
struct GuestRange {
  Gpa start;
  size_t size;

  bool IsValid() const { return start.IsAligned(kBlockAlignment) && start.FitsInPage(size); }
  // Of two that are valid.
  bool Overlaps(const GuestRange& other) const {
    return start.Page() == other.start.Page() &&
           start.PageOffset() < other.start.PageOffset() + other.size &&
           other.start.PageOffset() < start.PageOffset() + size;
  }
};

GuestRange InputOf(const Request& request, const HypercallWords& words) {
  return {Gpa(words.parameters[0]), request.input};
}
GuestRange OutputOf(const Request& request, const HypercallWords& words) {
  return {Gpa(words.parameters[1]), request.output};
}

// Copies the input out of the guest's reach; false if it is where no block may be.
[[gnu::always_inline]] inline bool ReadInput(const Request& request, const GuestRange& from,
                                             const GuestMemory& memory, PageBlock& block,
                                             Tails& tails) {
  const bool has_tail = request.shape().has_input_tail;
  if (from.size == 0 && !has_tail) return true;
  if (!from.IsValid()) return false;
  if (has_tail) tails.input = static_cast<uint32_t>(from.start.BytesToPageEnd() - from.size);
  const std::span<std::byte> to = std::span(block.bytes).first(from.size + tails.input);
  return memory.Read(from.start, to) == MemFault::kNone;
}

// Holds the page of the output before anything is done that could not be told; nothing if it is
// where no block may be.
std::optional<PinnedPage> PinOutput(const Request& request, const GuestRange& input,
                                    const GuestRange& output, GuestMemory& memory, Tails& tails) {
  if (!output.IsValid()) return std::nullopt;
  if (input.size != 0 && output.Overlaps(input)) return std::nullopt;
  tails.output = request.shape().output_tail;
  if (tails.output == kToPageEnd) {
    tails.output = static_cast<uint32_t>(output.start.BytesToPageEnd() - output.size);
  }
  return memory.Pin(output.start.Page(), Access::kReadWrite);
}

// Apart, so that calls without output do without a second block.
[[gnu::noinline]] HypercallOutcome DispatchMemoryWithOutput(VpIndex caller,
                                                            const RawCallEntry& entry,
                                                            HypercallWords& words,
                                                            GuestMemory& memory) {
  const Request request(caller, entry, Control(words.control));
  const GuestRange input_range = InputOf(request, words);
  const GuestRange range = OutputOf(request, words);
  PageBlock input;
  Tails tails;
  if (!ReadInput(request, input_range, memory, input, tails)) {
    return Completed(HvStatus::kInvalidAlignment);
  }
  std::optional<PinnedPage> page = PinOutput(request, input_range, range, memory, tails);
  if (!page.has_value()) return Completed(HvStatus::kInvalidAlignment);
  PageBlock output;
  const CallResult result = Handle(
      request, input.bytes.data(),
      {.output = output.bytes.data(), .input_tail = tails.input, .output_tail = tails.output});
  const Written written = WrittenBy(request, result, tails);
  page->CopyIn(range.start.PageOffset() + written.first,
               std::span(output.bytes).subspan(written.first, written.size));
  return Finish(request, result, words);
}

[[gnu::noinline]] HypercallOutcome DispatchMemory(VpIndex caller, const RawCallEntry& entry,
                                                  HypercallWords& words, GuestMemory& memory) {
  const Request request(caller, entry, Control(words.control));
  PageBlock input;
  Tails tails;
  if (!ReadInput(request, InputOf(request, words), memory, input, tails)) {
    return Completed(HvStatus::kInvalidAlignment);
  }
  return Finish(request, Handle(request, input.bytes.data(), {.input_tail = tails.input}), words);
}

// A fast call's registers are one block of 112 bytes.
void ReadFast(const HypercallWords& words, XmmRegisters& xmm, bool has_xmm, FastBlock& block) {
  std::memcpy(block.bytes.data(), words.parameters.data(), tlfs::kFastInputSize);
  if (!has_xmm) return;
  XmmValues values;
  xmm.Read(values);
  std::memcpy(block.bytes.data() + tlfs::kFastInputSize, values.data(), sizeof(values));
}

void WriteFast(const FastBlock& block, bool has_xmm, HypercallWords& words, XmmRegisters& xmm) {
  std::memcpy(words.parameters.data(), block.bytes.data(), tlfs::kFastInputSize);
  if (!has_xmm) return;
  XmmValues values;
  std::memcpy(values.data(), block.bytes.data() + tlfs::kFastInputSize, sizeof(values));
  xmm.Write(values);
}

// The output starts at the next register of 16 bytes after the input; registers that are not output
// keep their values.
[[gnu::noinline]] HypercallOutcome DispatchFastWithOutput(Request request, XmmFeatures features,
                                                          HypercallWords& words,
                                                          XmmRegisters& xmm) {
  const bool reads_xmm = request.input > tlfs::kFastInputSize;
  const size_t output_start = (size_t{request.input} + kXmmSize - 1) / kXmmSize * kXmmSize;
  const size_t end = output_start + request.output;
  const bool is_offered = features.output && words.mode == CallerMode::k64Bit;
  if (!is_offered || (reads_xmm && !features.input)) return {.kind = Kind::kInvalidOpcode};
  if (request.shape().is_memory_only || end > tlfs::kXmmInputSize) {
    return Completed(HvStatus::kInvalidHypercallInput);
  }
  FastBlock block;
  FastBlock output;
  ReadFast(words, xmm, end > tlfs::kFastInputSize, block);
  const CallResult result = Handle(request, block.bytes.data(), {.output = output.bytes.data()});
  const Written written = WrittenBy(request, result, {});
  std::memcpy(block.bytes.data() + output_start + written.first,
              output.bytes.data() + written.first, written.size);
  if (written.size != 0) WriteFast(block, end > tlfs::kFastInputSize, words, xmm);
  return Finish(request, result, words);
}

// The calls that are made most: all of their input in two registers, and no output.
[[gnu::noinline]] HypercallOutcome RunInRegisters(VpIndex caller, const RawCallEntry& entry,
                                                  const HypercallWords& words) {
  alignas(16) std::array<std::byte, tlfs::kFastInputSize> block;
  std::memcpy(block.data(), words.parameters.data(), block.size());
  const CallResult result =
      entry.handle(entry.handler, {.caller = caller, .input = block.data()}, {}, {});
  if (result.again()) return {.kind = Kind::kRetry};
  return Completed(result.status());
}

[[gnu::noinline]] HypercallOutcome DispatchFast(VpIndex caller, const RawCallEntry& entry,
                                                HypercallWords& words, XmmFeatures features,
                                                XmmRegisters& xmm) {
  const Request request(caller, entry, Control(words.control));
  if (request.shape().has_output) return DispatchFastWithOutput(request, features, words, xmm);
  const bool reads_xmm = request.input > tlfs::kFastInputSize;
  if (reads_xmm && !features.input) return {.kind = Kind::kInvalidOpcode};
  if (request.shape().is_memory_only || request.input > tlfs::kXmmInputSize) {
    return Completed(HvStatus::kInvalidHypercallInput);
  }
  FastBlock block;
  ReadFast(words, xmm, reads_xmm, block);
  return Finish(request, Handle(request, block.bytes.data(), {}), words);
}

}  // namespace

Dispatcher::Dispatcher(const CallTable& table, GuestMemory& memory)
    : table_(table),
      memory_(memory),
      xmm_{.input = table.privileges().Has(tlfs::bits::kXmmInput),
           .output = table.privileges().Has(tlfs::bits::kXmmOutput)} {}

HypercallOutcome Dispatcher::Dispatch(VpIndex caller, HypercallWords& words,
                                      XmmRegisters& xmm) const {
  if (words.mode == CallerMode::kIllegal) return {.kind = Kind::kInvalidOpcode};
  const Control control(words.control);
  const RawCallEntry* const entry = table_.Find(control.code());
  if (entry != nullptr && !entry->is_allowed) return Completed(HvStatus::kAccessDenied);
  if (control.HasReservedBits()) return Completed(HvStatus::kInvalidHypercallInput);
  if (entry == nullptr) return Completed(HvStatus::kInvalidHypercallCode);
  if (control.IsFastOnly() && entry->shape.fits_two_registers) {
    return RunInRegisters(caller, *entry, words);
  }
  if (!SuitsClass(entry->shape, control)) return Completed(HvStatus::kInvalidHypercallInput);
  if (control.is_fast()) return DispatchFast(caller, *entry, words, xmm_, xmm);
  if (entry->shape.has_output) return DispatchMemoryWithOutput(caller, *entry, words, memory_);
  return DispatchMemory(caller, *entry, words, memory_);
}

}  // namespace hvkit::hyperv
