// A tour of the enlightenments in force, as CPUID tells them: what each one does, tried and
// measured. `cpus=N` and `format=text|json` on the command line. Ends by a reset if all is well,
// with the debug-exit value 0 otherwise.

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"
#include "testing/guests/tour/sights.h"
#include "testing/guests/tour/visit.h"

namespace hvkit::guest {
namespace {

constinit Journal g_journal;

// Whatever the vendor is called.
bool ShowsHyperV() {
  constexpr uint32_t kHypervisorPresent = uint32_t{1} << 31;
  return (Cpuid(1).ecx & kHypervisorPresent) != 0 &&
         Cpuid(tlfs::CpuidLeaf::kInterface).eax == tlfs::kInterfaceSignature;
}

Journal::Format FormatOf(const BootInfo& boot) {
  const char* const format = FindWord(boot.cmdline, "format=");
  const bool is_json = format != nullptr && *format == 'j';
  return is_json ? Journal::Format::kJson : Journal::Format::kText;
}

void VisitAll() {
  for (const Sight& sight : AllSights()) {
    if (!sight.in_force()) continue;
    sight.visit(g_journal.Begin(sight.name));
    g_journal.Finish();
  }
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  g_journal.Open(FormatOf(boot), cpus);
  StartCpus(cpus);
  if (ShowsHyperV()) {
    if (CpuidHas(tlfs::bits::kAccessHypercall) && !EnableHypercalls()) {
      Fatal("the tour", "the hypercall page cannot be turned on");
    }
    PrepareTour(cpus);
    VisitAll();
  }
  g_journal.Close();
  if (g_journal.failures() != 0) ExitWith(0);
  EndTour();
}

}  // namespace hvkit::guest
