// The contract of hyperv::GuestMemory as a typed test suite, for any implementation of it.
//
// An embedder writes a default-constructible harness with
//     hyperv::GuestMemory& memory();
//     hyperv::Gpa ram();                              // page-aligned; at least four pages of
//     writable RAM hyperv::Gpa ram_end();                          // where that run of RAM ends;
//     no RAM follows std::optional<hyperv::Gpn> read_only_page();    // if the implementation has
//     such a thing
// and instantiates the suite:
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, GuestMemoryContract, MyHarness);
// Every test starts with a new harness.
#ifndef HVKIT_TESTING_CONTRACTS_GUEST_MEMORY_CONTRACT_H_
#define HVKIT_TESTING_CONTRACTS_GUEST_MEMORY_CONTRACT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"

namespace hvkit::testing {

template <typename Harness>
class GuestMemoryContract : public ::testing::Test {
 protected:
  using Bytes = std::vector<std::byte>;

  static Bytes Filled(size_t size, int value) { return Bytes(size, static_cast<std::byte>(value)); }
  static Bytes Counting(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
    return bytes;
  }
  hyperv::Gpa At(uint64_t offset) { return hyperv::Gpa(harness_.ram().value() + offset); }
  hyperv::Gpa BeforeEnd(uint64_t bytes) { return hyperv::Gpa(harness_.ram_end().value() - bytes); }
  hyperv::GuestMemory& memory() { return harness_.memory(); }
  Bytes ReadBack(hyperv::Gpa from, size_t size) {
    Bytes bytes(size);
    EXPECT_EQ(memory().Read(from, bytes), hyperv::MemFault::kNone);
    return bytes;
  }

  Harness harness_;
};

TYPED_TEST_SUITE_P(GuestMemoryContract);

TYPED_TEST_P(GuestMemoryContract, WrittenBytesAreReadBack) {
  const auto in = this->Counting(100);
  ASSERT_EQ(this->memory().Write(this->At(3), in), hyperv::MemFault::kNone);
  EXPECT_EQ(this->ReadBack(this->At(3), in.size()), in);
}

TYPED_TEST_P(GuestMemoryContract, WriteTouchesNothingAround) {
  ASSERT_EQ(this->memory().Write(this->At(0), this->Filled(32, 0x55)), hyperv::MemFault::kNone);
  ASSERT_EQ(this->memory().Write(this->At(9), this->Filled(7, 0xAA)), hyperv::MemFault::kNone);
  auto expected = this->Filled(32, 0x55);
  std::fill_n(expected.begin() + 9, 7, std::byte{0xAA});
  EXPECT_EQ(this->ReadBack(this->At(0), 32), expected);
}

TYPED_TEST_P(GuestMemoryContract, RangeOverPagesIsOneAccess) {
  const auto in = this->Counting(2 * hyperv::kPageSize + 20);
  ASSERT_EQ(this->memory().Write(this->At(hyperv::kPageSize - 10), in), hyperv::MemFault::kNone);
  EXPECT_EQ(this->ReadBack(this->At(hyperv::kPageSize - 10), in.size()), in);
}

TYPED_TEST_P(GuestMemoryContract, LastByteOfRamIsReachable) {
  ASSERT_EQ(this->memory().Write(this->BeforeEnd(1), this->Filled(1, 0x5A)),
            hyperv::MemFault::kNone);
  EXPECT_EQ(this->ReadBack(this->BeforeEnd(1), 1), this->Filled(1, 0x5A));
}

TYPED_TEST_P(GuestMemoryContract, ReadBeyondRamFaultsAndKeepsDestination) {
  auto out = this->Filled(8, 0x77);
  EXPECT_EQ(this->memory().Read(this->BeforeEnd(4), out), hyperv::MemFault::kUnmapped);
  EXPECT_EQ(out, this->Filled(8, 0x77));
}

TYPED_TEST_P(GuestMemoryContract, WriteBeyondRamFaultsAndWritesNothing) {
  const auto before = this->ReadBack(this->BeforeEnd(4), 4);
  EXPECT_EQ(this->memory().Write(this->BeforeEnd(4), this->Filled(8, 0x77)),
            hyperv::MemFault::kUnmapped);
  EXPECT_EQ(this->ReadBack(this->BeforeEnd(4), 4), before);
}

TYPED_TEST_P(GuestMemoryContract, FirstByteBeyondRamFaults) {
  auto out = this->Filled(1, 0);
  EXPECT_EQ(this->memory().Read(this->harness_.ram_end(), out), hyperv::MemFault::kUnmapped);
  EXPECT_EQ(this->memory().Write(this->harness_.ram_end(), out), hyperv::MemFault::kUnmapped);
}

TYPED_TEST_P(GuestMemoryContract, RangeThatWrapsFaults) {
  auto out = this->Filled(16, 0);
  const hyperv::Gpa near_top(~uint64_t{7});
  EXPECT_EQ(this->memory().Read(near_top, out), hyperv::MemFault::kUnmapped);
  EXPECT_EQ(this->memory().Write(near_top, out), hyperv::MemFault::kUnmapped);
}

TYPED_TEST_P(GuestMemoryContract, EmptyRangeSucceedsAnywhere) {
  const hyperv::Gpa top(~uint64_t{0});
  EXPECT_EQ(this->memory().Read(top, {}), hyperv::MemFault::kNone);
  EXPECT_EQ(this->memory().Write(top, {}), hyperv::MemFault::kNone);
}

TYPED_TEST_P(GuestMemoryContract, PinnedPageSharesBytesWithCopies) {
  auto page = this->memory().Pin(this->At(0).Page(), hyperv::Access::kReadWrite);
  ASSERT_TRUE(page.has_value());
  page->template Store<uint32_t>(4, 0x01010101);
  EXPECT_EQ(this->ReadBack(this->At(4), 4), this->Filled(4, 1));
  ASSERT_EQ(this->memory().Write(this->At(8), this->Filled(8, 2)), hyperv::MemFault::kNone);
  EXPECT_EQ(page->template Load<uint64_t>(8), 0x0202020202020202u);
}

TYPED_TEST_P(GuestMemoryContract, PinnedPageKnowsItsNumber) {
  const hyperv::Gpn number = this->At(hyperv::kPageSize).Page();
  const auto page = this->memory().Pin(number, hyperv::Access::kRead);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->page(), number);
  EXPECT_EQ(page->access(), hyperv::Access::kRead);
}

