// The host's side of KVM's SynICs on real KVM, without guest code: the test writes the guest's MSRs
// and memory, and its thread is the VPs'.

#include "vcpu/hyperv_kvm/kernel_synic.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/device_synic.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vcpu_hyperv.h"
#include "kvm_ioctls/vm.h"
#include "testing/status_matchers.h"
#include "vcpu/guest_memory.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Gpa;
using hyperv::SintIndex;
using hyperv::SintRoute;
using hyperv::VpIndex;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::MessageType;
using hyperv::tlfs::MsrIndex;

constexpr uint32_t kVps = 2;
constexpr VpIndex kVp{1};  // the one that most tests use
constexpr SintIndex kSint = SintIndex::Of<3>();
constexpr uint8_t kVector = 0x63;
constexpr uint64_t kSimp = 0x10000;
constexpr uint64_t kSiefp = 0x20000;
constexpr uint64_t kEnable = 1;
constexpr uint64_t kSlot = kSimp + 3 * 256;
constexpr uint64_t kFlags = kSiefp + 3 * 256;
constexpr auto kType = static_cast<MessageType>(7);

// Counts the kicks of each VP, from whichever thread.
class Kicks {
 public:
  void Add(VpIndex vp) {
    const absl::MutexLock lock(&mutex_);
    ++counts_[vp.value()];
  }
  // Waits for a kick and takes it.
  void Await(VpIndex vp) {
    const absl::MutexLock lock(&mutex_);
    const auto kicked = [this, vp]()
                            ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return counts_[vp.value()] > 0; };
    mutex_.Await(absl::Condition(&kicked));
    counts_[vp.value()] = 0;
  }
  bool Take(VpIndex vp) {
    const absl::MutexLock lock(&mutex_);
    return std::exchange(counts_[vp.value()], 0) > 0;
  }

 private:
  absl::Mutex mutex_;
  std::array<int, kVps> counts_ ABSL_GUARDED_BY(mutex_){};
};

class KernelSynicKvmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(kvm::Kvm kvm, kvm::Kvm::Open());
    ASSERT_OK_AND_ASSIGN(kvm::Vm vm, kvm.CreateVm());
    vm_.emplace(std::move(vm));
    ASSERT_OK(vm_->CreateIrqchip());
    ASSERT_OK_AND_ASSIGN(memory_, GuestMemory::Create(GuestMemory::kMinSize));
    ASSERT_OK(memory_->RegisterWith(*vm_));
    for (uint32_t i = 0; i < kVps; ++i) {
      ASSERT_OK_AND_ASSIGN(kvm::Vcpu vcpu, vm_->CreateVcpu(i));
      vcpus_.push_back(std::move(vcpu));
      ASSERT_OK(kvm::EnableHypervSynic2(vcpus_.back()));
      EnableLapic(vcpus_.back());
    }
    ASSERT_OK_AND_ASSIGN(
        synic_, KernelSynic::Create({.vp_count = kVps, .has_event_descriptors = true},
                                    {.vm = *vm_, .memory = *memory_, .kick = [this](VpIndex vp) {
                                       kicks_.Add(vp);
                                     }}));
    SetMsr(MsrIndex::kSint0, 3, kVector);
    WriteSynic(MsrIndex::kSimp, kSimp | kEnable);
    WriteSynic(MsrIndex::kSiefp, kSiefp | kEnable);
  }
  void TearDown() override { synic_.reset(); }

  kvm::Vcpu& vcpu() { return vcpus_[kVp.value()]; }
  void SetMsr(MsrIndex msr, uint32_t offset, uint64_t value) {
    ASSERT_OK(vcpu().SetMsr(static_cast<uint32_t>(msr) + offset, value));
  }
  // As the guest would: KVM has the register, and exits.
  void WriteSynic(MsrIndex msr, uint64_t value) {
    SetMsr(msr, 0, value);
    (msr == MsrIndex::kSimp ? exit_.msg_page : exit_.evt_page) = value;
    if (msr == MsrIndex::kScontrol) exit_.control = value;
    exit_.msr = static_cast<uint32_t>(msr);
    synic_->OnExit(kVp, exit_);
  }
  static void EnableLapic(const kvm::Vcpu& vcpu) {
    constexpr size_t kSpuriousVector = 0xf0;
    constexpr uint32_t kOn = 0x1ff;
    ASSERT_OK_AND_ASSIGN(kvm_lapic_state lapic, vcpu.GetLapic());
    std::memcpy(lapic.regs + kSpuriousVector, &kOn, sizeof(kOn));
    ASSERT_OK(vcpu.SetLapic(lapic));
  }
  // Whether the VP's APIC has a request for the vector; takes it back.
  bool TakeInterrupt(VpIndex vp = kVp, uint8_t vector = kVector) {
    constexpr size_t kRequests = 0x200;
    auto lapic = vcpus_[vp.value()].GetLapic();
    EXPECT_OK(lapic);
    char* const at = lapic->regs + kRequests + 0x10 * (vector / 32);
    uint32_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    const bool requested = ((word >> (vector % 32)) & 1) != 0;
    word &= ~(1u << (vector % 32));
    std::memcpy(at, &word, sizeof(word));
    EXPECT_OK(vcpus_[vp.value()].SetLapic(*lapic));
    return requested;
  }

  template <typename T>
  T Read(uint64_t gpa) const {
    T value{};
    EXPECT_EQ(memory_->Read(Gpa(gpa), std::as_writable_bytes(std::span(&value, 1))),
              hyperv::MemFault::kNone);
    return value;
  }
  template <typename T>
  void Write(uint64_t gpa, T value) {
    ASSERT_EQ(memory_->Write(Gpa(gpa), std::as_bytes(std::span(&value, 1))),
              hyperv::MemFault::kNone);
  }
  uint32_t SlotType() const { return Read<uint32_t>(kSlot); }
  bool SlotPending() const { return (Read<uint8_t>(kSlot + 5) & 1) != 0; }
  uint8_t SlotByte() const { return Read<uint8_t>(kSlot + 16); }
  void FreeSlot() { Write<uint32_t>(kSlot, 0); }
  void WriteEom() { SetMsr(MsrIndex::kEom, 0, 0); }

  std::unique_ptr<SintRoute> Open(VpIndex vp = kVp, SintIndex sint = kSint) {
    absl::StatusOr<std::unique_ptr<SintRoute>> route = synic_->OpenRoute(vp, sint, {.raw = 0x55});
    EXPECT_OK(route);
    return *std::move(route);
  }
  static HvStatus Post(SintRoute& route, uint8_t first_byte) {
    const std::array<std::byte, 1> payload = {static_cast<std::byte>(first_byte)};
    return route.PostMessage(kType, payload);
  }

  std::optional<kvm::Vm> vm_;
  std::unique_ptr<GuestMemory> memory_;
  std::vector<kvm::Vcpu> vcpus_;
  Kicks kicks_;
  kvm::HypervExit::Synic exit_{.msr = 0, .pad2 = 0, .control = 1, .evt_page = 0, .msg_page = 0};
  std::unique_ptr<KernelSynic> synic_;
};

TEST_F(KernelSynicKvmTest, MessageArrivesInTheSlotOnTheVpsThread) {
  const auto route = Open();
  EXPECT_EQ(Post(*route, 9), HvStatus::kSuccess);
  EXPECT_EQ(SlotType(), 0u);
  EXPECT_TRUE(kicks_.Take(kVp));
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotType(), 7u);
  EXPECT_EQ(SlotByte(), 9u);
  EXPECT_EQ(Read<uint64_t>(kSlot + 8), 0x55u);
  EXPECT_FALSE(SlotPending());
  EXPECT_TRUE(TakeInterrupt());
}

TEST_F(KernelSynicKvmTest, BusySlotIsTriedAgainAtEom) {
  const auto route = Open();
  ASSERT_EQ(Post(*route, 1), HvStatus::kSuccess);
  ASSERT_EQ(Post(*route, 2), HvStatus::kSuccess);
  EXPECT_TRUE(kicks_.Take(kVp));
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotByte(), 1u);
  EXPECT_TRUE(SlotPending());
  EXPECT_FALSE(kicks_.Take(kVp));
  EXPECT_TRUE(TakeInterrupt());
  FreeSlot();
  WriteEom();
  kicks_.Await(kVp);
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotByte(), 2u);
  EXPECT_TRUE(TakeInterrupt());
}

TEST_F(KernelSynicKvmTest, MessageOfATimerInTheSlotIsMarkedAndWaitedFor) {
  constexpr uint32_t kTimerExpired = 0x80000010;
  Write<uint32_t>(kSlot, kTimerExpired);
  const auto route = Open();
  ASSERT_EQ(Post(*route, 1), HvStatus::kSuccess);
  synic_->OnKicked(kVp);
  EXPECT_TRUE(SlotPending());
  EXPECT_EQ(SlotType(), kTimerExpired);
  kicks_.Take(kVp);
  FreeSlot();
  WriteEom();
  kicks_.Await(kVp);
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotType(), 7u);
}

