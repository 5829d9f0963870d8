#include "vcpu/kvm_test_machine.h"

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

uint64_t ToValue(std::span<const std::byte> data) {
  uint64_t value = 0;
  std::memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
  return value;
}

}  // namespace

std::vector<RecordingDevice::Written> RecordingDevice::writes() const {
  absl::MutexLock lock(&mutex_);
  return writes_;
}

std::vector<uint64_t> RecordingDevice::values() const {
  absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> values;
  for (const Written& written : writes_) values.push_back(written.value);
  return values;
}

void RecordingDevice::Read(uint64_t, std::span<std::byte> data) {
  {
    absl::MutexLock lock(&mutex_);
    for (std::byte& byte : data) byte = static_cast<std::byte>(next_++);
  }
  if (on_read_) on_read_();
}

void RecordingDevice::Write(uint64_t offset, std::span<const std::byte> data) {
  {
    absl::MutexLock lock(&mutex_);
    if (writes_.size() < kCapacity) writes_.push_back({offset, ToValue(data), data.size()});
  }
  if (on_write_) on_write_();
}

ExitAction RecordingHandlers::OnMsr(kvm::MsrExit exit) {
  ++msr_accesses;
  if (exit.index() != kUnknownMsr) {
    exit.SetError();
  } else if (exit.is_write()) {
    msr_value = exit.data();
    exit.SetWritten();
  } else {
    exit.SetData(msr_value);
  }
  return ExitAction::kContinue;
}

ExitAction RecordingHandlers::OnHyperv(kvm::HypervExit) { return ExitAction::kStop; }

ExitAction RecordingHandlers::OnSystemEvent(kvm::SystemEventExit) { return ExitAction::kStop; }

ExitAction RecordingHandlers::OnShutdown() {
  ++shutdowns;
  return ExitAction::kStop;
}

ExitAction RecordingHandlers::OnOther(kvm::Exit exit) {
  other_reason = exit.reason();
  return ExitAction::kStop;
}

ExitAction RecordingHandlers::OnKicked() {
  ++kicks;
  return ExitAction::kContinue;
}

absl::StatusOr<std::unique_ptr<Machine>> Machine::Create(Irqchip irqchip, uint32_t cpus) {
  HVKIT_ASSIGN_OR_RETURN(kvm::Kvm kvm, kvm::Kvm::Open());
  HVKIT_ASSIGN_OR_RETURN(kvm::Vm vm, kvm.CreateVm());
  HVKIT_ASSIGN_OR_RETURN(std::unique_ptr<GuestMemory> memory,
                         GuestMemory::Create(GuestMemory::kMinSize));
  std::unique_ptr<Machine> machine(new Machine(std::move(kvm), std::move(vm), std::move(memory)));
  HVKIT_RETURN_IF_ERROR(machine->Prepare(irqchip));
  for (uint32_t id = 0; id < cpus; ++id) HVKIT_RETURN_IF_ERROR(machine->AddCpu(id, cpus));
  return machine;
}

absl::Status Machine::Prepare(Irqchip irqchip) {
  HVKIT_RETURN_IF_ERROR(memory_->RegisterWith(vm_));
  HVKIT_RETURN_IF_ERROR(vm_.SetTssAddr(kTssAddress));
  HVKIT_RETURN_IF_ERROR(
      vm_.EnableCap(KVM_CAP_X86_USER_SPACE_MSR, uint64_t{KVM_MSR_EXIT_REASON_UNKNOWN}));
  if (irqchip == Irqchip::kInKernel) HVKIT_RETURN_IF_ERROR(vm_.CreateIrqchip());
  return AddDevices();
}

absl::Status Machine::AddDevices() {
  done_.OnWrite([this] {
    for (const std::unique_ptr<VcpuThread>& thread : threads_) thread->Stop();
  });
  HVKIT_RETURN_IF_ERROR(ports_bus_.Add(kLogPort, 4, log_));
  HVKIT_RETURN_IF_ERROR(ports_bus_.Add(kInputPort, 4, input_));
  HVKIT_RETURN_IF_ERROR(ports_bus_.Add(kDonePort, 4, done_));
  return mmio_bus_.Add(kMmioBase, 0x1000, mmio_);
}

absl::Status Machine::AddCpu(uint32_t id, uint32_t cpus) {
  HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm_.CreateVcpu(id));
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid supported, kvm_.GetSupportedCpuid());
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid cpuid, MergeCpuid(supported, {.cpu_count = cpus}, id));
  HVKIT_RETURN_IF_ERROR(vcpu.SetCpuid2(cpuid));
  auto runner = std::make_unique<KvmRunner>(
      id, std::move(vcpu),
      KvmRunner::Targets{.ports = ports_bus_, .mmio = mmio_bus_, .handlers = handlers_});
  runners_.push_back(runner.get());
  threads_.push_back(std::make_unique<VcpuThread>(std::move(runner)));
  return absl::OkStatus();
}

absl::Status Machine::Load(GuestCode code, hyperv::Gpa at) {
  if (memory_->Write(at, code) == hyperv::MemFault::kNone) return absl::OkStatus();
  return absl::OutOfRangeError("guest code does not fit into RAM");
}

absl::Status Machine::LoadProtected32(GuestCode code) {
  HVKIT_RETURN_IF_ERROR(Load(code));
  return SetProtected32(vcpu(), {.eip = static_cast<uint32_t>(kCode.value())});
}

absl::Status Machine::RunToEnd() {
  HVKIT_RETURN_IF_ERROR(thread().Start());
  return thread().Join();
}

absl::Status Machine::SetFlag() {
  const std::array<std::byte, 4> flag = {std::byte{1}};
  return Load(flag, hyperv::Gpa(kFlagAddress));
}

}  // namespace hvkit::vcpu
