#include "testing/guests/lib/modes.h"

#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"

namespace hvkit::guest {
namespace {

struct __attribute__((packed)) TaskState {
  uint32_t reserved0;
  uint64_t ring0_stack;
  uint8_t reserved1[90];
  uint16_t io_map;  // beyond the limit: none
};
static_assert(sizeof(TaskState) == 104);

struct TaskDescriptor {
  uint64_t low;
  uint64_t high;
};

constexpr uint64_t kAvailableTask = uint64_t{0x89} << 40;  // present, 64-bit
constexpr uint64_t kFlagsOne = 0x2;
constexpr uint64_t kFlagsInterrupts = 0x200;
constexpr uint64_t kFlagsIopl3 = 0x3000;
constexpr uint64_t kCr0Emulation = 1 << 2;
constexpr uint64_t kCr0TaskSwitched = 1 << 3;
constexpr uint64_t kCr4Fxsave = 1 << 9;
constexpr uint64_t kCr4SseExceptions = 1 << 10;
constexpr unsigned kUserStackSize = 4096;

TaskState g_tasks[MAX_CPUS];
alignas(16) uint8_t g_user_stacks[MAX_CPUS][kUserStackSize];

unsigned ThisCpu() {
  uint16_t selector;
  asm volatile("str %0" : "=r"(selector));
  return (selector - unsigned{FIRST_TSS}) / sizeof(TaskDescriptor);
}

uint64_t ReadFlags() {
  uint64_t flags;
  asm volatile("pushfq; popq %0" : "=r"(flags));
  return flags;
}

}  // namespace

extern "C" {
extern TaskDescriptor tss_descriptors[];
uint64_t GuestEnterUser(UserFunction function, void* argument, uint8_t* user_stack, uint64_t flags,
                        TaskState* task);
void GuestCall32(Registers32* registers, uint32_t function);
}

void PrepareUserMode(unsigned cpu) {
  TaskState& task = g_tasks[cpu];
  task.io_map = sizeof(task);
  const auto base = reinterpret_cast<uint64_t>(&task);
  const uint64_t limit = sizeof(task) - 1;
  tss_descriptors[cpu] = {
      limit | kAvailableTask | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56, base >> 32};
  const auto selector = static_cast<uint16_t>(FIRST_TSS + cpu * sizeof(TaskDescriptor));
  asm volatile("ltr %0" : : "r"(selector) : "memory");
}

Fault RunInUserMode(UserFunction function, void* argument, PortAccess access) {
  const unsigned cpu = ThisCpu();
  uint64_t flags = kFlagsOne | (ReadFlags() & kFlagsInterrupts);
  if (access == PortAccess::kAll) flags |= kFlagsIopl3;
  const uint64_t result =
      GuestEnterUser(function, argument, &g_user_stacks[cpu][kUserStackSize], flags, &g_tasks[cpu]);
  return {.raised = result != 0, .vector = static_cast<uint8_t>(result)};
}

void Call32(Registers32& registers, uint64_t function) {
  GuestCall32(&registers, static_cast<uint32_t>(function));
}

void EnableSse() {
  uint64_t cr0;
  uint64_t cr4;
  asm volatile("movq %%cr0, %0" : "=r"(cr0));
  asm volatile("movq %0, %%cr0" : : "r"(cr0 & ~(kCr0Emulation | kCr0TaskSwitched)));
  asm volatile("movq %%cr4, %0" : "=r"(cr4));
  asm volatile("movq %0, %%cr4" : : "r"(cr4 | kCr4Fxsave | kCr4SseExceptions));
}

}  // namespace hvkit::guest
