// A line of text that is put together without allocation.

#ifndef HVKIT_TESTING_GUESTS_LIB_TEXT_H_
#define HVKIT_TESTING_GUESTS_LIB_TEXT_H_

#include <cstddef>
#include <cstdint>

namespace hvkit::guest {

// What does not fit is dropped. Owned by one processor.
class Text {
 public:
  Text& Append(const char* text);
  Text& AppendDecimal(uint64_t value);
  Text& AppendHex(uint64_t value);  // with 0x

  [[nodiscard]] const char* c_str() const { return buffer_; }

 private:
  void AppendChar(char c);
  void AppendNumber(uint64_t value, unsigned base);

  static constexpr size_t kCapacity = 256;
  char buffer_[kCapacity] = {};
  size_t size_ = 0;
};

// Whether two NUL-terminated strings are the same.
[[nodiscard]] bool SameText(const char* a, const char* b);

// The rest of the first word of `text` that starts with `prefix`, up to the next space; null if
// there is none.
[[nodiscard]] const char* FindWord(const char* text, const char* prefix);

// The decimal number at the start of `text`.
[[nodiscard]] uint64_t ParseDecimal(const char* text);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_TEXT_H_
