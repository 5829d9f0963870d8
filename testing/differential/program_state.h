// What a program has done by one of its steps, as far as that does not depend on answers.
// Immutable.
#ifndef HVKIT_TESTING_DIFFERENTIAL_PROGRAM_STATE_H_
#define HVKIT_TESTING_DIFFERENTIAL_PROGRAM_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperv/tlfs/synic.h"
#include "testing/differential/generator.h"
#include "testing/differential/program.h"

namespace hvkit::testing {

// Sets of SINTs have a bit for each.
struct SynicState {
  bool is_on = true;  // SCONTROL
  bool has_message_page = false;
  bool has_event_page = false;
  uint32_t masked = 0xffff;
  // Those that each SINT has had: bit i for kFirstCountedVector + i.
  std::array<uint16_t, hyperv::tlfs::kSintCount> counted_vectors = {};
};

// A VP's, after the steps before `at`.
[[nodiscard]] SynicState SynicStateAt(const Program& program, size_t at, uint8_t vp);

// The SINTs of timers that may have sent messages, up to and with the step `at`, while these could
// not be delivered, by the reason. What such a timer, or one with the same SINT, does afterwards
// depends on whether it still waits; so all SINTs that it ever had count.
struct HeldTimerMessages {
  uint32_t while_masked = 0;
  uint32_t while_page_off = 0;
  uint32_t while_synic_off = 0;
};
[[nodiscard]] HeldTimerMessages HeldTimerMessagesAt(const Program& program, size_t at, uint8_t vp);

// Where events of a connection go, if a step before `at` connected it.
struct EventTarget {
  uint8_t vp;
  uint8_t sint;
};
[[nodiscard]] std::optional<EventTarget> EventTargetAt(const Program& program, size_t at,
                                                       uint32_t connection);

[[nodiscard]] bool HasGuestOsIdAt(const Program& program, size_t at);

// Which timer a step's MSR is the configuration of.
[[nodiscard]] std::optional<uint32_t> TimerOfConfig(const Step& step);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_PROGRAM_STATE_H_
