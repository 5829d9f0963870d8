#include "hyperv/hypercall/dispatcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/raw_call.h"
#include "hyperv/hypercall/test_guest.h"
#include "hyperv/hypercall/x64_registers.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {
namespace {

using Kind = HypercallOutcome::Kind;
using tlfs::HvStatus;

// An embedder's own calls: adds the input to each element, a few elements at a time.
struct AddToAll : CallDefaults {
  static constexpr tlfs::CallCode kCode{0xF001};
  using Input = uint64_t;
  using Element = uint64_t;
  using Result = uint64_t;
  static constexpr uint32_t kRepsPerEntry = 3;
};
// And one that adds two numbers.
struct Add : CallDefaults {
  static constexpr tlfs::CallCode kCode{0xF002};
  using Input = std::array<uint64_t, 2>;
  using Output = uint64_t;
};

// Lists begin at multiples of 8 bytes.
struct TwelveBytes : CallDefaults {
  using Input = std::array<uint32_t, 3>;
};
struct TwelveBytesAndHeader : TwelveBytes {
  static constexpr bool kTakesVariableHeader = true;
};
struct TwelveBytesAndList : TwelveBytes {
  using Element = uint32_t;
};
struct FourBytesAndResults : CallDefaults {
  using Output = uint32_t;
  using Result = uint32_t;
};
static_assert(CallDefinition<AddToAll> && CallDefinition<TwelveBytes>);
static_assert(!CallDefinition<TwelveBytesAndHeader> && !CallDefinition<TwelveBytesAndList> &&
              !CallDefinition<FourBytesAndResults>);

struct Embedder {
  static constexpr uint64_t kRefused = 0xBAD;

  CallResult OnAddToAll(const Arguments<AddToAll>& call) {
    largest_entry = std::max(largest_entry, call.elements.size());
    for (uint32_t i = 0; i < call.elements.size(); ++i) {
      if (call.elements[i] == kRefused) return CallResult::AfterReps(i, HvStatus::kNotFound);
      call.results[i] = call.elements[i] + call.input;
    }
    return CallResult(HvStatus::kSuccess);
  }

  size_t largest_entry = 0;
};

HvStatus OnAdd(HvStatus& answer, const Arguments<Add>& call) {
  call.output = call.input[0] + call.input[1];
  return answer;
}

constexpr uint64_t kAddToAll = static_cast<uint64_t>(AddToAll::kCode);
constexpr uint64_t kAdd = static_cast<uint64_t>(Add::kCode);

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    const bool added = guest_.table().Add<AddToAll, &Embedder::OnAddToAll>(embedder_) &&
                       guest_.table().Add<Add, OnAdd>(add_answer_);
    EXPECT_TRUE(added);
  }

  // The header 100 and the elements 0 .. 4.
  void PutList() { guest_.Put(kInputGpa, std::array<uint64_t, 6>{100, 0, 1, 2, 3, 4}); }
  std::array<uint64_t, 6> Output() const { return guest_.Get<std::array<uint64_t, 6>>(kOutputGpa); }

  TestGuest guest_;
  Embedder embedder_;
  HvStatus add_answer_ = HvStatus::kSuccess;
};

TEST_F(DispatcherTest, LongRepCallsAreTakenUpAgainAtTheNextRep) {
  PutList();
  HypercallWords words{CallerMode::k64Bit, kAddToAll | Reps(5), {kInputGpa, kOutputGpa}};
  const HypercallOutcome first = guest_.Execute(words);
  EXPECT_EQ(first.kind, Kind::kRetry);
  EXPECT_EQ(words.control, kAddToAll | Reps(5, 3));
  const HypercallOutcome second = guest_.Execute(words);
  EXPECT_EQ(second.kind, Kind::kCompleted);
  EXPECT_EQ(second.result, uint64_t{5} << 32);
  EXPECT_EQ(Output(), (std::array<uint64_t, 6>{100, 101, 102, 103, 104, 0}));
  EXPECT_EQ(embedder_.largest_entry, 3u);
}

TEST_F(DispatcherTest, RepInErrorLeavesThoseBeforeItDone) {
  PutList();
  guest_.Put(kInputGpa + 8 + uint64_t{8} * 4, Embedder::kRefused);
  const CallAnswer answer = guest_.Call(kAddToAll | Reps(5));
  EXPECT_EQ(answer.status, HvStatus::kNotFound);
  EXPECT_EQ(answer.reps, 4u);
  EXPECT_EQ(Output(), (std::array<uint64_t, 6>{100, 101, 102, 103, 0, 0}));
}

