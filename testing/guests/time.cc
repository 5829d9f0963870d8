// The two views of reference time agree: TIME_REF_COUNT lies between two reads of the reference TSC
// page.

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint64_t kRounds = 100;
constexpr uint64_t kSlack = 1;  // both are rounded down

uint64_t RefCount() { return ReadMsr(tlfs::MsrIndex::kTimeRefCount).value; }

void CheckCountIsMonotonic() {
  bool monotonic = true;
  for (uint64_t i = 0, last = RefCount(); i < kRounds; ++i) {
    const uint64_t now = RefCount();
    monotonic = monotonic && now >= last;
    last = now;
  }
  Check(monotonic, "TIME_REF_COUNT does not go back");
}

void CheckBetween() {
  for (uint64_t i = 0; i < kRounds; ++i) {
    const ReferenceTime before = ReadReferenceTsc();
    const uint64_t count = RefCount();
    const ReferenceTime after = ReadReferenceTsc();
    if (before.value <= count + kSlack && count <= after.value + kSlack) continue;
    Text detail;
    detail.AppendDecimal(before.value).Append(", ").AppendDecimal(count).Append(", ");
    detail.AppendDecimal(after.value);
    Check(false, "TIME_REF_COUNT lies between two reads of the TSC page", detail.c_str());
    return;
  }
  Check(true, "TIME_REF_COUNT lies between two reads of the TSC page");
}

}  // namespace

void GuestMain(const BootInfo&) {
  CheckCountIsMonotonic();
  Check(!ReadReferenceTsc().valid, "the TSC page is not valid before it is turned on");
  Check(EnableReferenceTsc(), "the TSC page can be turned on");
  Check(ReadReferenceTsc().valid, "the TSC page is valid");
  if (ReadReferenceTsc().valid) CheckBetween();
  Check(RefCount() > 0, "reference time passes");
}

}  // namespace hvkit::guest
