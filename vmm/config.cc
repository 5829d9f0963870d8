#include "vmm/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/acpi_pm.h"
#include "devices/debug_exit.h"
#include "devices/hyperv_testdev.h"
#include "devices/i8042.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "vmm/version.h"

namespace hvkit::vmm {
namespace {

// One flag. Flags without `value` are switches.
struct Flag {
  std::string_view name;   // with its dashes
  std::string_view value;  // the syntax of what follows '='
  std::string_view help;
  absl::Status (*apply)(std::string_view value, Config& config);
  bool may_be_empty = false;
};

// `--name=value: problem`, where `problem` ends with the remedy.
absl::Status BadValue(std::string_view flag, std::string_view value, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrFormat("%s=%s: %s", flag, value, problem));
}

// --- Values ---

// All of `text` as a number, decimal or hexadecimal after 0x; nothing when it is none or too large.
std::optional<uint64_t> ParseNumber(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const unsigned base = hex ? 16 : 10;
  if (hex) text.remove_prefix(2);
  if (text.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char c : text) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const size_t digit = kDigits.find(lower);
    if (digit >= base || number > (std::numeric_limits<uint64_t>::max() - digit) / base) {
      return std::nullopt;
    }
    number = number * base + digit;
  }
  return number;
}

// How far a size's suffix shifts it; 0 without one.
unsigned SuffixShift(char suffix) {
  switch (suffix) {
    case 'k':
    case 'K':
      return 10;
    case 'm':
    case 'M':
      return 20;
    case 'g':
    case 'G':
      return 30;
    default:
      return 0;
  }
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  const unsigned shift = text.empty() ? 0 : SuffixShift(text.back());
  if (shift != 0) text.remove_suffix(1);
  const std::optional<uint64_t> number = ParseNumber(text);
  if (!number.has_value() || *number > (std::numeric_limits<uint64_t>::max() >> shift)) {
    return std::nullopt;
  }
  return *number << shift;
}

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

// Sets `to` to what `value` names in `choices`.
template <typename T, size_t kCount>
absl::Status Choose(std::string_view flag, std::string_view value,
                    const Choice<T> (&choices)[kCount], T& to) {
  std::vector<std::string_view> names;
  for (const Choice<T>& choice : choices) {
    if (choice.name == value) {
      to = choice.value;
      return absl::OkStatus();
    }
    names.push_back(choice.name);
  }
  const std::string list =
      std::accumulate(std::next(names.begin()), names.end(), std::string(names.front()),
                      [](const std::string& all, std::string_view name) {
                        return absl::StrFormat("%s, %s", all, name);
                      });
  return BadValue(flag, value, absl::StrFormat("not a known value; use one of %s", list));
}

absl::Status SetMemory(std::string_view value, Config& config) {
  static constexpr uint64_t kPageBytes = 4096;
  const std::optional<uint64_t> bytes = ParseSize(value);
  if (!bytes.has_value()) {
    return BadValue("--memory", value, "not a size; use a number with K, M or G, as in 512M");
  }
  if (*bytes < kMinMemoryBytes || *bytes > kMaxMemoryBytes) {
    return BadValue("--memory", value,
                    absl::StrFormat("%d bytes are out of range; use 4M to 1024G", *bytes));
  }
  if (*bytes % kPageBytes != 0) {
    return BadValue("--memory", value, "not a whole number of pages; use a multiple of 4K");
  }
  config.memory_bytes = *bytes;
  return absl::OkStatus();
}

absl::Status SetCpus(std::string_view value, Config& config) {
  const std::optional<uint64_t> cpus = ParseNumber(value);
  if (!cpus.has_value() || *cpus < 1 || *cpus > kMaxCpus) {
    return BadValue("--cpus", value,
                    absl::StrFormat("not a number of CPUs; use 1 to %d", kMaxCpus));
  }
  config.cpus = static_cast<uint32_t>(*cpus);
  return absl::OkStatus();
}

absl::Status SetSerial(std::string_view value, Config& config) {
  static constexpr std::string_view kFilePrefix = "file:";
  if (value.starts_with(kFilePrefix) && value.size() > kFilePrefix.size()) {
    config.serial = SerialSink::kFile;
    config.serial_path = value.substr(kFilePrefix.size());
    return absl::OkStatus();
  }
  if (value == "stdio" || value == "none") {
    config.serial = value == "stdio" ? SerialSink::kStdio : SerialSink::kNone;
    return absl::OkStatus();
  }
  return BadValue("--serial", value, "not a known value; use stdio, none or file:PATH");
}

// --- The debug-exit port ---

struct PortRange {
  uint64_t first;
  uint64_t count;
  std::string_view owner;
};

