// Words that a guest may be accessing at the same moment, as atomic instructions reach them. Copies
// made of them are in shared_bytes.h, which also says what is promised.
#ifndef HVKIT_HYPERV_HOST_SHARED_WORD_H_
#define HVKIT_HYPERV_HOST_SHARED_WORD_H_

#include <atomic>
#include <concepts>
#include <cstdint>

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

// The one write of the word; `address` is a multiple of sizeof(T).
template <SharedWord T>
inline void StoreShared(void* address, T value, std::memory_order order) {
  using Word = typename internal::Aliasing<T>::Type;
  __atomic_store_n(static_cast<Word*>(address), value, static_cast<int>(order));
}

// The word from before; sequentially consistent.
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

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_SHARED_WORD_H_
