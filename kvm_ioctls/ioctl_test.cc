#include "kvm_ioctls/ioctl.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;

// A descriptor with ioctls that need no KVM: a pipe, which has FIONREAD.
class Pipe : public IoctlFd {
 public:
  explicit Pipe(int fd) : IoctlFd(UniqueFd(fd)) {}
  absl::StatusOr<int> Readable() const { return Get<int>(HVKIT_IOCTL_ID(FIONREAD)); }
  absl::Status Unknown() const {
    return Do(HVKIT_IOCTL_ID(TIOCGWINSZ), 0, {{"id", 0x1fu}, {"fd", -1}});
  }
  absl::StatusOr<UniqueFd> UnknownFd() const { return NewFd(HVKIT_IOCTL_ID(TIOCGWINSZ), 0); }
};

int MakePipe(absl::string_view content) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], content.data(), content.size()), static_cast<ssize_t>(content.size()));
  ::close(ends[1]);
  return ends[0];
}

TEST(IoctlTest, GetReturnsWhatTheKernelStored) {
  const Pipe pipe(MakePipe("abc"));
  ASSERT_OK_AND_ASSIGN(const int readable, pipe.Readable());
  EXPECT_EQ(readable, 3);
}

TEST(IoctlTest, FailureNamesIoctlOperandsAndErrno) {
  const Pipe pipe(MakePipe(""));
  EXPECT_THAT(pipe.Unknown(),
              StatusIs(absl::StatusCode::kUnimplemented, "TIOCGWINSZ(id=0x1f, fd=-1): ENOTTY"));
}

TEST(IoctlTest, FailureToMakeAnFdNamesTheIoctl) {
  const Pipe pipe(MakePipe(""));
  EXPECT_THAT(pipe.UnknownFd(), StatusIs(absl::StatusCode::kUnimplemented, "TIOCGWINSZ: ENOTTY"));
}

TEST(IoctlTest, InvalidFdIsFailedPrecondition) {
  EXPECT_THAT(Pipe(-1).Readable(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "FIONREAD: EBADF"));
}

TEST(IoctlTest, RawIoctlGivesErrnoWithoutStatus) {
  const IoctlResult result = RawIoctl(-1, FIONREAD, 0);
  EXPECT_EQ(result.error, Errno(EBADF));
}

}  // namespace
}  // namespace hvkit::kvm
