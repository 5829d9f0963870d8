#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

// What follows `prefix` at the start of `text`; null if it does not start so.
const char* SkipPrefix(const char* text, const char* prefix) {
  for (; *prefix != '\0'; ++text, ++prefix) {
    if (*text != *prefix) return nullptr;
  }
  return text;
}

}  // namespace

Text& Text::Append(const char* text) {
  for (; *text != '\0'; ++text) AppendChar(*text);
  return *this;
}

Text& Text::AppendDecimal(uint64_t value) {
  AppendNumber(value, 10);
  return *this;
}

Text& Text::AppendHex(uint64_t value) {
  Append("0x");
  AppendNumber(value, 16);
  return *this;
}

void Text::AppendChar(char c) {
  if (size_ + 1 < kCapacity) buffer_[size_++] = c;
}

void Text::AppendNumber(uint64_t value, unsigned base) {
  char digits[20];
  size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  while (count > 0) AppendChar(digits[--count]);
}

bool SameText(const char* a, const char* b) {
  const char* rest = SkipPrefix(a, b);
  return rest != nullptr && *rest == '\0';
}

const char* FindWord(const char* text, const char* prefix) {
  for (bool at_word = true; *text != '\0'; at_word = *text == ' ', ++text) {
    const char* rest = at_word ? SkipPrefix(text, prefix) : nullptr;
    if (rest != nullptr) return rest;
  }
  return nullptr;
}

uint64_t ParseDecimal(const char* text) {
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    value = value * 10 + static_cast<uint64_t>(*text - '0');
  return value;
}

}  // namespace hvkit::guest
