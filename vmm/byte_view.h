// Bounded access to structures inside untrusted bytes, and structures back to bytes. Little-endian
// hosts only, as everything that runs KVM on x86.
#ifndef HVKIT_VMM_BYTE_VIEW_H_
#define HVKIT_VMM_BYTE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace hvkit::vmm {

using Bytes = std::span<const std::byte>;

// `size` bytes from `offset`, or nothing when any of them is missing.
[[nodiscard]] inline std::optional<Bytes> Slice(Bytes bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

// A copy of the T at `offset`, or nothing when it is not all there.
template <typename T>
[[nodiscard]] std::optional<T> ReadAt(Bytes bytes, uint64_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::optional<Bytes> source = Slice(bytes, offset, sizeof(T));
  if (!source.has_value()) return std::nullopt;
  T value;
  std::memcpy(&value, source->data(), sizeof(T));
  return value;
}

// Appends the bytes of `value`.
template <typename T>
void Append(std::vector<std::byte>& bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  const Bytes source = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), source.begin(), source.end());
}

template <typename T>
[[nodiscard]] std::vector<std::byte> ToBytes(const T& value) {
  std::vector<std::byte> bytes;
  Append(bytes, value);
  return bytes;
}

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_BYTE_VIEW_H_
