#include "hyperv/hypercall/standard_calls.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/tlb_flusher.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/test_guest.h"
#include "hyperv/hypercall/test_host.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/policy/policy.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"

namespace hvkit::hyperv {
namespace {

using Kind = HypercallOutcome::Kind;
using tlfs::CallCode;
using tlfs::HvStatus;
using Vps = std::vector<uint32_t>;
template <size_t kSize>
using Words = std::array<uint64_t, kSize>;

constexpr uint64_t kCr3 = 0x1234000;
constexpr uint64_t kAllProcessors = 1;
constexpr uint64_t kAllSpaces = 2;
constexpr uint64_t kNonGlobal = 4;
constexpr uint64_t kExtended = 8;

TEST(FlushCalls, MaskNamesVpsAndTheRestOfTheRequestIsHandedOn) {
  TestGuest guest;
  const CallAnswer answer =
      guest.Call(CallCode::kFlushVirtualAddressSpace, Words<3>{kCr3, kNonGlobal, 0b1010});
  EXPECT_EQ(answer.status, HvStatus::kSuccess);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  const TestTlb::Seen& seen = guest.host.tlb.seen[0];
  EXPECT_EQ(seen.caller, guest.caller.value());
  EXPECT_EQ(seen.vps, (Vps{1, 3}));
  EXPECT_EQ(seen.address_space, std::optional(kCr3));
  EXPECT_TRUE(seen.keeps_global);
  EXPECT_TRUE(seen.ranges.empty());
}

TEST(FlushCalls, FlagsNameAllProcessorsAndAllAddressSpaces) {
  TestGuest guest;
  EXPECT_EQ(guest
                .Call(CallCode::kFlushVirtualAddressSpace,
                      Words<3>{kCr3, kAllProcessors | kAllSpaces, 0b10})
                .status,
            HvStatus::kSuccess);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].vps, (Vps{0, 1, 2, 3}));
  EXPECT_EQ(guest.host.tlb.seen[0].address_space, std::nullopt);
}

TEST(FlushCalls, EmptyMaskIsAllProcessorsAsOnKvm) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kFlushVirtualAddressSpace, Words<3>{kCr3, 0, 0}).status,
            HvStatus::kSuccess);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].vps, (Vps{0, 1, 2, 3}));
}

TEST(FlushCalls, EmptyMaskIsNobodyWhereThePolicySaysSo) {
  TestGuest guest(4, Privileges::Unrestricted(), {FlushPolicy::EmptyMask::kNone});
  EXPECT_EQ(guest.Call(CallCode::kFlushVirtualAddressSpace, Words<3>{kCr3, 0, 0}).status,
            HvStatus::kSuccess);
  EXPECT_TRUE(guest.host.tlb.seen.empty());
}

TEST(FlushCalls, SetOfVpsThatDoNotExistIsFlushedByDoingNothing) {
  TestGuest guest;
  const CallAnswer answer = guest.Call(CallCode::kFlushVirtualAddressSpaceEx,
                                       Words<5>{kCr3, 0, 0, 2, ~uint64_t{0}}, VariableWords(1));
  EXPECT_EQ(answer.status, HvStatus::kSuccess);
  EXPECT_TRUE(guest.host.tlb.seen.empty());
}

TEST(FlushCalls, SparseSetsReachBeyondTheFirstBank) {
  TestGuest guest(130);
  const CallAnswer answer = guest.Call(CallCode::kFlushVirtualAddressSpaceEx,
                                       Words<6>{kCr3, 0, 0, 0b101, 1, 0b110}, VariableWords(2));
  EXPECT_EQ(answer.status, HvStatus::kSuccess);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].vps, (Vps{0, 129}));
}

TEST(FlushCalls, SetOfFormatAllNeedsNoBanks) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kFlushVirtualAddressSpaceEx, Words<4>{kCr3, 0, 1, 0}).status,
            HvStatus::kSuccess);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].vps, (Vps{0, 1, 2, 3}));
}

