// A level-triggered output of a device, whose changes leave without any lock held.
//
// The trap it avoids: a device that computes its level under its lock and calls out after
// unlocking may call out in another order than it computed, and leave a wrong level behind; and a
// fall followed by a rise may merge to nothing, so that an edge-triggered interrupt controller
// (ISA interrupts are) never hears of the second interrupt.
#ifndef HVKIT_DEVICES_INTERRUPT_LINE_H_
#define HVKIT_DEVICES_INTERRUPT_LINE_H_

#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace hvkit::devices {

// Usage: Set under the device's lock, Deliver after unlocking.
//
// Guarantees: calls of the callback do not overlap and alternate (true first); when all calls of
// Deliver have returned, the last call told the last level; a rise after a fall is always told as
// a fall and a rise, whatever the threads. A call may be made by another thread's Deliver, so it
// may come shortly after one's own returns.
//
// *thread-safe*: mutex_ is a leaf, never held while calling out.
class InterruptLine {
 public:
  explicit InterruptLine(std::function<void(bool level)> callback);

  // Records the level that the device drives now. Calls nothing.
  void Set(bool level) ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells what Set has recorded. Hold no lock that the callback may want.
  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Whether this thread is to deliver; no other one will until TakeNext gives nothing.
  bool BeginDelivery() ABSL_LOCKS_EXCLUDED(mutex_);

  // What to tell next, marked as told; nothing ends the delivery.
  std::optional<bool> TakeNext() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<void(bool)> callback_;

  absl::Mutex mutex_;
  bool level_ ABSL_GUARDED_BY(mutex_) = false;
  bool fell_ ABSL_GUARDED_BY(mutex_) = false;  // since the last rise that was told
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
  bool delivering_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_INTERRUPT_LINE_H_
