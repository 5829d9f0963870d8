#include "kvm_ioctls/errno.h"

#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;

TEST(ErrnoTest, ZeroIsOkAndGivesOkStatus) {
  EXPECT_TRUE(Errno().ok());
  EXPECT_OK(ErrnoToStatus(Errno(0), "anything"));
}

TEST(ErrnoTest, LastIsTheThreadsErrno) {
  errno = EAGAIN;
  EXPECT_EQ(Errno::Last(), Errno(EAGAIN));
}

TEST(ErrnoTest, NameIsTheSymbol) { EXPECT_EQ(ErrnoName(Errno(EINVAL)), "EINVAL"); }

TEST(ErrnoTest, NameOfUnknownNumberIsTheNumber) {
  EXPECT_EQ(ErrnoName(Errno(99999)), "errno 99999");
}

TEST(ErrnoTest, StatusSaysWhatAndWhy) {
  EXPECT_THAT(ErrnoToStatus(Errno(EEXIST), "KVM_CREATE_VCPU(id=0x3)"),
              StatusIs(absl::StatusCode::kAlreadyExists, "KVM_CREATE_VCPU(id=0x3): EEXIST"));
}

struct CodeCase {
  int error;
  absl::StatusCode code;
};

class ErrnoCodeTest : public ::testing::TestWithParam<CodeCase> {};

TEST_P(ErrnoCodeTest, HasItsCode) {
  EXPECT_EQ(ErrnoToStatusCode(Errno(GetParam().error)), GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(All, ErrnoCodeTest,
                         ::testing::Values(CodeCase{EINVAL, absl::StatusCode::kInvalidArgument},
                                           CodeCase{ENXIO, absl::StatusCode::kNotFound},
                                           CodeCase{ENOENT, absl::StatusCode::kNotFound},
                                           CodeCase{EEXIST, absl::StatusCode::kAlreadyExists},
                                           CodeCase{EBADF, absl::StatusCode::kFailedPrecondition},
                                           CodeCase{EACCES, absl::StatusCode::kPermissionDenied},
                                           CodeCase{EPERM, absl::StatusCode::kPermissionDenied},
                                           CodeCase{ENOMEM, absl::StatusCode::kResourceExhausted},
                                           CodeCase{ENOTTY, absl::StatusCode::kUnimplemented}));

}  // namespace
}  // namespace hvkit::kvm
