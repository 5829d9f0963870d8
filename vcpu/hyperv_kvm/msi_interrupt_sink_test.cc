#include "vcpu/hyperv_kvm/msi_interrupt_sink.h"

#include <gtest/gtest.h>

namespace hvkit::vcpu {
namespace {

TEST(FixedInterruptMessageTest, SmallIdIsInTheLowAddress) {
  const kvm_msi message = FixedInterruptMessage(3, hyperv::Vector(0x51));
  EXPECT_EQ(message.address_lo, 0xFEE03000u);
  EXPECT_EQ(message.address_hi, 0u);
  EXPECT_EQ(message.data, 0x51u);
  EXPECT_EQ(message.flags, 0u);
}

TEST(FixedInterruptMessageTest, LargeIdUsesTheHighAddress) {
  const kvm_msi message = FixedInterruptMessage(0x12345, hyperv::Vector(0xFF));
  EXPECT_EQ(message.address_lo, 0xFEE45000u);
  EXPECT_EQ(message.address_hi, 0x12300u);
  EXPECT_EQ(message.data, 0xFFu);
}

}  // namespace
}  // namespace hvkit::vcpu
