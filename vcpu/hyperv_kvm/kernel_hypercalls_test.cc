#include "vcpu/hyperv_kvm/kernel_hypercalls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Gpa;
using hyperv::VpIndex;
using hyperv::tlfs::CallCode;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::HypercallControl;
using hyperv::tlfs::MessageType;
using hyperv::tlfs::PostMessageInput;
using hyperv::tlfs::SignalEventInput;

constexpr uint64_t kInput = 0x2000;
constexpr uint64_t kOutput = 0x3000;
constexpr uint64_t kRamEnd = 0x10000;
constexpr VpIndex kCaller{3};
constexpr uint32_t kConnection = 5;

// One connection, for both kinds.
class FakeConnections final : public hyperv::Connections {
 public:
  struct Message {
    VpIndex caller;
    MessageType type;
    std::vector<std::byte> payload;
  };

  HvStatus PostMessage(VpIndex caller, uint32_t id, MessageType type,
                       std::span<const std::byte> payload) override {
    if (id != kConnection) return HvStatus::kInvalidConnectionId;
    message = {caller, type, {payload.begin(), payload.end()}};
    return HvStatus::kSuccess;
  }
  HvStatus SignalEvent(VpIndex /*caller*/, uint32_t id, uint16_t flag) override {
    if (id != kConnection) return HvStatus::kInvalidConnectionId;
    event = flag;
    return HvStatus::kSuccess;
  }

  std::optional<Message> message;
  std::optional<uint16_t> event;
};

// Gives back what was posted.
class EchoChannel final : public hyperv::DebugChannel {
 public:
  HvStatus Post(std::span<const std::byte> packet, uint32_t& unsent) override {
    packet_.assign(packet.begin(), packet.end());
    unsent = 0;
    return HvStatus::kSuccess;
  }
  HvStatus Retrieve(std::span<std::byte> packet, uint32_t& received) override {
    if (packet_.empty()) return HvStatus::kNoData;
    received = static_cast<uint32_t>(std::min(packet.size(), packet_.size()));
    std::copy_n(packet_.begin(), received, packet.begin());
    packet_.clear();
    return HvStatus::kSuccess;
  }
  HvStatus Reset(hyperv::tlfs::ResetDebugSessionInput /*request*/,
                 hyperv::tlfs::ResetDebugSessionOutput& session) override {
    session.host_port = 50000;
    return HvStatus::kSuccess;
  }

 private:
  std::vector<std::byte> packet_;
};

class KernelHypercallsTest : public ::testing::Test {
 protected:
  KernelHypercallsTest() {
    memory_.MapRam(*hyperv::Gpn::FromGuest(0), kRamEnd / hyperv::kPageSize);
    for (const auto e : {hyperv::Enlightenment::kSynic, hyperv::Enlightenment::kSyndbg,
                         hyperv::Enlightenment::kExtHypercalls}) {
      in_force_.Add(e);
    }
    host_.connections = &connections_;
    host_.debug = &debug_;
  }

  static HypercallControl Control(CallCode code) {
    HypercallControl control;
    HypercallControl::Code::Set(control, static_cast<uint64_t>(code));
    return control;
  }
  HvStatus Call(HypercallControl control, uint64_t input, uint64_t output = 0) {
    const KernelHypercalls calls(in_force_, host_, memory_);
    kvm::HypervExit::Hcall call{};
    call.input = control.raw;
    call.params[0] = input;
    call.params[1] = output;
    return static_cast<HvStatus>(calls.Complete(kCaller, call));
  }
  template <typename T>
  void Write(uint64_t gpa, const T& value) {
    ASSERT_EQ(memory_.Write(Gpa(gpa), std::as_bytes(std::span(&value, 1))),
              hyperv::MemFault::kNone);
  }
  template <typename T>
  T Read(uint64_t gpa) const {
    T value{};
    EXPECT_EQ(memory_.Read(Gpa(gpa), std::as_writable_bytes(std::span(&value, 1))),
              hyperv::MemFault::kNone);
    return value;
  }
  HvStatus Post(const PostMessageInput& input, uint64_t gpa = kInput) {
    Write(gpa, input);
    return Call(Control(CallCode::kPostMessage), gpa);
  }
  HvStatus Signal(const SignalEventInput& input) {
    return Call(Control(CallCode::kSignalEvent), std::bit_cast<uint64_t>(input));
  }
  static PostMessageInput ValidMessage() {
    PostMessageInput message;
    message.connection.raw = kConnection;
    message.message_type = 1;
    message.payload_size = 2;
    message.payload[0] = 'h';
    message.payload[1] = 'i';
    return message;
  }

  hyperv::EnlightenmentSet in_force_;
  hyperv::HypercallHost host_;
  testing::FakeGuestMemory memory_;
  FakeConnections connections_;
  EchoChannel debug_;
};

TEST_F(KernelHypercallsTest, PostMessageReachesItsConnection) {
  EXPECT_EQ(Post(ValidMessage()), HvStatus::kSuccess);
  ASSERT_TRUE(connections_.message.has_value());
  EXPECT_EQ(connections_.message->caller, kCaller);
  EXPECT_EQ(connections_.message->type, MessageType{1});
  const std::vector<std::byte> expected = {std::byte{'h'}, std::byte{'i'}};
  EXPECT_EQ(connections_.message->payload, expected);
}

TEST_F(KernelHypercallsTest, PostMessageToAnUnknownConnection) {
  PostMessageInput message = ValidMessage();
  message.connection.raw = kConnection + 1;
  EXPECT_EQ(Post(message), HvStatus::kInvalidConnectionId);
}

