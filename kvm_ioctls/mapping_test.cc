#include "kvm_ioctls/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include "kvm_ioctls/unique_fd.h"
#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;

constexpr size_t kSize = 4096;

UniqueFd MakeFile() {
  UniqueFd fd(::memfd_create("mapping_test", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(fd.get(), kSize), 0);
  return fd;
}

TEST(MappingTest, SharesTheFilesBytes) {
  const UniqueFd file = MakeFile();
  ASSERT_OK_AND_ASSIGN(const Mapping mapping, Mapping::Map(file.get(), 0, kSize, "file"));
  static_cast<char*>(mapping.address())[7] = 'x';
  char byte = 0;
  EXPECT_EQ(::pread(file.get(), &byte, 1, 7), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(MappingTest, AddressSurvivesMove) {
  const UniqueFd file = MakeFile();
  ASSERT_OK_AND_ASSIGN(Mapping first, Mapping::Map(file.get(), 0, kSize, "file"));
  void* const address = first.address();
  const Mapping second(std::move(first));
  EXPECT_EQ(second.address(), address);
  EXPECT_EQ(second.size(), kSize);
}

TEST(MappingTest, UnmapsOnDestruction) {
  const UniqueFd file = MakeFile();
  void* address = nullptr;
  {
    ASSERT_OK_AND_ASSIGN(const Mapping mapping, Mapping::Map(file.get(), 0, kSize, "file"));
    address = mapping.address();
  }
  EXPECT_EQ(::msync(address, kSize, MS_ASYNC), -1);
}

TEST(MappingTest, FailureNamesWhatAndSize) {
  EXPECT_THAT(
      Mapping::Map(-1, 0, kSize, "kvm_run"),
      StatusIs(absl::StatusCode::kFailedPrecondition, "mmap of kvm_run (4096 bytes): EBADF"));
}

}  // namespace
}  // namespace hvkit::kvm