TYPED_TEST_P(GuestMemoryContract, PageWithoutRamDoesNotPin) {
  for (const uint64_t address : {this->harness_.ram_end().value(), ~uint64_t{0}}) {
    const hyperv::Gpn page = hyperv::Gpa(address).Page();
    EXPECT_FALSE(this->memory().Pin(page, hyperv::Access::kRead).has_value());
  }
}

TYPED_TEST_P(GuestMemoryContract, LastPageOfRamPins) {
  auto page =
      this->memory().Pin(this->BeforeEnd(hyperv::kPageSize).Page(), hyperv::Access::kReadWrite);
  ASSERT_TRUE(page.has_value());
  page->template Store<uint8_t>(hyperv::kPageSize - 1, 0x42);
  EXPECT_EQ(this->ReadBack(this->BeforeEnd(1), 1), this->Filled(1, 0x42));
}

TYPED_TEST_P(GuestMemoryContract, PinnedPageMayBeMoved) {
  auto page = this->memory().Pin(this->At(0).Page(), hyperv::Access::kReadWrite);
  ASSERT_TRUE(page.has_value());
  hyperv::PinnedPage moved = std::move(*page);
  page.reset();
  moved.template Store<uint16_t>(0, 0x0303);
  EXPECT_EQ(this->ReadBack(this->At(0), 2), this->Filled(2, 3));
}

TYPED_TEST_P(GuestMemoryContract, PageMayBePinnedTwice) {
  auto first = this->memory().Pin(this->At(0).Page(), hyperv::Access::kReadWrite);
  const auto second = this->memory().Pin(this->At(0).Page(), hyperv::Access::kRead);
  ASSERT_TRUE(first.has_value() && second.has_value());
  first->template Store<uint32_t>(0, 77);
  EXPECT_EQ(second->template Load<uint32_t>(0), 77u);
}

TYPED_TEST_P(GuestMemoryContract, ReadOnlyPageRefusesWritesAndWritePins) {
  const std::optional<hyperv::Gpn> page = this->harness_.read_only_page();
  const hyperv::Gpa address = page.value_or(this->harness_.ram_end().Page()).FirstByte();
  EXPECT_NE(this->memory().Write(address, this->Filled(1, 1)), hyperv::MemFault::kNone);
  EXPECT_FALSE(this->memory().Pin(address.Page(), hyperv::Access::kReadWrite).has_value());
}

// For ThreadSanitizer: the same bytes through copies and through a pin, from two threads.
TYPED_TEST_P(GuestMemoryContract, AccessFromTwoThreadsIsNoRace) {
  constexpr uint64_t kRounds = 2000;
  auto page = this->memory().Pin(this->At(0).Page(), hyperv::Access::kReadWrite);
  ASSERT_TRUE(page.has_value());
  std::thread other([&] {
    for (uint64_t i = 0; i < kRounds; ++i) page->template FetchOr<uint64_t>(0, i);
  });
  std::array<std::byte, 24> bytes;
  int faults = 0;
  for (uint64_t i = 0; i < kRounds; ++i) {
    faults += this->memory().Read(this->At(4), bytes) != hyperv::MemFault::kNone ? 1 : 0;
    faults += this->memory().Write(this->At(4), bytes) != hyperv::MemFault::kNone ? 1 : 0;
  }
  other.join();
  EXPECT_EQ(faults, 0);
}

REGISTER_TYPED_TEST_SUITE_P(GuestMemoryContract, WrittenBytesAreReadBack, WriteTouchesNothingAround,
                            RangeOverPagesIsOneAccess, LastByteOfRamIsReachable,
                            ReadBeyondRamFaultsAndKeepsDestination,
                            WriteBeyondRamFaultsAndWritesNothing, FirstByteBeyondRamFaults,
                            RangeThatWrapsFaults, EmptyRangeSucceedsAnywhere,
                            PinnedPageSharesBytesWithCopies, PinnedPageKnowsItsNumber,
                            PageWithoutRamDoesNotPin, LastPageOfRamPins, PinnedPageMayBeMoved,
                            PageMayBePinnedTwice, ReadOnlyPageRefusesWritesAndWritePins,
                            AccessFromTwoThreadsIsNoRace);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_CONTRACTS_GUEST_MEMORY_CONTRACT_H_
