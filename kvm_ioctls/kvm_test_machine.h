// What the tests on real KVM share: a VM with 1 MiB of RAM, one vCPU in flat 32-bit protected mode,
// guests written as assembly.
#ifndef HVKIT_KVM_IOCTLS_KVM_TEST_MACHINE_H_
#define HVKIT_KVM_IOCTLS_KVM_TEST_MACHINE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "kvm_ioctls/kvm.h"
#include "testing/status_matchers.h"

// Defines a guest program, `name`, in 32-bit AT&T assembly. It runs at KvmTest::kCode, so it must
// not depend on its address.
#define HVKIT_GUEST(name, code)                                           \
  extern "C" const std::byte name##_begin[];                              \
  extern "C" const std::byte name##_end[];                                \
  asm(".pushsection .rodata\n.code32\n" #name "_begin:\n" code "\n" #name \
      "_end:\n.code64\n.popsection\n");                                   \
  const std::span<const std::byte> name {                                 \
    name##_begin, static_cast<size_t>(name##_end - name##_begin)          \
  }

namespace hvkit::kvm {

// Whether the running kernel is at least this one: what KVM can do follows from it.
bool KernelAtLeast(int major, int minor);
// Whether it is one of Debian's cloud kernels, which the rig runs: their configuration is known.
bool IsDebianCloudKernel();
// Whether the processor has SVM (kvm-amd) rather than VMX.
bool ProcessorHasSvm();

// An eventfd that does not block.
class EventFd {
 public:
  EventFd();
  int fd() const { return fd_.get(); }
  void Signal() const;
  // Takes what was signalled; 0 for nothing.
  uint64_t Take() const;

 private:
  UniqueFd fd_;
};

class KvmTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRam = 1 << 20;
  static constexpr uint64_t kGdt = 0x500;
  static constexpr uint64_t kIdt = 0x800;
  static constexpr uint64_t kCode = 0x1000;
  static constexpr uint64_t kHandler = 0x3000;  // where Handler() puts a second program
  static constexpr uint64_t kStack = 0x8000;
  static constexpr uint64_t kData = 0x9000;

  // Opens KVM and creates a VM. A test that hangs is killed.
  void SetUp() override;
  void TearDown() override;

  const Kvm& kvm() const { return *kvm_; }
  const Vm& vm() const { return *vm_; }
  Vcpu& vcpu() { return *vcpu_; }
  std::span<std::byte> ram() { return {ram_, kRam}; }

  // Adds RAM as slot 0, with KVM_MEM_* flags.
  void AddRam(uint32_t flags = 0);
  // RAM and a vCPU with the processor's CPUID that is about to run `guest`.
  void CreateVcpu(std::span<const std::byte> guest = {}, uint32_t memory_flags = 0);
  // Replaces the program and starts it from its beginning.
  void Load(std::span<const std::byte> guest);
  // Makes `handler` the program that runs on `vector`.
  void Handler(uint8_t vector, std::span<const std::byte> handler);
  // Runs to an exit and returns its reason.
  uint32_t Run();
  // Runs to an OUT (any port) and returns the value; fails on other exits.
  uint32_t RunToOut();
  // Completes a pending exit without entering the guest.
  void CompleteExit();
  // Software-enables the local APIC, so that it accepts interrupts.
  void EnableLapic();
  // Whether the local APIC has a request for `vector`.
  bool Requested(uint8_t vector);

  template <typename T>
  T Read(uint64_t gpa) const {
    T value;
    std::memcpy(&value, ram_ + gpa, sizeof(value));
    return value;
  }
  template <typename T>
  void Write(uint64_t gpa, const T& value) {
    std::memcpy(ram_ + gpa, &value, sizeof(value));
  }

 private:
  void SetProtectedMode();

  std::byte* ram_ = nullptr;
  std::optional<Kvm> kvm_;
  std::optional<Vm> vm_;
  std::optional<Vcpu> vcpu_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_KVM_TEST_MACHINE_H_
