#include "kvm_ioctls/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace hvkit::kvm {
namespace {

int OpenNull() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFdTest, ClosesOnDestruction) {
  int fd = -1;
  {
    fd = UniqueFd(OpenNull()).get();
  }
  EXPECT_FALSE(IsOpen(fd));
}

TEST(UniqueFdTest, MoveTransfersOwnership) {
  UniqueFd from(OpenNull());
  const UniqueFd to(std::move(from));
  EXPECT_FALSE(from.valid());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(IsOpen(to.get()));
}

TEST(UniqueFdTest, MoveAssignmentClosesWhatWasOwned) {
  UniqueFd target(OpenNull());
  const int old = target.get();
  UniqueFd source(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  target = std::move(source);
  EXPECT_FALSE(IsOpen(old));
  EXPECT_TRUE(IsOpen(target.get()));
}

TEST(UniqueFdTest, ReleaseGivesUpOwnership) {
  UniqueFd owner(OpenNull());
  const UniqueFd other(owner.Release());
  EXPECT_FALSE(owner.valid());
  EXPECT_TRUE(IsOpen(other.get()));
}

TEST(UniqueFdTest, SelfMoveKeepsTheDescriptor) {
  UniqueFd fd(OpenNull());
  UniqueFd& alias = fd;
  fd = std::move(alias);
  EXPECT_TRUE(IsOpen(fd.get()));
}

}  // namespace
}  // namespace hvkit::kvm
