// The reference VMM. `vmm --help` lists the flags; vmm/exit_status.h the exit statuses.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/resolve.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/convert.h"
#include "vmm/cpu_diff.h"
#include "vmm/ending.h"
#include "vmm/events.h"
#include "vmm/exit_status.h"
#include "vmm/explain.h"
#include "vmm/hyperv_setup.h"
#include "vmm/input_file.h"
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

// While it lives, SIGINT and SIGTERM are for the main thread's signalfd; threads made meanwhile
// inherit the mask. At other times they end the process, also where it waits for somebody to open a
// FIFO.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

// A standard descriptor that is closed would be given to the next file, and take the guest's
// output.
void FillStandardDescriptors() {
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

// A vCPU takes a descriptor or two.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
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

struct Outcome {
  Ending ending;
  ExitCounts exits;
};

// All input has been accepted by now: what KVM refuses is for the machine to answer for.
absl::StatusOr<Outcome> RunMachine(const kvm::Kvm& kvm, const Config& config,
                                   const HypervSetup& hyperv, const Inputs& inputs,
                                   Console& console) {
  const BlockedSignals blocked;
  absl::StatusOr<std::unique_ptr<VirtualMachine>> machine =
      VirtualMachine::Create(kvm, config, hyperv, inputs.plan, console);
  if (!machine.ok()) return absl::FailedPreconditionError(machine.status().message());
  HVKIT_RETURN_IF_ERROR(
      (*machine)->Start(config.seccomp ? Confinement::kSeccomp : Confinement::kNone));
  Ending ending = (*machine)->Run();
  return Outcome{std::move(ending), (*machine)->CountExits()};
}

// The tour's messages and events go through the test device, which needs a SynIC.
Config WithTourDevices(Config config, const HypervSetup& hyperv) {
  if (config.command == Command::kTour) {
    config.hyperv_testdev = hyperv.resolution.in_force.Has(hyperv::Enlightenment::kSynic);
  }
  return config;
}

// Flags, dependencies, files, KVM: in this order.
absl::StatusOr<EndReport> RunGuest(const Config& config) {
  HVKIT_ASSIGN_OR_RETURN(const hyperv::CpuSpec spec, hyperv::ParseCpuFlag(config.cpu));
  HVKIT_RETURN_IF_ERROR(CheckNeeds(config, spec));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<const Inputs> inputs, ReadInputs(config));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<EventLog> events, OpenEvents(config));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<Console> console, Console::Open(config));
  HVKIT_ASSIGN_OR_RETURN(const kvm::Kvm kvm, OpenKvm());
  HVKIT_ASSIGN_OR_RETURN(const HypervSetup hyperv, ResolveHyperv(spec, config.hyperv, kvm));
  for (const std::string& advice : hyperv::Advice(spec.requested)) Say(advice);
  events->Report(ToEvent(hyperv));
  HVKIT_ASSIGN_OR_RETURN(const Outcome outcome, RunMachine(kvm, WithTourDevices(config, hyperv),
                                                           hyperv, *inputs, *console));
  EndReport report = ReportEnding(outcome.ending, *events);
  events->ReportExitStats(outcome.exits);
  if (!events->status().ok()) Say(std::string(events->status().message()));
  return report;
}

// What --convert is given, where `-` stands for standard input.
absl::StatusOr<std::string> ConvertedText(const std::string& subject) {
  static constexpr uint64_t kMaxBytes = uint64_t{16} << 20;
  if (subject != "-") return subject;
  HVKIT_ASSIGN_OR_RETURN(
      const std::vector<std::byte> bytes,
      ReadInputFile("--convert", "/dev/stdin", kMaxBytes, "give one <hyperv> element"));
  std::string text(bytes.size(), '\0');
  std::memcpy(text.data(), bytes.data(), bytes.size());
  return text;
}

int PrintConversion(const std::string& subject) {
  const absl::StatusOr<std::string> text = ConvertedText(subject);
  if (!text.ok()) return Refuse(text.status());
  const absl::StatusOr<Conversion> conversion = Convert(*text);
  if (!conversion.ok()) return Refuse(conversion.status());
  if (!conversion->note.empty()) Say(conversion->note);
  return Print(conversion->text);
}

int PrintExplanation(const Config& config) {
  const absl::StatusOr<hyperv::Enlightenment> e = ParseExplained(config.subject);
  if (!e.ok()) return Refuse(e.status());
  const ProbeResult here = Probe();
  return Print(FormatExplanation(*e, here.enlightenments[hyperv::Index(*e)], config.format));
}

int PrintDiff(const Config& config) {
  const absl::StatusOr<CpuDiff> diff = DiffCpus(config.subject, config.other);
  return diff.ok() ? Print(FormatDiff(*diff, config.format)) : Refuse(diff.status());
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
    case Command::kExplain:
      return PrintExplanation(config);
    case Command::kConvert:
      return PrintConversion(config.subject);
    case Command::kDiff:
      return PrintDiff(config);
    case Command::kRun:
    case Command::kTour:
      break;
  }
  RaiseDescriptorLimit();
  const absl::StatusOr<EndReport> report = RunGuest(config);
  if (!report.ok()) return Refuse(report.status());
  Say(report->line);
  return report->status;
}

int Main(std::span<char* const> arguments) {
  FillStandardDescriptors();
  std::signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<Config> config = ParseConfig(arguments);
  return config.ok() ? RunCommand(*config) : Refuse(config.status());
}

}  // namespace
}  // namespace hvkit::vmm

int main(int argc, char** argv) {
  return hvkit::vmm::Main(std::span<char* const>(argv, static_cast<size_t>(argc)));
}
