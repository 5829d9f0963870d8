#include "vmm/virtual_machine.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_boot.h"
#include "vmm/cpu_setup.h"
#include "vmm/memory_map.h"
#include "vmm/seccomp_filter.h"

namespace hvkit::vmm {

// The map that the guest is told is where its RAM is.
static_assert(kPciHoleStart == vcpu::GuestMemory::kLowRamLimit);
static_assert(kRamAbove4G == vcpu::GuestMemory::kHighRamBase);

namespace {

// SIGINT and SIGTERM as something to poll for.
absl::StatusOr<kvm::UniqueFd> OpenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  kvm::UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (fd.get() >= 0) return fd;
  return absl::InternalError(absl::StrCat("signalfd: ", strerror(errno)));
}

int TakeSignal(int fd) {
  signalfd_siginfo info{};
  return read(fd, &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo) : SIGTERM;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtualMachine>> VirtualMachine::Create(const kvm::Kvm& kvm,
                                                                       const Config& config,
                                                                       const HypervSetup& hyperv,
                                                                       const BootPlan& plan,
                                                                       Console& console) {
  HVKIT_ASSIGN_OR_RETURN(kvm::Vm vm, kvm.CreateVm());
  std::unique_ptr<VirtualMachine> machine(new VirtualMachine(std::move(vm), console));
  HVKIT_RETURN_IF_ERROR(machine->latch_.Open());
  console.set_stop_fd(machine->latch_.fd());
  HVKIT_RETURN_IF_ERROR(SetUpVmHardware(machine->vm_));
  HVKIT_RETURN_IF_ERROR(machine->SetUpMemory(config, plan));
  HVKIT_RETURN_IF_ERROR(machine->SetUpPlatform(config));
  HVKIT_RETURN_IF_ERROR(machine->SetUpCpus(kvm, config, hyperv, plan.entry));
  return machine;
}

VirtualMachine::~VirtualMachine() = default;

absl::Status VirtualMachine::SetUpMemory(const Config& config, const BootPlan& plan) {
  HVKIT_ASSIGN_OR_RETURN(memory_, vcpu::GuestMemory::Create(config.memory_bytes));
  untouched_.emplace(*memory_);
  HVKIT_RETURN_IF_ERROR(memory_->RegisterWith(vm_));
  return WritePlan(plan, *memory_);
}

absl::Status VirtualMachine::SetUpPlatform(const Config& config) {
  Platform::Options options{.memory_bytes = config.memory_bytes,
                            .debug_exit_port = config.debug_exit_port,
                            .serial_output = [this](auto bytes) { console_.Output(bytes); },
                            .serial_input_wanted = [this] { console_.WantInput(); }};
  platform_ = std::make_unique<Platform>(vm_, latch_, std::move(options));
  return platform_->Connect();
}

absl::Status VirtualMachine::SetUpCpus(const kvm::Kvm& kvm, const Config& config,
                                       const HypervSetup& hyperv, const EntryState& entry) {
  HVKIT_ASSIGN_OR_RETURN(const CpuSetup setup, CpuSetup::Create(kvm, config, hyperv));
  if (config.syndbg.has_value()) {
    HVKIT_ASSIGN_OR_RETURN(syndbg_, Syndbg::Create(*config.syndbg, *memory_));
  }
  if (hyperv.enabled()) {
    HypervHost host{.vm = vm_,
                    .memory = *memory_,
                    .latch = latch_,
                    .kick = [this](hyperv::VpIndex vp) { cpus_[vp.value()].thread->Kick(); },
                    .syndbg = syndbg_.get(),
                    .boot_zeroed = &*untouched_};
    backend_ = MakeHypervBackend(hyperv, config.cpus, setup.kvm_leaf(), std::move(host));
    HVKIT_RETURN_IF_ERROR(backend_->SetUpVm());
  }
  for (uint32_t index = 0; index < config.cpus; ++index) {
    HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm_.CreateVcpu(index));
    HVKIT_RETURN_IF_ERROR(setup.SetCpuid(vcpu, index, backend_.get()));
    HVKIT_RETURN_IF_ERROR(index == 0 ? SetBootState(vcpu, entry, *memory_)
                                     : vcpu::SetWaitForSipi(vcpu));
    HVKIT_ASSIGN_OR_RETURN(Cpu cpu, MakeCpu(index, std::move(vcpu)));
    cpus_.push_back(std::move(cpu));
  }
  latch_.set_on_end([this] {
    for (Cpu& cpu : cpus_) cpu.thread->Stop();
  });
  return backend_ != nullptr ? StartBackend(config) : absl::OkStatus();
}

absl::Status VirtualMachine::StartBackend(const Config& config) {
  std::vector<vcpu::KvmRunner*> runners;
  runners.reserve(cpus_.size());
  for (const Cpu& cpu : cpus_) runners.push_back(cpu.runner);
  HVKIT_ASSIGN_OR_RETURN(hyperv::DeviceSynic* const synic, backend_->Start(runners));
  if (!config.hyperv_testdev) return absl::OkStatus();
  if (synic == nullptr) {
    return absl::FailedPreconditionError("--device=hyperv-testdev: hv_synic is not to be had here");
  }
  testdev_.emplace(*synic);
  return platform_->AddPorts(devices::kHypervTestdevPort, devices::kHypervTestdevPortCount,
                             *testdev_);
}

absl::StatusOr<VirtualMachine::Cpu> VirtualMachine::MakeCpu(uint32_t index, kvm::Vcpu vcpu) {
  Cpu cpu;
  cpu.exits = std::make_unique<VcpuExits>(index, latch_, backend_.get());
  const vcpu::KvmRunner::Targets targets{platform_->ports(), platform_->mmio(), *cpu.exits};
  auto runner = std::make_unique<vcpu::KvmRunner>(index, std::move(vcpu), targets);
  cpu.exits->Attach(*runner);
  cpu.runner = runner.get();
  cpu.thread =
      std::make_unique<vcpu::VcpuThread>(std::move(runner), [this](const absl::Status& status) {
        if (!status.ok()) latch_.End(Failed{status});
      });
  return cpu;
}

// While paused, no vCPU has entered its guest, and all threads that there will be are there.
absl::Status VirtualMachine::Start(Confinement confinement) {
  for (Cpu& cpu : cpus_) {
    cpu.thread->RequestPause();
    HVKIT_RETURN_IF_ERROR(cpu.thread->Start());
  }
  // A vCPU that ended instead has told the latch why.
  for (Cpu& cpu : cpus_) cpu.thread->WaitUntilPaused().IgnoreError();
  if (confinement == Confinement::kSeccomp) HVKIT_RETURN_IF_ERROR(EnterSeccomp());
  for (Cpu& cpu : cpus_) cpu.thread->Resume();
  return absl::OkStatus();
}

Ending VirtualMachine::Run() {
  absl::Status status = ServeConsoleUntilEnd();
  if (!status.ok()) latch_.End(Failed{std::move(status)});
  for (Cpu& cpu : cpus_)
    cpu.thread->Join().IgnoreError();  // its error, if any, has reached the latch
  return *latch_.Get();
}

absl::Status VirtualMachine::ServeConsoleUntilEnd() {
  HVKIT_ASSIGN_OR_RETURN(const kvm::UniqueFd signals, OpenSignals());
  const Console::Input input = [this](std::span<const std::byte> bytes) {
    return platform_->serial().Enqueue(bytes);
  };
  while (!latch_.Get().has_value()) {
    std::array<pollfd, 4> fds{{{latch_.fd(), POLLIN, 0},
                               {signals.get(), POLLIN, 0},
                               {console_.wake_fd(), POLLIN, 0},
                               {console_.input_fd(), POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
      return absl::InternalError(absl::StrCat("poll: ", strerror(errno)));
    }
    if (fds[1].revents != 0) latch_.End(Signalled{TakeSignal(signals.get())});
    if (fds[2].revents != 0) console_.OnWake(input);
    if (fds[3].revents != 0) console_.OnInputReadable(input);
  }
  return absl::OkStatus();
}

ExitCounts VirtualMachine::CountExits() const {
  ExitCounts counts;
  for (const Cpu& cpu : cpus_) {
    const vcpu::KvmRunner::ExitCounts& own = cpu.runner->exit_counts();
    for (uint32_t reason = 0; reason < own.size(); ++reason) {
      if (own[reason] != 0) counts[kvm::ExitReasonName(reason)] += own[reason];
    }
  }
  return counts;
}

}  // namespace hvkit::vmm
