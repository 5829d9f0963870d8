#include "testing/fakes/fake_guest_memory.h"

#include <array>
#include <cstddef>
#include <optional>

#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "testing/contracts/guest_memory_contract.h"

namespace hvkit::testing {

// Two runs of RAM with a hole between them, the second ending in read-only pages.
class FakeGuestMemoryHarness {
 public:
  FakeGuestMemoryHarness() {
    memory_.MapRam(hyperv::Gpa(0x10000).Page(), 4);
    memory_.MapRam(hyperv::Gpa(0x20000).Page(), 1, hyperv::Access::kRead);
  }

  hyperv::GuestMemory& memory() { return memory_; }
  hyperv::Gpa ram() const { return hyperv::Gpa(0x10000); }
  hyperv::Gpa ram_end() const { return hyperv::Gpa(0x14000); }
  std::optional<hyperv::Gpn> read_only_page() const { return hyperv::Gpa(0x20000).Page(); }

 private:
  FakeGuestMemory memory_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, GuestMemoryContract, FakeGuestMemoryHarness);

namespace {

TEST(FakeGuestMemoryTest, CountsLivePins) {
  FakeGuestMemory memory;
  memory.MapRam(hyperv::Gpa(0).Page(), 1);
  std::optional<hyperv::PinnedPage> page =
      memory.Pin(hyperv::Gpa(0).Page(), hyperv::Access::kReadWrite);
  EXPECT_EQ(memory.pinned(), 1);
  page.reset();
  EXPECT_EQ(memory.pinned(), 0);
  EXPECT_EQ(memory.pins(), 1);
}

TEST(FakeGuestMemoryTest, RemappingKeepsBytes) {
  FakeGuestMemory memory;
  memory.MapRam(hyperv::Gpa(0).Page(), 1);
  const std::array<std::byte, 1> in{std::byte{9}};
  ASSERT_EQ(memory.Write(hyperv::Gpa(0), in), hyperv::MemFault::kNone);
  memory.MapRam(hyperv::Gpa(0).Page(), 1, hyperv::Access::kRead);
  std::array<std::byte, 1> out{};
  EXPECT_EQ(memory.Read(hyperv::Gpa(0), out), hyperv::MemFault::kNone);
  EXPECT_EQ(out, in);
}

TEST(FakeGuestMemoryTest, UnmappedPageFaults) {
  FakeGuestMemory memory;
  memory.MapRam(hyperv::Gpa(0).Page(), 1);
  memory.Unmap(hyperv::Gpa(0).Page());
  std::array<std::byte, 1> out{};
  EXPECT_EQ(memory.Read(hyperv::Gpa(0), out), hyperv::MemFault::kUnmapped);
}

}  // namespace
}  // namespace hvkit::testing
