// Interrupts and events of a VM, on real KVM.

#include "kvm_ioctls/kvm_test_machine.h"

namespace hvkit::kvm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

constexpr uint8_t kVector = 0x60;
constexpr uint32_t kMsiGsi = 24;  // the first behind the IOAPIC's pins
constexpr uint32_t kIoapicPin = 5;

// Waits with interrupts on; the handler ends the interrupt at the local APIC and says so.
HVKIT_GUEST(kWaitForInterrupt, "sti; 1: hlt; jmp 1b");
HVKIT_GUEST(kEndOfInterrupt, "movl $0, 0xfee000b0; mov $0x49, %al; out %al, $0x10; iret");
HVKIT_GUEST(kOutToDoorbell, "mov $0x5a, %al; out %al, $0x71; out %al, $0x72; hlt");

kvm_irq_routing_entry MsiRoute(uint32_t gsi, uint8_t vector) {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_MSI;
  entry.u.msi.address_lo = 0xfee00000;
  entry.u.msi.data = vector;
  return entry;
}

kvm_irq_routing_entry IoapicRoute(uint32_t gsi) {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
  entry.u.irqchip.pin = gsi;
  return entry;
}

kvm_irqfd IrqfdOf(const EventFd& event, uint32_t gsi, uint32_t flags = 0) {
  kvm_irqfd irqfd{};
  irqfd.fd = static_cast<uint32_t>(event.fd());
  irqfd.gsi = gsi;
  irqfd.flags = flags;
  return irqfd;
}

class IrqKvmTest : public KvmTest {
 protected:
  void SetUp() override {
    KvmTest::SetUp();
    ASSERT_OK(vm().CreateIrqchip());
  }
  // Lets IOAPIC pin kIoapicPin raise kVector, level triggered.
  void UnmaskPin() {
    kvm_irqchip chip{};
    chip.chip_id = KVM_IRQCHIP_IOAPIC;
    ASSERT_OK(vm().GetIrqchip(chip));
    auto& entry = chip.chip.ioapic.redirtbl[kIoapicPin];
    entry.bits = kVector;
    entry.fields.trig_mode = 1;
    ASSERT_OK(vm().SetIrqchip(chip));
  }
};

TEST_F(IrqKvmTest, SecondIrqchipIsRefused) {
  EXPECT_THAT(vm().CreateIrqchip(),
              StatusIs(absl::StatusCode::kAlreadyExists, "KVM_CREATE_IRQCHIP: EEXIST"));
}

TEST_F(IrqKvmTest, IoapicStateRoundTrips) {
  UnmaskPin();
  kvm_irqchip chip{};
  chip.chip_id = KVM_IRQCHIP_IOAPIC;
  ASSERT_OK(vm().GetIrqchip(chip));
  EXPECT_EQ(chip.chip.ioapic.redirtbl[kIoapicPin].fields.vector, kVector);
}

