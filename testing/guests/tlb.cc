// Flushes of translations by hypercall: after one no processor of the set uses a translation from
// before, whether it runs, is halted, starts later, or makes such calls itself. Translations are
// used and changed at ring 3, as some machines keep them there only.
//
// On the command line `cpus=N`, `rounds=N` (of each form of the call), and `flush=0`, which leaves
// the calls out and expects to see stale translations.

#include <atomic>
#include <cstdint>
#include <iterator>

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/modes.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"

extern "C" uint64_t pdpt[];  // of start.S

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::FlushFlags;
using tlfs::GvaRange;
using tlfs::HypercallControl;
using tlfs::HypercallResult;

constexpr unsigned kMaxCpus = 4;
constexpr unsigned kPages = 8;  // of each window
constexpr unsigned kFrames = 16;
constexpr unsigned kWords = tlfs::kPageSize / sizeof(uint64_t);
constexpr uint64_t kWindows = uint64_t{4} << 30;  // above what start.S maps
constexpr unsigned kEntryOfWindows = 4;           // of the pdpt
constexpr uint64_t kOpenToAll = 0x7;              // present, writable, for ring 3 too
constexpr uint64_t kGlobal = 0x100;
constexpr uint64_t kCr4Pge = 0x80;
constexpr uint64_t kPatience = 60'000'000'000;  // cycles

// Pages whose translations one processor changes. The version is odd meanwhile; at other times each
// page has the frame that the version says.
struct Window {
  std::atomic<uint64_t> version;
  unsigned first_page;

  volatile uint64_t& WordOf(unsigned page) const {
    return *reinterpret_cast<volatile uint64_t*>(kWindows +
                                                 (first_page + page) * uint64_t{tlfs::kPageSize});
  }
};

struct Reader {
  unsigned cpu;
  std::atomic<uint64_t> seen;  // the version of the first window which it has read through
  uint64_t reads;
  uint64_t stale;
};

// A form of the call.
struct Form {
  const char* name;
  CallCode code;
  bool is_list;
  bool is_ex;
  uint64_t flags;
  tlfs::VpSet::Format format = tlfs::VpSet::Format::kSparse;
  bool one_range = false;  // a list with all pages in one element
};

constexpr uint64_t kAllSpaces = FlushFlags::AllVirtualAddressSpaces::kMask;
constexpr uint64_t kAllVps = FlushFlags::AllProcessors::kMask;
constexpr uint64_t kExtendedRanges = FlushFlags::UseExtendedRangeFormat::kMask;

constexpr Form kForms[] = {
    {"FlushVirtualAddressSpace", CallCode::kFlushVirtualAddressSpace, false, false, kAllSpaces},
    {"FlushVirtualAddressSpace, all VPs", CallCode::kFlushVirtualAddressSpace, false, false,
     kAllSpaces | kAllVps},
    {"FlushVirtualAddressSpace of one space", CallCode::kFlushVirtualAddressSpace, false, false, 0},
    {"FlushVirtualAddressList", CallCode::kFlushVirtualAddressList, true, false, kAllSpaces},
    {"FlushVirtualAddressList, one range", CallCode::kFlushVirtualAddressList, true, false, 0,
     tlfs::VpSet::Format::kSparse, true},
    {"FlushVirtualAddressSpaceEx", CallCode::kFlushVirtualAddressSpaceEx, false, true, kAllSpaces},
    {"FlushVirtualAddressSpaceEx, all VPs", CallCode::kFlushVirtualAddressSpaceEx, false, true, 0,
     tlfs::VpSet::Format::kAll},
    {"FlushVirtualAddressListEx", CallCode::kFlushVirtualAddressListEx, true, true, kAllSpaces},
    {"FlushVirtualAddressListEx, one range", CallCode::kFlushVirtualAddressListEx, true, true, 0,
     tlfs::VpSet::Format::kAll, true},
    {"FlushVirtualAddressListEx, extended ranges", CallCode::kFlushVirtualAddressListEx, true, true,
     kExtendedRanges, tlfs::VpSet::Format::kSparse, true},
};

alignas(tlfs::kPageSize) uint64_t g_directory[kWords];
alignas(tlfs::kPageSize) volatile uint64_t g_table[kWords];
alignas(tlfs::kPageSize) uint64_t g_frames[kFrames][kWords];
alignas(tlfs::kPageSize) uint64_t g_inputs[kMaxCpus][kWords];

constinit Window g_windows[kMaxCpus] = {};
constinit Reader g_readers[kMaxCpus] = {};
constinit std::atomic<bool> g_stop = false;
constinit std::atomic<unsigned> g_ready = 0;
constinit unsigned g_cpus = 1;
constinit uint64_t g_rounds = 0;
constinit bool g_flush = true;
constinit std::atomic<uint64_t> g_refusals = 0;  // of calls
constinit std::atomic<uint64_t> g_last_refusal = 0;

