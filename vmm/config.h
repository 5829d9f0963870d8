// The VMM's command line as a value. Parsing looks at nothing but the arguments: the text of --cpu,
// the files and KVM are checked by their own parts, in that order, after it.
//
// Every refusal is one line that names the flag and the remedy, with status kInvalidArgument.
#ifndef HVKIT_VMM_CONFIG_H_
#define HVKIT_VMM_CONFIG_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "devices/debug_frame.h"

namespace hvkit::vmm {

inline constexpr uint64_t kMinMemoryBytes = uint64_t{4} << 20;  // what boot structures need
inline constexpr uint64_t kMaxMemoryBytes = uint64_t{1} << 40;
inline constexpr uint32_t kMaxCpus = 4096;  // KVM's own limit may be lower

// What --tour has without --cpu: all that this machine can give.
inline constexpr char kTourCpu[] = "host,kvm=off,hv=all";
inline constexpr uint32_t kMaxTourCpus = 16;  // what its guest has room for

enum class Command : uint8_t {
  kRun,
  kProbe,
  kListEnlightenments,
  kExplain,
  kConvert,
  kDiff,
  kTour,
  kHelp,
  kVersion,
};
enum class Backend : uint8_t { kAuto, kKernel, kUser };
enum class KernelFormat : uint8_t { kAuto, kFlat };
enum class OutputFormat : uint8_t { kText, kJson };
enum class SerialSink : uint8_t { kStdio, kNone, kFile };

// A parsed command line. Immutable once parsed.
struct Config {
  Command command = Command::kRun;
  std::string subject;  // what kExplain, kConvert or kDiff is about
  std::string other;    // what kDiff compares it with
  std::string kernel;
  std::optional<std::string> initrd;
  std::string cmdline;
  uint64_t memory_bytes = uint64_t{512} << 20;
  uint32_t cpus = 2;
  std::string cpu = "host";  // QEMU's -cpu syntax, not yet parsed; kTourCpu for kTour
  Backend hyperv = Backend::kAuto;
  SerialSink serial = SerialSink::kStdio;
  std::string serial_path;            // for SerialSink::kFile
  std::optional<std::string> events;  // a path, or "-" for stdout
  std::optional<uint16_t> debug_exit_port = 0xf4;
  bool hyperv_testdev = false;
  std::optional<devices::UdpEndpoint> syndbg;  // where the debugger listens
  bool seccomp = true;                         // confine the process to what a run needs
  KernelFormat kernel_format = KernelFormat::kAuto;
  OutputFormat format = OutputFormat::kText;
};

// Parses a main()'s arguments, the program's name first. A repeated flag: the last one counts.
[[nodiscard]] absl::StatusOr<Config> ParseConfig(std::span<char* const> argv);

// The text of --help, many lines, and of --version, one line; both end in a newline.
[[nodiscard]] std::string HelpText();
[[nodiscard]] std::string VersionText();

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_CONFIG_H_