constexpr PortRange kPorts[] = {
    {0x20, 2, "the interrupt controller"},
    {0x40, 4, "the timer"},
    {devices::kI8042DataPort, 1, "the keyboard controller"},
    {0x61, 1, "the timer"},
    {devices::kI8042CommandPort, 1, "the keyboard controller"},
    {devices::kRtcBase, devices::kRtcPortCount, "the real-time clock"},
    {0xa0, 2, "the interrupt controller"},
    {devices::kCom1Base, devices::kSerialPortCount, "the serial port"},
    {0x4d0, 2, "the interrupt controller"},
    {devices::kAcpiPmBase, devices::kAcpiPmPortCount, "ACPI power management"},
    {0xcf8, 8, "PCI configuration"},
};

absl::Status SetDebugExitPort(std::string_view value, Config& config) {
  static constexpr std::string_view kFlag = "--debug-exit-port";
  static constexpr uint64_t kLastPort = 0x10000 - devices::kDebugExitPortCount;
  const std::optional<uint64_t> port = value == "none" ? 0 : ParseNumber(value);
  if (!port.has_value() || *port > kLastPort) {
    return BadValue(kFlag, value,
                    absl::StrFormat("not a port; use 1 to %#x, or none to go without", kLastPort));
  }
  for (const PortRange& other : kPorts) {
    if (*port != 0 && *port < other.first + other.count &&
        other.first < *port + devices::kDebugExitPortCount) {
      return BadValue(kFlag, value,
                      absl::StrFormat("its %d ports overlap those of %s at %#x; use another, as in "
                                      "0xf4, or none",
                                      devices::kDebugExitPortCount, other.owner, other.first));
    }
  }
  config.debug_exit_port.reset();
  if (*port != 0) config.debug_exit_port = static_cast<uint16_t>(*port);
  return absl::OkStatus();
}

// --- The table ---

absl::Status SetBackend(std::string_view value, Config& config) {
  static constexpr Choice<Backend> kChoices[] = {
      {"auto", Backend::kAuto}, {"kernel", Backend::kKernel}, {"user", Backend::kUser}};
  return Choose("--hyperv", value, kChoices, config.hyperv);
}

absl::Status SetDevice(std::string_view value, Config& config) {
  if (value != "hyperv-testdev") {
    return BadValue("--device", value, "not a known device; hyperv-testdev is the only one");
  }
  config.hyperv_testdev = true;
  return absl::OkStatus();
}

