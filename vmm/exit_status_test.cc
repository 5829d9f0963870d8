#include "vmm/exit_status.h"

#include <gtest/gtest.h>

namespace hvkit::vmm {
namespace {

TEST(ExitStatusTest, BadInputIsTwo) {
  EXPECT_EQ(ToInt(ExitStatusFor(absl::InvalidArgumentError(""))), 2);
  EXPECT_EQ(ToInt(ExitStatusFor(absl::NotFoundError(""))), 2);
}

TEST(ExitStatusTest, UnableMachineIsThree) {
  EXPECT_EQ(ToInt(ExitStatusFor(absl::FailedPreconditionError(""))), 3);
  EXPECT_EQ(ToInt(ExitStatusFor(absl::UnavailableError(""))), 3);
}

TEST(ExitStatusTest, AnythingElseIsFive) {
  EXPECT_EQ(ToInt(ExitStatusFor(absl::InternalError(""))), 5);
  EXPECT_EQ(ToInt(ExitStatusFor(absl::UnknownError(""))), 5);
}

TEST(ExitStatusTest, OkIsZero) { EXPECT_EQ(ToInt(ExitStatusFor(absl::OkStatus())), 0); }

}  // namespace
}  // namespace hvkit::vmm
