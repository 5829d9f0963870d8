// Takes a fuzzer's bytes apart into numbers. What is missing at the end reads as zeros, so every
// input means something.
#ifndef HVKIT_TESTING_FUZZ_FUZZ_INPUT_H_
#define HVKIT_TESTING_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace hvkit::testing {

// Borrows the bytes. Not thread-safe.
class FuzzInput {
 public:
  explicit FuzzInput(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  // The next sizeof(T) bytes.
  template <typename T>
  T Take() {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>);
    T value{};
    const std::span<const std::byte> source = TakeBytes(sizeof(T));
    if (!source.empty()) std::memcpy(&value, source.data(), source.size());
    return value;
  }

  // One byte, reduced to 0 .. count - 1; `count` is 1 to 256.
  size_t Below(size_t count) { return Take<uint8_t>() % count; }

  // Up to `size` bytes, as they are in the input.
  std::span<const std::byte> TakeBytes(size_t size) {
    const std::span<const std::byte> taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

  std::span<const std::byte> TakeRest() { return std::exchange(bytes_, {}); }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FUZZ_FUZZ_INPUT_H_
