// A lock for what a VP's hot path shares with other threads and hardly ever contends for: one
// atomic exchange to take it and a plain store to give it back, where a general mutex costs several
// times as much. What is done under it is short (the longest is moving the SIEF page), bounded
// whatever the guest does, and calls no code of the embedder's but GuestMemory::Pin.
#ifndef HVKIT_HYPERV_SYNIC_SHORT_LOCK_H_
#define HVKIT_HYPERV_SYNIC_SHORT_LOCK_H_

#include <atomic>
#include <thread>

#include "absl/base/thread_annotations.h"

namespace hvkit::hyperv {

// Thread-safe. A thread that finds it taken yields: the holder may have been preempted.
class ABSL_LOCKABLE ShortLock {
 public:
  ShortLock() = default;
  ShortLock(const ShortLock&) = delete;
  ShortLock& operator=(const ShortLock&) = delete;

  // Taken for a few instructions at a time; not recursive.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    while (taken_.exchange(true, std::memory_order_acquire)) {
      while (taken_.load(std::memory_order_relaxed)) std::this_thread::yield();
    }
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
};

// Holds the lock for as long as it lives.
class ABSL_SCOPED_LOCKABLE ShortLockHolder {
 public:
  explicit ShortLockHolder(ShortLock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.Lock();
  }
  ~ShortLockHolder() ABSL_UNLOCK_FUNCTION() { lock_.Unlock(); }
  ShortLockHolder(const ShortLockHolder&) = delete;
  ShortLockHolder& operator=(const ShortLockHolder&) = delete;

 private:
  ShortLock& lock_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_SHORT_LOCK_H_