TEST_F(IrqKvmTest, UnknownChipIsRefused) {
  kvm_irqchip chip{};
  chip.chip_id = 9;
  EXPECT_THAT(vm().GetIrqchip(chip),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_GET_IRQCHIP(chip_id=0x9): EINVAL"));
  EXPECT_THAT(vm().SetIrqchip(chip),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_SET_IRQCHIP(chip_id=0x9): EINVAL"));
}

TEST_F(IrqKvmTest, PitStateRoundTrips) {
  ASSERT_OK(vm().CreatePit2({}));
  ASSERT_OK_AND_ASSIGN(kvm_pit_state2 state, vm().GetPit2());
  state.channels[2].count = 0x1234;
  ASSERT_OK(vm().SetPit2(state));
  ASSERT_OK_AND_ASSIGN(const kvm_pit_state2 changed, vm().GetPit2());
  EXPECT_EQ(changed.channels[2].count, 0x1234u);
}

TEST_F(IrqKvmTest, SecondPitIsRefused) {
  ASSERT_OK(vm().CreatePit2({}));
  EXPECT_THAT(vm().CreatePit2({}),
              StatusIs(absl::StatusCode::kAlreadyExists, "KVM_CREATE_PIT2(flags=0x0): EEXIST"));
}

TEST_F(IrqKvmTest, ReinjectionCanBeSwitchedWithAPitOnly) {
  kvm_reinject_control control{};
  EXPECT_THAT(
      vm().ReinjectControl(control),
      StatusIs(absl::StatusCode::kNotFound, "KVM_REINJECT_CONTROL(pit_reinject=0x0): ENXIO"));
  ASSERT_OK(vm().CreatePit2({}));
  EXPECT_OK(vm().ReinjectControl(control));
}

TEST_F(IrqKvmTest, RaisedLineReachesTheLocalApic) {
  CreateVcpu();
  EnableLapic();
  UnmaskPin();
  kvm_irq_level level{};
  level.irq = kIoapicPin;
  level.level = 1;
  ASSERT_OK(vm().IrqLine(level));
  EXPECT_TRUE(Requested(kVector));
}

TEST_F(IrqKvmTest, LineStatusTellsDelivery) {
  CreateVcpu();
  EnableLapic();
  UnmaskPin();
  kvm_irq_level level{};
  level.irq = kIoapicPin;
  level.level = 1;
  ASSERT_OK_AND_ASSIGN(const int first, vm().IrqLineStatus(level));
  EXPECT_GT(first, 0);
  EXPECT_TRUE(Requested(kVector));
}

TEST_F(IrqKvmTest, MsiReachesTheLocalApic) {
  CreateVcpu();
  EnableLapic();
  kvm_msi msi{};
  msi.address_lo = 0xfee00000;
  msi.data = kVector;
  ASSERT_OK_AND_ASSIGN(const int delivered, vm().SignalMsi(msi));
  EXPECT_EQ(delivered, 1);
  EXPECT_TRUE(Requested(kVector));
}

TEST_F(IrqKvmTest, IrqfdRaisesItsRoutedMsi) {
  CreateVcpu();
  EnableLapic();
  IrqRouting routing;
  routing.PushBack(MsiRoute(kMsiGsi, kVector));
  ASSERT_OK(vm().SetGsiRouting(routing));
  const EventFd event;
  ASSERT_OK(vm().Irqfd(IrqfdOf(event, kMsiGsi)));
  event.Signal();
  EXPECT_TRUE(Requested(kVector));
}

TEST_F(IrqKvmTest, IrqfdThatIsUnboundRaisesNothing) {
  CreateVcpu();
  EnableLapic();
  IrqRouting routing;
  routing.PushBack(MsiRoute(kMsiGsi, kVector));
  ASSERT_OK(vm().SetGsiRouting(routing));
  const EventFd event;
  ASSERT_OK(vm().Irqfd(IrqfdOf(event, kMsiGsi)));
  ASSERT_OK(vm().Irqfd(IrqfdOf(event, kMsiGsi, KVM_IRQFD_FLAG_DEASSIGN)));
  event.Signal();
  EXPECT_FALSE(Requested(kVector));
}

TEST_F(IrqKvmTest, IrqfdCannotBeBoundTwice) {
  const EventFd event;
  ASSERT_OK(vm().Irqfd(IrqfdOf(event, kMsiGsi)));
  EXPECT_THAT(vm().Irqfd(IrqfdOf(event, kMsiGsi)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("KVM_IRQFD(fd=")));
}

TEST_F(IrqKvmTest, ResampleIrqfdSignalsTheEndOfInterrupt) {
  CreateVcpu(kWaitForInterrupt);
  Handler(kVector, kEndOfInterrupt);
  EnableLapic();
  UnmaskPin();
  IrqRouting routing;
  routing.PushBack(IoapicRoute(kIoapicPin));
  ASSERT_OK(vm().SetGsiRouting(routing));
  const EventFd raise;
  const EventFd resample;
  kvm_irqfd irqfd = IrqfdOf(raise, kIoapicPin, KVM_IRQFD_FLAG_RESAMPLE);
  irqfd.resamplefd = static_cast<uint32_t>(resample.fd());
  ASSERT_OK(vm().Irqfd(irqfd));
  raise.Signal();
  EXPECT_EQ(RunToOut(), 0x49u);
  EXPECT_EQ(resample.Take(), 1u);
}

TEST_F(IrqKvmTest, RouteOfUnknownTypeIsRefused) {
  IrqRouting routing(1);
  routing.entries()[0].type = 99;
  EXPECT_THAT(vm().SetGsiRouting(routing),
              StatusIs(absl::StatusCode::kInvalidArgument, "KVM_SET_GSI_ROUTING(nr=0x1): EINVAL"));
}

using NoIrqchipKvmTest = KvmTest;

TEST_F(NoIrqchipKvmTest, LinesAndMsisNeedAnIrqchip) {
  EXPECT_THAT(vm().IrqLine({}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("ENXIO")));
  EXPECT_THAT(vm().IrqLineStatus({}).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ENXIO")));
  EXPECT_THAT(vm().SignalMsi({}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("EINVAL")));
}

TEST_F(NoIrqchipKvmTest, PitStateNeedsAPit) {
  EXPECT_THAT(vm().GetPit2().status(),
              StatusIs(absl::StatusCode::kNotFound, "KVM_GET_PIT2: ENXIO"));
  EXPECT_THAT(vm().SetPit2({}),
              StatusIs(absl::StatusCode::kNotFound, "KVM_SET_PIT2(flags=0x0): ENXIO"));
}

TEST_F(NoIrqchipKvmTest, IoeventfdTakesAPortFromTheExits) {
  const EventFd event;
  kvm_ioeventfd doorbell{};
  doorbell.addr = 0x71;
  doorbell.len = 1;
  doorbell.fd = event.fd();
  doorbell.flags = KVM_IOEVENTFD_FLAG_PIO;
  ASSERT_OK(vm().Ioeventfd(doorbell));
  CreateVcpu(kOutToDoorbell);
  ASSERT_EQ(Run(), static_cast<uint32_t>(KVM_EXIT_IO));
  EXPECT_EQ(vcpu().exit().io().port(), 0x72);
  EXPECT_EQ(event.Take(), 1u);
}

TEST_F(NoIrqchipKvmTest, IoeventfdThatIsNotBoundCannotBeRemoved) {
  const EventFd event;
  kvm_ioeventfd doorbell{};
  doorbell.addr = 0x71;
  doorbell.len = 1;
  doorbell.fd = event.fd();
  doorbell.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN;
  EXPECT_THAT(vm().Ioeventfd(doorbell), StatusIs(absl::StatusCode::kNotFound, HasSubstr("ENOENT")));
}

}  // namespace
}  // namespace hvkit::kvm
