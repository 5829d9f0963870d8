#include "kvm_ioctls/status_macros.h"

#include <memory>
#include <string>

#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;

absl::StatusOr<std::unique_ptr<int>> Make(bool ok) {
  if (!ok) {
    return absl::NotFoundError("no int");
  }
  return std::make_unique<int>(7);
}

absl::StatusOr<int> AssignTwice(bool first, bool second) {
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<int> a, Make(first));
  HVKIT_ASSIGN_OR_RETURN(const auto b, Make(second));
  return *a + *b;
}

absl::Status Check(absl::Status status, bool& passed) {
  HVKIT_RETURN_IF_ERROR(status);
  passed = true;
  return absl::OkStatus();
}

TEST(StatusMacrosTest, AssignsMoveOnlyValues) {
  ASSERT_OK_AND_ASSIGN(const int sum, AssignTwice(true, true));
  EXPECT_EQ(sum, 14);
}

TEST(StatusMacrosTest, ReturnsTheFirstError) {
  EXPECT_THAT(AssignTwice(true, false), StatusIs(absl::StatusCode::kNotFound, "no int"));
}

TEST(StatusMacrosTest, ErrorSkipsTheRest) {
  bool passed = false;
  EXPECT_THAT(Check(absl::InternalError("x"), passed), StatusIs(absl::StatusCode::kInternal, "x"));
  EXPECT_FALSE(passed);
}

TEST(StatusMacrosTest, OkGoesOn) {
  bool passed = false;
  EXPECT_OK(Check(absl::OkStatus(), passed));
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace hvkit::kvm
