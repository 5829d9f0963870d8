// Snippets of the pages on the model: docs/packages/partition.md, synic.md, hypercall.md and
// reference_time.md.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/fakes/fake_hypercall_registers.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_reference_clock.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

using enum Enlightenment;

// snippet: events
class MyEvents final : public PartitionEvents {
 public:
  void OnReset(VpIndex) override { reset_wanted = true; }
  void OnCrash(VpIndex, const CrashReport& report) override { stop_code = report.parameters[0]; }

  bool reset_wanted = false;
  uint64_t stop_code = 0;
};
// end

class ModelPages : public ::testing::Test {
 protected:
  ModelPages() { memory_.MapRam(Gpn::Containing(Gpa(0)), 16); }

  // snippet: make
  // The host's side: your own classes. These are hvkit's fakes, of //testing/fakes.
  testing::FakeGuestMemory memory_;
  testing::FakeReferenceClock clock_;
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  MyEvents events_;
  Partition partition_{
      {.in_force = {kVpIndex, kTime, kSynic, kStimer, kReset, kEnforceCpuid}, .vp_count = 2},
      {.memory = memory_,
       .clock = clock_,
       .interrupts = interrupts_,
       .scheduler = scheduler_,
       .events = events_}};
  // end
  VirtualProcessor& vp_ = *partition_.FindVp(VpIndex(0));
};

constexpr uint32_t kMyMsr = 0x400002F0;

class MyMsrs {
 public:
  explicit MyMsrs(VirtualProcessor& vp) : vp_(vp) {}

  // snippet: msr
  // The guest's WRMSR: true completes it, false is #GP.
  bool OnWrite(uint32_t index, uint64_t value) {
    switch (vp_.WriteMsr(index, value)) {
      case MsrOutcome::kHandled:
        return true;
      case MsrOutcome::kGeneralProtection:
        return false;
      case MsrOutcome::kNotOurs:  // An MSR of your own goes here
        if (index == kMyMsr) mine_ = value;
        return index == kMyMsr;
    }
    return false;
  }
  // end
  uint64_t mine() const { return mine_; }

 private:
  VirtualProcessor& vp_;
  uint64_t mine_ = 0;
};

TEST_F(ModelPages, Msr) {
  MyMsrs msrs(vp_);
  EXPECT_TRUE(msrs.OnWrite(static_cast<uint32_t>(tlfs::MsrIndex::kReset), 1));
  EXPECT_TRUE(events_.reset_wanted);
  EXPECT_TRUE(msrs.OnWrite(kMyMsr, 7));
  EXPECT_EQ(msrs.mine(), 7u);
  EXPECT_FALSE(msrs.OnWrite(kMyMsr + 1, 7));
  EXPECT_FALSE(msrs.OnWrite(static_cast<uint32_t>(tlfs::MsrIndex::kCrashCtl), 1));
}

void EnableSynic(VirtualProcessor& vp) {
  const auto write = [&vp](tlfs::MsrIndex index, uint64_t value) {
    ASSERT_EQ(vp.WriteMsr(static_cast<uint32_t>(index), value), MsrOutcome::kHandled);
  };
  write(tlfs::MsrIndex::kScontrol, 1);
  write(tlfs::MsrIndex::kSimp, 0x3001);
  write(static_cast<tlfs::MsrIndex>(static_cast<uint32_t>(tlfs::MsrIndex::kSint0) + 2), 0x50);
}

TEST_F(ModelPages, Turn) {
  EnableSynic(vp_);
  EXPECT_EQ(vp_.WriteMsr(static_cast<uint32_t>(tlfs::MsrIndex::kStimer0Config), 0x20008),
            MsrOutcome::kHandled);
  EXPECT_EQ(vp_.WriteMsr(static_cast<uint32_t>(tlfs::MsrIndex::kStimer0Count), 100),
            MsrOutcome::kHandled);
  clock_.Advance(RefDuration(100));
  // snippet: turn
  // On the VP's thread, whenever your VpScheduler was asked for it:
  vp_.Poll(clock_.Now());
  // end
  EXPECT_EQ(interrupts_.Take().size(), 1u);
}

