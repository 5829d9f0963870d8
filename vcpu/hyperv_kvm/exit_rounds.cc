#include "vcpu/hyperv_kvm/exit_rounds.h"

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "devices/io_bus.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/enlightenments/resolve.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/cpuid_merge.h"
#include "vcpu/exit_handlers.h"
#include "vcpu/guest_memory.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/user_ability.h"
#include "vcpu/hyperv_kvm/user_backend.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/runner.h"
#include "vcpu/stopping_handlers.h"
#include "vcpu/vcpu_thread.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

using benchmarks::PairedSamples;
using benchmarks::PairedSummary;
using benchmarks::RoundCounts;
using benchmarks::Side;
using benchmarks::SideOfStep;
using benchmarks::ThreadNs;
using hyperv::Gpa;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;

constexpr Gpa kCode{0x10000};
constexpr Gpa kTables{0x80000};
constexpr uint64_t kStack = 0x30000;
constexpr uint64_t kTssAddress = 0xFFFBD000;
constexpr uint8_t kMarkPort = 0xF4;
constexpr uint64_t kRflagsFixed = 2;
constexpr VpIndex kVp(0);

class QuietDevice final : public devices::IoDevice {
 public:
  const char* Name() const override { return "quiet"; }
  void Read(uint64_t, std::span<std::byte>) override {}
  void Write(uint64_t, std::span<const std::byte> data) override { last_ = data[0]; }

 private:
  volatile std::byte last_{};
};

class Handlers final : public StoppingHandlers {
 public:
  void Attach(UserBackend& backend) { backend_ = &backend; }
  void Attach(const kvm::Vcpu& vcpu, RegisterSource source) {
    vcpu_ = &vcpu;
    source_ = source;
  }

  ExitAction OnMsr(kvm::MsrExit exit) override {
    if (backend_ != nullptr) {
      backend_->OnMsr(kVp, exit);
    } else if (exit.is_write()) {
      exit.SetWritten();
    } else {
      exit.SetData(Value());
    }
    return ExitAction::kContinue;
  }
  ExitAction OnKicked() override {
    if (backend_ != nullptr) backend_->OnKicked(kVp);
    return ExitAction::kContinue;
  }

 private:
  uint64_t Value() const {
    if (source_ == RegisterSource::kNone) return 7;
    if (source_ == RegisterSource::kSyncRegs) return vcpu_->sync_regs().regs.rcx;
    const absl::StatusOr<kvm_regs> regs = vcpu_->GetRegs();
    return regs.ok() ? regs->rcx : 0;
  }

  UserBackend* backend_ = nullptr;
  const kvm::Vcpu* vcpu_ = nullptr;
  RegisterSource source_ = RegisterSource::kNone;
};

class NullEvents final : public hyperv::PartitionEvents {
 public:
  void OnReset(VpIndex) override {}
  void OnCrash(VpIndex, const hyperv::CrashReport&) override {}
};

class NullEventHandler final : public hyperv::EventHandler {
 public:
  hyperv::tlfs::HvStatus OnEvent(VpIndex, uint16_t) override {
    return hyperv::tlfs::HvStatus::kSuccess;
  }
};

// The device behind kMarkPort. *VP thread*.
class TurnKeeper final : public devices::IoDevice {
 public:
  TurnKeeper(const ExitScenario& scenario, const RoundCounts& counts)
      : scenario_(scenario), counts_(counts), samples_(counts) {}

  void Attach(KvmRunner& runner, VcpuThread& thread) {
    runner_ = &runner;
    thread_ = &thread;
  }
  // After the run.
  [[nodiscard]] absl::StatusOr<PairedSummary> Summarize() const {
    if (step_ == counts_.steps()) return samples_.Summarize();
    return absl::InternalError(absl::StrCat(scenario_.name, ": step ", step_, " of ",
                                            counts_.steps(), " met an exit that is not its own"));
  }

  const char* Name() const override { return "turns"; }
  void Read(uint64_t, std::span<std::byte>) override {}
  void Write(uint64_t, std::span<const std::byte>) override {
    const double now = ThreadNs();
    if (ours_since_.has_value()) Finish(now - *ours_since_);
    ours_since_.reset();
    while (step_ < counts_.steps() && !GuestHasTurn()) {
      const double start = ThreadNs();
      if (!RunHere()) return thread_->Stop();
      Finish(ThreadNs() - start);
    }
    if (step_ == counts_.steps()) return thread_->Stop();
    ours_since_ = ThreadNs();
  }

