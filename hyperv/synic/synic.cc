#include "hyperv/synic/synic.h"

#include <bit>
#include <optional>

namespace hvkit::hyperv {
namespace {

using tlfs::MsrIndex;
using tlfs::Sint;

constexpr uint32_t kSint0 = static_cast<uint32_t>(MsrIndex::kSint0);

std::optional<SintIndex> SintOfMsr(uint32_t index) {
  return SintIndex::FromGuest(uint64_t{index} - kSint0);
}

bool IsEnabled(uint64_t page_register) {
  return tlfs::OverlayMsr::Enable::Get(tlfs::OverlayMsr{page_register}) != 0;
}

// Enables or disables the page as the register says; false where it cannot be enabled.
bool Place(OverlayPage& page, uint64_t value) {
  if (!IsEnabled(value)) {
    page.Disable();
    return true;
  }
  return page.Enable(Gpa(value).Page());
}

}  // namespace

Synic::Synic(const SynicConfig& config, OverlayMap& overlays, InterruptSink& interrupts,
             VpScheduler& scheduler)
    : config_(config),
      interrupts_(interrupts),
      scheduler_(scheduler),
      scontrol_(config.policy.scontrol_reset),
      simp_page_(overlays, OverlayKind::kSimp, config.vp),
      siefp_page_(overlays, OverlayKind::kSiefp, config.vp) {
  for (Register& sint : sints_) sint.store(Sint::kResetValue, std::memory_order_relaxed);
}

MsrRead Synic::ReadMsr(uint32_t index) const {
  if (const std::optional<SintIndex> sint = SintOfMsr(index)) {
    return MsrRead::Handled(SintOf(*sint).raw);
  }
  switch (static_cast<MsrIndex>(index)) {
    case MsrIndex::kScontrol:
      return MsrRead::Handled(scontrol_.load(std::memory_order_relaxed));
    case MsrIndex::kSversion:
      return MsrRead::Handled(tlfs::kSynicVersion);
    case MsrIndex::kSiefp:
      return MsrRead::Handled(siefp_.load(std::memory_order_relaxed));
    case MsrIndex::kSimp:
      return MsrRead::Handled(simp_.load(std::memory_order_relaxed));
    case MsrIndex::kEom:
      return MsrRead::Handled(0);
    default:
      return MsrRead::NotOurs();
  }
}

MsrOutcome Synic::WriteMsr(uint32_t index, uint64_t value) {
  if (const std::optional<SintIndex> sint = SintOfMsr(index)) return WriteSint(*sint, value);
  if (static_cast<MsrIndex>(index) == MsrIndex::kEom) {  // the one of them that is written often
    Scan(kAllSints);
    return MsrOutcome::kHandled;
  }
  switch (static_cast<MsrIndex>(index)) {
    case MsrIndex::kScontrol:
      scontrol_.store(value, std::memory_order_release);
      Scan(kAllSints);
      return MsrOutcome::kHandled;
    case MsrIndex::kSversion:
      return MsrOutcome::kGeneralProtection;
    case MsrIndex::kSiefp:
      return WriteSiefp(value);
    case MsrIndex::kSimp:
      return WriteSimp(value);
    default:
      return MsrOutcome::kNotOurs;
  }
}

MsrOutcome Synic::WriteSint(SintIndex sint, uint64_t value) {
  const Sint written{value};
  const bool checked = config_.policy.vector_check == SynicPolicy::VectorCheck::kAlways ||
                       Sint::Masked::Get(written) == 0;
  if (checked && Sint::Vector::Get(written) < Sint::kFirstValidVector) {
    return MsrOutcome::kGeneralProtection;
  }
  sints_[sint.value()].store(value, std::memory_order_release);
  return MsrOutcome::kHandled;
}

MsrOutcome Synic::WriteSimp(uint64_t value) {
  if (!Place(simp_page_, value)) return MsrOutcome::kGeneralProtection;
  simp_.store(value, std::memory_order_release);
  Scan(kAllSints);
  return MsrOutcome::kHandled;
}

MsrOutcome Synic::WriteSiefp(uint64_t value) {
  const ShortLockHolder lock(siefp_lock_);
  if (!Place(siefp_page_, value)) return MsrOutcome::kGeneralProtection;
  siefp_.store(value, std::memory_order_release);
  return MsrOutcome::kHandled;
}

bool Synic::IsOn(const Register& page) const {
  const tlfs::Scontrol control{scontrol_.load(std::memory_order_acquire)};
  return tlfs::Scontrol::Enable::Get(control) != 0 &&
         IsEnabled(page.load(std::memory_order_acquire));
}

// TLFS, SINTx: "unmasking an interrupt source, except that an actual interrupt is not generated".
bool Synic::IsPolled(Sint sint) const {
  return config_.polling == SintPolling::kOffered && Sint::Polling::Get(sint) != 0;
}

Sint Synic::SintOf(SintIndex sint) const {
  return Sint{sints_[sint.value()].load(std::memory_order_acquire)};
}

void Synic::RequestInterrupt(SintIndex sint) {
  const Sint source = SintOf(sint);
  if (Sint::Masked::Get(source) != 0 || IsPolled(source)) return;
  const Vector vector(static_cast<uint8_t>(Sint::Vector::Get(source)));
  const EoiMode eoi = Sint::AutoEoi::Get(source) != 0 ? EoiMode::kAuto : EoiMode::kNormal;
  interrupts_.RequestFixed(config_.vp, vector, eoi);
}

SignalResult Synic::SignalEvent(SintIndex sint, uint32_t flag) {
  if (flag >= tlfs::kEventFlagsCount) return SignalResult::kInvalidFlag;
  const size_t word = sint.value() * tlfs::kEventFlagsBytes + flag / 64 * sizeof(uint64_t);
  const uint64_t bit = uint64_t{1} << (flag % 64);
  {
    const ShortLockHolder lock(siefp_lock_);
    if (!IsOn(siefp_)) return SignalResult::kSynicOff;
    const Sint source = SintOf(sint);
    if (config_.policy.masked_signal == SynicPolicy::MaskedSignal::kRefuse &&
        Sint::Masked::Get(source) != 0 && !IsPolled(source)) {
      return SignalResult::kSintMasked;
    }
    if ((siefp_page_.FetchOr<uint64_t>(word, bit) & bit) != 0) return SignalResult::kAlreadySet;
  }
  RequestInterrupt(sint);
  return SignalResult::kNewlySet;
}

// `others`: the SINTs for which more messages wait.
bool Synic::Put(SintIndex sint, const SlotHeader& header, std::span<const std::byte> payload,
                SintSet others) {
  const MorePending more = (others & Bit(sint)) != 0 ? MorePending::kYes : MorePending::kNo;
  return PutMessage(simp_page_.Now(), sint, header, payload, more);
}

Delivery Synic::Deliver(SintIndex sint, const tlfs::MessageHeader& header,
                        std::span<const std::byte> payload) {
  const bool on = IsOn(simp_);
  const SlotHeader slot(header.type, header.payload_size, header.origin);
  if (!on || !Put(sint, slot, payload, waiting_ | queued_.load(std::memory_order_relaxed))) {
    waiting_ |= Bit(sint);
    return on ? Delivery::kSlotBusy : Delivery::kOff;
  }
  waiter_served_last_ |= Bit(sint);
  RequestInterrupt(sint);
  return Delivery::kDelivered;
}

bool Synic::Enqueue(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                    std::span<const std::byte> payload) {
  const ShortLockHolder lock(queue_lock_);
  MessageBuffer* const buffer = pool.Take(header, payload);
  if (buffer == nullptr) return false;
  queues_[sint.value()].Push(*buffer);
  queued_.store(queued_.load(std::memory_order_relaxed) | Bit(sint), std::memory_order_release);
  return true;
}

// Flattened: calls between its parts cost more than the parts.
[[gnu::flatten]] PostResult Synic::Post(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                                        std::span<const std::byte> payload) {
  if (!IsOn(simp_)) return PostResult::kSynicOff;
  if (!Enqueue(sint, pool, header, payload)) return PostResult::kNoBuffers;
  scheduler_.Kick(config_.vp);
  return PostResult::kPosted;
}

PostResult Synic::PostFromVp(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                             std::span<const std::byte> payload) {
  if (!IsOn(simp_)) return PostResult::kSynicOff;
  const SintSet bit = Bit(sint);
  const bool queued = (queued_.load(std::memory_order_acquire) & bit) != 0;
  if (queued || !Put(sint, header, payload, waiting_)) {
    return PostBehind(sint, pool, header, payload);
  }
  waiter_served_last_ &= ~bit;
  RequestInterrupt(sint);
  return PostResult::kPosted;
}

// TLFS, "Messages": queueing another message is an occasion to deliver the first.
PostResult Synic::PostBehind(SintIndex sint, MessagePool& pool, const SlotHeader& header,
                             std::span<const std::byte> payload) {
  const bool queued = (queued_.load(std::memory_order_acquire) & Bit(sint)) != 0;
  if (!Enqueue(sint, pool, header, payload)) return PostResult::kNoBuffers;
  if (queued) Scan(Bit(sint));
  return PostResult::kPosted;
}

void Synic::Withdraw(SintIndex sint, const MessagePool& pool) {
  const ShortLockHolder lock(queue_lock_);
  MessageQueue& queue = queues_[sint.value()];
  queue.RemoveAllOf(pool);
  if (queue.empty()) {
    queued_.store(queued_.load(std::memory_order_relaxed) & ~Bit(sint), std::memory_order_release);
  }
}

// Of a set that is not empty.
SintIndex Synic::LowestOf(SintSet sints) {
  const unsigned lowest = static_cast<unsigned>(std::countr_zero(sints)) % SintIndex::kCount;
  return SintIndex::FromGuest(lowest).value_or(SintIndex::Of<0>());
}

void Synic::OnEoi(Vector vector) {
  SintSet sints = 0;
  for (SintSet rest = waiting_ | queued_.load(std::memory_order_acquire); rest != 0;
       rest &= rest - 1) {
    const SintIndex sint = LowestOf(rest);
    if (Sint::Vector::Get(SintOf(sint)) == vector.value()) sints |= Bit(sint);
  }
  Scan(sints);
}

// Flattened, as Post is.
[[gnu::flatten]] void Synic::ServeAll(SintSet sints) {
  if (!IsOn(simp_)) return;
  for (SintSet rest = sints; rest != 0; rest &= rest - 1) Serve(LowestOf(rest));
}

// Where both the waiter and the queue want the slot they take turns.
void Synic::Serve(SintIndex sint) {
  const SintSet bit = Bit(sint);
  const bool queued = (queued_.load(std::memory_order_acquire) & bit) != 0;
  const bool waiter_first = !queued || (waiter_served_last_ & bit) == 0;
  if ((waiting_ & bit) != 0 && waiter_first) {
    waiting_ &= ~bit;
    if (waiter_ != nullptr) waiter_->OnSlotFree(sint);
  }
  if (queued) DeliverQueued(sint);
}

void Synic::DeliverQueued(SintIndex sint) {
  const SintSet bit = Bit(sint);
  {
    const ShortLockHolder lock(queue_lock_);
    MessageQueue& queue = queues_[sint.value()];
    const MessageBuffer* const first = queue.front();
    if (first == nullptr) return;
    const SintSet others = waiting_ | (first->next != nullptr ? bit : 0);
    if (!Put(sint, first->header, first->Payload(), others)) return;
    queue.Pop();
    if (queue.empty()) {
      queued_.store(queued_.load(std::memory_order_relaxed) & ~bit, std::memory_order_release);
    }
  }
  waiter_served_last_ &= ~bit;
  RequestInterrupt(sint);
}

void Synic::Reset() {
  {
    const ShortLockHolder lock(siefp_lock_);
    siefp_.store(0, std::memory_order_release);
    siefp_page_.Disable();
    siefp_page_.Zero();
  }
  simp_.store(0, std::memory_order_release);
  simp_page_.Disable();
  simp_page_.Zero();
  scontrol_.store(config_.policy.scontrol_reset, std::memory_order_release);
  for (Register& sint : sints_) sint.store(Sint::kResetValue, std::memory_order_release);
  waiting_ = 0;
  waiter_served_last_ = 0;
  const ShortLockHolder lock(queue_lock_);
  for (MessageQueue& queue : queues_) queue.Clear();
  queued_.store(0, std::memory_order_release);
}

}  // namespace hvkit::hyperv