TEST_F(ModelPages, Post) {
  EnableSynic(vp_);
  const std::array<std::byte, 3> payload{};
  // snippet: post
  // A port into SINT 2 of this VP, with buffers of its own. Any thread posts.
  MessagePort port(vp_.synic(), SintIndex::Of<2>(), /*origin=*/1);
  const PostResult posted = port.Post(tlfs::MessageType{7}, payload);
  // end
  EXPECT_EQ(posted, PostResult::kPosted);
  EXPECT_EQ(scheduler_.kicks(VpIndex(0)), 1);
  vp_.Poll(clock_.Now());
  EXPECT_EQ(interrupts_.Take().size(), 1u);
}

// snippet: receive
// What a guest's HvCallPostMessage to a connection of yours arrives at.
class MyDevice final : public MessageHandler {
 public:
  tlfs::HvStatus OnMessage(VpIndex, tlfs::MessageType,
                           std::span<const std::byte> payload) override {
    received.assign(payload.begin(), payload.end());
    return tlfs::HvStatus::kSuccess;
  }

  std::vector<std::byte> received;
};
// end

TEST_F(ModelPages, Connect) {
  // snippet: connect
  SynicPorts ports;
  MyDevice device;
  absl::StatusOr<Connection> connection = ports.ConnectMessages(/*id=*/4, device);
  // end
  ASSERT_TRUE(connection.ok());
  const std::array<std::byte, 2> payload{};
  EXPECT_EQ(ports.PostMessage(VpIndex(0), 4, tlfs::MessageType{1}, payload),
            tlfs::HvStatus::kSuccess);
  EXPECT_EQ(device.received.size(), 2u);
}

// snippet: call
// A call of your own: its code, and the types of its blocks. Reps, variable headers and privileges
// are other members; see hyperv/hypercall/definition.h.
struct AddOne : CallDefaults {
  static constexpr tlfs::CallCode kCode{0xF001};
  using Input = uint64_t;
  using Output = uint64_t;
};

class Calculator {
 public:
  // Everything has been checked, and the input copied out of the guest's reach.
  tlfs::HvStatus OnAddOne(const Arguments<AddOne>& call) {
    call.output = call.input + 1;
    return tlfs::HvStatus::kSuccess;
  }
};
// end

TEST_F(ModelPages, Hypercall) {
  const uint64_t input = 41;
  ASSERT_EQ(memory_.Write(Gpa(0x1000), std::as_bytes(std::span(&input, 1))), MemFault::kNone);
  testing::FakeXmmRegisters xmm;
  // snippet: dispatch
  CallTable calls(partition_.privileges());
  Calculator calculator;
  const bool added = calls.Add<AddOne, &Calculator::OnAddOne>(calculator);
  const Dispatcher dispatcher(calls, memory_);
  // For each call of a guest: its registers in 64-bit mode are RCX, RDX and R8 (x64_registers.h).
  HypercallWords words{
      .mode = CallerMode::k64Bit, .control = 0xF001, .parameters = {0x1000, 0x2000}};
  const HypercallOutcome outcome = dispatcher.Dispatch(VpIndex(0), words, xmm);
  // end
  EXPECT_TRUE(added);
  EXPECT_EQ(outcome.kind, HypercallOutcome::Kind::kCompleted);
  uint64_t output = 0;
  ASSERT_EQ(memory_.Read(Gpa(0x2000), std::as_writable_bytes(std::span(&output, 1))),
            MemFault::kNone);
  EXPECT_EQ(output, 42u);
}

TEST_F(ModelPages, ReferenceTime) {
  // snippet: tsc
  // A TSC of 2.5 GHz that read 1000 when the partition's time was 0.
  const std::optional<TscParameters> parameters =
      ParametersOfTsc(2'500'000'000, /*tsc=*/1000, RefTime(0));
  const RefTime later = ReferenceTimeAt(1000 + 2'500'000'000, *parameters);  // One second on
  // end
  ASSERT_TRUE(parameters.has_value());
  EXPECT_NEAR(static_cast<double>(later.ticks()), 10'000'000, 1);
}

}  // namespace
}  // namespace hvkit::hyperv
