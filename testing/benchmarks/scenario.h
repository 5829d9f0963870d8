// What benchmarks measure, written down once: a name, and a loop over one operation. The programs
// `*_benchmark` measure it with Google Benchmark, testing/benchmarks/plugin hands it to others.
//
// A scenario is added by the initialization of a variable of the file that has it, which
// hvkit_benchmark() of defs.bzl makes the linker keep. Adding is not thread-safe.
#ifndef HVKIT_TESTING_BENCHMARKS_SCENARIO_H_
#define HVKIT_TESTING_BENCHMARKS_SCENARIO_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace hvkit::benchmarks {

// Lets the compiler neither leave out what makes the value nor know what it is afterwards.
template <typename T>
inline void Keep(T& value) {
  asm volatile("" : "+m,r"(value) : : "memory");
}
template <typename T>
inline void Keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

// An operation with all that it needs, set up. Not thread-safe.
class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  virtual void Run(uint64_t iterations) = 0;
};

struct Scenario {
  std::string name;
  std::function<std::unique_ptr<Loop>()> make_loop;
};

// All that were added, in this program or shared object.
[[nodiscard]] std::span<const Scenario> Scenarios();

namespace internal {

void AddScenario(Scenario scenario);

template <typename Step>
class LoopOf final : public Loop {
 public:
  explicit LoopOf(Step step) : step_(std::move(step)) {}
  void Run(uint64_t iterations) override {
    for (uint64_t i = 0; i < iterations; ++i) step_();
  }

 private:
  Step step_;
};

}  // namespace internal

// `set_up` returns what is measured: a function object that has what it needs inside. Names are
// unique; those of the peers' measurements are kept, so that runs can be paired.
template <typename SetUp>
void AddScenario(std::string name, SetUp set_up) {
  internal::AddScenario({std::move(name), [set_up]() -> std::unique_ptr<Loop> {
                           using Step = decltype(set_up());
                           return std::make_unique<internal::LoopOf<Step>>(set_up());
                         }});
}

}  // namespace hvkit::benchmarks

#endif  // HVKIT_TESTING_BENCHMARKS_SCENARIO_H_
