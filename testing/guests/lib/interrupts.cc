#include "testing/guests/lib/interrupts.h"

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

struct Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint16_t attributes;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

struct __attribute__((packed)) TablePointer {
  uint16_t limit;
  uint64_t base;
};

struct Fixup {
  uint64_t instruction;
  uint64_t target;
};

struct IrqAction {
  IrqHandler handler;
  Eoi eoi;
};

constexpr uint16_t kInterruptGate = 0x8e00;  // present, 64-bit, interrupts off
constexpr unsigned kVectors = 256;
constexpr uint64_t kCarryFlag = 1;
constexpr uint64_t kIoplMask = 0x3000;
constexpr uint8_t kSti = 0xfb;
constexpr uint8_t kHlt = 0xf4;

constexpr uint16_t kPicMasks[] = {0x21, 0xa1};

alignas(16) Gate g_table[kVectors];
IrqAction g_actions[kVectors];
constinit uint64_t g_returning_code = 0;
constinit uint64_t g_returning_size = 0;

}  // namespace

// As start.S saves it.
struct InterruptFrame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

extern "C" {
extern const uint8_t interrupt_stubs[];
extern const Fixup fixups_begin[];
extern const Fixup fixups_end[];
extern const uint8_t guest_user_end[];
extern const uint8_t GuestLeaveUser[];
void GuestInterrupt(InterruptFrame* frame);
}

namespace {

uint64_t AddressOf(const void* object) { return reinterpret_cast<uint64_t>(object); }

// Back to ring 0, whose stack ends where the frame does; the function's own end is no exception.
bool LeaveUserMode(InterruptFrame& frame) {
  if (frame.cs != USER_CODE64) return false;
  const bool at_end = frame.vector == kUndefinedOpcode && frame.rip == AddressOf(guest_user_end);
  frame.rax = at_end ? 0 : kFixupMark | frame.vector;
  frame.rip = AddressOf(GuestLeaveUser);
  frame.cs = CODE64;
  frame.ss = DATA;
  frame.rsp = AddressOf(&frame + 1);
  frame.rflags &= ~kIoplMask;
  return true;
}

bool ReturnFromCode(InterruptFrame& frame) {
  if (frame.rip - g_returning_code >= g_returning_size) return false;
  const bool is_64_bit = frame.cs == CODE64;
  const auto* stack = reinterpret_cast<const uint32_t*>(frame.rsp);
  frame.rip = stack[0] | (is_64_bit ? uint64_t{stack[1]} << 32 : 0);
  frame.rsp += is_64_bit ? 8 : 4;
  frame.rflags |= kCarryFlag;
  frame.rax = frame.vector;
  return true;
}

void HandleException(InterruptFrame& frame) {
  if (LeaveUserMode(frame) || ReturnFromCode(frame)) return;
  for (const Fixup* fixup = fixups_begin; fixup != fixups_end; ++fixup) {
    if (fixup->instruction != frame.rip) continue;
    frame.rip = fixup->target;
    frame.rsi = kFixupMark | frame.vector;
    return;
  }
  Text detail;
  detail.Append("vector ").AppendDecimal(frame.vector).Append(" error ").AppendHex(frame.error);
  detail.Append(" at ").AppendHex(frame.rip).Append(" rsp ").AppendHex(frame.rsp);
  Fatal("unexpected exception", detail.c_str());
}

void HandleIrq(uint8_t vector) {
  const IrqAction& action = g_actions[vector];
  if (action.handler != nullptr) action.handler();
  if (action.eoi == Eoi::kNone) return;
  // A spurious interrupt has no end, another one with its vector has.
  if (vector != kSpuriousVector || IsInService(vector)) EndOfInterrupt();
}

// A processor takes no interrupt between STI and HLT; one of QEMU's TCG does where the guest left
// in between, since its VMRUN does not load the VMCB's interrupt shadow. The guest would then halt
// although what it waits for has come.
void LeaveHalt(InterruptFrame& frame) {
  if (frame.cs != CODE64) return;
  const auto* next = reinterpret_cast<const uint8_t*>(frame.rip);
  if (next[-1] == kSti && next[0] == kHlt) ++frame.rip;
}

}  // namespace

void GuestInterrupt(InterruptFrame* frame) {
  if (frame->vector < kFirstIrqVector) {
    HandleException(*frame);
  } else {
    LeaveHalt(*frame);
    HandleIrq(static_cast<uint8_t>(frame->vector));
  }
}

void SetIrqHandler(uint8_t vector, IrqHandler handler, Eoi eoi) {
  g_actions[vector] = {handler, eoi};
}

void SetReturningCode(const void* code, uint64_t size) {
  g_returning_code = AddressOf(code);
  g_returning_size = size;
}

void BuildInterruptTable() {
  // Firmware leaves the PICs' interrupts at the vectors of exceptions.
  for (const uint16_t port : kPicMasks) Out8(port, 0xff);
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const auto address = reinterpret_cast<uint64_t>(interrupt_stubs) + vector * INTERRUPT_STUB_SIZE;
    g_table[vector] = {.offset_low = static_cast<uint16_t>(address),
                       .selector = uint16_t{CODE64},
                       .attributes = kInterruptGate,
                       .offset_middle = static_cast<uint16_t>(address >> 16),
                       .offset_high = static_cast<uint32_t>(address >> 32),
                       .reserved = 0};
  }
}

void LoadInterruptTable() {
  const TablePointer pointer = {sizeof(g_table) - 1, reinterpret_cast<uint64_t>(g_table)};
  asm volatile("lidt %0" : : "m"(pointer) : "memory");
}

}  // namespace hvkit::guest
