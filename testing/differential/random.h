// Random numbers that are the same everywhere for the same seed. Owned by one thread.
#ifndef HVKIT_TESTING_DIFFERENTIAL_RANDOM_H_
#define HVKIT_TESTING_DIFFERENTIAL_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <random>

namespace hvkit::testing {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Any() { return engine_(); }
  uint64_t Below(uint64_t limit) { return engine_() % limit; }
  bool OneIn(uint64_t count) { return Below(count) == 0; }
  template <typename T, size_t kSize>
  T Pick(const T (&values)[kSize]) {
    return values[Below(kSize)];
  }

  // A value without a meaning of its own.
  uint64_t Wild() {
    switch (Below(5)) {
      case 0:
        return 0;
      case 1:
        return ~uint64_t{0};
      case 2:
        return uint64_t{1} << Below(64);
      case 3:
        return Below(0x10000);
      default:
        return Any();
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_RANDOM_H_