// A dotted quad or localhost, in the host's byte order.
std::optional<uint32_t> ParseAddress(std::string_view text) {
  if (text == "localhost") return INADDR_LOOPBACK;
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

absl::Status SetSyndbg(std::string_view value, Config& config) {
  static constexpr std::string_view kFlag = "--syndbg";
  static constexpr std::string_view kPrefix = "udp:";
  static constexpr uint64_t kLastPort = 0xffff;
  if (!value.starts_with(kPrefix)) {
    return BadValue(kFlag, value, "not a known transport; use udp:HOST:PORT");
  }
  const std::string_view target = value.substr(kPrefix.size());
  const size_t colon = target.rfind(':');
  const bool has_host = colon != std::string_view::npos;
  const std::optional<uint32_t> address =
      ParseAddress(has_host ? target.substr(0, colon) : "localhost");
  if (!address.has_value()) {
    return BadValue(kFlag, value, "not an IPv4 address; use one as in udp:127.0.0.1:50000");
  }
  const std::optional<uint64_t> port = ParseNumber(has_host ? target.substr(colon + 1) : target);
  if (!port.has_value() || *port < 1 || *port > kLastPort) {
    return BadValue(kFlag, value, absl::StrFormat("not a port; use 1 to %d", kLastPort));
  }
  config.syndbg = {.address = *address, .port = static_cast<uint16_t>(*port)};
  return absl::OkStatus();
}

absl::Status SetKernelFormat(std::string_view value, Config& config) {
  static constexpr Choice<KernelFormat> kChoices[] = {{"auto", KernelFormat::kAuto},
                                                      {"flat", KernelFormat::kFlat}};
  return Choose("--kernel-format", value, kChoices, config.kernel_format);
}

absl::Status SetFormat(std::string_view value, Config& config) {
  static constexpr Choice<OutputFormat> kChoices[] = {{"text", OutputFormat::kText},
                                                      {"json", OutputFormat::kJson}};
  return Choose("--format", value, kChoices, config.format);
}

absl::Status SetNoSeccomp(std::string_view, Config& config) {
  config.seccomp = false;
  return absl::OkStatus();
}

// Stores the text as it is.
template <auto kMember>
absl::Status SetText(std::string_view value, Config& config) {
  config.*kMember = std::string(value);
  return absl::OkStatus();
}

template <Command kCommand>
absl::Status SetCommand(std::string_view, Config& config) {
  if (config.command != Command::kHelp) config.command = kCommand;
  return absl::OkStatus();
}

// A command about `value`.
template <Command kCommand>
absl::Status SetSubject(std::string_view value, Config& config) {
  config.subject = std::string(value);
  return SetCommand<kCommand>(value, config);
}

constexpr std::string_view kDiffFlag = "--diff";

constexpr Flag kFlags[] = {
    {"--kernel", "FILE", "a bzImage, ELF or multiboot-1 kernel", SetText<&Config::kernel>},
    {"--initrd", "FILE", "its initial RAM disk", SetText<&Config::initrd>},
    {"--cmdline", "TEXT", "its command line", SetText<&Config::cmdline>, true},
    {"--memory", "SIZE", "4M to 1024G, with K, M or G (default 512M)", SetMemory},
    {"--cpus", "N", "vCPUs (default 2)", SetCpus},
    {"--cpu", "host[,FEATURE...]", "enlightenments, in QEMU's syntax (default host)",
     SetText<&Config::cpu>},
    {"--hyperv", "auto|kernel|user", "who emulates Hyper-V (default auto)", SetBackend},
    {"--serial", "stdio|none|file:PATH", "where COM1 goes (default stdio)", SetSerial},
    {"--events", "PATH|-", "one JSON object a line; - is stdout", SetText<&Config::events>},
    {"--debug-exit-port", "PORT", "I/O port that ends the VMM, or none (default 0xf4)",
     SetDebugExitPort},
    {"--device", "NAME", "hyperv-testdev, QEMU's test device (needs hv_synic)", SetDevice},
    {"--syndbg", "udp:[HOST:]PORT", "the kernel debugger of hv_syndbg (default host: loopback)",
     SetSyndbg},
    {"--kernel-format", "auto|flat", "flat: raw real-mode code at 0x10000 (default auto)",
     SetKernelFormat},
    {"--no-seccomp", "", "do not confine the process, for debugging it", SetNoSeccomp},
    {"--tour", "", "boot a guest that tries every enlightenment and says what it measured",
     SetCommand<Command::kTour>},
    {"--probe", "", "print what this machine offers", SetCommand<Command::kProbe>},
    {"--list-enlightenments", "", "print what --cpu knows",
     SetCommand<Command::kListEnlightenments>},
    {"--explain", "NAME", "print all about one enlightenment", SetSubject<Command::kExplain>},
    {"--convert", "TEXT|-", "a -cpu string to libvirt's <hyperv>, or back; - is stdin",
     SetSubject<Command::kConvert>},
    {kDiffFlag, "", "print how two values of --cpu, which follow, differ for a guest",
     SetCommand<Command::kDiff>},
    {"--format", "text|json", "how these print, and --tour, not --convert (default text)",
     SetFormat},
    {"--help", "", "print this", SetCommand<Command::kHelp>},
    {"--version", "", "print the version", SetCommand<Command::kVersion>},
};

// --- Arguments ---

std::string Syntax(const Flag& flag) {
  return flag.value.empty() ? std::string(flag.name)
                            : absl::StrFormat("%s=%s", flag.name, flag.value);
}

// How many characters must be inserted, removed or replaced to turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

absl::Status UnknownFlag(std::string_view name) {
  static constexpr size_t kLongestGuess = 32;
  static constexpr size_t kMaxDistance = 2;
  const auto distance = [&](const Flag& flag) { return EditDistance(name, flag.name); };
  const Flag* const nearest = std::ranges::min_element(kFlags, {}, distance);
  const bool near = name.size() <= kLongestGuess && distance(*nearest) <= kMaxDistance;
  return absl::InvalidArgumentError(
      near ? absl::StrFormat("%s: no such flag; did you mean %s?", name, Syntax(*nearest))
           : absl::StrFormat("%s: no such flag; see --help for those there are", name));
}

absl::Status ApplyArgument(std::string_view argument, Config& config) {
  if (!argument.starts_with("--") || argument == "--") {
    return absl::InvalidArgumentError(absl::StrFormat(
        "unexpected argument '%s'; a kernel is named by --kernel=FILE, see --help", argument));
  }
  const size_t equals = argument.find('=');
  const std::string_view name = argument.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? argument.substr(equals + 1) : std::string_view();
  const Flag* const flag = std::ranges::find(kFlags, name, &Flag::name);
  if (flag == std::end(kFlags)) return UnknownFlag(name);
  if (flag->value.empty() && has_value) {
    return BadValue(name, value, absl::StrFormat("takes no value; use %s", name));
  }
  if (!flag->value.empty() && (!has_value || (value.empty() && !flag->may_be_empty))) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: needs a value; use %s", name, Syntax(*flag)));
  }
  return flag->apply(value, config);
}