TEST(FlushCalls, ListsAreHandedOnFromTheRepStart) {
  TestGuest guest;
  const CallAnswer answer =
      guest.Call(CallCode::kFlushVirtualAddressList,
                 Words<6>{kCr3, kExtended, 1, 0x7000, 0x8001, 0x9002}, Reps(3, 1));
  EXPECT_EQ(answer.status, HvStatus::kSuccess);
  EXPECT_EQ(answer.reps, 3u);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].ranges, (std::vector<uint64_t>{0x8001, 0x9002}));
  EXPECT_TRUE(guest.host.tlb.seen[0].extended);
}

TEST(FlushCalls, ListsOfTheExFormFollowTheBanks) {
  TestGuest guest;
  const CallAnswer answer =
      guest.Call(CallCode::kFlushVirtualAddressListEx,
                 Words<7>{kCr3, 0, 0, 1, 0b10, 0x7000, 0x8001}, VariableWords(1) | Reps(2));
  EXPECT_EQ(answer.reps, 2u);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].vps, (Vps{1}));
  EXPECT_EQ(guest.host.tlb.seen[0].ranges, (std::vector<uint64_t>{0x7000, 0x8001}));
}

TEST(FlushCalls, ExtendedRangesAreRefusedWhereTheyAreNotOffered) {
  constexpr CpuidWords kAllBut{~0u, ~0u, ~0u, ~(1u << 14)};
  TestGuest guest(4, Privileges(kAllBut, {~0u, ~0u, ~0u, ~0u}));
  const CallAnswer answer =
      guest.Call(CallCode::kFlushVirtualAddressList, Words<4>{kCr3, kExtended, 1, 0x7000}, Reps(1));
  EXPECT_EQ(answer.status, HvStatus::kInvalidParameter);
  EXPECT_TRUE(guest.host.tlb.seen.empty());
}

TEST(FlushCalls, FlushThatIsNotDoneYetIsMadeAgain) {
  TestGuest guest;
  guest.host.tlb.progress = Progress::kAgain;
  guest.Put(kInputGpa, Words<5>{kCr3, 0, 1, 0x7000, 0x8000});
  const uint64_t control = static_cast<uint64_t>(CallCode::kFlushVirtualAddressList) | Reps(2);
  HypercallWords words{CallerMode::k64Bit, control, {kInputGpa, 0}};
  EXPECT_EQ(guest.Execute(words).kind, Kind::kRetry);
  EXPECT_EQ(words.control, control);
  guest.host.tlb.progress = Progress::kDone;
  EXPECT_EQ(guest.Execute(words).kind, Kind::kCompleted);
  EXPECT_EQ(guest.host.tlb.seen.size(), 2u);
}

TEST(FlushCalls, XmmRegistersCarryTheMaskAndTheList) {
  TestGuest guest;
  guest.xmm.values = {0b11, 0x7000, 0x8000};
  HypercallWords words{CallerMode::k64Bit,
                       static_cast<uint64_t>(CallCode::kFlushVirtualAddressList) | kFast | Reps(2),
                       {kCr3, 0}};
  EXPECT_EQ(guest.Execute(words).result, uint64_t{2} << 32);
  ASSERT_EQ(guest.host.tlb.seen.size(), 1u);
  EXPECT_EQ(guest.host.tlb.seen[0].vps, (Vps{0, 1}));
  EXPECT_EQ(guest.host.tlb.seen[0].ranges, (std::vector<uint64_t>{0x7000, 0x8000}));
}

std::vector<testing::InterruptRequest> Ipis(const Vps& vps, uint8_t vector) {
  std::vector<testing::InterruptRequest> requests;
  for (const uint32_t vp : vps) requests.push_back({VpIndex(vp), Vector(vector)});
  return requests;
}

