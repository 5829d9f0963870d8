#include "vcpu/allocation_counter.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace hvkit::vcpu {
namespace {

thread_local uint64_t allocations = 0;

void* CountedAllocation(size_t size, size_t alignment) {
  ++allocations;
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

uint64_t AllocationsOfThisThread() { return allocations; }

}  // namespace hvkit::vcpu

// The other forms (arrays, nothrow) call these two.
void* operator new(size_t size) {
  return hvkit::vcpu::CountedAllocation(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(size_t size, std::align_val_t alignment) {
  return hvkit::vcpu::CountedAllocation(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
