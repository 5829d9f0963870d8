#include "kvm_ioctls/dirty_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "kvm_ioctls/unique_fd.h"
#include "testing/status_matchers.h"

namespace hvkit::kvm {
namespace {

// A ring of one page over a memory file; the test plays the kernel through a second mapping.
class DirtyRingTest : public ::testing::Test {
 protected:
  static constexpr size_t kBytes = 4096;

  void SetUp() override {
    file_.Reset(::memfd_create("dirty_ring_test", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file_.get(), kBytes), 0);
    ASSERT_OK_AND_ASSIGN(kernel_, Mapping::Map(file_.get(), 0, kBytes, "ring"));
    ASSERT_OK_AND_ASSIGN(user_, Mapping::Map(file_.get(), 0, kBytes, "ring"));
  }
  kvm_dirty_gfn* kernel() { return static_cast<kvm_dirty_gfn*>(kernel_.address()); }
  Mapping TakeUser() { return std::move(user_); }

 private:
  UniqueFd file_;
  Mapping kernel_;
  Mapping user_;
};

TEST_F(DirtyRingTest, HasAnEntryPer16Bytes) { EXPECT_EQ(DirtyRing(TakeUser()).size(), 256u); }

TEST_F(DirtyRingTest, EmptyRingGivesNothing) {
  EXPECT_FALSE(DirtyRing(TakeUser()).Pop().has_value());
}

TEST_F(DirtyRingTest, DirtyEntryIsReturnedAndMarkedForReset) {
  kernel()[0] = {KVM_DIRTY_GFN_F_DIRTY, 3, 0x77};
  DirtyRing ring(TakeUser());
  const auto page = ring.Pop();
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->slot, 3u);
  EXPECT_EQ(page->offset, 0x77u);
  EXPECT_EQ(kernel()[0].flags, KVM_DIRTY_GFN_F_RESET);
  EXPECT_FALSE(ring.Pop().has_value());
}

TEST_F(DirtyRingTest, WrapsAround) {
  DirtyRing ring(TakeUser());
  for (size_t i = 0; i < ring.size(); ++i) {
    kernel()[i] = {KVM_DIRTY_GFN_F_DIRTY, 0, i};
    ASSERT_TRUE(ring.Pop().has_value());
  }
  kernel()[0] = {KVM_DIRTY_GFN_F_DIRTY, 0, 1000};
  ASSERT_EQ(ring.Pop()->offset, 1000u);
}

TEST_F(DirtyRingTest, EmptyMappingGivesNothing) {
  EXPECT_FALSE(DirtyRing(Mapping()).Pop().has_value());
}

}  // namespace
}  // namespace hvkit::kvm