TEST(IpiCalls, VectorGoesToTheVpsOfTheMaskThatExist) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kSendSyntheticClusterIpi, Words<2>{0xF3, 0xFF5}).status,
            HvStatus::kSuccess);
  EXPECT_EQ(guest.host.interrupts.Take(), Ipis({0, 2}, 0xF3));
}

TEST(IpiCalls, FastCallNeedsTwoRegistersOnly) {
  TestGuest guest;
  HypercallWords words{CallerMode::k32Bit,
                       static_cast<uint64_t>(CallCode::kSendSyntheticClusterIpi) | kFast,
                       {0x10, 0b1000}};
  EXPECT_EQ(guest.Execute(words).result, 0u);
  EXPECT_EQ(guest.host.interrupts.Take(), Ipis({3}, 0x10));
}

TEST(IpiCalls, ExFormTakesSparseSetsAndAll) {
  TestGuest guest(70);
  EXPECT_EQ(guest
                .Call(CallCode::kSendSyntheticClusterIpiEx, Words<5>{0xFF, 0, 0b11, 2, 0b100000},
                      VariableWords(2))
                .status,
            HvStatus::kSuccess);
  EXPECT_EQ(guest.host.interrupts.Take(), Ipis({1, 69}, 0xFF));
  EXPECT_EQ(guest.Call(CallCode::kSendSyntheticClusterIpiEx, Words<3>{0xFF, 1, 0}).status,
            HvStatus::kSuccess);
  EXPECT_EQ(guest.host.interrupts.Take().size(), 70u);
}

TEST(IpiCalls, RefusedCallsSendNothing) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kSendSyntheticClusterIpi, Words<2>{15, 0xF}).status,
            HvStatus::kInvalidHypercallInput);
  EXPECT_EQ(guest.host.interrupts.pending(), 0u);
}

TEST(SpinWaitCall, HostIsToldWhoSpinsAndForHowLong) {
  TestGuest guest;
  HypercallWords words{
      CallerMode::k64Bit, static_cast<uint64_t>(CallCode::kNotifyLongSpinWait) | kFast, {4095, 0}};
  EXPECT_EQ(guest.Execute(words).result, 0u);
  EXPECT_EQ(guest.host.vps.spun,
            (std::vector<std::pair<uint32_t, uint32_t>>{{guest.caller.value(), 4095}}));
}

TEST(SpinWaitCall, IsDeniedToGuestsThatAreToldNeverToNotify) {
  for (const uint32_t tries : {0u, tlfs::kSpinlocksNever}) {
    TestGuest guest(4, Privileges({~0u, ~0u, ~0u, ~0u}, {0, tries, 0, 0}));
    EXPECT_EQ(guest.Call(CallCode::kNotifyLongSpinWait, uint64_t{1}).status,
              HvStatus::kAccessDenied);
  }
}

TEST(ConnectionCalls, MessageIsHandedOnWithAsManyBytesAsItHas) {
  TestGuest guest;
  guest.host.connections.status = HvStatus::kInsufficientBuffers;
  tlfs::PostMessageInput input{
      .connection = {5}, .message_type = 0x7FFFFFFF, .payload_size = 3, .payload = {1, 2, 3, 4}};
  EXPECT_EQ(guest.Call(CallCode::kPostMessage, input).status, HvStatus::kInsufficientBuffers);
  ASSERT_EQ(guest.host.connections.posted.size(), 1u);
  const TestConnections::Posted& posted = guest.host.connections.posted[0];
  EXPECT_EQ(posted.id, 5u);
  EXPECT_EQ(static_cast<uint32_t>(posted.type), 0x7FFFFFFFu);
  EXPECT_EQ(posted.payload, (std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}}));
}

TEST(ConnectionCalls, FlagIsHandedOnAsItIs) {
  TestGuest guest;
  guest.host.connections.status = HvStatus::kSuccess;
  HypercallWords words{CallerMode::k64Bit,
                       static_cast<uint64_t>(CallCode::kSignalEvent) | kFast,
                       {uint64_t{0xFFFF} << 32 | 9, 0}};
  EXPECT_EQ(guest.Execute(words).result, 0u);
  ASSERT_EQ(guest.host.connections.signalled.size(), 1u);
  EXPECT_EQ(guest.host.connections.signalled[0].id, 9u);
  EXPECT_EQ(guest.host.connections.signalled[0].flag, 0xFFFF);
}