 private:
  bool IsInPlace() const { return scenario_.instruction[0] == 0; }
  bool GuestHasTurn() const { return SideOfStep(step_) == Side::kOurs && !IsInPlace(); }
  void Finish(double ns) {
    samples_.Record(SideOfStep(step_++), ns / static_cast<double>(counts_.operations));
  }
  bool RunHere() {
    if (SideOfStep(step_) == Side::kOurs) return RunImmediateExits();
    return RunRaw();
  }
  // A whole batch, its end included.
  bool RunRaw() {
    kvm::Vcpu& vcpu = runner_->vcpu();
    kvm_run& run = vcpu.run();
    const RawVcpu raw{.fd = vcpu.fd(), .run = &run};
    const uint64_t our_sets = std::exchange(run.kvm_valid_regs, scenario_.raw_sync_sets);
    bool good = scenario_.raw(raw, counts_.operations);
    if (!IsInPlace()) good = good && RawPortWrites(raw, 1) && run.io.port == kMarkPort;
    run.kvm_valid_regs = our_sets;
    return good;
  }
  bool RunImmediateExits() {
    bool good = true;
    runner_->vcpu().SetImmediateExit(true);
    for (size_t i = 0; i < counts_.operations && good; ++i) {
      good = runner_->Run() == RunOutcome::kInterrupted;
    }
    runner_->vcpu().SetImmediateExit(false);
    return good;
  }

  const ExitScenario& scenario_;
  const RoundCounts counts_;
  PairedSamples samples_;
  KvmRunner* runner_ = nullptr;
  VcpuThread* thread_ = nullptr;
  size_t step_ = 0;
  std::optional<double> ours_since_;
};

// The VM of one scenario.
class Machine {
 public:
  static absl::StatusOr<std::unique_ptr<Machine>> Create(const ExitScenario& scenario,
                                                         const RoundCounts& counts) {
    HVKIT_ASSIGN_OR_RETURN(kvm::Kvm kvm, kvm::Kvm::Open());
    HVKIT_ASSIGN_OR_RETURN(kvm::Vm vm, kvm.CreateVm());
    HVKIT_ASSIGN_OR_RETURN(std::unique_ptr<GuestMemory> memory,
                           GuestMemory::Create(GuestMemory::kMinSize));
    std::unique_ptr<Machine> machine(
        new Machine(std::move(kvm), std::move(vm), std::move(memory), scenario, counts));
    HVKIT_RETURN_IF_ERROR(machine->Prepare(scenario.hooks));
    machine->AttachRegisters(scenario.registers_from);
    HVKIT_RETURN_IF_ERROR(machine->LoadGuest(scenario, counts.operations));
    return machine;
  }

  absl::StatusOr<PairedSummary> Run() {
    HVKIT_RETURN_IF_ERROR(thread_->Start());
    HVKIT_RETURN_IF_ERROR(thread_->Join());
    return turns_.Summarize();
  }

 private:
  Machine(kvm::Kvm kvm, kvm::Vm vm, std::unique_ptr<GuestMemory> memory,
          const ExitScenario& scenario, const RoundCounts& counts)
      : kvm_(std::move(kvm)),
        memory_(std::move(memory)),
        vm_(std::move(vm)),
        turns_(scenario, counts) {}

  absl::Status Prepare(Hooks hooks) {
    HVKIT_RETURN_IF_ERROR(memory_->RegisterWith(vm_));
    HVKIT_RETURN_IF_ERROR(vm_.SetTssAddr(kTssAddress));
    HVKIT_RETURN_IF_ERROR(vm_.CreateIrqchip());
    HVKIT_RETURN_IF_ERROR(ports_.Add(kQuietPort, 1, quiet_));
    HVKIT_RETURN_IF_ERROR(ports_.Add(kMarkPort, 1, turns_));
    HVKIT_RETURN_IF_ERROR(mmio_.Add(kQuietMmio, hyperv::kPageSize, quiet_));
    if (hooks == Hooks::kUserBackend) return AddCpuWithBackend();
    HVKIT_RETURN_IF_ERROR(
        vm_.EnableCap(KVM_CAP_X86_USER_SPACE_MSR, uint64_t{KVM_MSR_EXIT_REASON_UNKNOWN}));
    return AddCpu();
  }