// --diff takes the two arguments after it: leaves those that follow in `rest`.
absl::Status TakeDiffed(std::span<char* const>& rest, Config& config) {
  if (rest.size() < 2) {
    return absl::InvalidArgumentError(
        "--diff: needs two values of --cpu; use --diff host,hv=linux host,hv=windows");
  }
  config.subject = rest[0];
  config.other = rest[1];
  rest = rest.subspan(2);
  return absl::OkStatus();
}

absl::Status ApplyArguments(std::span<char* const> rest, Config& config) {
  while (!rest.empty()) {
    const std::string_view argument = rest.front();
    rest = rest.subspan(1);
    absl::Status applied = ApplyArgument(argument, config);
    if (applied.ok() && argument == kDiffFlag) applied = TakeDiffed(rest, config);
    if (!applied.ok()) return applied;
  }
  return absl::OkStatus();
}

// Newlines in a value would make more than one line of an error about it.
absl::Status OneLine(const absl::Status& status) {
  std::string message(status.message());
  std::ranges::replace_if(message, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return absl::InvalidArgumentError(message);
}

// --- Flags together ---

// What two outputs may not share.
absl::Status CheckOutputs(const Config& config) {
  if (config.serial != SerialSink::kFile || !config.events.has_value()) return absl::OkStatus();
  const std::filesystem::path serial(config.serial_path);
  if (serial.lexically_normal() != std::filesystem::path(*config.events).lexically_normal()) {
    return absl::OkStatus();
  }
  return BadValue("--events", *config.events, "--serial writes there; use a file of its own");
}

absl::Status CheckTestdevPorts(const Config& config) {
  if (!config.hyperv_testdev || !config.debug_exit_port.has_value()) return absl::OkStatus();
  const uint64_t port = *config.debug_exit_port;
  if (port >= devices::kHypervTestdevPort + devices::kHypervTestdevPortCount ||
      devices::kHypervTestdevPort >= port + devices::kDebugExitPortCount) {
    return absl::OkStatus();
  }
  return BadValue("--debug-exit-port", absl::StrFormat("%#x", port),
                  "hyperv-testdev is there; use another, as in 0xf4, or none");
}

// The tour has a guest and devices of its own.
absl::Status CheckTour(const Config& config) {
  if (config.command != Command::kTour) return absl::OkStatus();
  const Config defaults;
  const std::pair<const char*, bool> unwanted[] = {
      {"--kernel", !config.kernel.empty()},
      {"--initrd", config.initrd.has_value()},
      {"--cmdline", !config.cmdline.empty()},
      {"--kernel-format", config.kernel_format != defaults.kernel_format},
      {"--debug-exit-port", config.debug_exit_port != defaults.debug_exit_port},
      {"--device", config.hyperv_testdev},
  };
  for (const auto& [flag, given] : unwanted) {
    if (!given) continue;
    return absl::InvalidArgumentError(absl::StrFormat(
        "--tour: has a guest and devices of its own; leave out %s, or --tour", flag));
  }
  if (config.cpus <= kMaxTourCpus) return absl::OkStatus();
  return BadValue(
      "--cpus", absl::StrCat(config.cpus),
      absl::StrFormat("--tour's guest has no room for them; use 1 to %d", kMaxTourCpus));
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::span<char* const> argv) {
  Config config;
  config.cpu.clear();
  absl::Status status = ApplyArguments(argv.subspan(std::min<size_t>(argv.size(), 1)), config);
  if (status.ok()) status = CheckOutputs(config);
  if (status.ok()) status = CheckTestdevPorts(config);
  if (status.ok()) status = CheckTour(config);
  if (!status.ok()) return OneLine(status);
  if (config.cpu.empty()) config.cpu = config.command == Command::kTour ? kTourCpu : Config().cpu;
  return config;
}

std::string HelpText() {
  std::string text =
      "usage: vmm --kernel=FILE [FLAGS]\n"
      "       vmm --tour [FLAGS] [--format=text|json]\n"
      "       vmm --probe | --list-enlightenments | --explain=NAME [--format=text|json]\n"
      "       vmm --diff CPU CPU [--format=text|json]\n"
      "       vmm --convert=TEXT\n\n";
  for (const Flag& flag : kFlags)
    absl::StrAppendFormat(&text, "  %-32s %s\n", Syntax(flag), flag.help);
  absl::StrAppend(
      &text,
      "\nExit status: 0 the guest powered off or reset; (value << 1) | 1 it wrote to the "
      "debug-exit\nport; 2 bad usage or input; 3 this machine cannot do it; 4 the guest "
      "crashed; 5 internal\nerror or triple fault; 128 + N signal N ended it.\n");
  return text;
}

std::string VersionText() { return absl::StrFormat("hvkit vmm %s\n", kVersion); }

}  // namespace hvkit::vmm
