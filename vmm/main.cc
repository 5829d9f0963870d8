// The reference VMM. `vmm --help` lists the flags; vmm/exit_status.h the exit statuses.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/resolve.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/ending.h"
#include "vmm/events.h"
#include "vmm/exit_status.h"
#include "vmm/hyperv_setup.h"
#include "vmm/inputs.h"
#include "vmm/probe.h"
#include "vmm/report.h"
#include "vmm/virtual_machine.h"

namespace hvkit::vmm {
namespace {

void Say(const std::string& line) { std::fprintf(stderr, "vmm: %s\n", line.c_str()); }

// An error is one line, whatever bytes a file's name has.
int Refuse(const absl::Status& error) {
  std::string line(error.message());
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
  Say(line);
  return ToInt(ExitStatusFor(error));
}

int Print(const std::string& text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (written) return ToInt(ExitStatus::kSuccess);
  Say("cannot write to stdout");
  return ToInt(ExitStatus::kInternal);
}

// The main thread takes these by signalfd; threads made later inherit the mask.
void BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

absl::StatusOr<std::unique_ptr<EventLog>> OpenEvents(const Config& config) {
  if (!config.events.has_value()) return std::make_unique<EventLog>();
  return EventLog::Open(*config.events);
}

// A KVM that cannot be opened or does not do what is asked is the machine's fault, whatever errno
// said.
absl::StatusOr<kvm::Kvm> OpenKvm() {
  absl::StatusOr<kvm::Kvm> kvm = kvm::Kvm::Open();
  if (kvm.ok()) return kvm;
  return absl::FailedPreconditionError(
      absl::StrCat("KVM cannot be used here: ", kvm.status().message(),
                   "; load kvm-intel or kvm-amd and see to access to /dev/kvm"));
}

// Flags, dependencies, files, KVM: in this order.
absl::StatusOr<EndReport> RunGuest(const Config& config) {
  HVKIT_ASSIGN_OR_RETURN(const hyperv::CpuSpec spec, hyperv::ParseCpuFlag(config.cpu));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<const Inputs> inputs, ReadInputs(config));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<EventLog> events, OpenEvents(config));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<Console> console, Console::Open(config));
  HVKIT_ASSIGN_OR_RETURN(const kvm::Kvm kvm, OpenKvm());
  HVKIT_ASSIGN_OR_RETURN(const HypervSetup hyperv, ResolveHyperv(spec, config.hyperv, kvm));
  for (const std::string& advice : hyperv::Advice(spec.requested)) Say(advice);
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<VirtualMachine> machine,
                         VirtualMachine::Create(kvm, config, hyperv, inputs->plan, *console));
  events->Report(ToEvent(hyperv));
  const EndReport report = ReportEnding(machine->Run(), *events);
  events->ReportExitStats(machine->CountExits());
  if (!events->status().ok()) Say(std::string(events->status().message()));
  return report;
}

int RunCommand(const Config& config) {
  switch (config.command) {
    case Command::kHelp:
      return Print(HelpText());
    case Command::kVersion:
      return Print(VersionText());
    case Command::kProbe:
      return Print(FormatProbe(Probe(), config.format));
    case Command::kListEnlightenments:
      return Print(FormatEnlightenments(ListEnlightenments(), config.format));
    case Command::kRun:
      break;
  }
  BlockSignals();
  const absl::StatusOr<EndReport> report = RunGuest(config);
  if (!report.ok()) return Refuse(report.status());
  Say(report->line);
  return report->status;
}

int Main(std::span<char* const> arguments) {
  const absl::StatusOr<Config> config = ParseConfig(arguments);
  return config.ok() ? RunCommand(*config) : Refuse(config.status());
}

}  // namespace
}  // namespace hvkit::vmm

int main(int argc, char** argv) {
  return hvkit::vmm::Main(std::span<char* const>(argv, static_cast<size_t>(argc)));
}
