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
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace hvkit::hyperv {

template <typename T>
concept SharedWord = std::same_as<T, uint8_t> || std::same_as<T, uint16_t> ||
                     std::same_as<T, uint32_t> || std::same_as<T, uint64_t>;

namespace internal {

// The same bytes are accessed at different widths, hence may_alias.
template <SharedWord T>
struct Aliasing;
template <>
struct Aliasing<uint8_t> {
  typedef uint8_t __attribute__((may_alias)) Type;
};
template <>
struct Aliasing<uint16_t> {
  typedef uint16_t __attribute__((may_alias)) Type;
};
template <>
struct Aliasing<uint32_t> {
  typedef uint32_t __attribute__((may_alias)) Type;
};
template <>
struct Aliasing<uint64_t> {
  typedef uint64_t __attribute__((may_alias)) Type;
};

}  // namespace internal

// `address` must be aligned to the word's size in the four functions that follow.
template <SharedWord T>
[[nodiscard]] inline T LoadShared(const void* address, std::memory_order order) {
  using Word = typename internal::Aliasing<T>::Type;
  return __atomic_load_n(static_cast<const Word*>(address), static_cast<int>(order));
}

template <SharedWord T>
inline void StoreShared(void* address, T value, std::memory_order order) {
  using Word = typename internal::Aliasing<T>::Type;
  __atomic_store_n(static_cast<Word*>(address), value, static_cast<int>(order));
}

template <SharedWord T>
inline T FetchOrShared(void* address, T bits) {
  using Word = typename internal::Aliasing<T>::Type;
  return __atomic_fetch_or(static_cast<Word*>(address), bits, __ATOMIC_SEQ_CST);
}

// Writes the value found to `expected` when it differs.
template <SharedWord T>
[[nodiscard]] inline bool CompareExchangeShared(void* address, T& expected, T desired) {
  using Word = typename internal::Aliasing<T>::Type;
  Word found = expected;
  const bool exchanged = __atomic_compare_exchange_n(static_cast<Word*>(address), &found, desired,
                                                     false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  expected = found;
  return exchanged;
}

namespace internal {

template <SharedWord T>
inline void LoadWord(void* to, const void* from) {
  const T word = LoadShared<T>(from, std::memory_order_relaxed);
  std::memcpy(to, &word, sizeof(word));
}

template <SharedWord T>
inline void StoreWord(void* to, const void* from) {
  T word;
  std::memcpy(&word, from, sizeof(word));
  StoreShared<T>(to, word, std::memory_order_relaxed);
}

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

// The address as a number, for its low bits only.
inline uintptr_t AddressBits(const void* address) {
  uintptr_t bits;
  static_assert(sizeof(bits) == sizeof(address));
  std::memcpy(&bits, &address, sizeof(bits));
  return bits;
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
  size_t done = 0;
  for (; size - done >= 32; done += 32) {  // Twice as fast as one by one
    internal::LoadWord<uint64_t>(to + done, shared + done);
    internal::LoadWord<uint64_t>(to + done + 8, shared + done + 8);
    internal::LoadWord<uint64_t>(to + done + 16, shared + done + 16);
    internal::LoadWord<uint64_t>(to + done + 24, shared + done + 24);
  }
  for (; done < size; done += sizeof(uint64_t)) {
    internal::LoadWord<uint64_t>(to + done, shared + done);
  }
}

// Copies into shared bytes; each naturally aligned word inside the range is written whole.
inline void CopyToShared(std::byte* shared, const std::byte* from, size_t size) {
  if (!internal::IsWholeWords(shared, size)) return internal::CopyToSharedOdd(shared, from, size);
  for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
    internal::StoreWord<uint64_t>(shared + done, from + done);
  }
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_SHARED_BYTES_H_
