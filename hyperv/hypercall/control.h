// The control word of a hypercall: what can be said about it without knowing the call, and what a
// call's class says about it.
//
// TLFS: hypercall-interface.md "Hypercall Inputs", "Hypercall Outputs". Immutable.
#ifndef HVKIT_HYPERV_HYPERCALL_CONTROL_H_
#define HVKIT_HYPERV_HYPERCALL_CONTROL_H_

#include <cstdint>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// The control word of a call, as the guest gave it. Immutable.
class Control {
 public:
  constexpr explicit Control(uint64_t raw) : word_{raw} {}

  constexpr uint64_t raw() const { return word_.raw; }
  constexpr uint16_t code() const { return static_cast<uint16_t>(Word::Code::Get(word_)); }
  constexpr bool is_fast() const { return Word::Fast::Get(word_) != 0; }
  constexpr uint32_t variable_words() const { return Get<Word::VariableHeaderSize>(); }
  constexpr uint32_t rep_count() const { return Get<Word::RepCount>(); }
  constexpr uint32_t rep_start() const { return Get<Word::RepStart>(); }

  // Bits that no call may have. There is no nested hypervisor to address, so that bit is one.
  constexpr bool HasReservedBits() const {
    return (word_.raw & (Word::kReservedMask | Word::Nested::kMask)) != 0;
  }
  // Whether the fields of a rep call are used.
  constexpr bool HasReps() const {
    return (word_.raw & (Word::RepCount::kMask | Word::RepStart::kMask)) != 0;
  }
  // A fast call with nothing else in the word.
  constexpr bool IsFastOnly() const { return word_.raw >> Word::Fast::kShift == 1; }

  // The same call, to be taken up again at `rep`.
  constexpr Control StartingAt(uint32_t rep) const {
    Word word = word_;
    Word::RepStart::Set(word, rep);
    return Control(word.raw);
  }

 private:
  using Word = tlfs::HypercallControl;

  template <typename Field>
  constexpr uint32_t Get() const {
    return static_cast<uint32_t>(Field::Get(word_));
  }

  Word word_;
};

// `reps` counts from the first rep of the list.
constexpr uint64_t ResultWord(tlfs::HvStatus status, uint32_t reps = 0) {
  tlfs::HypercallResult result;
  tlfs::HypercallResult::Status::Set(result, static_cast<uint16_t>(status));
  tlfs::HypercallResult::RepsCompleted::Set(result, reps);
  return result.raw;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_CONTROL_H_
