#include "kvm_ioctls/cap.h"

#include <gtest/gtest.h>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {
namespace {

TEST(CapTest, KnownNumberHasItsName) {
  EXPECT_EQ(CapName(KVM_CAP_IRQCHIP), "KVM_CAP_IRQCHIP");
  EXPECT_EQ(CapName(KVM_CAP_HYPERV_SYNIC2), "KVM_CAP_HYPERV_SYNIC2");
}

TEST(CapTest, NameNewerThanTheHeadersIsKnown) {
  EXPECT_EQ(CapName(237), "KVM_CAP_X86_APIC_BUS_CYCLES_NS");
}

TEST(CapTest, OtherNumberIsSpelledOut) { EXPECT_EQ(CapName(9999), "KVM_CAP_9999"); }

}  // namespace
}  // namespace hvkit::kvm
