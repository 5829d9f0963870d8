#include "vcpu/x86_boot.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::FakeGuestMemory;
using ::hvkit::testing::StatusIs;
using hyperv::Gpa;
using ::testing::HasSubstr;

constexpr Gpa kTables{0x70000};
constexpr size_t kPages = kLongModeTablesSize / hyperv::kPageSize;

class LongModeTablesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    memory_.MapRam(kTables.Page(), kPages);
    ASSERT_OK(WriteLongModeTables(memory_, kTables));
  }
  uint64_t Word(uint64_t address) {
    uint64_t word = 0;
    EXPECT_EQ(memory_.Read(Gpa(address), std::as_writable_bytes(std::span(&word, 1))),
              hyperv::MemFault::kNone);
    return word;
  }
  // What the tables map `linear` to, as a processor walks them; ~0 if they do not.
  uint64_t Translate(uint64_t linear) {
    constexpr uint64_t kAddressMask = 0x000FFFFFFFFFF000;
    uint64_t table = kTables.value();
    for (const unsigned shift : {39u, 30u}) {
      const uint64_t entry = Word(table + (linear >> shift & 511) * 8);
      if ((entry & 1) == 0) return ~uint64_t{0};
      table = entry & kAddressMask;
    }
    const uint64_t large = Word(table + (linear >> 21 & 511) * 8);
    if ((large & 0x81) != 0x81) return ~uint64_t{0};
    return (large & kAddressMask) + (linear & 0x1FFFFF);
  }

  FakeGuestMemory memory_;
};

TEST_F(LongModeTablesTest, FirstAddressMapsToItself) { EXPECT_EQ(Translate(0), 0u); }

TEST_F(LongModeTablesTest, AddressInEachGibibyteMapsToItself) {
  EXPECT_EQ(Translate(0x3FFFFFFF), 0x3FFFFFFFu);
  EXPECT_EQ(Translate(0x40200123), 0x40200123u);
  EXPECT_EQ(Translate(0x80000000), 0x80000000u);
  EXPECT_EQ(Translate(0xFEE00300), 0xFEE00300u);
}

TEST_F(LongModeTablesTest, LastMappedByteIsBelowFourGibibytes) {
  EXPECT_EQ(Translate(0xFFFFFFFF), 0xFFFFFFFFu);
  EXPECT_EQ(Translate(0x100000000), ~uint64_t{0});
}

TEST(WriteLongModeTablesTest, MissingRamIsReportedWithItsAddress) {
  FakeGuestMemory memory;
  memory.MapRam(kTables.Page(), kPages - 1);
  EXPECT_THAT(WriteLongModeTables(memory, kTables),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("0x70000 + 0x6000")));
}

TEST(WriteLongModeTablesTest, UnalignedPlaceIsRefused) {
  FakeGuestMemory memory;
  EXPECT_THAT(WriteLongModeTables(memory, Gpa(0x70800)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0x70800")));
}

TEST(WriteLongModeTablesTest, TopOfAddressSpaceIsRefused) {
  FakeGuestMemory memory;
  memory.MapRam(Gpa(~uint64_t{0xFFF}).Page(), 1);
  EXPECT_THAT(WriteLongModeTables(memory, Gpa(~uint64_t{0xFFF})),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("no RAM")));
}

}  // namespace
}  // namespace hvkit::vcpu
