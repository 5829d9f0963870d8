// The Hyper-V MSRs for the local APIC in xAPIC mode, where KVM has none of its own, on real KVM:
// two VPs that are told to KernelFacts without Hyper-V.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "kvm_ioctls/kvm_compat.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/user_kvm_test_guests.h"
#include "vcpu/hyperv_kvm/user_kvm_test_machine.h"
#include "vcpu/hyperv_kvm/vcpu_hooks.h"
#include "vcpu/hyperv_kvm/xapic.h"

namespace hvkit::vcpu {
namespace {

using hyperv::MsrOutcome;
using hyperv::VpIndex;

constexpr size_t kTaskPriority = 0x80;
constexpr size_t kProcessorPriority = 0xA0;
constexpr size_t kLogicalId = 0xD0;
constexpr size_t kRequests = 0x200;
constexpr uint64_t kVector = UserKvmMachine::kVector;
constexpr uint64_t kNmi = 0x400;
constexpr uint64_t kInit = 0x500;
constexpr uint64_t kStartUp = 0x600;
constexpr uint64_t kAssert = 0x4000;
constexpr uint64_t kToVp1 = uint64_t{1} << 56;

uint64_t Shorthand(uint64_t shorthand) { return shorthand << InterruptCommand::Shorthand::kShift; }

class XapicKvmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(machine_, UserKvmMachine::Create());
    hooks_ = std::make_unique<VcpuHooks>(machine().vm(), KernelFacts{}, kVps);
    for (uint32_t i = 0; i < kVps; ++i) {
      ASSERT_OK(machine().AddCpu(i));
      hooks_->Attach(VpIndex(i), machine().vcpu(i));
    }
  }

  UserKvmMachine& machine() { return *machine_; }
  VcpuHooks& hooks() { return *hooks_; }

  uint32_t ApicRegister(uint32_t vp, size_t offset) {
    const absl::StatusOr<kvm_lapic_state> apic = machine().vcpu(vp).GetLapic();
    EXPECT_OK(apic);
    uint32_t value = 0;
    if (apic.ok()) std::memcpy(&value, apic->regs + offset, sizeof(value));
    return value;
  }
  bool IsRequested(uint32_t vp) {
    return (ApicRegister(vp, kRequests + kVector / 32 * 0x10) >> kVector % 32 & 1) != 0;
  }
  void Send(uint64_t command) {
    EXPECT_EQ(hooks().WriteIcr(VpIndex(0), command), MsrOutcome::kHandled);
  }

  static constexpr uint32_t kVps = 2;
  std::unique_ptr<UserKvmMachine> machine_;
  std::unique_ptr<VcpuHooks> hooks_;
};

TEST_F(XapicKvmTest, TaskPriorityIsTheApics) {
  EXPECT_EQ(hooks().WriteTpr(VpIndex(0), 0x40), MsrOutcome::kHandled);
  EXPECT_EQ(ApicRegister(0, kTaskPriority), 0x40u);
  EXPECT_EQ(ApicRegister(0, kProcessorPriority), 0x40u);
  EXPECT_EQ(ApicRegister(1, kTaskPriority), 0u);
  EXPECT_EQ(hooks().ReadTpr(VpIndex(0)).value, 0x40u);
}

TEST_F(XapicKvmTest, LowerBitsOfTheTaskPriorityAreDropped) {
  EXPECT_EQ(hooks().WriteTpr(VpIndex(0), 0x4F), MsrOutcome::kHandled);
  EXPECT_EQ(hooks().ReadTpr(VpIndex(0)).value, 0x40u);
}

TEST_F(XapicKvmTest, LoweringTheTaskPriorityLetsAnInterruptIn) {
  EXPECT_EQ(hooks().WriteTpr(VpIndex(0), 0xF0), MsrOutcome::kHandled);
  ASSERT_OK(machine().LoadHaltingGuest(InterruptHandler()));
  Send(Shorthand(InterruptCommand::kSelf) | kVector);
  machine().handlers().on_kicked = [this] {
    EXPECT_EQ(hooks().WriteTpr(VpIndex(0), 0), MsrOutcome::kHandled);
  };
  ASSERT_OK(machine().StartAndKick());
  ASSERT_OK(machine().Join());
  EXPECT_EQ(machine().handlers().faults, 0);
}

TEST_F(XapicKvmTest, CommandReachesItsDestination) {
  Send(kToVp1 | kVector);
  EXPECT_FALSE(IsRequested(0));
  EXPECT_TRUE(IsRequested(1));
}

TEST_F(XapicKvmTest, LogicalDestinationIsTheApics) {
  ASSERT_OK_AND_ASSIGN(kvm_lapic_state apic, machine().vcpu(1).GetLapic());
  constexpr uint32_t kFlat4 = uint32_t{4} << 24;
  std::memcpy(apic.regs + kLogicalId, &kFlat4, sizeof(kFlat4));
  ASSERT_OK(machine().vcpu(1).SetLapic(apic));
  Send((uint64_t{4} << 56) | InterruptCommand::IsLogical::kMask | kVector);
  EXPECT_FALSE(IsRequested(0));
  EXPECT_TRUE(IsRequested(1));
}

TEST_F(XapicKvmTest, ShorthandsNameTheirVps) {
  Send(Shorthand(InterruptCommand::kOthers) | kVector);
  EXPECT_FALSE(IsRequested(0));
  EXPECT_TRUE(IsRequested(1));
  Send(Shorthand(InterruptCommand::kSelf) | kVector);
  EXPECT_TRUE(IsRequested(0));
}

TEST_F(XapicKvmTest, ShorthandAllIncludesTheSender) {
  Send(Shorthand(InterruptCommand::kAll) | kVector);
  EXPECT_TRUE(IsRequested(0));
  EXPECT_TRUE(IsRequested(1));
}

TEST_F(XapicKvmTest, NmiIsPendingAtItsTarget) {
  Send(kToVp1 | kNmi);
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events events, machine().vcpu(1).GetVcpuEvents());
  EXPECT_EQ(events.nmi.pending, 1);
  ASSERT_OK_AND_ASSIGN(const kvm_vcpu_events own, machine().vcpu(0).GetVcpuEvents());
  EXPECT_EQ(own.nmi.pending, 0);
}

TEST_F(XapicKvmTest, InitAndStartUpStartAVp) {
  constexpr uint64_t kPage = 0x20;
  Send(kToVp1 | kInit | kAssert);
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state after_init, machine().vcpu(1).GetMpState());
  EXPECT_EQ(after_init.mp_state, uint32_t{KVM_MP_STATE_INIT_RECEIVED});
  Send(kToVp1 | kStartUp | kPage);
  ASSERT_OK_AND_ASSIGN(const kvm_mp_state started, machine().vcpu(1).GetMpState());
  EXPECT_EQ(started.mp_state, uint32_t{KVM_MP_STATE_RUNNABLE});
  ASSERT_OK_AND_ASSIGN(const kvm_sregs sregs, machine().vcpu(1).GetSregs());
  EXPECT_EQ(sregs.cs.base, kPage << 12);
}

TEST_F(XapicKvmTest, LastCommandIsReadBackWithoutItsDeliveryStatus) {
  Send(kToVp1 | InterruptCommand::DeliveryStatus::kMask | kVector);
  EXPECT_EQ(hooks().ReadIcr(VpIndex(0)).value, kToVp1 | kVector);
}

TEST_F(XapicKvmTest, EoiFaults) {
  EXPECT_EQ(hooks().WriteEoi(VpIndex(0)), MsrOutcome::kGeneralProtection);
}

}  // namespace
}  // namespace hvkit::vcpu