TEST_F(KernelSynicKvmTest, ThousandMessagesArriveInOrderWithoutLoss) {
  const auto route = Open();
  constexpr int kMessages = 1000;
  int posted = 0;
  for (int taken = 0; taken < kMessages; ++taken) {
    while (posted < kMessages && Post(*route, static_cast<uint8_t>(posted)) == HvStatus::kSuccess) {
      ++posted;
    }
    while (SlotType() == 0) {
      kicks_.Await(kVp);
      synic_->OnKicked(kVp);
    }
    ASSERT_EQ(SlotByte(), static_cast<uint8_t>(taken)) << taken;
    const bool pending = SlotPending();
    FreeSlot();
    if (pending) WriteEom();
  }
  EXPECT_EQ(posted, kMessages);
  EXPECT_EQ(SlotType(), 0u);
}

TEST_F(KernelSynicKvmTest, SeventeenthMessageHasNoBuffer) {
  const auto route = Open();
  for (int i = 0; i < 16; ++i) ASSERT_EQ(Post(*route, 0), HvStatus::kSuccess) << i;
  EXPECT_EQ(Post(*route, 0), HvStatus::kInsufficientBuffers);
}

TEST_F(KernelSynicKvmTest, WithoutMessagePageNothingIsPosted) {
  const auto route = Open();
  WriteSynic(MsrIndex::kSimp, kSimp);
  EXPECT_EQ(Post(*route, 0), HvStatus::kInvalidSynicState);
}

TEST_F(KernelSynicKvmTest, MessagesThatWaitArriveWhenThePageComesBack) {
  const auto route = Open();
  ASSERT_EQ(Post(*route, 4), HvStatus::kSuccess);
  WriteSynic(MsrIndex::kSimp, kSimp);
  synic_->OnKicked(kVp);
  WriteSynic(MsrIndex::kSimp, kSimp | kEnable);
  EXPECT_EQ(SlotByte(), 4u);
}

TEST_F(KernelSynicKvmTest, MessagePageBeyondMemoryTakesMessagesThatNobodySees) {
  const auto route = Open();
  WriteSynic(MsrIndex::kSimp, 0xFFFFFFFFFF000 | kEnable);
  EXPECT_EQ(Post(*route, 4), HvStatus::kSuccess);
  synic_->OnKicked(kVp);
  WriteSynic(MsrIndex::kSiefp, 0xFFFFFFFFFFFFF000 | kEnable);
  EXPECT_EQ(route->SetEventFlag(1), HvStatus::kSuccess);
}

TEST_F(KernelSynicKvmTest, PagesCoverWhatWasThereAndGiveItBack) {
  WriteSynic(MsrIndex::kSimp, 0);
  Write<uint32_t>(kSlot, 0x12345678);
  WriteSynic(MsrIndex::kSimp, kSimp | kEnable);
  EXPECT_EQ(SlotType(), 0u);
  WriteSynic(MsrIndex::kSimp, 0);
  EXPECT_EQ(SlotType(), 0x12345678u);
}

TEST_F(KernelSynicKvmTest, MaskedSintHasItsMessageWithoutInterrupt) {
  constexpr uint64_t kMasked = 1 << 16;
  SetMsr(MsrIndex::kSint0, 3, kVector | kMasked);
  const auto route = Open();
  ASSERT_EQ(Post(*route, 0), HvStatus::kSuccess);
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotType(), 7u);
  EXPECT_FALSE(TakeInterrupt());
}

TEST_F(KernelSynicKvmTest, EventFlagInterruptsOnlyWhenItWasNotSet) {
  const auto route = Open();
  EXPECT_EQ(route->SetEventFlag(65), HvStatus::kSuccess);
  EXPECT_EQ(Read<uint64_t>(kFlags + 8), 2u);
  EXPECT_TRUE(TakeInterrupt());
  EXPECT_EQ(route->SetEventFlag(65), HvStatus::kSuccess);
  EXPECT_FALSE(TakeInterrupt());
  Write<uint64_t>(kFlags + 8, 0);
  EXPECT_EQ(route->SetEventFlag(65), HvStatus::kSuccess);
  EXPECT_TRUE(TakeInterrupt());
}