  absl::Status AddCpu() {
    HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm_.CreateVcpu(0));
    HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid supported, kvm_.GetSupportedCpuid());
    HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid cpuid, MergeCpuid(supported, {.cpu_count = 1}, 0));
    HVKIT_RETURN_IF_ERROR(vcpu.SetCpuid2(cpuid));
    auto runner = std::make_unique<KvmRunner>(
        0, std::move(vcpu),
        KvmRunner::Targets{.ports = ports_, .mmio = mmio_, .handlers = handlers_});
    runner_ = runner.get();
    thread_ = std::make_unique<VcpuThread>(std::move(runner));
    turns_.Attach(*runner_, *thread_);
    return absl::OkStatus();
  }

  void AttachRegisters(RegisterSource source) {
    kvm::Vcpu& vcpu = runner_->vcpu();
    handlers_.Attach(vcpu, source);
    if (source == RegisterSource::kSyncRegs) vcpu.SetSyncValidRegs(KVM_SYNC_X86_REGS);
  }

  absl::Status AddCpuWithBackend() {
    HVKIT_ASSIGN_OR_RETURN(const KernelFacts facts, QueryKernelFacts(kvm_));
    UserBackend::Options options{.in_force = AllFlags(facts), .facts = facts};
    backend_ = std::make_unique<UserBackend>(
        std::move(options),
        UserBackend::Host{
            .vm = vm_, .memory = *memory_, .events = events_, .kick = [](VpIndex) {}});
    HVKIT_RETURN_IF_ERROR(backend_->SetUpVm());
    HVKIT_RETURN_IF_ERROR(AddCpu());
    backend_->Attach(kVp, *runner_);
    HVKIT_RETURN_IF_ERROR(backend_->Start());
    handlers_.Attach(*backend_);
    HVKIT_ASSIGN_OR_RETURN(hyperv::Connection connection,
                           backend_->ports().ConnectEvents(kEventConnection, event_handler_));
    connection_.emplace(std::move(connection));
    HVKIT_RETURN_IF_ERROR(WriteMsr(MsrIndex::kGuestOsId, 1));
    return WriteMsr(MsrIndex::kHypercall, kCallPage | 1);
  }

  static hyperv::EnlightenmentSet AllFlags(const KernelFacts& facts) {
    const hyperv::Ability ability = UserAbility(facts, CoreSharing::kUnknown);
    hyperv::EnlightenmentSet set;
    for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
      const bool is_flag = info.kind == hyperv::EnlightenmentKind::kFlag;
      if (is_flag && ability.Can(info.id)) set.Add(info.id);
    }
    return set;
  }

  absl::Status WriteMsr(MsrIndex msr, uint64_t value) {
    hyperv::VirtualProcessor& vp = *backend_->partition().FindVp(kVp);
    const auto index = static_cast<uint32_t>(msr);
    if (vp.WriteMsr(index, value) == hyperv::MsrOutcome::kHandled) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the model refuses MSR 0x", absl::Hex(index)));
  }

  absl::Status LoadGuest(const ExitScenario& scenario, size_t exits) {
    HVKIT_RETURN_IF_ERROR(WriteLongModeTables(*memory_, kTables));
    const std::vector<uint8_t> code = Code(scenario, exits);
    if (memory_->Write(kCode, std::as_bytes(std::span(code))) != hyperv::MemFault::kNone) {
      return absl::OutOfRangeError("the guest does not fit into RAM");
    }
    HVKIT_RETURN_IF_ERROR(SetLongMode(
        runner_->vcpu(), {.rip = kCode.value(), .rsp = kStack, .rsi = 0, .tables = kTables}));
    kvm_regs regs{};
    regs.rip = kCode.value();
    regs.rsp = kStack;
    regs.rflags = kRflagsFixed;
    regs.rax = scenario.registers.rax;
    regs.rbx = scenario.registers.rbx;
    regs.rcx = scenario.registers.rcx;
    regs.rdx = scenario.registers.rdx;
    regs.rsi = scenario.registers.rsi;
    regs.r8 = scenario.registers.r8;
    return runner_->vcpu().SetRegs(regs);
  }

  // The instruction `exits` times, OUT to kMarkPort, a jump to the start.
  static std::vector<uint8_t> Code(const ExitScenario& scenario, size_t exits) {
    constexpr uint8_t kOutImm8Al = 0xE6;
    constexpr uint8_t kJmpRel32 = 0xE9;
    constexpr size_t kJmpSize = 5;
    std::vector<uint8_t> code;
    if (scenario.instruction[0] == 0) exits = 0;
    for (size_t i = 0; i < exits; ++i) {
      code.insert(code.end(), scenario.instruction.begin(), scenario.instruction.end());
    }
    code.insert(code.end(), {kOutImm8Al, kMarkPort, kJmpRel32});
    const auto back = ~static_cast<uint32_t>(code.size() - 1 + kJmpSize) + 1;
    for (int shift = 0; shift < 32; shift += 8) code.push_back(static_cast<uint8_t>(back >> shift));
    return code;
  }

  kvm::Kvm kvm_;
  std::unique_ptr<GuestMemory> memory_;
  kvm::Vm vm_;
  QuietDevice quiet_;
  TurnKeeper turns_;
  NullEvents events_;
  NullEventHandler event_handler_;
  Handlers handlers_;
  devices::IoBus ports_;
  devices::IoBus mmio_;
  std::unique_ptr<UserBackend> backend_;
  std::optional<hyperv::Connection> connection_;
  KvmRunner* runner_ = nullptr;
  std::unique_ptr<VcpuThread> thread_;
};

}  // namespace

absl::StatusOr<benchmarks::PairedSummary> RunExitRounds(const ExitScenario& scenario,
                                                        const benchmarks::RoundCounts& counts) {
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<Machine> machine, Machine::Create(scenario, counts));
  return machine->Run();
}

}  // namespace hvkit::vcpu
