#include "kvm_ioctls/stats.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "kvm_ioctls/unique_fd.h"
#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

// The layout of a statistics file with one descriptor of two values.
struct File {
  kvm_stats_header header{.flags = 0,
                          .name_size = 16,
                          .num_desc = 1,
                          .id_offset = 0,
                          .desc_offset = sizeof(kvm_stats_header),
                          .data_offset = sizeof(kvm_stats_header) + 32};
  struct {
    __u32 flags = 0;
    __s16 exponent = 0;
    __u16 size = 2;
    __u32 offset = 8;
    __u32 bucket_size = 0;
    char name[16] = "halt_wait";
  } descriptor;
  __u64 data[3] = {1, 20, 300};
};

UniqueFd Write(const File& file, size_t size = sizeof(File)) {
  UniqueFd fd(::memfd_create("stats_test", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), &file, size), static_cast<ssize_t>(size));
  return fd;
}

TEST(StatsTest, ReadsNameAndValues) {
  const UniqueFd fd = Write(File());
  ASSERT_OK_AND_ASSIGN(const std::vector<Stat> stats, ReadStats(fd.get()));
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_EQ(stats[0].name, "halt_wait");
  EXPECT_THAT(stats[0].values, ::testing::ElementsAre(20, 300));
}

TEST(StatsTest, ShortFileIsAnError) {
  const UniqueFd fd = Write(File(), sizeof(File) - 8);
  EXPECT_THAT(ReadStats(fd.get()),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("8 of 16 bytes")));
}

TEST(StatsTest, AbsurdHeaderIsAnError) {
  File file;
  file.header.num_desc = 0xffffffff;
  const UniqueFd fd = Write(file);
  EXPECT_THAT(ReadStats(fd.get()),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("4294967295 descriptors")));
}

TEST(StatsTest, InvalidFdIsAnError) {
  EXPECT_THAT(ReadStats(-1), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("EBADF")));
}

}  // namespace
}  // namespace hvkit::kvm
