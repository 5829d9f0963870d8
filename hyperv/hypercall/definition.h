// What a hypercall is, as a type: its code, the shapes of its blocks, and who may make it. The
// dispatcher does everything else that the TLFS asks of a call before its handler runs.
//
//   struct Ping : CallDefaults {
//     static constexpr tlfs::CallCode kCode{0xF001};
//     using Input = uint64_t;
//     using Output = uint64_t;
//   };
//   tlfs::HvStatus OnPing(MyVmm& vmm, const Arguments<Ping>& call);
//   ...  table.Add<Ping, OnPing>(my_vmm);
//
// TLFS: hypercall-interface.md "Hypercall Classes", "Variable Sized Hypercall Input Headers".
#ifndef HVKIT_HYPERV_HYPERCALL_DEFINITION_H_
#define HVKIT_HYPERV_HYPERCALL_DEFINITION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "hyperv/host/ids.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// In place of a block that a call does not have.
struct NoData {};

// For kOutputTail: whatever is left of the page.
inline constexpr uint32_t kToPageEnd = ~uint32_t{0};

// A definition derives from this and says what is different. Blocks and elements are trivially
// copyable, without padding, and at most 8 bytes aligned; a fixed part that a list or a variable
// header follows has a multiple of 8 bytes.
struct CallDefaults {
  using Input = NoData;    // The fixed part of the input block
  using Output = NoData;   // The fixed part of the output block
  using Element = NoData;  // Of the input list: with it the call is a rep call
  using Result = NoData;   // Of the output list, one for each rep: with it too

  // A variable header, in words, may follow the fixed part.
  static constexpr bool kTakesVariableHeader = false;
  // What follows the fixed parts up to the page's end may be input, output (or at most that many
  // bytes of output): the blocks themselves tell how much. Not in fast calls.
  static constexpr bool kHasInputTail = false;
  static constexpr uint32_t kOutputTail = 0;
  // How many reps may be done before the guest gets a chance to take interrupts: about 50 us of
  // them.
  static constexpr uint32_t kRepsPerEntry = 4095;

  // Whether a guest with these privileges may make the call at all.
  static constexpr bool IsAllowed(const Privileges&) { return true; }
};

// Whether the call has a list, of input or of output.
template <typename Definition>
inline constexpr bool kIsRep = !std::is_same_v<typename Definition::Element, NoData> ||
                               !std::is_same_v<typename Definition::Result, NoData>;

namespace internal {
// What a call's arguments have only if its definition says so.
template <typename Element>
struct Elements {
  // Of the input list those to be done now, from rep start on.
  std::span<const Element> elements;
};
template <>
struct Elements<NoData> {};

template <typename Result>
struct Results {
  // As many as elements; those of the reps that the handler reports as done go to the guest.
  std::span<Result> results;
};
template <>
struct Results<NoData> {};

template <bool kTakesVariableHeader>
struct VariableHeader {
  std::span<const uint64_t> variable_header;
};
template <>
struct VariableHeader<false> {};

template <bool kHasInputTail>
struct InputTail {
  std::span<const std::byte> input_tail;
};
template <>
struct InputTail<false> {};

template <bool kHasOutputTail>
struct OutputTail {
  // The handler returns as `written` how much of it it has filled. It is not zeroed before.
  std::span<std::byte> output_tail;
};
template <>
struct OutputTail<false> {};
}  // namespace internal

// One call, copied out of the guest's reach and checked as far as its definition tells. All views
// end with the handler's return.
template <typename Definition>
struct Arguments : internal::Elements<typename Definition::Element>,
                   internal::Results<typename Definition::Result>,
                   internal::VariableHeader<Definition::kTakesVariableHeader>,
                   internal::InputTail<Definition::kHasInputTail>,
                   internal::OutputTail<(Definition::kOutputTail != 0)> {
  Arguments(VpIndex by, const typename Definition::Input& in, typename Definition::Output& out)
      : caller(by), input(in), output(out) {}

  const VpIndex caller;
  const typename Definition::Input& input;
  typename Definition::Output& output;  // Starts as zeros; goes to the guest on success
};

// What a handler answers: one word, since every call passes it on. It may return a plain HvStatus
// where only that matters: of a rep call all reps are done with kSuccess, none otherwise.
class [[nodiscard]] CallResult {
 public:
  // As many reps as there were to be done.
  static constexpr uint32_t kAllReps = ~uint32_t{0};

  constexpr explicit CallResult(tlfs::HvStatus status) : CallResult(status, kAllReps, 0, 0) {}

  // Not done yet: the guest executes the call again.
  static constexpr CallResult Again() { return {tlfs::HvStatus::kSuccess, 0, 0, 1}; }
  // So many of call.elements are done; with an error, those before the one in error.
  static constexpr CallResult AfterReps(uint32_t reps, tlfs::HvStatus status) {
    return {status, reps, 0, 0};
  }
  // Success, and so many bytes of call.output_tail.
  static constexpr CallResult Written(uint32_t bytes) {
    return {tlfs::HvStatus::kSuccess, kAllReps, bytes, 0};
  }

  constexpr tlfs::HvStatus status() const { return static_cast<tlfs::HvStatus>(word_ & 0xFFFF); }
  constexpr uint32_t reps() const { return static_cast<uint32_t>(word_ >> 32); }
  constexpr uint32_t written() const { return static_cast<uint32_t>(word_ >> 16) & kMaxWritten; }
  constexpr bool again() const { return (word_ >> 31 & 1) != 0; }

 private:
  static constexpr uint32_t kMaxWritten = 0x7FFF;  // More than a page

  constexpr CallResult(tlfs::HvStatus status, uint32_t reps, uint32_t written, uint64_t again)
      : word_(uint64_t{reps} << 32 | again << 31 | uint64_t{written & kMaxWritten} << 16 |
              static_cast<uint16_t>(status)) {}

  uint64_t word_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_DEFINITION_H_
