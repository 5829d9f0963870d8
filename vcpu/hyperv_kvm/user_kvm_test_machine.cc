#include "vcpu/hyperv_kvm/user_kvm_test_machine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/cpuid_merge.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

constexpr uint64_t kTssAddress = 0xFFFBD000;
constexpr size_t kApicSpuriousVector = 0xF0;
constexpr uint32_t kApicEnabled = 0x1FF;
constexpr uint64_t kApicBaseX2Apic = 0xC00;

absl::Status EnableLocalApic(const kvm::Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(kvm_lapic_state apic, vcpu.GetLapic());
  std::memcpy(apic.regs + kApicSpuriousVector, &kApicEnabled, sizeof(kApicEnabled));
  return vcpu.SetLapic(apic);
}

// A real-mode interrupt vector: where in the first kilobyte, and the far pointer there.
hyperv::Gpa VectorEntry(uint8_t vector) { return hyperv::Gpa(uint64_t{4} * vector); }
std::array<uint16_t, 2> FarPointer(hyperv::Gpa to) {
  return {0, static_cast<uint16_t>(to.value() >> 4)};
}

}  // namespace

std::vector<uint32_t> LogPort::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(values_, {});
}

void LogPort::Read(uint64_t, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), std::byte{0});
  if (on_access_) on_access_();
}

void LogPort::Write(uint64_t, std::span<const std::byte> data) {
  {
    uint32_t value = 0;
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
    absl::MutexLock lock(&mutex_);
    if (values_.size() < kCapacity) values_.push_back(value);
  }
  if (on_access_) on_access_();
}

ExitAction TestHandlers::OnMsr(kvm::MsrExit exit) {
  ++msr_exits;
  if (!on_msr) return ExitAction::kStop;
  on_msr(exit);
  return ExitAction::kContinue;
}

ExitAction TestHandlers::OnShutdown() {
  ++faults;
  return ExitAction::kStop;
}

ExitAction TestHandlers::OnKicked() {
  if (on_kicked) on_kicked();
  return ExitAction::kContinue;
}

class UserKvmMachine::BorrowedRunner final : public Runner {
 public:
  explicit BorrowedRunner(KvmRunner& runner) : runner_(runner) {}

  RunOutcome Run() override { return runner_.Run(); }
  void Interrupt() override { runner_.Interrupt(); }
  void AcknowledgeInterrupt() override { runner_.AcknowledgeInterrupt(); }
  RunOutcome OnKicked() override { return runner_.OnKicked(); }
  absl::Status CompletePendingExit() override { return runner_.CompletePendingExit(); }
  absl::Status TakeError() override { return runner_.TakeError(); }

 private:
  KvmRunner& runner_;
};

absl::StatusOr<std::unique_ptr<UserKvmMachine>> UserKvmMachine::Create() {
  HVKIT_ASSIGN_OR_RETURN(kvm::Kvm kvm, kvm::Kvm::Open());
  HVKIT_ASSIGN_OR_RETURN(kvm::Vm vm, kvm.CreateVm());
  HVKIT_ASSIGN_OR_RETURN(std::unique_ptr<GuestMemory> memory,
                         GuestMemory::Create(GuestMemory::kMinSize));
  std::unique_ptr<UserKvmMachine> machine(
      new UserKvmMachine(std::move(kvm), std::move(vm), std::move(memory)));
  HVKIT_RETURN_IF_ERROR(machine->Prepare());
  return machine;
}

absl::Status UserKvmMachine::Prepare() {
  HVKIT_RETURN_IF_ERROR(memory_->RegisterWith(vm_));
  HVKIT_RETURN_IF_ERROR(vm_.SetTssAddr(kTssAddress));
  HVKIT_RETURN_IF_ERROR(vm_.CreateIrqchip());
  done_.OnAccess([this] { Stop(); });
  HVKIT_RETURN_IF_ERROR(ports_.Add(kLogPort, 4, log_));
  HVKIT_RETURN_IF_ERROR(ports_.Add(kInputPort, 4, input_));
  return ports_.Add(kDonePort, 4, done_);
}

absl::Status UserKvmMachine::AddCpu(uint32_t id) {
  HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm_.CreateVcpu(id));
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid supported, kvm_.GetSupportedCpuid());
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid cpuid, MergeCpuid(supported, {.cpu_count = id + 2}, id));
  HVKIT_RETURN_IF_ERROR(vcpu.SetCpuid2(cpuid));
  HVKIT_RETURN_IF_ERROR(EnableLocalApic(vcpu));
  HVKIT_RETURN_IF_ERROR(vcpu.SetMpState({.mp_state = KVM_MP_STATE_RUNNABLE}));
  Cpu cpu;
  cpu.handlers = std::make_unique<TestHandlers>();
  cpu.runner = std::make_unique<KvmRunner>(
      id, std::move(vcpu),
      KvmRunner::Targets{.ports = ports_, .mmio = mmio_, .handlers = *cpu.handlers});
  cpus_.push_back(std::move(cpu));
  return absl::OkStatus();
}

absl::Status UserKvmMachine::EnableX2Apic(size_t cpu) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu(cpu).GetSregs());
  sregs.apic_base |= kApicBaseX2Apic;
  return vcpu(cpu).SetSregs(sregs);
}

absl::Status UserKvmMachine::Load(GuestCode code, hyperv::Gpa at) {
  if (memory_->Write(at, code) == hyperv::MemFault::kNone) return absl::OkStatus();
  return absl::OutOfRangeError("guest code does not fit into RAM");
}

absl::Status UserKvmMachine::RunProtected32(GuestCode code, const Registers& registers,
                                            size_t cpu) {
  HVKIT_RETURN_IF_ERROR(Load(code));
  HVKIT_RETURN_IF_ERROR(SetProtected32(vcpu(cpu), {.eip = static_cast<uint32_t>(kCode.value()),
                                                   .eax = registers.eax,
                                                   .ebx = registers.ebx,
                                                   .esi = registers.esi}));
  return RunToEnd(cpu);
}

absl::Status UserKvmMachine::LoadHaltingGuest(GuestCode handler) {
  const std::array<uint16_t, 2> pointer = FarPointer(kHandler);
  HVKIT_RETURN_IF_ERROR(Load(std::as_bytes(std::span(pointer)), VectorEntry(kVector)));
  HVKIT_RETURN_IF_ERROR(Load(handler, kHandler));
  HVKIT_RETURN_IF_ERROR(Load(HaltingGuest()));
  return SetRealMode(vcpu(), {.cs = static_cast<uint16_t>(kCode.value() >> 4)});
}

absl::Status UserKvmMachine::RunToEnd(size_t cpu) {
  MakeThread(cpu);
  HVKIT_RETURN_IF_ERROR(thread_->Start());
  return thread_->Join();
}

absl::Status UserKvmMachine::StartAndKick(size_t cpu) {
  MakeThread(cpu);
  thread_->Kick();
  return thread_->Start();
}

void UserKvmMachine::MakeThread(size_t cpu) {
  runner(cpu).AcknowledgeInterrupt();  // of the run before
  thread_ = std::make_unique<VcpuThread>(std::make_unique<BorrowedRunner>(runner(cpu)));
}

}  // namespace hvkit::vcpu
