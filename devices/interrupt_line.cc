#include "devices/interrupt_line.h"

#include <utility>

namespace hvkit::devices {

InterruptLine::InterruptLine(std::function<void(bool level)> callback)
    : callback_(std::move(callback)) {}

void InterruptLine::Set(bool level) {
  absl::MutexLock lock(&mutex_);
  level_ = level;
  if (!level) fell_ = true;
}

void InterruptLine::Deliver() {
  if (!BeginDelivery()) return;
  while (const std::optional<bool> next = TakeNext()) callback_(*next);
}

bool InterruptLine::BeginDelivery() {
  absl::MutexLock lock(&mutex_);
  // Whoever delivers now looks again before it stops, and will see what is new.
  return !std::exchange(delivering_, true);
}

std::optional<bool> InterruptLine::TakeNext() {
  absl::MutexLock lock(&mutex_);
  if (told_ && (!level_ || fell_)) {
    told_ = false;
    return false;
  }
  if (!told_ && level_) {
    told_ = true;
    fell_ = false;
    return true;
  }
  delivering_ = false;
  return std::nullopt;
}

}  // namespace hvkit::devices
