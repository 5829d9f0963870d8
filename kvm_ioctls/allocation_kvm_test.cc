// Success allocates nothing: the run loop's calls on real KVM under a counting allocator.
#include <atomic>
#include <cstdlib>
#include <new>

#include "kvm_ioctls/kvm_test_machine.h"

namespace {
std::atomic<int> g_allocations{0};
}  // namespace

void* operator new(size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size); memory != nullptr) {
    return memory;
  }
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace hvkit::kvm {
namespace {

constexpr uint32_t kMsrStar = 0xc0000081;

HVKIT_GUEST(kEchoForEver, "1: in $0x60, %al; out %al, $0x61; jmp 1b");

// Counts what is allocated while it lives.
class AllocationCounter {
 public:
  AllocationCounter() : start_(g_allocations) {}
  int count() const { return g_allocations - start_; }

 private:
  int start_;
};

using AllocationKvmTest = KvmTest;

TEST_F(AllocationKvmTest, CounterSeesAnAllocation) {
  const AllocationCounter counter;
  const auto one = std::make_unique<int>(1);
  EXPECT_EQ(counter.count(), 1) << *one;
}

TEST_F(AllocationKvmTest, RunningAndCompletingExitsAllocatesNothing) {
  CreateVcpu(kEchoForEver);
  const AllocationCounter counter;
  uint32_t echoes = 0;
  for (int i = 0; i < 100; ++i) {
    if (!vcpu().Run().ok() || vcpu().exit().reason() != KVM_EXIT_IO) {
      break;
    }
    const IoExit io = vcpu().exit().io();
    if (io.is_write()) {
      echoes += io.data()[0] == std::byte{0x5a} ? 1 : 0;
    } else {
      io.data()[0] = std::byte{0x5a};
    }
  }
  EXPECT_EQ(counter.count(), 0);
  EXPECT_EQ(echoes, 50u);
}

TEST_F(AllocationKvmTest, StateAccessAllocatesNothing) {
  CreateVcpu();
  Msrs msrs;
  msrs.PushBack({kMsrStar, 0, 5});
  const AllocationCounter counter;
  const auto regs = vcpu().GetRegs();
  const bool ok = regs.ok() && vcpu().SetRegs(*regs).ok() && vcpu().SetMsr(kMsrStar, 7).ok() &&
                  vcpu().GetMsr(kMsrStar).ok() && vcpu().SetMsrs(msrs).ok() &&
                  vcpu().GetMsrs(msrs).ok();
  EXPECT_EQ(counter.count(), 0);
  EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace hvkit::kvm
