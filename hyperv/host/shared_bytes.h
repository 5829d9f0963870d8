// Access to bytes that a guest may be writing at the same moment: whole words through atomic
// instructions and copies made of them. Implementations of GuestMemory use it; models use
// PinnedPage.
//
// Guest stores are not part of this program, so nothing here can order them; what this file
// promises is that every access is one the compiler may neither tear below a naturally aligned
// word, repeat nor invent, and that host threads using it race without undefined behaviour. A copy
// is not a snapshot: the words of a range are read one after the other.
#ifndef HVKIT_HYPERV_HOST_SHARED_BYTES_H_
#define HVKIT_HYPERV_HOST_SHARED_BYTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "hyperv/host/shared_vectors.h"
#include "hyperv/host/shared_word.h"

namespace hvkit::hyperv {
namespace internal {

// Calls `copy<T>(offset)` for the widest words that are aligned from `address` on and end within
// `size`.
template <typename Copy>
inline void ForEachWord(uintptr_t address, size_t size, Copy&& copy) {
  size_t done = 0;
  const auto fits = [&](size_t width) {
    return ((address + done) % width) == 0 && size - done >= width;
  };
  while (done < size) {
    if (fits(8)) {
      do {
        copy.template operator()<uint64_t>(done);
        done += 8;
      } while (size - done >= 8);
    } else if (fits(4)) {
      copy.template operator()<uint32_t>(done);
      done += 4;
    } else if (fits(2)) {
      copy.template operator()<uint16_t>(done);
      done += 2;
    } else {
      copy.template operator()<uint8_t>(done);
      done += 1;
    }
  }
}

}  // namespace internal

// How many bytes SharedLinesEqual compares; it has no other meaning.
inline constexpr size_t kSharedLine = 64;

namespace internal {

template <size_t... kWords>
inline uint64_t SharedLineDifference(const std::byte* a, const std::byte* b,
                                     std::index_sequence<kWords...>) {
  constexpr size_t kWord = sizeof(uint64_t);
  return ((LoadShared<uint64_t>(a + kWord * kWords, std::memory_order_relaxed) ^
           LoadShared<uint64_t>(b + kWord * kWords, std::memory_order_relaxed)) |
          ...);
}

}  // namespace internal

// Whether kSharedLine bytes at two addresses, multiples of 8, are equal; each word is read once.
[[nodiscard]] inline bool SharedLinesEqual(const std::byte* a, const std::byte* b) {
  constexpr std::make_index_sequence<kSharedLine / sizeof(uint64_t)> kAllWords;
  return internal::SharedLineDifference(a, b, kAllWords) == 0;
}

namespace internal {

// Whether all of `size` bytes from the address on are whole 8-byte words, as most copies are.
inline bool IsWholeWords(const void* address, size_t size) {
  return ((AddressBits(address) | size) % sizeof(uint64_t)) == 0;
}

[[gnu::noinline]] inline void CopyFromSharedOdd(std::byte* to, const std::byte* shared,
                                                size_t size) {
  ForEachWord(AddressBits(shared), size,
              [&]<typename T>(size_t offset) { LoadWord<T>(to + offset, shared + offset); });
}

[[gnu::noinline]] inline void CopyToSharedOdd(std::byte* shared, const std::byte* from,
                                              size_t size) {
  ForEachWord(AddressBits(shared), size,
              [&]<typename T>(size_t offset) { StoreWord<T>(shared + offset, from + offset); });
}

}  // namespace internal

// Copies out of shared bytes; each naturally aligned word inside the range is read whole.
inline void CopyFromShared(std::byte* to, const std::byte* shared, size_t size) {
  if (!internal::IsWholeWords(shared, size)) return internal::CopyFromSharedOdd(to, shared, size);
  if (size >= internal::kManyWords && internal::HasFours()) {
    return internal::CopyFoursFromShared(to, shared, size);
  }
  // The last few by words: who reads them next gets them sooner.
  internal::ForEachPair<2 * internal::kPairSize>(
      shared, size, [=](size_t offset) { internal::LoadPair(to + offset, shared + offset); },
      [=](size_t offset) { internal::LoadWord<uint64_t>(to + offset, shared + offset); });
}

// Copies into shared bytes; each naturally aligned word inside the range is written whole.
inline void CopyToShared(std::byte* shared, const std::byte* from, size_t size) {
  if (!internal::IsWholeWords(shared, size)) return internal::CopyToSharedOdd(shared, from, size);
  internal::ForEachPair<internal::kPairSize>(
      shared, size, [=](size_t offset) { internal::StorePair(shared + offset, from + offset); },
      [=](size_t offset) { internal::StoreWord<uint64_t>(shared + offset, from + offset); });
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_SHARED_BYTES_H_