uint64_t AddressOf(const void* object) { return reinterpret_cast<uint64_t>(object); }

unsigned FrameOf(uint64_t version, unsigned page) {
  return static_cast<unsigned>((version / 2 + page) % kFrames);
}

void WriteEntries(const Window& window, uint64_t version) {
  for (unsigned page = 0; page < kPages; ++page) {
    g_table[window.first_page + page] =
        AddressOf(g_frames[FrameOf(version, page)]) | kOpenToAll | kGlobal;
  }
}

void MapWindows() {
  for (unsigned frame = 0; frame < kFrames; ++frame) g_frames[frame][0] = frame;
  for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu) {
    g_windows[cpu].first_page = cpu * kPages;
    g_readers[cpu].cpu = cpu;
    WriteEntries(g_windows[cpu], 0);
  }
  g_directory[0] = AddressOf(const_cast<uint64_t*>(g_table)) | kOpenToAll;
  pdpt[kEntryOfWindows] = AddressOf(g_directory) | kOpenToAll;
}

uint64_t ReadCr3() {
  uint64_t value;
  asm volatile("movq %%cr3, %0" : "=r"(value));
  return value;
}

// Global translations too have to go.
void EnableGlobalPages() {
  uint64_t cr4;
  asm volatile("movq %%cr4, %0" : "=r"(cr4));
  asm volatile("movq %0, %%cr4" : : "r"(cr4 | kCr4Pge) : "memory");
}

// Fills in the input block; gives the number of reps.
uint64_t WriteInput(const Form& form, const Window& window, uint64_t* block) {
  const uint64_t mask = (uint64_t{1} << g_cpus) - 1;
  *block++ = ReadCr3();
  *block++ = form.flags;
  if (form.is_ex) {
    const bool all = form.format == tlfs::VpSet::Format::kAll;
    *block++ = static_cast<uint64_t>(form.format);
    *block++ = all ? 0 : 1;  // the first bank alone
    if (!all) *block++ = mask;
  } else {
    *block++ = mask;
  }
  if (!form.is_list) return 0;
  const uint64_t first = AddressOf(const_cast<uint64_t*>(&window.WordOf(0)));
  if (form.one_range) {
    *block = first | (kPages - 1);
    return 1;
  }
  for (unsigned page = 0; page < kPages; ++page) *block++ = first + page * tlfs::kPageSize;
  return kPages;
}

bool IsOffered(const Form& form) {
  return (form.flags & kExtendedRanges) == 0 || CpuidHas(tlfs::bits::kExtendedGvaRanges);
}

template <typename Function>
void ForEachForm(Function function) {
  for (const Form& form : kForms) {
    if (IsOffered(form)) function(form);
  }
}

void Flush(const Form& form, unsigned cpu) {
  if (!g_flush) return;
  const uint64_t reps = WriteInput(form, g_windows[cpu], g_inputs[cpu]);
  HypercallControl control{static_cast<uint64_t>(form.code)};
  HypercallControl::RepCount::Set(control, reps);
  if (form.is_ex && form.format == tlfs::VpSet::Format::kSparse) {
    HypercallControl::VariableHeaderSize::Set(control, 1);
  }
  const HypercallResult result{Hypercall(control.raw, AddressOf(g_inputs[cpu]), 0)};
  if (HypercallResult::Status::Get(result) == 0 &&
      HypercallResult::RepsCompleted::Get(result) == reps) {
    return;
  }
  g_refusals.fetch_add(1);
  g_last_refusal.store(result.raw);
}

void ReadWindow(Reader& reader, const Window& window) {
  for (unsigned page = 0; page < kPages; ++page) {
    const uint64_t before = window.version.load();
    const uint64_t value = window.WordOf(page);
    if (before % 2 != 0 || window.version.load() != before) continue;
    ++reader.reads;
    if (value != FrameOf(before, page)) ++reader.stale;
  }
}

// At ring 3.
void ReadOnce(void* argument) { ReadWindow(*static_cast<Reader*>(argument), g_windows[0]); }

void ReadUntilStopped(void* argument) {
  auto& reader = *static_cast<Reader*>(argument);
  while (!g_stop.load()) {
    const uint64_t version = g_windows[0].version.load();
    ReadWindow(reader, g_windows[0]);
    reader.seen.store(version);
  }
}

void ReadAll(void* argument) {
  for (unsigned cpu = 0; cpu < g_cpus; ++cpu) {
    ReadWindow(*static_cast<Reader*>(argument), g_windows[cpu]);
  }
}

// At ring 0, for functions that are to run at ring 3.
template <UserFunction kFunction>
void InUserMode(void* argument) {
  if (RunInUserMode(kFunction, argument, PortAccess::kNone).raised) g_refusals.fetch_add(1);
}

