#include "vcpu/hyperv_kvm/forwarded_hypercall.h"

#include <gtest/gtest.h>

#include <bit>
#include <span>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::CallCode;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::HypercallControl;
using hyperv::tlfs::PostMessageInput;
using hyperv::tlfs::SignalEventInput;

constexpr uint64_t kInputGpa = 0x2000;
constexpr uint64_t kRamEnd = 0x10000;

class ForwardedHypercallTest : public ::testing::Test {
 protected:
  ForwardedHypercallTest() {
    memory_.MapRam(*hyperv::Gpn::FromGuest(0), kRamEnd / hyperv::kPageSize);
  }

  static HypercallControl Control(CallCode code) {
    HypercallControl control;
    HypercallControl::Code::Set(control, static_cast<uint64_t>(code));
    return control;
  }
  HvStatus Call(HypercallControl control, uint64_t input) {
    return static_cast<HvStatus>(CompleteForwardedHypercall(control.raw, input, memory_));
  }
  HvStatus Post(const PostMessageInput& input, uint64_t gpa = kInputGpa) {
    EXPECT_EQ(memory_.Write(hyperv::Gpa(gpa), std::as_bytes(std::span(&input, 1))),
              hyperv::MemFault::kNone);
    return Call(Control(CallCode::kPostMessage), gpa);
  }
  HvStatus Signal(const SignalEventInput& input) {
    return Call(Control(CallCode::kSignalEvent), std::bit_cast<uint64_t>(input));
  }
  static PostMessageInput ValidMessage() {
    PostMessageInput message;
    message.connection.raw = 1;
    message.message_type = 1;
    message.payload_size = 240;
    return message;
  }

  testing::FakeGuestMemory memory_;
};

TEST_F(ForwardedHypercallTest, PostMessageFindsNoConnection) {
  EXPECT_EQ(Post(ValidMessage()), HvStatus::kInvalidConnectionId);
}

TEST_F(ForwardedHypercallTest, PostMessageTypeZeroIsInvalid) {
  PostMessageInput message = ValidMessage();
  message.message_type = 0;
  EXPECT_EQ(Post(message), HvStatus::kInvalidParameter);
}

TEST_F(ForwardedHypercallTest, PostMessageTypeOfTheHypervisorIsInvalid) {
  PostMessageInput message = ValidMessage();
  message.message_type = 0x80000001;
  EXPECT_EQ(Post(message), HvStatus::kInvalidParameter);
}

TEST_F(ForwardedHypercallTest, PostMessagePayloadTooLargeIsInvalid) {
  PostMessageInput message = ValidMessage();
  message.payload_size = 241;
  EXPECT_EQ(Post(message), HvStatus::kInvalidParameter);
}

TEST_F(ForwardedHypercallTest, PostMessageMisalignedIsInvalidAlignment) {
  EXPECT_EQ(Post(ValidMessage(), kInputGpa + 4), HvStatus::kInvalidAlignment);
}

TEST_F(ForwardedHypercallTest, PostMessageAcrossPagesIsInvalidAlignment) {
  EXPECT_EQ(Post(ValidMessage(), kInputGpa - 8), HvStatus::kInvalidAlignment);
}

TEST_F(ForwardedHypercallTest, PostMessageBeyondMemoryIsInvalidAlignment) {
  EXPECT_EQ(Call(Control(CallCode::kPostMessage), kRamEnd), HvStatus::kInvalidAlignment);
}

TEST_F(ForwardedHypercallTest, PostMessageFastIsInvalidInput) {
  HypercallControl control = Control(CallCode::kPostMessage);
  HypercallControl::Fast::Set(control, 1);
  EXPECT_EQ(Call(control, kInputGpa), HvStatus::kInvalidHypercallInput);
}

TEST_F(ForwardedHypercallTest, RepFieldsOnASimpleCallAreInvalidInput) {
  for (CallCode code : {CallCode::kPostMessage, CallCode::kSignalEvent}) {
    HypercallControl control = Control(code);
    HypercallControl::RepCount::Set(control, 1);
    EXPECT_EQ(Call(control, kInputGpa), HvStatus::kInvalidHypercallInput);
  }
}

TEST_F(ForwardedHypercallTest, SignalEventFindsNoConnection) {
  SignalEventInput event;
  event.connection.raw = 7;
  EXPECT_EQ(Signal(event), HvStatus::kInvalidConnectionId);
}

TEST_F(ForwardedHypercallTest, SignalEventReservedBitsAreInvalidInput) {
  SignalEventInput high_connection;
  high_connection.connection.raw = 0x01000000;
  EXPECT_EQ(Signal(high_connection), HvStatus::kInvalidHypercallInput);
  SignalEventInput reserved;
  reserved.reserved = 1;
  EXPECT_EQ(Signal(reserved), HvStatus::kInvalidHypercallInput);
}

TEST_F(ForwardedHypercallTest, OtherCallsAreUnknown) {
  EXPECT_EQ(Call(Control(CallCode::kResetDebugSession), 0), HvStatus::kInvalidHypercallCode);
  EXPECT_EQ(Call(Control(CallCode::kExtQueryCapabilities), 0), HvStatus::kInvalidHypercallCode);
}

}  // namespace
}  // namespace hvkit::vcpu