TEST(DebugCalls, PostedBytesReachTheDebugger) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kPostDebugData, Words<2>{3, 0x44434241}).status,
            HvStatus::kSuccess);
  EXPECT_EQ(guest.host.debugger.sent,
            (std::vector<std::byte>{std::byte{0x41}, std::byte{0x42}, std::byte{0x43}}));
}

TEST(DebugCalls, MoreBytesThanThePageHasLeftAreRefused) {
  TestGuest guest;
  const uint64_t place = kInputGpa + 4096 - 16;
  guest.Put(place, Words<2>{9, 0});
  const CallAnswer answer = guest.Complete(
      {CallerMode::k64Bit, static_cast<uint64_t>(CallCode::kPostDebugData), {place, kOutputGpa}});
  EXPECT_EQ(answer.status, HvStatus::kInvalidParameter);
  EXPECT_TRUE(guest.host.debugger.sent.empty());
}

TEST(DebugCalls, RetrievedBytesFollowTheirCount) {
  TestGuest guest;
  guest.host.debugger.arrived = {std::byte{7}, std::byte{8}};
  guest.Put(kOutputGpa, Words<2>{0, ~uint64_t{0}});
  EXPECT_EQ(guest.Call(CallCode::kRetrieveDebugData, Words<2>{16, 0}).status, HvStatus::kSuccess);
  EXPECT_EQ((guest.Get<Words<2>>(kOutputGpa)),
            (Words<2>{uint64_t{14} << 32 | 2, 0xFFFF'FFFF'FFFF'0807}));
}

TEST(DebugCalls, ResetTellsTheSession) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kResetDebugSession, uint32_t{3}).status, HvStatus::kSuccess);
  EXPECT_EQ(guest.host.debugger.last_reset, 3u);
  EXPECT_EQ(guest.Get<tlfs::ResetDebugSessionOutput>(kOutputGpa).host_port, 50000);
}

TEST(ExtendedCalls, ZeroedRangesFollowTheirCount) {
  TestGuest guest;
  guest.host.zeroed.ranges = {{0x100, 0x20}, {0x300, 1}};
  guest.Put(kOutputGpa + 40, ~uint64_t{0});
  EXPECT_EQ(guest.Call(static_cast<uint64_t>(CallCode::kExtGetBootZeroedMemory)).status,
            HvStatus::kSuccess);
  EXPECT_EQ((guest.Get<Words<6>>(kOutputGpa)), (Words<6>{2, 0x100, 0x20, 0x300, 1, ~uint64_t{0}}));
}

TEST(ExtendedCalls, CapabilitiesNameWhatIsThere) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(static_cast<uint64_t>(CallCode::kExtQueryCapabilities)).status,
            HvStatus::kSuccess);
  EXPECT_EQ(guest.Get<uint64_t>(kOutputGpa), 1u);
}

TEST(VpCalls, StartHandsTheContextOn) {
  TestGuest guest;
  tlfs::StartVpInput input{.partition_id = tlfs::kPartitionIdSelf,
                           .vp_index = 1,
                           .target_vtl = {},
                           .reserved = {},
                           .context = {}};
  input.context.rip = 0xABC;
  EXPECT_EQ(guest.Call(CallCode::kStartVirtualProcessor, input).status, HvStatus::kSuccess);
  EXPECT_EQ(guest.host.vps.started_at, 0xABCu);
  input.vp_index = 2;
  EXPECT_EQ(guest.Call(CallCode::kStartVirtualProcessor, input).status, HvStatus::kInvalidVpState);
}