TEST_F(DispatcherTest, RepsBeforeTheStartAreLeftAlone) {
  PutList();
  guest_.Put(kOutputGpa, uint64_t{7});
  const CallAnswer answer = guest_.Call(kAddToAll | Reps(2, 1));
  EXPECT_EQ(answer.reps, 2u);
  EXPECT_EQ(Output(), (std::array<uint64_t, 6>{7, 101, 0, 0, 0, 0}));
}

TEST_F(DispatcherTest, FailedCallsLeaveTheOutputAlone) {
  add_answer_ = HvStatus::kNotFound;
  guest_.Put(kInputGpa, std::array<uint64_t, 2>{1, 2});
  guest_.Put(kOutputGpa, uint64_t{7});
  EXPECT_EQ(guest_.Call(kAdd).status, HvStatus::kNotFound);
  EXPECT_EQ(guest_.Get<uint64_t>(kOutputGpa), 7u);
}

TEST_F(DispatcherTest, OutputThatIsReadOnlyIsRefusedBeforeTheCallIsMade) {
  constexpr uint64_t kRom = 0x30000;
  guest_.memory.MapRam(Gpn::Containing(Gpa(kRom)), 1, Access::kRead);
  PutList();
  const CallAnswer answer =
      guest_.Complete({CallerMode::k64Bit, kAddToAll | Reps(5), {kInputGpa, kRom}});
  EXPECT_EQ(answer.status, HvStatus::kInvalidAlignment);
  EXPECT_EQ(embedder_.largest_entry, 0u);
}

TEST_F(DispatcherTest, GpasThatAreNotUsedAreNotLookedAt) {
  const uint64_t get_id = static_cast<uint64_t>(tlfs::CallCode::kGetPartitionId);
  const CallAnswer answer =
      guest_.Complete({CallerMode::k64Bit, get_id, {kNoMemoryGpa + 1, kOutputGpa}});
  EXPECT_EQ(answer.status, HvStatus::kSuccess);
  EXPECT_EQ(guest_.Get<uint64_t>(kOutputGpa), kPartitionId);
}

TEST_F(DispatcherTest, BlocksAtTheEndOfTheAddressSpaceAreBeyondMemory) {
  guest_.Put(kInputGpa, std::array<uint64_t, 2>{1, 2});
  const CallAnswer answer =
      guest_.Complete({CallerMode::k64Bit, kAdd, {~uint64_t{0} - 15, kOutputGpa}});
  EXPECT_EQ(answer.status, HvStatus::kInvalidAlignment);
}

TEST_F(DispatcherTest, FastOutputFollowsTheInputAndKeepsOtherRegisters) {
  guest_.xmm.values.fill(0x55);
  HypercallWords words{CallerMode::k64Bit, kAdd | kFast, {30, 12}};
  EXPECT_EQ(guest_.Execute(words).kind, Kind::kCompleted);
  EXPECT_EQ(words.parameters, (std::array<uint64_t, 2>{30, 12}));
  XmmValues expected;
  expected.fill(0x55);
  expected[0] = 42;
  EXPECT_EQ(guest_.xmm.values, expected);
}

TEST_F(DispatcherTest, FastOutputOfACallWithoutInputIsInTheFirstRegisters) {
  const uint64_t get_id = static_cast<uint64_t>(tlfs::CallCode::kGetPartitionId);
  HypercallWords words{CallerMode::k64Bit, get_id | kFast, {1, 2}};
  EXPECT_EQ(guest_.Execute(words).kind, Kind::kCompleted);
  EXPECT_EQ(words.parameters, (std::array<uint64_t, 2>{kPartitionId, 2}));
  EXPECT_EQ(guest_.xmm.reads + guest_.xmm.writes, 0);
}

TEST_F(DispatcherTest, FastCallsThatFailKeepAllRegisters) {
  add_answer_ = HvStatus::kNotFound;
  guest_.xmm.values.fill(0x55);
  HypercallWords words{CallerMode::k64Bit, kAdd | kFast, {30, 12}};
  EXPECT_EQ(guest_.Execute(words).kind, Kind::kCompleted);
  EXPECT_EQ(guest_.xmm.writes, 0);
}

