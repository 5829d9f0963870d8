#include "testing/differential/generator.h"

#include <algorithm>
#include <cstdint>

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

TEST(GeneratorTest, OneProcessorNeedsNoBarrierAfterTheStart) {
  const Program program = Generate(3, 1);
  EXPECT_LE(std::ranges::count(program, StepKind::kBarrier, &Step::kind), 1);
}

}  // namespace
}  // namespace hvkit::testing
