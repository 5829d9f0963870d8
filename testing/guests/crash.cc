// Reports a crash through the crash MSRs, with a message, on the processor `cpu=N`.

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"

namespace hvkit::guest {
namespace {

using tlfs::MsrIndex;

constexpr char kMessage[] = "the guest crashed on purpose";

void WriteParameter(MsrIndex index, uint64_t value, const char* name) {
  Check(!WriteMsr(index, value).raised, name);
}

void Crash(unsigned) {
  Check((ReadMsr(MsrIndex::kCrashCtl).value & tlfs::CrashCtl::CrashNotify::kMask) != 0,
        "CRASH_CTL offers notification");
  WriteParameter(MsrIndex::kCrashP0, 0x1111, "CRASH_P0 can be written");
  WriteParameter(MsrIndex::kCrashP1, 0x2222, "CRASH_P1 can be written");
  WriteParameter(MsrIndex::kCrashP2, 0x3333, "CRASH_P2 can be written");
  WriteParameter(MsrIndex::kCrashP3, reinterpret_cast<uint64_t>(kMessage),
                 "CRASH_P3 can be written");
  WriteParameter(MsrIndex::kCrashP4, sizeof(kMessage) - 1, "CRASH_P4 can be written");
  CheckEqual(ReadMsr(MsrIndex::kCrashP1).value, 0x2222, "CRASH_P1 reads back");
  (void)WriteMsr(MsrIndex::kCrashCtl,
                 tlfs::CrashCtl::CrashNotify::kMask | tlfs::CrashCtl::CrashMessage::kMask);
  Fatal("the VMM ends at the crash", "the guest went on");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  RunOnOnly(static_cast<unsigned>(CmdlineNumber(boot, "cpu=", 0)), Crash);
}

}  // namespace hvkit::guest
