// The protocol by which a message gets into a slot of the SIM page while the guest may be emptying
// it: payload first, type last; a busy slot is marked, so that the guest writes EOM.
//
// TLFS: inter-partition-communication.md "SIM Page" and "EOM Register", datatypes/hv_message.md
// (MessagePending). `Page` is PinnedPage, OverlayPage, or whatever has their word accesses.
// Whether the SynIC is enabled, interrupts and queues are not here. Stateless.
#ifndef HVKIT_HYPERV_SYNIC_MESSAGE_SLOT_H_
#define HVKIT_HYPERV_SYNIC_MESSAGE_SLOT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// Whether more messages wait for the slot: the guest is then told to write EOM when it is done.
enum class MorePending : uint8_t { kNo, kYes };

// A message's header as the two words that go into the slot. Immutable.
struct SlotHeader {
  SlotHeader() = default;
  SlotHeader(tlfs::MessageType type, size_t payload_size, uint64_t origin_id)
      : word(static_cast<uint32_t>(type) |
             uint64_t{payload_size} << (8 * offsetof(tlfs::MessageHeader, payload_size))),
        origin(origin_id) {}

  uint64_t word = 0;  // Type, payload size, no flags
  uint64_t origin = 0;
};

namespace internal {

// The first word of a slot: type, payload size, flags, reserved.
inline constexpr uint64_t kSlotTypeMask = 0xFFFFFFFF;
inline constexpr uint64_t kSlotPending = tlfs::MessageFlags::MessagePending::kMask
                                         << (8 * offsetof(tlfs::MessageHeader, flags));

// A guest empties a slot once between two messages, so one retry is enough for it; only one that
// plays with the word from another VP needs more, and it gets no more.
inline constexpr int kSlotAttempts = 4;

// The guest reads the type first and then the rest, hence the order.
template <typename Page>
[[gnu::always_inline]] inline void FillSlot(Page& page, size_t slot, const SlotHeader& header,
                                            std::span<const std::byte> payload, MorePending more) {
  const uint64_t pending = more == MorePending::kYes ? kSlotPending : 0;
  page.CopyIn(slot + sizeof(tlfs::MessageHeader), payload);
  page.template Store<uint64_t>(slot + offsetof(tlfs::MessageHeader, origin), header.origin,
                                std::memory_order_relaxed);
  page.template Store<uint64_t>(slot, header.word | pending, std::memory_order_release);
}

// Asks the guest for an EOM. False when it has freed the slot, or changed the word otherwise, since
// it was seen to be busy.
template <typename Page>
[[nodiscard, gnu::noinline]] bool MarkSlot(Page& page, size_t slot) {
  uint64_t word = page.template Load<uint64_t>(slot, std::memory_order_acquire);
  if ((word & kSlotTypeMask) == 0) return false;
  const uint64_t marked = word | kSlotPending;
  return marked == word || page.template CompareExchange<uint64_t>(slot, word, marked);
}

// Whether the slot is free. The type alone is read: what the guest stored, so that the processor
// can forward it.
template <typename Page>
[[nodiscard]] inline bool IsSlotFree(const Page& page, size_t slot) {
  return page.template Load<uint32_t>(slot, std::memory_order_acquire) == 0;
}

// Goes on where the slot was found busy once: apart, since it hardly ever is.
template <typename Page>
[[nodiscard, gnu::noinline]] bool PutIntoBusySlot(Page& page, size_t slot, const SlotHeader& header,
                                                  std::span<const std::byte> payload,
                                                  MorePending more) {
  for (int attempt = 1; !MarkSlot(page, slot); ++attempt) {
    if (attempt == kSlotAttempts) return false;
    if (!IsSlotFree(page, slot)) continue;
    FillSlot(page, slot, header, payload, more);
    return true;
  }
  return false;
}

}  // namespace internal

// Puts a message into the slot, or, where the slot is not free, sets its MessagePending flag. True
// when the message is in. The type and the flag share a word that is exchanged whole: either the
// guest that frees the slot sees the flag afterwards, or the exchange fails and the slot is found
// free.
template <typename Page>
[[nodiscard]] inline bool PutMessage(Page& page, SintIndex sint, const SlotHeader& header,
                                     std::span<const std::byte> payload, MorePending more) {
  const size_t slot = sint.value() * tlfs::kMessageSize;
  if (!internal::IsSlotFree(page, slot)) {
    return internal::PutIntoBusySlot(page, slot, header, payload, more);
  }
  internal::FillSlot(page, slot, header, payload, more);
  return true;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_MESSAGE_SLOT_H_
