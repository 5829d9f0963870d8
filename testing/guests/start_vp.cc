// Processors started by hypercall: one runs from the context that it is given; contexts that no
// processor can be in are refused, and the processor can still be started afterwards.

#include <atomic>
#include <cstdint>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {
namespace {

using tlfs::HvStatus;
using tlfs::InitialVpContext;

constexpr uint64_t kPatienceCycles = 60'000'000'000;
constexpr uint32_t kMsrEfer = 0xC0000080;
constexpr uint32_t kMsrPat = 0x277;
constexpr uint32_t kTarget = 1;
constexpr uint64_t kRflagsFixed = 2;

alignas(16) uint8_t g_stack[0x4000];
alignas(tlfs::kPageSize) tlfs::StartVpInput g_input;
constinit std::atomic<uint64_t> g_vp_index = 0;

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  uint64_t base;
};

// What the started processor does.
[[noreturn]] void OnStarted() {
  g_vp_index.store(ReadMsr(tlfs::MsrIndex::kVpIndex).value, std::memory_order_release);
  while (true) asm volatile("cli; hlt");
}

// The caller's own state, at OnStarted with a stack of its own.
InitialVpContext OwnContext() {
  InitialVpContext context;
  context.rip = reinterpret_cast<uint64_t>(&OnStarted);
  // As after a CALL.
  context.rsp = reinterpret_cast<uint64_t>(g_stack) + sizeof(g_stack) - sizeof(uint64_t);
  context.rflags = kRflagsFixed;
  asm("mov %%cr0, %0" : "=r"(context.cr0));
  asm("mov %%cr3, %0" : "=r"(context.cr3));
  asm("mov %%cr4, %0" : "=r"(context.cr4));
  context.efer = ReadMsr(kMsrEfer).value;
  context.pat = ReadMsr(kMsrPat).value;
  TablePointer table;
  asm("sgdt %0" : "=m"(table));
  context.gdtr = {.pad = {}, .limit = table.limit, .base = table.base};
  asm("sidt %0" : "=m"(table));
  context.idtr = {.pad = {}, .limit = table.limit, .base = table.base};
  context.cs = {.base = 0, .limit = 0xFFFFFFFF, .selector = CODE64, .attributes = {0xA09B}};
  context.ss = {.base = 0, .limit = 0xFFFFFFFF, .selector = DATA, .attributes = {0xC093}};
  context.ds = context.es = context.fs = context.gs = context.ss;
  context.tr = {.base = 0, .limit = 0x67, .selector = 0, .attributes = {0x008B}};
  return context;
}

void CheckStart(const InitialVpContext& context, HvStatus expected, const char* name) {
  g_input.partition_id = tlfs::kPartitionIdSelf;
  g_input.vp_index = kTarget;
  g_input.context = context;
  const HvStatus status =
      HypercallStatus(static_cast<uint64_t>(tlfs::CallCode::kStartVirtualProcessor),
                      reinterpret_cast<uint64_t>(&g_input), 0);
  CheckEqual(static_cast<uint64_t>(status), static_cast<uint64_t>(expected), name);
}

void CheckRefusals() {
  InitialVpContext context = OwnContext();
  context.tr.attributes = {0x0093};
  CheckStart(context, HvStatus::kInvalidRegisterValue, "a task register that is none is refused");
  context = OwnContext();
  context.ss.attributes = {0xC0F3};
  CheckStart(context, HvStatus::kInvalidRegisterValue, "a stack of another ring is refused");
  context = OwnContext();
  context.efer |= 1 << 1;
  CheckStart(context, HvStatus::kInvalidRegisterValue, "a reserved bit of EFER is refused");
  context = OwnContext();
  context.cr4 |= uint64_t{1} << 31;
  CheckStart(context, HvStatus::kInvalidRegisterValue, "a reserved bit of CR4 is refused");
  context = OwnContext();
  context.pat = 2;
  CheckStart(context, HvStatus::kInvalidRegisterValue, "a reserved type of PAT is refused");
}

void CheckItRuns() {
  CheckStart(OwnContext(), HvStatus::kSuccess, "a waiting processor is started");
  const uint64_t start = Rdtsc();
  while (g_vp_index.load(std::memory_order_acquire) == 0 && Rdtsc() - start < kPatienceCycles) {
    Pause();
  }
  CheckEqual(g_vp_index.load(), kTarget, "it runs, and knows its index");
  CheckStart(OwnContext(), HvStatus::kInvalidVpState, "a processor that runs is not started again");
}

}  // namespace

void GuestMain(const BootInfo&) {
  Check(EnableHypercalls(), "the hypercall page can be turned on");
  CheckRefusals();
  CheckItRuns();
}

}  // namespace hvkit::guest
