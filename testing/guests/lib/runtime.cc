// The first C++ code of a guest, and the functions that the compiler may call without being asked.

#include <cstddef>
#include <cstdint>

#include "testing/guests/lib/boot_info.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/report.h"

extern "C" {

// Called by start.S on the first processor.
[[noreturn]] void GuestStart(uint32_t magic, uint64_t info) {
  hvkit::guest::BuildInterruptTable();
  hvkit::guest::LoadInterruptTable();
  hvkit::guest::GuestMain(hvkit::guest::MakeBootInfo(magic, info));
  hvkit::guest::FinishReport();
}

void* memcpy(void* to, const void* from, size_t size) {
  void* result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return result;
}

void* memset(void* to, int value, size_t size) {
  void* result = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return result;
}

int memcmp(const void* a, const void* b, size_t size) {
  const auto* left = static_cast<const volatile uint8_t*>(a);
  const auto* right = static_cast<const volatile uint8_t*>(b);
  for (size_t i = 0; i < size; ++i) {
    if (left[i] != right[i]) return left[i] - right[i];
  }
  return 0;
}

size_t strlen(const char* text) {
  const volatile char* end = text;
  while (*end != '\0') ++end;
  return static_cast<size_t>(end - text);
}

}  // extern "C"
