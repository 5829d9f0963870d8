// One hypercall as a guest makes it, with input that it accepts: what the rows of
// hypercall_cases.h consist of. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_TABLES_HYPERCALL_ROW_H_
#define HVKIT_TESTING_TABLES_HYPERCALL_ROW_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::testing {

inline constexpr size_t kMaxBlockWords = 32;

// Who answers on the kernel back end.
enum class OnKvm : uint8_t {
  kAbsent,    // KVM: kInvalidHypercallCode. The guest's CPUID must not announce the call
  kAnswers,   // KVM itself
  kForwards,  // KVM looks at the control word, and sometimes at more; the model does the rest
};

// What is there only if the virtual machine has more than a processor and memory.
enum class Needs : uint8_t { kNothing, kDebugger, kPciDevice };

struct HypercallAnswer {
  bool invalid_opcode = false;  // #UD, and nothing else
  hyperv::tlfs::HvStatus status = hyperv::tlfs::HvStatus::kSuccess;
  uint16_t reps = 0;  // Complete, from the start of the list

  friend constexpr bool operator==(const HypercallAnswer& a, const HypercallAnswer& b) {
    return a.invalid_opcode == b.invalid_opcode && a.status == b.status && a.reps == b.reps;
  }
};

// Sizes in bytes, without what follows up to the end of a page in calls that say it themselves.
struct HypercallRow {
  const char* name;  // The TLFS's without HvCall or HvExtCall
  hyperv::tlfs::CallCode code;
  // Without all of these the call is denied.
  std::array<const hyperv::tlfs::CpuidBit*, 2> gates{};
  OnKvm on_kvm = OnKvm::kAbsent;
  Needs needs = Needs::kNothing;

  uint16_t header = 0;   // The fixed part of the input
  uint16_t element = 0;  // One of the input list
  uint16_t output = 0;   // The fixed part
  uint16_t result = 0;   // One of the output list
  uint8_t variable_words = 0;
  uint8_t reps = 0;  // 0: not a rep call
  bool is_memory_only = false;

  // Header, variable header and list, each where it is in memory.
  std::array<uint64_t, kMaxBlockWords> block{};
  // What this input is answered with. Not always kSuccess: a table that can be run anywhere names
  // no connections, devices and processors that exist.
  hyperv::tlfs::HvStatus status = hyperv::tlfs::HvStatus::kSuccess;

  constexpr size_t InputSize() const {
    return header + sizeof(uint64_t) * variable_words + size_t{element} * reps;
  }
  constexpr size_t OutputSize() const { return output + size_t{result} * reps; }
  constexpr uint64_t Control() const {
    return static_cast<uint64_t>(code) | uint64_t{variable_words} << 17 | uint64_t{reps} << 32;
  }
  constexpr HypercallAnswer Answer() const {
    const bool done = status == hyperv::tlfs::HvStatus::kSuccess;
    return {.status = status, .reps = static_cast<uint16_t>(done ? reps : 0)};
  }
};

// One word of a row's input, changed to something that the call refuses; always in memory form.
struct HypercallInputCase {
  const char* name;
  hyperv::tlfs::CallCode code;
  uint8_t word;  // Of the row's block
  uint64_t value;
  hyperv::tlfs::HvStatus status;
  hyperv::tlfs::HvStatus kvm_status;  // On the kernel back end
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_HYPERCALL_ROW_H_