TEST_F(KernelSynicKvmTest, EventFlagWithoutItsPageIsRefused) {
  const auto route = Open();
  WriteSynic(MsrIndex::kSiefp, 0);
  EXPECT_EQ(route->SetEventFlag(0), HvStatus::kInvalidSynicState);
  EXPECT_EQ(route->SetEventFlag(2048), HvStatus::kInvalidParameter);
}

TEST_F(KernelSynicKvmTest, RouteRaisesItsOwnSintOnly) {
  const auto other = Open(VpIndex(0), kSint);
  const auto route = Open();
  other->Raise();
  EXPECT_FALSE(TakeInterrupt());
  route->Raise();
  EXPECT_TRUE(TakeInterrupt());
}

TEST_F(KernelSynicKvmTest, TwoRoutesToOneSintShareIt) {
  const auto first = Open();
  const auto second = Open();
  ASSERT_EQ(Post(*first, 1), HvStatus::kSuccess);
  ASSERT_EQ(Post(*second, 2), HvStatus::kSuccess);
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotByte(), 1u);
  kicks_.Take(kVp);
  FreeSlot();
  WriteEom();
  kicks_.Await(kVp);
  synic_->OnKicked(kVp);
  EXPECT_EQ(SlotByte(), 2u);
}

TEST_F(KernelSynicKvmTest, OrdinaryInterruptsStayRoutedOnceASintIs) {
  constexpr uint32_t kGsi = 4;
  constexpr uint8_t kIoApicVector = 0x71;
  const auto route = Open();
  kvm_irqchip chip{};
  chip.chip_id = KVM_IRQCHIP_IOAPIC;
  ASSERT_OK(vm_->GetIrqchip(chip));
  chip.chip.ioapic.redirtbl[kGsi].bits = kIoApicVector;  // fixed, edge, to APIC 0
  ASSERT_OK(vm_->SetIrqchip(chip));
  ASSERT_OK(vm_->IrqLine({.irq = kGsi, .level = 1}));
  EXPECT_TRUE(TakeInterrupt(VpIndex(0), kIoApicVector));
}

TEST_F(KernelSynicKvmTest, VpThatDoesNotExistHasNoRoute) {
  EXPECT_THAT(synic_->OpenRoute(VpIndex(kVps), kSint, {}),
              ::hvkit::testing::StatusIs(absl::StatusCode::kNotFound, ::testing::_));
}

// Counts the events.
class CountingEvents final : public hyperv::EventHandler {
 public:
  HvStatus OnEvent(VpIndex /*caller*/, uint16_t flag) override {
    const absl::MutexLock lock(&mutex_);
    EXPECT_EQ(flag, 0u);
    ++count_;
    return HvStatus::kSuccess;
  }
  void AwaitOne() {
    const absl::MutexLock lock(&mutex_);
    const auto any = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return count_ > 0; };
    mutex_.Await(absl::Condition(&any));
    count_ = 0;
  }

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(KernelSynicKvmTest, ConnectedEventsAreBoundInKvmUntilTheyAreBroken) {
  constexpr uint32_t kId = 17;
  CountingEvents events;
  ASSERT_OK_AND_ASSIGN(auto connection, synic_->ConnectEvents({.raw = kId}, events));
  kvm_hyperv_eventfd unbind{
      .conn_id = kId, .fd = -1, .flags = KVM_HYPERV_EVENTFD_DEASSIGN, .padding = {}};
  EXPECT_OK(vm_->HypervEventfd(unbind));
  connection.reset();
  ASSERT_OK_AND_ASSIGN(connection, synic_->ConnectEvents({.raw = kId}, events));
  connection.reset();
  EXPECT_THAT(vm_->HypervEventfd(unbind),
              ::hvkit::testing::StatusIs(absl::StatusCode::kNotFound, ::testing::_));
}

TEST_F(KernelSynicKvmTest, EventsThatExitReachTheSameHandler) {
  constexpr uint32_t kId = 17;
  CountingEvents events;
  ASSERT_OK_AND_ASSIGN(const auto connection, synic_->ConnectEvents({.raw = kId}, events));
  EXPECT_EQ(synic_->connections().SignalEvent(kVp, kId, 0), HvStatus::kSuccess);
  events.AwaitOne();
  EXPECT_EQ(synic_->connections().SignalEvent(kVp, kId + 1, 0), HvStatus::kInvalidConnectionId);
}

}  // namespace
}  // namespace hvkit::vcpu
