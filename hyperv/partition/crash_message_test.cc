#include "hyperv/partition/crash_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::hyperv {
namespace {

using ::testing::Eq;
using ::testing::Optional;

class CrashMessageTest : public ::testing::Test {
 protected:
  CrashMessageTest() { memory_.MapRam(*Gpn::FromGuest(0), 256); }

  void Put(uint64_t gpa, const std::string& text) {
    ASSERT_EQ(memory_.Write(Gpa(gpa), std::as_bytes(std::span(text))), MemFault::kNone);
  }
  std::optional<std::string> Message(uint64_t address, uint64_t length) {
    return ReadCrashMessage({1, 2, 3, address, length}, memory_);
  }

  testing::FakeGuestMemory memory_;
};

TEST_F(CrashMessageTest, MessageIsReadFromP3ForP4Bytes) {
  Put(0x1ffe, "it broke!");
  EXPECT_THAT(Message(0x1ffe, 8), Optional(Eq("it broke")));
}

TEST_F(CrashMessageTest, MessageEndsAtNul) {
  Put(0x1000, "short");
  EXPECT_THAT(Message(0x1000, 100), Optional(Eq("short")));
}

TEST_F(CrashMessageTest, LengthZeroHasNoMessage) { EXPECT_EQ(Message(0x1000, 0), std::nullopt); }

TEST_F(CrashMessageTest, AddressOutsideRamHasNoMessage) {
  EXPECT_EQ(Message(~uint64_t{0} - 3, 8), std::nullopt);
}

TEST_F(CrashMessageTest, HugeLengthIsCapped) {
  Put(0x2000, std::string(2 * kMaxCrashMessageBytes, 'x'));
  EXPECT_THAT(Message(0x2000, ~uint64_t{0}), Optional(Eq(std::string(kMaxCrashMessageBytes, 'x'))));
}

}  // namespace
}  // namespace hvkit::hyperv
