#include "testing/rig/job.h"

#include "gtest/gtest.h"

namespace hvkit::testing::rig {
namespace {

Job SomeJob() {
  return {.program = "/bin/program",
          .argv = {"program", "", "two words\n"},
          .env = {"A=1"},
          .cwd = "/some/where",
          .out_files = {}};
}

TEST(JobTest, DecodesToWhatWasEncoded) { EXPECT_EQ(DecodeJob(EncodeJob(SomeJob())), SomeJob()); }

TEST(JobTest, TruncatedTextIsRefused) {
  const std::string text = EncodeJob(SomeJob());
  EXPECT_FALSE(DecodeJob(text.substr(0, text.size() - 1)));
  EXPECT_FALSE(DecodeJob(text.substr(0, 5)));
  EXPECT_FALSE(DecodeJob(""));
}

TEST(JobTest, TextAfterTheEndIsRefused) { EXPECT_FALSE(DecodeJob(EncodeJob(SomeJob()) + "x")); }

TEST(JobTest, CountThatIsNoNumberIsRefused) {
  std::string text = EncodeJob(SomeJob());
  text.replace(text.find(std::string("3\0", 2)), 1, "x");
  EXPECT_FALSE(DecodeJob(text));
}

}  // namespace
}  // namespace hvkit::testing::rig
