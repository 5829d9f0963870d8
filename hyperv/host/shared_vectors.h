// How shared_bytes.h copies many words by one instruction: not for anyone else.
//
// Source: Intel SDM, volume 3, "Guaranteed Atomic Operations", and AMD APM, volume 2, "Access
// Atomicity". They promise that aligned words, and with AVX aligned vectors of 16 bytes, are not
// torn; of vectors of 32 bytes they only say that there may be several accesses. That each of those
// is of whole aligned words is how processors do it, not a promise; shared_bytes_test looks for
// torn ones. Assembly, since C++ has no access of 16 or 32 bytes that is plain and may race.
#ifndef HVKIT_HYPERV_HOST_SHARED_VECTORS_H_
#define HVKIT_HYPERV_HOST_SHARED_VECTORS_H_

#include <immintrin.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hyperv/host/shared_word.h"

namespace hvkit::hyperv::internal {

// The address as a number, for its low bits only.
inline uintptr_t AddressBits(const void* address) {
  uintptr_t bits;
  static_assert(sizeof(bits) == sizeof(address));
  std::memcpy(&bits, &address, sizeof(bits));
  return bits;
}

// A word of shared bytes at a multiple of its size, from or to the host's own bytes.
template <SharedWord T>
inline void LoadWord(std::byte* to, const std::byte* shared) {
  const T word = LoadShared<T>(shared, std::memory_order_relaxed);
  std::memcpy(to, &word, sizeof(word));
}
template <SharedWord T>
inline void StoreWord(std::byte* shared, const std::byte* from) {
  T word;
  std::memcpy(&word, from, sizeof(word));
  StoreShared<T>(shared, word, std::memory_order_relaxed);
}

// Two words; `shared` is a multiple of 16.
inline constexpr size_t kPairSize = sizeof(__m128i);

inline void LoadPair(std::byte* to, const std::byte* shared) {
  __m128i pair;
  asm volatile("movdqa %1, %0"
               : "=x"(pair)
               : "m"(*static_cast<const __m128i*>(static_cast<const void*>(shared))));
  std::memcpy(to, &pair, sizeof(pair));
}
inline void StorePair(std::byte* shared, const std::byte* from) {
  __m128i pair;
  std::memcpy(&pair, from, sizeof(pair));
  asm volatile("movdqa %1, %0"
               : "=m"(*static_cast<__m128i*>(static_cast<void*>(shared)))
               : "x"(pair));
}

// Calls `pair(offset)` or `word(offset)` for all of a shared range of whole words: words where
// fewer than `kFewest` bytes are left, a multiple of kPairSize.
template <size_t kFewest, typename Pair, typename Word>
inline void ForEachPair(const void* shared, size_t size, Pair&& pair, Word&& word) {
  constexpr size_t kLine = 4 * kPairSize;
  size_t done = 0;
  if (size != 0 && AddressBits(shared) % kPairSize != 0) {
    word(done);
    done += sizeof(uint64_t);
  }
  for (const size_t end = done + (size - done) / kLine * kLine; done != end; done += kLine) {
    pair(done);
    pair(done + kPairSize);
    pair(done + 2 * kPairSize);
    pair(done + 3 * kPairSize);
  }
  for (; size - done >= kFewest; done += kPairSize) pair(done);
  for (; done != size; done += sizeof(uint64_t)) word(done);
}

// From how many bytes on a call of the copy by fours pays.
inline constexpr size_t kManyWords = 128;

// Whether this processor, and its system, have what CopyFoursFromShared needs.
inline bool HasFours() { return __builtin_cpu_supports("avx") != 0; }

// Copies whole words out of shared bytes, four by one instruction.
[[gnu::noinline, gnu::target("avx")]] inline void CopyFoursFromShared(std::byte* to,
                                                                      const std::byte* shared,
                                                                      size_t size) {
  constexpr size_t kFour = sizeof(__m256i);
  constexpr size_t kFours = 4 * kFour;
  const auto copy = [&](size_t offset) __attribute__((target("avx"), always_inline)) {
    __m256i four;
    asm volatile("vmovdqa %1, %0"
                 : "=x"(four)
                 : "m"(*static_cast<const __m256i*>(static_cast<const void*>(shared + offset))));
    std::memcpy(to + offset, &four, sizeof(four));
  };
  size_t done = 0;
  for (; size != done && AddressBits(shared + done) % kFour != 0; done += sizeof(uint64_t)) {
    LoadWord<uint64_t>(to + done, shared + done);
  }
  for (const size_t end = done + (size - done) / kFours * kFours; done != end; done += kFours) {
    copy(done);
    copy(done + kFour);
    copy(done + 2 * kFour);
    copy(done + 3 * kFour);
  }
  for (; size - done >= kFour; done += kFour) copy(done);
  for (; done != size; done += sizeof(uint64_t)) LoadWord<uint64_t>(to + done, shared + done);
}

}  // namespace hvkit::hyperv::internal

#endif  // HVKIT_HYPERV_HOST_SHARED_VECTORS_H_
