// Two virtual processors on their threads, and a third thread that posts, signals and republishes:
// for the thread sanitizer, and for what must hold after any interleaving.
#include <array>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/test_host.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {
namespace {

using tlfs::MsrIndex;

constexpr int kRounds = 300;
constexpr uint64_t kEnable = 1;
constexpr uint64_t kLinux = 0x8100'0006'0100'0000;
constexpr uint64_t kSharedPages[] = {0x5000, 0x6000};  // Both VPs put everything there

class PartitionStressTest : public ::testing::Test {
 protected:
  static void Write(VirtualProcessor& vp, MsrIndex index, uint64_t value) {
    EXPECT_EQ(vp.WriteMsr(static_cast<uint32_t>(index), value), MsrOutcome::kHandled);
  }
  static uint64_t Read(VirtualProcessor& vp, MsrIndex index) {
    return vp.ReadMsr(static_cast<uint32_t>(index)).value;
  }
  static void Round(VirtualProcessor& vp, uint64_t page) {
    Write(vp, MsrIndex::kGuestOsId, kLinux);
    Write(vp, MsrIndex::kHypercall, page | kEnable);
    Write(vp, MsrIndex::kReferenceTsc, page | kEnable);
    Write(vp, MsrIndex::kSimp, page | kEnable);
    Write(vp, MsrIndex::kSiefp, page);
    Write(vp, MsrIndex::kCrashP0, page);
    Write(vp, MsrIndex::kTscEmulationControl, 1);
    vp.Poll(RefTime(0));
    Write(vp, MsrIndex::kEom, 0);
    Write(vp, MsrIndex::kGuestOsId, 0);
  }
  void RunVp(uint32_t index) {
    VirtualProcessor& vp = *partition_.FindVp(VpIndex(index));
    for (int round = 0; round < kRounds; ++round) {
      Round(vp, kSharedPages[static_cast<size_t>(round) % std::size(kSharedPages)]);
    }
  }
  void RunOthers() {
    Synic& target = partition_.FindVp(VpIndex(1))->synic();
    MessagePort port(target, SintIndex::Of<2>(), 7);
    for (int round = 0; round < kRounds; ++round) {
      (void)port.Post(tlfs::MessageType{1}, {});
      (void)target.SignalEvent(SintIndex::Of<2>(), 5);
      partition_.RepublishReferenceTsc();
      (void)partition_.hypercall_page().page();
    }
  }
  TestHost host_;
  Partition partition_{{.in_force = AllEnforced(), .vp_count = 2}, host_.Host()};
};

TEST_F(PartitionStressTest, AfterAnyInterleavingAResetGivesAllMemoryBack) {
  std::array threads = {std::thread([this] { RunVp(0); }), std::thread([this] { RunVp(1); }),
                        std::thread([this] { RunOthers(); })};
  for (std::thread& thread : threads) thread.join();
  partition_.Reset();
  EXPECT_EQ(host_.memory.pinned(), 0);
  EXPECT_EQ(Read(*partition_.FindVp(VpIndex(0)), MsrIndex::kHypercall), 0u);
  EXPECT_EQ(Read(*partition_.FindVp(VpIndex(1)), MsrIndex::kReferenceTsc), 0u);
}

}  // namespace
}  // namespace hvkit::hyperv
