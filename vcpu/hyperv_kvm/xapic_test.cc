#include "vcpu/hyperv_kvm/xapic.h"

#include <cstdint>
#include <optional>

#include "gtest/gtest.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

constexpr uint64_t kToApic5 = uint64_t{5} << 56;
constexpr uint64_t kDeliveryMode = 0x100;

TEST(MessageOfTest, FixedInterruptGoesToThePhysicalDestination) {
  const std::optional<kvm_msi> message = MessageOf({kToApic5 | 0x41});
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->address_lo, 0xFEE05000);
  EXPECT_EQ(message->address_hi, 0u);
  EXPECT_EQ(message->data, 0x41u);
}

TEST(MessageOfTest, LogicalDestinationIsMarked) {
  const std::optional<kvm_msi> message = MessageOf({kToApic5 | 1 << 11 | 0x41});
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->address_lo, 0xFEE05004);
}

TEST(MessageOfTest, DeliveryModesAreKept) {
  for (const uint64_t mode : {1U, 2U, 4U, 5U, 6U}) {  // lowest priority, SMI, NMI, INIT, start-up
    const std::optional<kvm_msi> message = MessageOf({kToApic5 | mode * kDeliveryMode | 0x9F});
    ASSERT_TRUE(message.has_value()) << mode;
    EXPECT_EQ(message->data, mode * kDeliveryMode | 0x9F) << mode;
  }
}

TEST(MessageOfTest, ReservedDeliveryModesDoNothing) {
  EXPECT_FALSE(MessageOf({kToApic5 | 3 * kDeliveryMode}).has_value());
  EXPECT_FALSE(MessageOf({kToApic5 | 7 * kDeliveryMode}).has_value());
}

TEST(MessageOfTest, InitIsSentWhenAssertedOnly) {
  constexpr uint64_t kInit = kToApic5 | 5 * kDeliveryMode | 1 << 15;
  EXPECT_TRUE(MessageOf({kInit | 1 << 14}).has_value());
  EXPECT_FALSE(MessageOf({kInit}).has_value());
}

TEST(MessageOfTest, TriggerModeOfOtherCommandsIsEdge) {
  const std::optional<kvm_msi> message = MessageOf({kToApic5 | 1 << 15 | 1 << 14 | 0x41});
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->data, 0x41u);
}

}  // namespace
}  // namespace hvkit::vcpu
