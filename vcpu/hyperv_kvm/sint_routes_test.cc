#include "vcpu/hyperv_kvm/sint_routes.h"

#include <gtest/gtest.h>

#include <vector>

#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

constexpr uint32_t kSintsOfAVp = 16;

std::vector<kvm_irq_routing_entry> RoutesOf(uint32_t gsi, const kvm::IrqRouting& routing) {
  std::vector<kvm_irq_routing_entry> found;
  for (const kvm_irq_routing_entry& entry : routing.entries()) {
    if (entry.gsi == gsi) found.push_back(entry);
  }
  return found;
}

bool IsPin(const kvm_irq_routing_entry& entry, uint32_t chip, uint32_t pin) {
  return entry.type == KVM_IRQ_ROUTING_IRQCHIP && entry.u.irqchip.irqchip == chip &&
         entry.u.irqchip.pin == pin;
}

TEST(RoutingWithSintsTest, IsaInterruptsGoToTheIoApicAndTheirPic) {
  const kvm::IrqRouting routing = RoutingWithSints(1);
  for (uint32_t gsi = 0; gsi < 16; ++gsi) {
    const auto routes = RoutesOf(gsi, routing);
    ASSERT_EQ(routes.size(), 2u) << gsi;
    EXPECT_TRUE(IsPin(routes[0], KVM_IRQCHIP_IOAPIC, gsi)) << gsi;
    const uint32_t pic = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
    EXPECT_TRUE(IsPin(routes[1], pic, gsi % 8)) << gsi;
  }
}

TEST(RoutingWithSintsTest, OtherInterruptsGoToTheIoApicAlone) {
  const kvm::IrqRouting routing = RoutingWithSints(1);
  for (uint32_t gsi = 16; gsi < kIrqchipGsis; ++gsi) {
    const auto routes = RoutesOf(gsi, routing);
    ASSERT_EQ(routes.size(), 1u) << gsi;
    EXPECT_TRUE(IsPin(routes[0], KVM_IRQCHIP_IOAPIC, gsi)) << gsi;
  }
}

TEST(RoutingWithSintsTest, EachSintOfEachVpHasAGsi) {
  const kvm::IrqRouting routing = RoutingWithSints(3);
  for (uint32_t i = 0; i < 3 * kSintsOfAVp; ++i) {
    const auto routes = RoutesOf(kIrqchipGsis + i, routing);
    ASSERT_EQ(routes.size(), 1u) << i;
    EXPECT_EQ(routes[0].type, static_cast<uint32_t>(KVM_IRQ_ROUTING_HV_SINT));
    EXPECT_EQ(routes[0].u.hv_sint.vcpu, i / kSintsOfAVp);
    EXPECT_EQ(routes[0].u.hv_sint.sint, i % kSintsOfAVp);
  }
}

TEST(RoutingWithSintsTest, NoGsiIsBeyondWhatKvmTakes) {
  const kvm::IrqRouting routing = RoutingWithSints(4096);
  for (const kvm_irq_routing_entry& entry : routing.entries()) EXPECT_LT(entry.gsi, kMaxGsis);
  EXPECT_EQ(RoutesOf(kMaxGsis - 1, routing).size(), 1u);
}

}  // namespace
}  // namespace hvkit::vcpu
