// Between the dispatcher, which sees bytes, and handlers, which see types: not for anyone else.
#ifndef HVKIT_HYPERV_HYPERCALL_RAW_CALL_H_
#define HVKIT_HYPERV_HYPERCALL_RAW_CALL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <span>
#include <type_traits>

#include "hyperv/host/ids.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Sizes in bytes.
struct CallShape {
  uint32_t input = 0;
  uint32_t output = 0;
  uint32_t fixed_output = 0;  // With its tail, unless that reaches to the page's end
  uint32_t element = 0;
  uint32_t result = 0;
  uint32_t reps_per_entry = 0;
  uint32_t output_tail = 0;  // Or kToPageEnd
  bool is_rep = false;
  bool takes_variable_header = false;
  bool has_input_tail = false;
  bool has_output = false;
  bool is_memory_only = false;
  bool fits_two_registers = false;  // All of it
};

// A call whose blocks are in host memory, in three parts, each of which is passed in registers.
// Both blocks are 16 bytes aligned.
struct RawCall {
  VpIndex caller;
  uint32_t variable_words = 0;
  const std::byte* input = nullptr;
};
// Of a rep call those to be done now.
struct RawReps {
  uint32_t start = 0;
  uint32_t count = 0;
};
// What few calls have.
struct RawExtras {
  std::byte* output = nullptr;
  uint32_t input_tail = 0;
  uint32_t output_tail = 0;
};

// Makes typed arguments of a call's bytes, and calls the handler with them.
using RawHandler = CallResult (*)(void* handler, RawCall call, RawReps reps, RawExtras extras);

// A call of the table.
struct RawCallEntry {
  CallShape shape;
  RawHandler handle = nullptr;
  void* handler = nullptr;
  bool is_allowed = false;
};

// In bytes; 0 for NoData.
template <typename T>
inline constexpr uint32_t kBlockSize = std::is_same_v<T, NoData> ? 0 : sizeof(T);

template <typename T>
concept GuestBlock =
    std::is_same_v<T, NoData> ||
    (std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T> &&
     alignof(T) <= alignof(uint64_t) && sizeof(T) <= kPageSize);

// What follows the fixed part of a block begins at a multiple of 8 bytes.
template <typename D>
concept AlignedLists =
    (kBlockSize<typename D::Input> % sizeof(uint64_t) == 0 ||
     (!D::kTakesVariableHeader && std::is_same_v<typename D::Element, NoData>)) &&
    (kBlockSize<typename D::Output> % sizeof(uint64_t) == 0 ||
     std::is_same_v<typename D::Result, NoData>);

// What a definition (definition.h) has to be like.
template <typename D>
concept CallDefinition =
    GuestBlock<typename D::Input> && GuestBlock<typename D::Output> &&
    GuestBlock<typename D::Element> && GuestBlock<typename D::Result> && AlignedLists<D>;

// Whether a fast call of this definition needs no XMM register and no answer but its status.
template <typename D>
inline constexpr bool kFitsTwoRegisters =
    kBlockSize<typename D::Input> <= tlfs::kFastInputSize && !D::kTakesVariableHeader &&
    !D::kHasInputTail && !kIsRep<D> && std::is_same_v<typename D::Output, NoData> &&
    D::kOutputTail == 0;

// What the dispatcher has to know of a definition.
template <CallDefinition D>
inline constexpr CallShape kShapeOf = {
    .input = kBlockSize<typename D::Input>,
    .output = kBlockSize<typename D::Output>,
    .fixed_output =
        kBlockSize<typename D::Output> + (D::kOutputTail == kToPageEnd ? 0 : D::kOutputTail),
    .element = kBlockSize<typename D::Element>,
    .result = kBlockSize<typename D::Result>,
    .reps_per_entry = D::kRepsPerEntry,
    .output_tail = D::kOutputTail,
    .is_rep = kIsRep<D>,
    .takes_variable_header = D::kTakesVariableHeader,
    .has_input_tail = D::kHasInputTail,
    .has_output = !std::is_same_v<typename D::Output, NoData> ||
                  !std::is_same_v<typename D::Result, NoData> || D::kOutputTail != 0,
    .is_memory_only = D::kHasInputTail || D::kOutputTail != 0,
    .fits_two_registers = kFitsTwoRegisters<D>};

// The object that a copy of a guest's bytes has made.
template <typename T>
const T* ObjectAt(const std::byte* bytes) {
  return std::launder(static_cast<const T*>(static_cast<const void*>(bytes)));
}
template <typename T>
T* ObjectAt(std::byte* bytes) {
  return std::launder(static_cast<T*>(static_cast<void*>(bytes)));
}

// The typed view of a call's blocks. It borrows them and `output`.
template <typename D>
Arguments<D> ArgumentsOf(const RawCall& raw, const RawReps& reps, const RawExtras& extras,
                         typename D::Output& output) {
  Arguments<D> call(raw.caller, *ObjectAt<typename D::Input>(raw.input), output);
  const std::byte* const after_input = raw.input + kBlockSize<typename D::Input>;
  if constexpr (kBlockSize<typename D::Element> != 0) {
    const std::byte* const list = after_input + sizeof(uint64_t) * raw.variable_words;
    call.elements = {ObjectAt<typename D::Element>(list) + reps.start, reps.count};
  }
  if constexpr (kBlockSize<typename D::Result> != 0) {
    std::byte* const list = extras.output + kBlockSize<typename D::Output>;
    call.results = {ObjectAt<typename D::Result>(list) + reps.start, reps.count};
  }
  if constexpr (D::kTakesVariableHeader) {
    call.variable_header = {ObjectAt<uint64_t>(after_input), raw.variable_words};
  }
  if constexpr (D::kHasInputTail) call.input_tail = {after_input, extras.input_tail};
  if constexpr (D::kOutputTail != 0) {
    call.output_tail = {extras.output + kBlockSize<typename D::Output>, extras.output_tail};
  }
  return call;
}

// Flat, since what is inlined need not be put together in memory first.
template <typename D, auto kHandler, typename Handler>
[[gnu::flatten]] CallResult HandleRaw(void* handler, RawCall raw, RawReps reps, RawExtras extras) {
  typename D::Output output{};
  const CallResult result(std::invoke(kHandler, *static_cast<Handler*>(handler),
                                      ArgumentsOf<D>(raw, reps, extras, output)));
  if constexpr (kBlockSize<typename D::Output> != 0) {
    std::memcpy(extras.output, &output, sizeof(output));
  }
  return result;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_RAW_CALL_H_
