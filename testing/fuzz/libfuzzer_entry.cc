// libFuzzer's way into a target. https://llvm.org/docs/LibFuzzer.html
#include <cstddef>
#include <cstdint>
#include <span>

#include "testing/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hvkit::testing::FuzzOne(std::as_bytes(std::span(data, size)));
  return 0;
}