TEST_F(KernelHypercallsTest, PostMessageOfABadTypeOrSizeIsInvalid) {
  PostMessageInput message = ValidMessage();
  message.message_type = 0;
  EXPECT_EQ(Post(message), HvStatus::kInvalidParameter);
  message.message_type = hyperv::tlfs::kHypervisorMessageMask | 1;
  EXPECT_EQ(Post(message), HvStatus::kInvalidParameter);
  message = ValidMessage();
  message.payload_size = 241;
  EXPECT_EQ(Post(message), HvStatus::kInvalidParameter);
}

TEST_F(KernelHypercallsTest, PostMessageWhereNoInputMayBeIsInvalidAlignment) {
  EXPECT_EQ(Post(ValidMessage(), kInput + 4), HvStatus::kInvalidAlignment);
  EXPECT_EQ(Post(ValidMessage(), kInput - 8), HvStatus::kInvalidAlignment);
  EXPECT_EQ(Call(Control(CallCode::kPostMessage), kRamEnd), HvStatus::kInvalidAlignment);
}

TEST_F(KernelHypercallsTest, FastPostMessageIsInvalidInput) {
  HypercallControl control = Control(CallCode::kPostMessage);
  HypercallControl::Fast::Set(control, 1);
  EXPECT_EQ(Call(control, kInput), HvStatus::kInvalidHypercallInput);
}

TEST_F(KernelHypercallsTest, RepFieldsOnASimpleCallAreInvalidInput) {
  for (const CallCode code : {CallCode::kPostMessage, CallCode::kSignalEvent}) {
    HypercallControl control = Control(code);
    HypercallControl::RepCount::Set(control, 1);
    EXPECT_EQ(Call(control, kInput), HvStatus::kInvalidHypercallInput);
  }
}

// KVM has loaded the parameter, whether or not the call was fast.
TEST_F(KernelHypercallsTest, SignalEventHasItsParameterLoaded) {
  SignalEventInput input;
  input.connection.raw = kConnection;
  input.flag_number = 7;
  EXPECT_EQ(Signal(input), HvStatus::kSuccess);
  EXPECT_EQ(connections_.event, 7);
}

TEST_F(KernelHypercallsTest, SignalEventToAnUnknownConnection) {
  SignalEventInput input;
  input.connection.raw = kConnection + 1;
  EXPECT_EQ(Signal(input), HvStatus::kInvalidConnectionId);
}

TEST_F(KernelHypercallsTest, DebugDataGoesToTheChannelAndComesBack) {
  const struct {
    hyperv::tlfs::PostDebugDataInput header{.count = 3, .options = 0};
    std::array<char, 8> data{'a', 'b', 'c'};
  } post;
  Write(kInput, post);
  EXPECT_EQ(Call(Control(CallCode::kPostDebugData), kInput, kOutput), HvStatus::kSuccess);
  Write(kInput, hyperv::tlfs::RetrieveDebugDataInput{.count = 100, .options = 0, .timeout = 0});
  EXPECT_EQ(Call(Control(CallCode::kRetrieveDebugData), kInput, kOutput), HvStatus::kSuccess);
  EXPECT_EQ(Read<hyperv::tlfs::RetrieveDebugDataOutput>(kOutput).retrieved_count, 3u);
  EXPECT_EQ(Read<char>(kOutput + 10), 'c');
  EXPECT_EQ(Call(Control(CallCode::kRetrieveDebugData), kInput, kOutput), HvStatus::kNoData);
}

TEST_F(KernelHypercallsTest, ResetDebugSessionAnswersInMemory) {
  EXPECT_EQ(Call(Control(CallCode::kResetDebugSession), kInput, kOutput), HvStatus::kSuccess);
  EXPECT_EQ(Read<hyperv::tlfs::ResetDebugSessionOutput>(kOutput).host_port, 50000u);
}

TEST_F(KernelHypercallsTest, WithoutDebuggerItsCallsDoNotExist) {
  host_.debug = nullptr;
  EXPECT_EQ(Call(Control(CallCode::kPostDebugData), kInput, kOutput),
            HvStatus::kInvalidHypercallCode);
}

TEST_F(KernelHypercallsTest, ExtendedCallsTellWhatThereIs) {
  Write(kOutput, ~uint64_t{0});
  EXPECT_EQ(Call(Control(CallCode::kExtQueryCapabilities), 0, kOutput), HvStatus::kSuccess);
  EXPECT_EQ(Read<uint64_t>(kOutput), 0u);
  EXPECT_EQ(Call(Control(CallCode::kExtGetBootZeroedMemory), 0, kOutput),
            HvStatus::kInvalidHypercallCode);
}

TEST_F(KernelHypercallsTest, CallsThatKvmKeepsForItselfDoNotExist) {
  EXPECT_EQ(Call(Control(CallCode::kFlushVirtualAddressSpace), kInput),
            HvStatus::kInvalidHypercallCode);
  EXPECT_EQ(Call(Control(CallCode::kStartVirtualProcessor), kInput),
            HvStatus::kInvalidHypercallCode);
}

TEST_F(KernelHypercallsTest, EnforcedCpuidDeniesWhatItDoesNotAnnounce) {
  in_force_ = {};
  in_force_.Add(hyperv::Enlightenment::kSynic);
  in_force_.Add(hyperv::Enlightenment::kEnforceCpuid);
  EXPECT_EQ(Post(ValidMessage()), HvStatus::kSuccess);
  EXPECT_EQ(Call(Control(CallCode::kResetDebugSession), kInput, kOutput), HvStatus::kAccessDenied);
}

}  // namespace
}  // namespace hvkit::vcpu