struct NewEntries {
  const Window& window;
  uint64_t version;
};

void WriteNewEntries(void* argument) {
  const auto& entries = *static_cast<NewEntries*>(argument);
  WriteEntries(entries.window, entries.version);
}

// Gives the window's pages other frames. At ring 3, where a hypervisor with shadow page tables does
// not see each write.
void Change(const Form& form, unsigned cpu) {
  Window& window = g_windows[cpu];
  const uint64_t version = window.version.load();
  window.version.store(version + 1);
  NewEntries entries = {window, version + 2};
  InUserMode<WriteNewEntries>(&entries);
  Flush(form, cpu);
  window.version.store(version + 2);
}

void Prepare(void* argument) {
  EnableGlobalPages();
  PrepareUserMode(static_cast<Reader*>(argument)->cpu);
}

void WaitForReaders(uint64_t version) {
  const uint64_t start = Rdtsc();
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) {
    while (g_readers[cpu].seen.load() != version) {
      if (Rdtsc() - start > kPatience) Fatal("readers go on", "timed out");
      Pause();
    }
  }
}

// What came of one form or one way, for all readers.
void Report(const char* way, const char* name) {
  uint64_t reads = 0;
  uint64_t stale = 0;
  for (Reader& reader : g_readers) {
    reads += reader.reads;
    stale += reader.stale;
    reader.reads = reader.stale = 0;
  }
  Text detail;
  detail.AppendDecimal(stale).Append(" of ").AppendDecimal(reads).Append(" reads stale, ");
  detail.AppendDecimal(g_refusals).Append(" calls refused, last result ");
  detail.AppendHex(g_last_refusal);
  Text text;
  text.Append(way).Append(", ").Append(name);
  if (g_flush) {
    text.Append(": no stale translation");
    Check(stale == 0 && reads != 0 && g_refusals == 0, text.c_str(), detail.c_str());
  } else {
    text.Append(": a stale translation shows without the call");
    Check(stale != 0, text.c_str(), detail.c_str());
  }
  g_refusals = 0;
}

// The others read all the time.
void CheckRunning(const Form& form) {
  g_stop = false;
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) {
    PostTo(cpu, InUserMode<ReadUntilStopped>, &g_readers[cpu]);
  }
  for (uint64_t round = 0; round < g_rounds; ++round) {
    WaitForReaders(g_windows[0].version.load());
    InUserMode<ReadOnce>(&g_readers[0]);
    Change(form, 0);
    InUserMode<ReadOnce>(&g_readers[0]);
  }
  WaitForReaders(g_windows[0].version.load());
  g_stop = true;
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
  Report("running", form.name);
}

// The others read before and after, and are halted between.
void CheckHalted(const Form& form) {
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) RunOn(cpu, InUserMode<ReadOnce>, &g_readers[cpu]);
  Change(form, 0);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) RunOn(cpu, InUserMode<ReadOnce>, &g_readers[cpu]);
  Report("halted", form.name);
}

// Each changes a window of its own and reads all.
void ChangeAndRead(void* argument) {
  auto& reader = *static_cast<Reader*>(argument);
  g_ready.fetch_add(1);
  while (g_ready.load() < g_cpus) Pause();
  for (uint64_t round = 0; round < g_rounds; ++round) {
    const Form& form = kForms[round % std::size(kForms)];
    Change(IsOffered(form) ? form : kForms[0], reader.cpu);
    InUserMode<ReadAll>(argument);
  }
}

void CheckAllAtOnce() {
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) PostTo(cpu, ChangeAndRead, &g_readers[cpu]);
  ChangeAndRead(&g_readers[0]);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
  Report("all at once", "each form");
}

// The set has processors that have not started.
void CheckLate() {
  ForEachForm([](const Form& form) { Change(form, 0); });
  StartCpus(g_cpus);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) RunOn(cpu, Prepare, &g_readers[cpu]);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) RunOn(cpu, InUserMode<ReadOnce>, &g_readers[cpu]);
  if (g_flush) Report("started late", "each form");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  g_cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  g_rounds = CmdlineNumber(boot, "rounds=", 10);
  g_flush = CmdlineNumber(boot, "flush=", 1) != 0;
  if (g_cpus > kMaxCpus) Fatal("cpus=", "the guest has room for 4");
  MapWindows();
  Prepare(&g_readers[0]);
  if (g_flush) {
    Check(CpuidHas(tlfs::bits::kUseRemoteFlush), "flushes by hypercall are recommended");
    Check(EnableHypercalls(), "the hypercall page can be turned on");
  }
  CheckLate();
  ForEachForm(CheckRunning);
  ForEachForm(CheckHalted);
  CheckAllAtOnce();
}

}  // namespace hvkit::guest
