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
inline constexpr size_t kToPageEnd = ~size_t{0};

// A definition derives from this and says what is different. Blocks and elements are trivially
// copyable, without padding, and at most 8 bytes aligned.
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
  static constexpr size_t kOutputTail = 0;
  // How many reps may be done before the guest gets a chance to take interrupts: about 50 us of
  // them.
  static constexpr uint32_t kRepsPerEntry = 4095;

  // Whether a guest with these privileges may make the call at all.
  static constexpr bool IsAllowed(const Privileges&) { return true; }
};

template <typename Definition>
inline constexpr bool kIsRep = !std::is_same_v<typename Definition::Element, NoData> ||
                               !std::is_same_v<typename Definition::Result, NoData>;

// One call, copied out of the guest's reach and checked as far as its definition tells. All views
// end with the handler's return.
template <typename Definition>
struct Arguments {
  VpIndex caller;
  const typename Definition::Input& input;
  std::span<const uint64_t> variable_header;
  std::span<const std::byte> input_tail;
  // Of a rep call those to be done now, from rep start on.
  std::span<const typename Definition::Element> elements;

  typename Definition::Output& output;  // Starts as zeros; goes to the guest on success
  // As many as elements; those of the reps that the handler reports as done go to the guest.
  std::span<typename Definition::Result> results;
  std::span<std::byte> output_tail;  // Of what it returns as `written`, and not zeroed
};

// What a handler answers. It may return a plain HvStatus when the rest does not apply to it.
struct [[nodiscard]] CallResult {
  static constexpr uint32_t kAllReps = ~uint32_t{0};

  tlfs::HvStatus status = tlfs::HvStatus::kSuccess;
  // Rep calls: how many of call.elements are done; with an error, those before the one in error.
  uint32_t reps = kAllReps;
  size_t written = 0;  // Bytes of call.output_tail
  bool again = false;  // Not done yet: the guest executes the call again. The rest does not count
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_DEFINITION_H_
