// The model's choices where the TLFS, KVM and deployed guests disagree, each one a named knob.
//
// The defaults follow the TLFS where no guest is hurt by it, and KVM where real guests depend on
// what it does; docs/divergences.md has a row for each choice that a guest can see. What a
// partition offers (CPUID) is not a choice of this kind and is not here. Immutable.
#ifndef HVKIT_HYPERV_POLICY_POLICY_H_
#define HVKIT_HYPERV_POLICY_POLICY_H_

#include <cstdint>

namespace hvkit::hyperv {

// Of the SynIC.
struct SynicPolicy {
  // TLFS "SCONTROL Register": 0. KVM, and so every deployed host, shows 1, and guests that never
  // write the register get their messages.
  uint64_t scontrol_reset = 1;

  // TLFS "SINTx Registers": a vector below 16 is #GP. The reset value has vector 0, so guests that
  // write back what they have read depend on KVM's reading: a masked SINT may have any vector.
  enum class VectorCheck : uint8_t { kAlways, kUnlessMasked };
  VectorCheck vector_check = VectorCheck::kUnlessMasked;

  // TLFS "Event Flag Delivery": signalling a masked SINT fails. KVM sets the flag, without an
  // interrupt.
  enum class MaskedSignal : uint8_t { kRefuse, kSetFlag };
  MaskedSignal masked_signal = MaskedSignal::kRefuse;
};

// Of synthetic timers.
struct StimerPolicy {
  // TLFS "Synthetic Timer Configuration Register": an enabled message-mode timer whose SINT is set
  // to 0 is disabled at once. KVM reads that as: one that was enabled before the write.
  enum class SintZero : uint8_t { kDisables, kDisablesEnabledTimer };
  SintZero sint_zero = SintZero::kDisablesEnabledTimer;

  // TLFS "Periodic Timers": how many missed periods of a timer that is not lazy are made up for, in
  // shortened periods; older ones are skipped. KVM makes up for none.
  uint32_t catch_up_periods = 3;

  // The least time between two signals of a periodic timer, in units of reference time; a shorter
  // period has the signals between skipped. Without it a period that is shorter than the host's
  // work for a signal would keep the guest from ever running.
  uint32_t shortest_interval = 1000;
};

// Of the flush hypercalls.
struct FlushPolicy {
  // TLFS: an empty set of processors is flushed by doing nothing. Windows Server 2012 sends a mask
  // of 0 where it means all processors, and KVM reads it so.
  enum class EmptyMask : uint8_t { kNone, kAll };
  EmptyMask empty_mask = EmptyMask::kAll;
};

// All of them.
struct Policy {
  SynicPolicy synic;
  StimerPolicy stimer;
  FlushPolicy flush;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_POLICY_POLICY_H_