TEST(VpCalls, StartThatIsNotKnownYetIsMadeAgain) {
  TestGuest guest;
  guest.host.vps.ready = false;
  guest.Put(kInputGpa, tlfs::StartVpInput{.partition_id = tlfs::kPartitionIdSelf,
                                          .vp_index = 1,
                                          .target_vtl = {},
                                          .reserved = {},
                                          .context = {}});
  HypercallWords words = {CallerMode::k64Bit,
                          static_cast<uint64_t>(CallCode::kStartVirtualProcessor),
                          {kInputGpa, kOutputGpa}};
  EXPECT_EQ(guest.Execute(words).kind, Kind::kRetry);
  guest.host.vps.ready = true;
  EXPECT_EQ(guest.Execute(words).kind, Kind::kCompleted);
}

TEST(VpCalls, ApicIdsBecomeVpIndicesUpToTheFirstUnknown) {
  TestGuest guest;
  guest.Put(kOutputGpa, ~uint64_t{0});
  const CallAnswer answer =
      guest.Call(CallCode::kGetVpIndexFromApicId,
                 Words<4>{tlfs::kPartitionIdSelf, 0, uint64_t{2} << 32 | 6, 5}, Reps(3));
  EXPECT_EQ(answer.status, HvStatus::kInvalidParameter);
  EXPECT_EQ(answer.reps, 2u);
  EXPECT_EQ(guest.Get<uint64_t>(kOutputGpa), uint64_t{1} << 32 | 3);
}

TEST(VpRegisterCalls, RegistersOfTheCallerAreReadByTheirNames) {
  TestGuest guest;
  const CallAnswer answer = guest.Call(
      CallCode::kGetVpRegisters,
      Words<3>{tlfs::kPartitionIdSelf, tlfs::kVpIndexSelf, uint64_t{0x20} << 32 | 0x10}, Reps(2));
  EXPECT_EQ(answer.reps, 2u);
  EXPECT_EQ((guest.Get<Words<4>>(kOutputGpa)), (Words<4>{0x10, 0, 0x20, 0}));
}

TEST(VpRegisterCalls, ManyRegistersAreReadAFewAtATime) {
  TestGuest guest;
  guest.Put(kInputGpa, Words<2>{tlfs::kPartitionIdSelf, tlfs::kVpIndexSelf});
  const CallAnswer answer =
      guest.Call(static_cast<uint64_t>(CallCode::kGetVpRegisters) | Reps(100));
  EXPECT_EQ(answer.reps, 100u);
  EXPECT_EQ(answer.executions, 7);
}

TEST(VpRegisterCalls, SettingStopsAtARegisterThatIsMissing) {
  TestGuest guest;
  const CallAnswer answer = guest.Call(
      CallCode::kSetVpRegisters,
      Words<10>{tlfs::kPartitionIdSelf, 1, 0x10, 0, 42, 43, TestRegisters::kMissing, 0, 0, 0},
      Reps(2));
  EXPECT_EQ(answer.status, HvStatus::kInvalidParameter);
  EXPECT_EQ(answer.reps, 1u);
  EXPECT_EQ((guest.host.registers.values[{1, 0x10}].low), 42u);
  EXPECT_EQ((guest.host.registers.values[{1, 0x10}].high), 43u);
}

TEST(RetargetCall, SetOfProcessorsIsInTheVariableHeader) {
  TestGuest guest(70);
  const CallAnswer answer = guest.Call(CallCode::kRetargetDeviceInterrupt,
                                       Words<10>{tlfs::kPartitionIdSelf, TestRetargeter::kDevice, 1,
                                                 0, 0, uint64_t{2} << 32 | 0x41, 0, 0b11, 1, 0b10},
                                       VariableWords(3));
  EXPECT_EQ(answer.status, HvStatus::kSuccess);
  EXPECT_EQ(guest.host.retargeter.vector, 0x41);
  EXPECT_EQ(guest.host.retargeter.vps, (Vps{0, 65}));
}

