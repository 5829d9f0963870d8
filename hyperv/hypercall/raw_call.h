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

namespace hvkit::hyperv {

// Sizes in bytes.
struct CallShape {
  uint16_t input = 0;
  uint16_t output = 0;
  uint16_t element = 0;
  uint16_t result = 0;
  size_t output_tail = 0;  // Or kToPageEnd
  uint32_t reps_per_entry = 0;
  bool has_input_tail = false;
  bool is_rep = false;
  bool takes_variable_header = false;

  constexpr bool has_output() const { return output != 0 || result != 0 || output_tail != 0; }
};

// A call whose blocks are in host memory. Both blocks are 16 bytes aligned.
struct RawCall {
  VpIndex caller;
  const std::byte* input;
  const std::byte* elements;  // Those to be done now
  std::byte* output;
  std::byte* results;  // The same
  uint32_t variable_words = 0;
  uint32_t reps = 0;
  size_t input_tail = 0;
  size_t output_tail = 0;
};

using RawHandler = CallResult (*)(void* handler, const RawCall& call);

struct RawCallEntry {
  CallShape shape;
  RawHandler handle = nullptr;
  void* handler = nullptr;
  bool is_allowed = false;
};

template <typename T>
inline constexpr uint16_t kBlockSize = std::is_same_v<T, NoData> ? 0 : sizeof(T);

template <typename T>
concept GuestBlock =
    std::is_same_v<T, NoData> ||
    (std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T> &&
     alignof(T) <= alignof(uint64_t) && sizeof(T) <= kPageSize);

template <typename D>
  requires GuestBlock<typename D::Input> && GuestBlock<typename D::Output> &&
               GuestBlock<typename D::Element> && GuestBlock<typename D::Result>
inline constexpr CallShape kShapeOf = {.input = kBlockSize<typename D::Input>,
                                       .output = kBlockSize<typename D::Output>,
                                       .element = kBlockSize<typename D::Element>,
                                       .result = kBlockSize<typename D::Result>,
                                       .output_tail = D::kOutputTail,
                                       .reps_per_entry = D::kRepsPerEntry,
                                       .has_input_tail = D::kHasInputTail,
                                       .is_rep = kIsRep<D>,
                                       .takes_variable_header = D::kTakesVariableHeader};

// The object that a copy of a guest's bytes has made.
template <typename T>
const T* ObjectAt(const std::byte* bytes) {
  return std::launder(static_cast<const T*>(static_cast<const void*>(bytes)));
}
template <typename T>
T* ObjectAt(std::byte* bytes) {
  return std::launder(static_cast<T*>(static_cast<void*>(bytes)));
}

template <typename D, auto kHandler, typename Handler>
CallResult HandleRaw(void* handler, const RawCall& raw) {
  typename D::Output output{};
  const std::byte* const tail = raw.input + kBlockSize<typename D::Input>;
  const Arguments<D> call{
      .caller = raw.caller,
      .input = *ObjectAt<typename D::Input>(raw.input),
      .variable_header = {ObjectAt<uint64_t>(tail), raw.variable_words},
      .input_tail = {tail, raw.input_tail},
      .elements = {ObjectAt<typename D::Element>(raw.elements), raw.reps},
      .output = output,
      .results = {ObjectAt<typename D::Result>(raw.results), raw.reps},
      .output_tail = {raw.output + kBlockSize<typename D::Output>, raw.output_tail}};
  Handler& object = *static_cast<Handler*>(handler);
  CallResult result;
  if constexpr (std::is_same_v<decltype(std::invoke(kHandler, object, call)), tlfs::HvStatus>) {
    result.status = std::invoke(kHandler, object, call);
  } else {
    result = std::invoke(kHandler, object, call);
  }
  if constexpr (kBlockSize<typename D::Output> != 0) {
    std::memcpy(raw.output, &output, sizeof(output));
  }
  return result;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_RAW_CALL_H_
