// Whether one vCPU is in the guest, and a request to do something before it enters again.
//
// The protocol of remote TLB flushes. All of it is one word, so each step is ordered with every
// other by a single atomic operation: a request either finds the vCPU out of the guest, and then
// the next TryEnter sees it, or in the guest, and then whoever asked kicks it and waits until it
// has left. Nobody waits for a vCPU that is out of the guest, whatever that one is doing: two vCPUs
// that ask each other do not wait, and a paused, halted or unstarted one is not waited for. A vCPU
// in the guest leaves at a kick, so a wait is as short as a kick.
#ifndef HVKIT_VCPU_ENTRY_GATE_H_
#define HVKIT_VCPU_ENTRY_GATE_H_

#include <atomic>
#include <cstdint>

namespace hvkit::vcpu {

// TryEnter and Leave are *VP thread*, a locked instruction each; the rest is *thread-safe*.
class alignas(64) EntryGate {
 public:
  // What a request found.
  struct Visit {
    bool in_guest = false;
    bool first = false;  // nobody else has asked since it entered: the caller is to kick it
    uint32_t entry = 0;  // which one, for WaitUntilLeft
  };

  // Marks the vCPU as in the guest. False: not marked; there was a request, now taken. The caller
  // does what was asked for and tries again.
  [[nodiscard]] bool TryEnter() {
    const uint32_t before = word_.fetch_add(kEntry | kInGuest, std::memory_order_seq_cst);
    if ((before & kRequested) == 0) [[likely]] {
      return true;
    }
    Release(kInGuest | kRequested | kAwaited);
    return false;
  }

  // The vCPU has left the guest.
  void Leave() {
    const uint32_t before = word_.fetch_sub(kInGuest, std::memory_order_seq_cst);
    if ((before & kAwaited) != 0) [[unlikely]] {
      Release(kAwaited);
    }
  }

  // Everything that the caller has written before is visible to the vCPU's thread when its TryEnter
  // takes the request.
  Visit Request() {
    uint32_t word = word_.load(std::memory_order_relaxed);
    uint32_t asked;
    do {
      asked = word | kRequested | ((word & kInGuest) != 0 ? kAwaited : 0);
    } while (!word_.compare_exchange_weak(word, asked, std::memory_order_seq_cst));
    return {.in_guest = (word & kInGuest) != 0,
            .first = (word & kAwaited) == 0,
            .entry = word & ~kFlags};
  }

  // Waits until the vCPU has left the guest since the entry that a visit found it in.
  void WaitUntilLeft(uint32_t entry) const {
    const uint32_t inside = entry | kInGuest;
    uint32_t word = word_.load(std::memory_order_seq_cst);
    while ((word & ~(kRequested | kAwaited)) == inside) {
      word_.wait(word, std::memory_order_seq_cst);
      word = word_.load(std::memory_order_seq_cst);
    }
  }

 private:
  static constexpr uint32_t kInGuest = 1;
  static constexpr uint32_t kRequested = 2;
  static constexpr uint32_t kAwaited = 4;  // somebody waits for it to leave
  static constexpr uint32_t kFlags = kInGuest | kRequested | kAwaited;
  static constexpr uint32_t kEntry = 8;  // the rest of the word counts entries, modulo

  void Release(uint32_t flags) {
    const uint32_t before = word_.fetch_and(~flags, std::memory_order_seq_cst);
    if ((before & kAwaited) != 0) word_.notify_all();
  }

  std::atomic<uint32_t> word_{0};
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_ENTRY_GATE_H_