// {partition, device, entry's source, entry, reserved, vector and flags, mask of processors}.
using RetargetWords = Words<7>;
constexpr RetargetWords kRetarget = {tlfs::kPartitionIdSelf,
                                     TestRetargeter::kDevice,
                                     tlfs::InterruptEntry::kMsi,
                                     0xFEE00000,
                                     0,
                                     uint64_t{1} << 32 | 0x41,
                                     0b101};

TEST(RetargetCall, MaskOfProcessorsIsInTheFixedPart) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kRetargetDeviceInterrupt, kRetarget).status, HvStatus::kSuccess);
  EXPECT_EQ(guest.host.retargeter.vector, 0x41);
  EXPECT_TRUE(guest.host.retargeter.multicast);
  EXPECT_EQ(guest.host.retargeter.entry.source, tlfs::InterruptEntry::kMsi);
  EXPECT_EQ(guest.host.retargeter.entry.entry, 0xFEE00000u);
  EXPECT_EQ(guest.host.retargeter.vps, (Vps{0, 2}));
}

TEST(RetargetCall, EachWordThatIsWrongIsRefused) {
  struct Case {
    size_t word;
    uint64_t value;
    HvStatus status;
  };
  const Case cases[] = {{0, 1, HvStatus::kInvalidPartitionId},
                        {1, 1, HvStatus::kInvalidDeviceId},
                        {2, uint64_t{1} << 32 | 1, HvStatus::kInvalidParameter},
                        {4, 1, HvStatus::kInvalidParameter},
                        {5, 0x0F, HvStatus::kInvalidParameter},
                        {5, 0x100, HvStatus::kInvalidParameter},
                        {5, uint64_t{4} << 32 | 0x41, HvStatus::kInvalidParameter},
                        {5, uint64_t{2} << 32 | 0x41, HvStatus::kInvalidHypercallInput},
                        {6, 0, HvStatus::kInvalidParameter}};
  for (const Case& wrong : cases) {
    TestGuest guest;
    RetargetWords input = kRetarget;
    input[wrong.word] = wrong.value;
    EXPECT_EQ(guest.Call(CallCode::kRetargetDeviceInterrupt, input).status, wrong.status)
        << wrong.word << ": " << wrong.value;
    EXPECT_EQ(guest.host.retargeter.vector, 0);
  }
}

TEST(RetargetCall, HeaderWithoutASetIsRefused) {
  TestGuest guest;
  EXPECT_EQ(guest.Call(CallCode::kRetargetDeviceInterrupt, kRetarget, VariableWords(1)).status,
            HvStatus::kInvalidHypercallInput);
}

TEST(RetargetCall, TargetWithoutProcessorsIsRefused) {
  TestGuest guest;
  const CallAnswer answer =
      guest.Call(CallCode::kRetargetDeviceInterrupt,
                 Words<7>{tlfs::kPartitionIdSelf, TestRetargeter::kDevice, 1, 0, 0, 0x41, 0x10});
  EXPECT_EQ(answer.status, HvStatus::kInvalidParameter);
}

TEST(StandardCalls, WhatTheHostHasNotDoesNotExist) {
  StandardCalls calls({}, {});
  CallTable table(Privileges::Unrestricted());
  ASSERT_TRUE(calls.AddTo(table));
  EXPECT_EQ(table.Find(static_cast<uint16_t>(CallCode::kPostMessage)), nullptr);
  EXPECT_EQ(table.Find(static_cast<uint16_t>(CallCode::kGetPartitionId)), nullptr);
  EXPECT_NE(table.Find(static_cast<uint16_t>(CallCode::kExtQueryCapabilities)), nullptr);
}

TEST(StandardCalls, TableRefusesThemTwice) {
  StandardCalls calls({}, {});
  CallTable table(Privileges::Unrestricted());
  EXPECT_TRUE(calls.AddTo(table));
  EXPECT_FALSE(calls.AddTo(table));
}

}  // namespace
}  // namespace hvkit::hyperv