TEST_F(DispatcherTest, XmmRegistersAreReadOnlyForCallsThatUseThem) {
  HypercallWords words{
      CallerMode::k64Bit, static_cast<uint64_t>(tlfs::CallCode::kSignalEvent) | kFast, {7, 0}};
  EXPECT_EQ(guest_.Execute(words).kind, Kind::kCompleted);
  EXPECT_EQ(guest_.xmm.reads, 0);
}

TEST(Dispatcher, XmmFastCallsAreUndefinedWhereTheyAreNotOffered) {
  constexpr CpuidWords kAllButXmm{~0u, ~0u, ~0u, ~(1u << 4 | 1u << 15)};
  TestGuest guest(4, Privileges(kAllButXmm, {~0u, ~0u, ~0u, ~0u}));
  const auto kind_of = [&guest](tlfs::CallCode code) {
    HypercallWords words{CallerMode::k64Bit, static_cast<uint64_t>(code) | kFast, {0xF0, 0}};
    return guest.Execute(words).kind;
  };
  EXPECT_EQ(kind_of(tlfs::CallCode::kFlushVirtualAddressSpace), Kind::kInvalidOpcode);
  EXPECT_EQ(kind_of(tlfs::CallCode::kGetPartitionId), Kind::kInvalidOpcode);
  EXPECT_EQ(kind_of(tlfs::CallCode::kSendSyntheticClusterIpi), Kind::kCompleted);
}

TEST_F(DispatcherTest, PrivilegeIsJudgedBeforeTheRestOfTheControlWord) {
  TestGuest guest(4, Privileges());
  const uint64_t reserved = uint64_t{1} << 63;
  const CallAnswer answer =
      guest.Call(static_cast<uint64_t>(tlfs::CallCode::kPostMessage) | reserved | Reps(1));
  EXPECT_EQ(answer.status, HvStatus::kAccessDenied);
}

// Changes the guest's memory once the dispatcher has had its look.
class FickleMemory final : public GuestMemory {
 public:
  explicit FickleMemory(GuestMemory& memory) : memory_(memory) {}

  MemFault Read(Gpa from, std::span<std::byte> to) const override {
    ++reads;
    return memory_.Read(from, to);
  }
  MemFault Write(Gpa to, std::span<const std::byte> from) override {
    return memory_.Write(to, from);
  }
  std::optional<PinnedPage> Pin(Gpn page, Access access) override {
    return memory_.Pin(page, access);
  }

  mutable int reads = 0;

 private:
  GuestMemory& memory_;
};

TEST_F(DispatcherTest, InputIsReadOnce) {
  FickleMemory memory(guest_.memory);
  const Dispatcher dispatcher(guest_.table(), memory);
  PutList();
  HypercallWords words{CallerMode::k64Bit, kAddToAll | Reps(3), {kInputGpa, kOutputGpa}};
  EXPECT_EQ(dispatcher.Dispatch(VpIndex(0), words, guest_.xmm).kind, Kind::kCompleted);
  EXPECT_EQ(memory.reads, 1);
}

TEST_F(DispatcherTest, CodesCanBeAddedOnce) {
  Embedder other;
  EXPECT_FALSE((guest_.table().Add<AddToAll, &Embedder::OnAddToAll>(other)));
  EXPECT_FALSE((guest_.table().Add<Add, OnAdd>(add_answer_)));
}

TEST(X64Registers, IllegalCallsChangeNothing) {
  GeneralRegisters registers{.rax = 1, .rcx = 2, .rdx = 3, .r8 = 4};
  const GeneralRegisters before = registers;
  const HypercallWords words = ReadHypercall(CallerMode::k64Bit, registers);
  WriteHypercall(words, {.kind = Kind::kInvalidOpcode}, registers);
  EXPECT_EQ(registers, before);
}

TEST(X64Registers, RetryPutsTheControlWordWhereItCameFrom) {
  GeneralRegisters registers;
  WriteHypercall({.mode = CallerMode::k64Bit, .control = 0x1'0000'0005}, {.kind = Kind::kRetry},
                 registers);
  EXPECT_EQ(registers, (GeneralRegisters{.rcx = 0x1'0000'0005}));
  registers = {};
  WriteHypercall({.mode = CallerMode::k32Bit, .control = 0x1'0000'0005}, {.kind = Kind::kRetry},
                 registers);
  EXPECT_EQ(registers, (GeneralRegisters{.rax = 5, .rdx = 1}));
}

}  // namespace
}  // namespace hvkit::hyperv
