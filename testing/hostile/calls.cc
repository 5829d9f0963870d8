// Calls that cannot succeed, back to back from every processor: codes that do not exist, reserved
// bits, reps without sense, blocks that are misaligned, cross a page or lie beyond memory.
// `rounds=N` of 100 calls each.

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/hostile/load.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;

constexpr unsigned kCallsInARound = 100;
constexpr uint64_t kReserved = tlfs::HypercallControl::kReservedMask;
constexpr uint64_t kBeyondMemory = uint64_t{1} << 45;
constexpr uint64_t kBeyondAll = 0xffff'ffff'ffff'f000;

struct Call {
  uint64_t control;
  uint64_t input;
  uint64_t output;
};

constexpr uint64_t Code(CallCode code) { return static_cast<uint64_t>(code); }
constexpr uint64_t Reps(uint64_t count, uint64_t start) { return count << 32 | start << 48; }

constexpr Call kCalls[] = {
    {0, 0, 0},
    {0xffff, 0, 0},
    {0x0fff | kFast, 0, 0},
    {~uint64_t{0}, kBeyondAll, kBeyondAll},
    {Code(CallCode::kSignalEvent) | kFast | (uint64_t{1} << 27), 0, 0},
    {Code(CallCode::kSignalEvent) | kFast | kReserved, 0, 0},
    {Code(CallCode::kSignalEvent) | kFast, 0x00abcdef, 0},
    {Code(CallCode::kSignalEvent) | kFast, ~uint64_t{0}, ~uint64_t{0}},
    {Code(CallCode::kSignalEvent) | kFast | Reps(7, 3), 1, 0},
    {Code(CallCode::kPostMessage), kBeyondMemory, 0},
    {Code(CallCode::kPostMessage), kBeyondAll, 0},
    {Code(CallCode::kPostMessage), 0x1001, 0},
    {Code(CallCode::kPostMessage), 0x1ff8, 0},
    {Code(CallCode::kPostMessage), 0xfee0'0000, 0},
    {Code(CallCode::kPostMessage) | kFast, 0, 0},
    {Code(CallCode::kSendSyntheticClusterIpi) | kFast, 0, 1},
    {Code(CallCode::kSendSyntheticClusterIpi) | kFast, 0xffff'ffff, 1},
    {Code(CallCode::kSendSyntheticClusterIpiEx), kBeyondMemory, 0},
    {Code(CallCode::kSendSyntheticClusterIpiEx) | uint64_t{0x3ff} << 17, 0x1000, 0},
    {Code(CallCode::kFlushVirtualAddressList) | Reps(0xfff, 0xfff), 0x1000, 0},
    {Code(CallCode::kFlushVirtualAddressList) | Reps(0, 0), 0x1000, 0},
    {Code(CallCode::kFlushVirtualAddressList) | Reps(1, 2), 0x1000, 0},
    {Code(CallCode::kFlushVirtualAddressListEx) | Reps(0xfff, 0), kBeyondMemory, 0},
    {Code(CallCode::kGetVpRegisters) | Reps(0xfff, 0), kBeyondMemory, kBeyondAll},
    {Code(CallCode::kModifyVtlProtectionMask), 0x1000, 0x1000},
    {Code(CallCode::kExtMemoryHeatHint), 0x1001, 0x1001},
};

struct Counts {
  uint64_t calls;
  uint64_t successes;
  uint64_t last_success;
};
constinit Counts g_counts[MAX_CPUS] = {};

void MakeCalls(unsigned cpu) {
  Counts& counts = g_counts[cpu];
  for (unsigned i = 0; i < kCallsInARound; ++i) {
    const Call& call = Pick(cpu, kCalls);
    ++counts.calls;
    if ((Hypercall(call.control, call.input, call.output) & 0xffff) != 0) continue;
    ++counts.successes;
    counts.last_success = call.control;
  }
}

constexpr Load kLoads[] = {{"invalid calls", MakeCalls}};

}  // namespace

void GuestMain(const BootInfo& boot) {
  const uint64_t rounds = CmdlineNumber(boot, "rounds=", 100);
  StartLoads(boot);
  RunLoads(kLoads, rounds);
  uint64_t calls = 0;
  for (unsigned cpu = 0; cpu < Cpus(); ++cpu) {
    const Counts& counts = g_counts[cpu];
    calls += counts.calls;
    CheckEqual(counts.successes == 0 ? 0 : counts.last_success + 1, 0, "no invalid call succeeds");
  }
  Check(calls >= rounds * kCallsInARound * Cpus(), "as many calls as asked for");
}

}  // namespace hvkit::guest
