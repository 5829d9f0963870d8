// The synthetic interrupt controller of a virtual processor: its registers, message slots with
// their queues, and event flags.
//
// TLFS: inter-partition-communication.md. Nothing polls: a message that finds its slot busy waits
// for the guest's EOM (or EOI, if the host reports those). Messages of timers come through
// MessageSink, those of ports through MessagePort (message_port.h), events through EventPort
// (event_port.h). Hypercalls and connection ids are not here.
#ifndef HVKIT_HYPERV_SYNIC_SYNIC_H_
#define HVKIT_HYPERV_SYNIC_SYNIC_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/base/thread_annotations.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/message_queue.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/synic/message_slot.h"
#include "hyperv/synic/short_lock.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// Whether the partition offers SINT polling (leaf 0x40000003, EDX bit 17); where it does not, the
// bit is a preserved one.
enum class SintPolling : uint8_t { kAbsent, kOffered };

// Whose SynIC it is, and what the partition offers.
struct SynicConfig {
  VpIndex vp;
  SintPolling polling = SintPolling::kAbsent;
  SynicPolicy policy;
};

// What became of a message that was posted.
enum class [[nodiscard]] PostResult : uint8_t {
  kPosted,          // Delivered, or queued
  kNoBuffers,       // All buffers of the port are in use: HV_STATUS_INSUFFICIENT_BUFFERS
  kSynicOff,        // SynIC or SIM page disabled: HV_STATUS_INVALID_SYNIC_STATE
  kInvalidMessage,  // Type 0 or more than 240 bytes: HV_STATUS_INVALID_PARAMETER
};

// What became of an event flag that was signalled.
enum class [[nodiscard]] SignalResult : uint8_t {
  kNewlySet,     // And the SINT's interrupt requested unless it is masked or polled
  kAlreadySet,   // No interrupt: the guest has not seen the last one yet
  kSynicOff,     // SynIC or SIEF page disabled: HV_STATUS_INVALID_SYNIC_STATE
  kSintMasked,   // HV_STATUS_INVALID_SYNIC_STATE
  kInvalidFlag,  // No such flag: HV_STATUS_INVALID_PARAMETER
};

// VP thread, except where a method says any thread: these use the SINT registers and enables, which
// are atomic, the queues, under queue_lock_, and the SIEF page, under siefp_lock_.
class Synic final : public MessageSink {
 public:
  Synic(const SynicConfig& config, OverlayMap& overlays, InterruptSink& interrupts,
        VpScheduler& scheduler);
  Synic(const Synic&) = delete;
  Synic& operator=(const Synic&) = delete;

  VpIndex vp() const { return config_.vp; }

  // Who is told when a message that Deliver could not place may be tried again; may be null.
  void SetSlotWaiter(SlotWaiter* waiter) { waiter_ = waiter; }

  // SCONTROL, SVERSION, SIEFP, SIMP, EOM and SINT0 to SINT15; any other is kNotOurs. Reserved bits
  // are preserved.
  MsrRead ReadMsr(uint32_t index) const;
  MsrOutcome WriteMsr(uint32_t index, uint64_t value);

  // Delivers what other threads have posted, as far as slots are free.
  void Poll() {
    if (const SintSet queued = queued_.load(std::memory_order_acquire)) ServeAll(queued | waiting_);
  }

  // The SINTs for which posted messages wait, a bit for each. Other threads may post meanwhile.
  uint32_t QueuedSints() const { return queued_.load(std::memory_order_acquire); }

  // The guest has ended the interrupt `vector`: messages that wait for its SINTs are tried again.
  // For hosts that see EOIs; guests that write EOM do not need it.
  void OnEoi(Vector vector);

  // As VP creation and reset leave it: pages cleared and disabled, queues empty.
  void Reset();

  // MessageSink:
  Delivery Deliver(SintIndex sint, const tlfs::MessageHeader& header,
                   std::span<const std::byte> payload) override;

  // Sets an event flag at once. Any thread.
  SignalResult SignalEvent(SintIndex sint, uint32_t flag);

  // Requests the interrupt of a SINT, unless it is masked or polled, as if a message had come. Any
  // thread.
  void RaiseSint(SintIndex sint) { RequestInterrupt(sint); }

  // For MessagePort: queues a message in a buffer of the pool and kicks the VP. Any thread. The
  // message is as for Deliver. A pool is used with one SINT only.
  PostResult Post(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                  std::span<const std::byte> payload);
  // The same on the VP's thread: needs no buffer if the slot is free.
  PostResult PostFromVp(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                        std::span<const std::byte> payload);
  // Gives the queued buffers back to the pool, which may go then. Any thread.
  void Withdraw(SintIndex sint, const MessagePool& pool);

 private:
  using Register = std::atomic<uint64_t>;
  using SintSet = uint32_t;  // a bit for each SINT

  static constexpr SintSet kAllSints = 0xFFFF;
  static constexpr SintSet Bit(SintIndex sint) { return SintSet{1} << sint.value(); }
  static SintIndex LowestOf(SintSet sints);

  // Any thread.
  [[nodiscard]] bool IsOn(const Register& page) const;
  [[nodiscard]] bool IsPolled(tlfs::Sint sint) const;
  tlfs::Sint SintOf(SintIndex sint) const;
  void RequestInterrupt(SintIndex sint);
  [[nodiscard]] bool Enqueue(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                             std::span<const std::byte> payload);

  // Posts on the VP's thread where the slot is busy or others wait for it.
  PostResult PostBehind(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                        std::span<const std::byte> payload);
  MsrOutcome WriteSint(SintIndex sint, uint64_t value);
  MsrOutcome WriteSimp(uint64_t value);
  MsrOutcome WriteSiefp(uint64_t value);
  [[nodiscard]] bool Put(SintIndex sint, const SlotHeader& header,
                         std::span<const std::byte> payload, SintSet others);
  // Serves those of the SINTs for which anything waits.
  void Scan(SintSet sints) {
    sints &= waiting_ | queued_.load(std::memory_order_acquire);
    if (sints != 0) ServeAll(sints);
  }
  void ServeAll(SintSet sints);
  void Serve(SintIndex sint);
  void DeliverQueued(SintIndex sint);

  const SynicConfig config_;
  InterruptSink& interrupts_;
  VpScheduler& scheduler_;
  SlotWaiter* waiter_ = nullptr;

  Register scontrol_;
  Register simp_{0};
  Register siefp_{0};
  std::array<Register, SintIndex::kCount> sints_;

  SintSet waiting_ = 0;             // the waiter could not have the slot
  SintSet waiter_served_last_ = 0;  // so the queue, if there is one, comes next
  std::atomic<SintSet> queued_{0};  // the queue is not empty; written under queue_lock_

  OverlayPage simp_page_;
  ShortLock siefp_lock_;
  OverlayPage siefp_page_ ABSL_GUARDED_BY(siefp_lock_);
  ShortLock queue_lock_;
  std::array<MessageQueue, SintIndex::kCount> queues_ ABSL_GUARDED_BY(queue_lock_);
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_SYNIC_H_
