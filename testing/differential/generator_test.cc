#include "testing/differential/generator.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Lt;
using ::testing::SizeIs;

bool SameStep(const Step& a, const Step& b) {
  return a.kind == b.kind && a.cpu == b.cpu && a.page == b.page && a.sint == b.sint &&
         a.index == b.index && a.value == b.value && std::ranges::equal(a.words, b.words);
}

TEST(GeneratorTest, SameSeedMakesSameProgram) {
  const Program first = Generate(7, 2);
  const Program second = Generate(7, 2);
  EXPECT_TRUE(std::ranges::equal(first, second, SameStep));
}

TEST(GeneratorTest, OtherSeedMakesOtherProgram) {
  EXPECT_FALSE(std::ranges::equal(Generate(7, 2), Generate(8, 2), SameStep));
}

TEST(GeneratorTest, ProgramsKeepTheirLimits) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    for (uint32_t cpus = 1; cpus <= kMaxCpus; ++cpus) {
      const Program program = Generate(seed, cpus);
      EXPECT_THAT(program, SizeIs(AllOf(Ge(kMinGenerated), Le(kMaxGenerated))));
      EXPECT_THAT(program, Each(Field(&Step::cpu, Lt(cpus))));
      EXPECT_THAT(program, Each(Field(&Step::page, Lt(kPagesPerCpu))));
    }
  }
}

TEST(GeneratorTest, ShortProgramsAreAsManyAsTheHeaderSays) {
  std::vector<size_t> sizes(2000);
  for (size_t seed = 0; seed < sizes.size(); ++seed) sizes[seed] = Generate(seed, 1).size();
  std::ranges::sort(sizes);
  EXPECT_NEAR(static_cast<double>(sizes[1000]), 35, 4);
  EXPECT_NEAR(static_cast<double>(sizes[1800]), 90, 9);
  EXPECT_EQ(sizes.back(), kMaxGenerated);
}

// Then the others do not run, and may be interrupted.
TEST(GeneratorTest, OnlyAProcessorThatActsAloneConnectsOthers) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Program program = Generate(seed, kMaxCpus);
    uint8_t first = 0;  // of the phase
    bool has_begun = false;
    bool is_alone = true;
    bool connects = false;
    for (const Step& step : program) {
      if (step.kind == StepKind::kBarrier) {
        EXPECT_TRUE(is_alone || !connects) << seed;
        has_begun = connects = false;
        is_alone = true;
        continue;
      }
      if (!has_begun) first = step.cpu;
      has_begun = true;
      is_alone = is_alone && step.cpu == first;
      connects = connects || (step.kind == StepKind::kTestdev && step.page != step.cpu);
    }
  }
}

TEST(GeneratorTest, NoIpiLooksLikeAnException) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    for (const Step& step : Generate(seed, 1)) {
      if (step.kind != StepKind::kHypercall) continue;
      const uint64_t code = step.value & 0xffff;
      const uint64_t vector = step.words[0] & 0xffff'ffff;
      EXPECT_FALSE((code == 0xb || code == 0x15) && vector >= 16 && vector < 32) << seed;
    }
  }
}

// Each other one then counts interrupts of its own.
TEST(GeneratorTest, OnlyAProcessorThatActsAloneInterruptsOthers) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    std::vector<Step> phase;
    for (const Step& step : Generate(seed, kMaxCpus)) {
      if (step.kind != StepKind::kBarrier) {
        phase.push_back(step);
        continue;
      }
      const auto is_of_first = [&](const Step& other) { return other.cpu == phase.front().cpu; };
      const bool is_alone = std::ranges::all_of(phase, is_of_first);
      for (const Step& ipi : phase) {
        const bool is_counted = ipi.words[0] >= kFirstCountedVector &&
                                ipi.words[0] < kFirstCountedVector + kCountedVectors;
        if (is_alone || ipi.kind != StepKind::kHypercall || !is_counted) continue;
        if ((ipi.value & 0xffff) != 0xb) continue;
        EXPECT_EQ(ipi.words[1], 1U << ipi.cpu) << seed;
      }
      phase.clear();
    }
  }
}

TEST(GeneratorTest, OneProcessorNeedsNoBarrierAfterTheStart) {
  const Program program = Generate(3, 1);
  EXPECT_LE(std::ranges::count(program, StepKind::kBarrier, &Step::kind), 1);
}

}  // namespace
}  // namespace hvkit::testing
