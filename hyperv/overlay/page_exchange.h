// Exchanges the bytes of a guest's page and of a buffer while the guest may be storing to the page.
//
// A part of overlay_page.h; no TLFS counterpart. `Ram` and `Buffer` have the accesses of
// PinnedPage. Thread-safe towards the page, not towards the buffer.
#ifndef HVKIT_HYPERV_OVERLAY_PAGE_EXCHANGE_H_
#define HVKIT_HYPERV_OVERLAY_PAGE_EXCHANGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/shared_bytes.h"

namespace hvkit::hyperv::internal {

// A store of the guest's ends up on one side, whenever it comes. Equal words stay untouched.
template <typename Ram, typename Buffer>
void ExchangeWord(Ram& ram, Buffer& buffer, size_t offset) {
  const uint64_t ours = buffer.template Load<uint64_t>(offset, std::memory_order_relaxed);
  uint64_t theirs = ram.template Load<uint64_t>(offset, std::memory_order_relaxed);
  if (theirs == ours) return;
  while (!ram.template CompareExchange<uint64_t>(offset, theirs, ours)) {
  }
  buffer.template Store<uint64_t>(offset, theirs, std::memory_order_relaxed);
}

template <typename Ram, typename Buffer>
void ExchangePages(Ram& ram, Buffer& buffer) {
  for (size_t line = 0; line < kPageSize; line += kSharedLine) {
    if (ram.LineEquals(line, buffer)) continue;  // most are zeros on both sides
    for (size_t offset = line; offset < line + kSharedLine; offset += sizeof(uint64_t)) {
      ExchangeWord(ram, buffer, offset);
    }
  }
}

}  // namespace hvkit::hyperv::internal

#endif  // HVKIT_HYPERV_OVERLAY_PAGE_EXCHANGE_H_
