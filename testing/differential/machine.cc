#include "testing/differential/machine.h"

#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/console.h"
#include "vmm/ending.h"
#include "vmm/events.h"
#include "vmm/hyperv_setup.h"
#include "vmm/inputs.h"
#include "vmm/virtual_machine.h"

namespace hvkit::testing {
namespace {

// What both back ends can do.
constexpr char kCpu[] =
    "host,kvm=off,hv_relaxed,hv_vapic,hv_vpindex,hv_runtime,hv_crash,hv_time,hv_synic,hv_stimer,"
    "hv_stimer_direct,hv_tlbflush,hv_ipi,hv_reset,hv_frequencies,hv_xmm_input,"
    "hv_spinlocks=0xfff";

template <typename T>
void Append(std::string& bytes, const T& value) {
  const size_t size = bytes.size();
  bytes.resize(size + sizeof(value));
  std::memcpy(&bytes[size], &value, sizeof(value));
}

std::string ToModule(std::span<const Program> programs, uint32_t cpus) {
  std::string bytes;
  Append(bytes, BatchHeader{static_cast<uint32_t>(programs.size()), cpus});
  for (const Program& program : programs) {
    Append(bytes, ProgramHeader{.steps = static_cast<uint32_t>(program.size())});
    for (const Step& step : program) Append(bytes, step);
  }
  return bytes;
}

absl::Status WriteFile(const std::string& path, const std::string& bytes) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             std::fclose);
  if (file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size()) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("cannot write ", bytes.size(), " bytes to ", path));
}

// Ends a run as a user would who has waited long enough. SIGTERM is blocked: it is the machine's to
// take.
class Deadline {
 public:
  explicit Deadline(uint32_t seconds)
      : thread_([this, seconds] {
          if (done_.WaitForNotificationWithTimeout(absl::Seconds(seconds))) return;
          kill(getpid(), SIGTERM);
        }) {}
  ~Deadline() {
    done_.Notify();
    thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  absl::Notification done_;
  std::thread thread_;
};

void BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// `serial` is a file of what the guest said.
absl::Status CheckEnding(const vmm::Ending& ending, const std::string& serial) {
  if (const auto* exited = std::get_if<vmm::DebugExited>(&ending)) {
    if (exited->value == 0) return absl::OkStatus();
  }
  if (std::holds_alternative<vmm::Signalled>(ending)) {
    return absl::DeadlineExceededError("the guest did not end");
  }
  vmm::EventLog nowhere;
  return absl::InternalError(
      absl::StrCat(vmm::ReportEnding(ending, nowhere).line, "\n", ReadFile(serial)));
}

absl::StatusOr<std::vector<Records>> ReadRecords(const hyperv::GuestMemory& memory,
                                                 std::span<const Program> programs) {
  std::vector<Records> all;
  uint64_t at = kRecordsAt;
  for (const Program& program : programs) {
    Records& records = all.emplace_back(program.size());
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(records));
    if (memory.Read(hyperv::Gpa(at), bytes) != hyperv::MemFault::kNone) {
      return absl::InternalError(absl::StrCat("the records at ", at, " cannot be read"));
    }
    at += bytes.size();
  }
  return all;
}

}  // namespace

vmm::Config Machine::MakeConfig(uint32_t cpus, vmm::Backend backend) const {
  vmm::Config config;
  config.kernel = guest_;
  config.initrd = scratch_;
  config.memory_bytes = kMemoryBytes;
  config.cpus = cpus;
  config.cpu = kCpu;
  config.hyperv = backend;
  config.hyperv_testdev = true;
  config.serial = vmm::SerialSink::kFile;
  config.serial_path = scratch_ + ".serial";
  return config;
}

absl::StatusOr<MachineRun> Machine::Run(std::span<const Program> programs, uint32_t cpus,
                                        vmm::Backend backend, uint32_t seconds) {
  BlockSignals();
  HVKIT_RETURN_IF_ERROR(WriteFile(scratch_, ToModule(programs, cpus)));
  const vmm::Config config = MakeConfig(cpus, backend);
  HVKIT_ASSIGN_OR_RETURN(const hyperv::CpuSpec spec, hyperv::ParseCpuFlag(config.cpu));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<const vmm::Inputs> inputs, vmm::ReadInputs(config));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<vmm::Console> console, vmm::Console::Open(config));
  HVKIT_ASSIGN_OR_RETURN(const kvm::Kvm kvm, kvm::Kvm::Open());
  HVKIT_ASSIGN_OR_RETURN(const vmm::HypervSetup hyperv, ResolveHyperv(spec, backend, kvm));
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<vmm::VirtualMachine> machine,
                         vmm::VirtualMachine::Create(kvm, config, hyperv, inputs->plan, *console));
  HVKIT_RETURN_IF_ERROR(machine->Start(vmm::Confinement::kNone));
  const Deadline deadline(seconds);
  MachineRun run{.records = {}, .ending = CheckEnding(machine->Run(), config.serial_path)};
  HVKIT_ASSIGN_OR_RETURN(run.records, ReadRecords(machine->memory(), programs));
  return run;
}

}  // namespace hvkit::testing
