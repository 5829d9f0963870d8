// A guest that makes any hypercall from any registers over memory that it has filled with anything:
// all families of calls, a private one, and ports of two SynICs, with privileges and parts of the
// host missing at will.
//
// Held: a call that is #UD changes nothing; a call that is to be made again has moved on, and
// differs by its rep start only; the result word has no reserved bits and no more reps than were
// asked for; nothing but the output block's page, from its start on, and the SynIC's pages is
// written; what hosts are promised (fuzz_host.h).
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/hypercall/fuzz_host.h"
#include "hyperv/hypercall/fuzz_memory.h"
#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/hypercall/x64_registers.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/event_port.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_vp_scheduler.h"
#include "testing/fuzz/fuzz_input.h"
#include "testing/fuzz/fuzz_target.h"

namespace hvkit::hyperv {
namespace {

using testing::FuzzInput;
using testing::Require;
using tlfs::CallCode;
using tlfs::HvStatus;
using Kind = HypercallOutcome::Kind;

constexpr size_t kPages = FuzzMemory::kPages + 1;  // That inputs name: the last is a hole
constexpr size_t kSimpPage = 5;
constexpr size_t kSiefpPage = 6;
constexpr int kMaxExecutions = 12;  // Of one call: then the guest gives up

constexpr std::array<uint32_t, 5> kVpCounts = {1, 2, 64, 130, VpSet::kMaxVps};

// An embedder's own call, with everything a definition can have.
struct Private : CallDefaults {
  static constexpr CallCode kCode{0xF001};
  using Input = uint64_t;
  using Output = uint64_t;
  using Element = uint16_t;
  using Result = uint64_t;
  static constexpr bool kTakesVariableHeader = true;
  static constexpr uint32_t kRepsPerEntry = 7;
};
struct PrivateHandler {
  CallResult OnCall(const Arguments<Private>& call) const {
    uint64_t sum = call.input;
    for (const uint64_t word : call.variable_header) sum += word;
    for (size_t i = 0; i < call.elements.size(); ++i) {
      if (call.elements[i] == 0xFFFF) {
        return CallResult::AfterReps(static_cast<uint32_t>(i), HvStatus::kInvalidParameter);
      }
      call.results[i] = sum += call.elements[i];
    }
    return CallResult(HvStatus::kSuccess);
  }
};

constexpr std::array kCodes = {CallCode::kFlushVirtualAddressSpace,
                               CallCode::kFlushVirtualAddressList,
                               CallCode::kNotifyLongSpinWait,
                               CallCode::kSendSyntheticClusterIpi,
                               CallCode::kFlushVirtualAddressSpaceEx,
                               CallCode::kFlushVirtualAddressListEx,
                               CallCode::kSendSyntheticClusterIpiEx,
                               CallCode::kGetPartitionId,
                               CallCode::kGetVpRegisters,
                               CallCode::kSetVpRegisters,
                               CallCode::kPostMessage,
                               CallCode::kSignalEvent,
                               CallCode::kPostDebugData,
                               CallCode::kRetrieveDebugData,
                               CallCode::kResetDebugSession,
                               CallCode::kRetargetDeviceInterrupt,
                               CallCode::kStartVirtualProcessor,
                               CallCode::kGetVpIndexFromApicId,
                               CallCode::kExtQueryCapabilities,
                               CallCode::kExtGetBootZeroedMemory,
                               Private::kCode};

Privileges TakePrivileges(FuzzInput& input) {
  if (input.Below(4) != 0) return Privileges::Unrestricted();
  const auto features = input.Take<CpuidWords>();
  const auto recommendations = input.Take<CpuidWords>();
  return {features, recommendations};
}

HypercallHost TakeHost(FuzzInput& input, FuzzHost& host, Connections& connections) {
  const auto without = input.Take<uint16_t>();
  auto has = [&, part = 0]() mutable { return (without >> part++ & 1) == 0; };
  HypercallHost parts;
  if (has()) parts.tlb = &host;
  if (has()) parts.interrupts = &host;
  if (has()) parts.spin = &host;
  if (has()) parts.connections = &connections;
  if (has()) parts.debug = &host;
  if (has()) parts.boot_zeroed = &host;
  if (has()) parts.starter = &host;
  if (has()) parts.apic_ids = &host;
  if (has()) parts.registers = &host;
  if (has()) parts.retargeter = &host;
  return parts;
}

HypercallConfig TakeHypercallConfig(FuzzInput& input, uint32_t vp_count) {
  HypercallConfig config;
  config.vp_count = vp_count;
  if (input.Below(2) == 0) config.flush.empty_mask = FlushPolicy::EmptyMask::kNone;
  if (input.Below(2) == 0) config.partition_id = input.Take<uint64_t>();
  return config;
}

class Xmm final : public XmmRegisters {
 public:
  void Read(XmmValues& values) override { values = values_; }
  void Write(const XmmValues& values) override { values_ = values; }

  XmmValues values_{};
};

// Two SynICs, one of them without pages, and what the guest can reach of them by connection id.
class Ports {
 public:
  Ports(GuestMemory& memory, InterruptSink& interrupts) : overlays_(memory) {
    for (uint32_t vp = 0; vp < 2; ++vp) {
      Synic& synic = synics_.emplace_back(SynicConfig{.vp = VpIndex(vp), .policy = {}}, overlays_,
                                          interrupts, scheduler_);
      Enable(synic, vp == 0);
      messages_.emplace_back(synic, kSint, vp);
      events_.emplace_back(synic, kSint, EventFlagRange{.first = 2040, .count = 16});
      Keep(table_.ConnectMessages(1 + vp, messages_.back()));
      Keep(table_.ConnectEvents(3 + vp, events_.back()));
    }
    Keep(table_.ConnectMessages(5, messages_.back()));
    connections_.back().DeletePort();
  }

  Connections& table() { return table_; }

  // What a VP does between calls: frees its slot, and takes its turn.
  void Serve(size_t vp, bool frees, GuestMemory& memory) {
    static constexpr std::array<std::byte, 4> kFree = {};
    const Gpa slot(kSimpPage * kPageSize + kSint.value() * tlfs::kMessageSize);
    if (frees) static_cast<void>(memory.Write(slot, kFree));
    synics_[vp].Poll();
    static_cast<void>(synics_[vp].WriteMsr(static_cast<uint32_t>(tlfs::MsrIndex::kEom), 0));
  }

 private:
  static constexpr SintIndex kSint = SintIndex::Of<2>();

  static void Enable(Synic& synic, bool with_pages) {
    const auto write = [&](tlfs::MsrIndex index, uint64_t value) {
      static_cast<void>(synic.WriteMsr(static_cast<uint32_t>(index), value));
    };
    write(tlfs::MsrIndex::kScontrol, 1);
    if (with_pages) write(tlfs::MsrIndex::kSimp, kSimpPage * kPageSize | 1);
    if (with_pages) write(tlfs::MsrIndex::kSiefp, kSiefpPage * kPageSize | 1);
    const auto sint = static_cast<uint32_t>(tlfs::MsrIndex::kSint0) + kSint.value();
    write(static_cast<tlfs::MsrIndex>(sint), 0x50);
  }

  void Keep(absl::StatusOr<Connection> connection) {
    Require(connection.ok(), "there is room for five connections");
    connections_.push_back(*std::move(connection));
  }

  testing::FakeVpScheduler scheduler_;
  OverlayMap overlays_;
  std::deque<Synic> synics_;
  std::deque<MessagePort> messages_;
  std::deque<EventPort> events_;
  SynicPorts table_{8};
  std::vector<Connection> connections_;
};

class Guest {
 public:
  explicit Guest(FuzzInput& input)
      : input_(input),
        vp_count_(kVpCounts[input.Below(kVpCounts.size())]),
        host_(vp_count_),
        ports_(memory_, host_),
        table_(TakePrivileges(input)),
        calls_{TakeHost(input, host_, ports_.table()), TakeHypercallConfig(input, vp_count_)},
        has_room_(calls_.AddTo(table_) && table_.Add<Private, &PrivateHandler::OnCall>(private_)),
        dispatcher_(table_, memory_),
        pinned_(memory_.pinned()) {
    Require(has_room_, "all calls fit into a table");
  }

  void Run() {
    while (!input_.empty()) Step();
  }

 private:
  void Step() {
    switch (input_.Below(4)) {
      case 0:
        return WriteMemory();
      case 1: {
        const bool frees = input_.Below(2) != 0;
        return ports_.Serve(input_.Below(2), frees, memory_);
      }
      default:
        return Call();
    }
  }

  Gpa TakeAddress() {
    const uint64_t page = input_.Take<uint8_t>() % (kPages + 1);
    if (page == kPages) return Gpa(input_.Take<uint64_t>());
    return Gpa(page * kPageSize + input_.Take<uint16_t>() % kPageSize);
  }

  // Bytes, or one word many times: what a list of reps looks like.
  void WriteMemory() {
    const Gpa address = TakeAddress();
    const size_t size = input_.Take<uint8_t>();
    if (size < 128) return static_cast<void>(memory_.Write(address, input_.TakeBytes(size)));
    const auto word = input_.Take<uint64_t>();
    const std::vector<uint64_t> words(size * 2, word);
    static_cast<void>(memory_.Write(address, std::as_bytes(std::span(words))));
  }

  uint64_t TakeControl() {
    tlfs::HypercallControl control;
    const size_t code = input_.Below(kCodes.size() + 1);
    if (code == kCodes.size()) return input_.Take<uint64_t>();
    using Word = tlfs::HypercallControl;
    Word::Code::Set(control, static_cast<uint16_t>(kCodes[code]));
    const auto shape = input_.Take<uint8_t>();
    Word::Fast::Set(control, shape & 1);
    if ((shape & 2) != 0) Word::VariableHeaderSize::Set(control, input_.Take<uint8_t>());
    if ((shape & 4) != 0) Word::RepCount::Set(control, input_.Take<uint16_t>());
    if ((shape & 8) != 0) Word::RepStart::Set(control, input_.Take<uint8_t>());
    if ((shape & 16) != 0) control.raw |= input_.Take<uint64_t>();
    return control.raw;
  }

  // An address, or an operand of a fast call.
  uint64_t TakeParameter() {
    return input_.Below(2) == 0 ? TakeAddress().value() : input_.Take<uint64_t>();
  }

  HypercallWords TakeWords() {
    HypercallWords words{.mode = CallerMode::k64Bit};
    const size_t mode = input_.Below(8);
    if (mode < 2) words.mode = mode == 0 ? CallerMode::kIllegal : CallerMode::k32Bit;
    words.control = TakeControl();
    words.parameters = {TakeParameter(), TakeParameter()};
    return words;
  }

  // The words as registers, so that what a host does with registers is under test as well.
  static GeneralRegisters ToRegisters(const HypercallWords& words) {
    if (words.mode == CallerMode::k64Bit) {
      return {.rcx = words.control, .rdx = words.parameters[0], .r8 = words.parameters[1]};
    }
    return {.rax = words.control,
            .rbx = words.parameters[0] >> 32,
            .rcx = words.parameters[0],
            .rdx = words.control >> 32,
            .rsi = words.parameters[1],
            .rdi = words.parameters[1] >> 32};
  }

  // One call of the guest's, made again as it is told to.
  void Call() {
    host_.set_mood(input_.Take<uint8_t>());
    const VpIndex caller(input_.Take<uint16_t>() % vp_count_);
    const HypercallWords words = TakeWords();
    if ((words.control & tlfs::HypercallControl::Fast::kMask) != 0) {
      xmm_.values_ = input_.Take<XmmValues>();
    }
    GeneralRegisters registers = ToRegisters(words);
    before_ = memory_.bytes();
    int executions = 1;
    while (Execute(caller, words.mode, registers) && executions < kMaxExecutions) ++executions;
    CheckMemory(words);
    Require(memory_.pinned() == pinned_, "no page stays pinned");
  }

  // Whether the instruction is to be executed again.
  bool Execute(VpIndex caller, CallerMode mode, GeneralRegisters& registers) {
    const HypercallWords before = ReadHypercall(mode, registers);
    HypercallWords words = before;
    const XmmValues xmm = xmm_.values_;
    const HypercallOutcome outcome = dispatcher_.Dispatch(caller, words, xmm_);
    WriteHypercall(words, outcome, registers);
    if (outcome.kind == Kind::kCompleted) {
      CheckResult(outcome.result, before.control);
      Require(words.control == before.control, "a completed call keeps its control word");
      return false;
    }
    Require(words.parameters == before.parameters || outcome.kind == Kind::kRetry,
            "an undefined instruction changes nothing");
    if (outcome.kind == Kind::kInvalidOpcode) {
      Require(xmm == xmm_.values_, "an undefined instruction changes no XMM register");
      Require(words.control == before.control, "an undefined instruction changes nothing");
      return false;
    }
    CheckRetry(before.control, words.control);
    Require(words.control != before.control || host_.TakeAgain(),
            "a call that is retried moves on");
    return true;
  }

  static void CheckResult(uint64_t result, uint64_t control) {
    using Result = tlfs::HypercallResult;
    Require((result & ~(Result::Status::kMask | Result::RepsCompleted::kMask)) == 0,
            "a result has no reserved bits");
    const uint64_t asked = tlfs::HypercallControl::RepCount::Get(tlfs::HypercallControl{control});
    const uint64_t done = Result::RepsCompleted::Get(Result{result});
    Require(done <= asked, "no more reps are done than asked for");
    if (Result::Status::Get(Result{result}) == 0) Require(done == asked, "success is all reps");
  }

  static void CheckRetry(uint64_t before, uint64_t after) {
    using RepStart = tlfs::HypercallControl::RepStart;
    Require(((before ^ after) & ~RepStart::kMask) == 0, "only the rep start moves");
    Require(before <= after, "the rep start never moves back");
  }

  // All is as before the call, save the output and the SynIC's pages.
  void CheckMemory(const HypercallWords& words) const {
    const bool fast = (words.control & tlfs::HypercallControl::Fast::kMask) != 0;
    const Gpa output(words.parameters[1]);
    for (size_t page = 0; page < kSimpPage; ++page) {
      const bool has_output =
          !fast && output.Page().value() == page && page != FuzzMemory::kReadOnlyPage;
      const size_t same = has_output ? output.PageOffset() : kPageSize;
      const size_t start = page * kPageSize;
      Require(std::memcmp(&before_[start], &memory_.bytes()[start], same) == 0,
              "only the output is written");
    }
  }

  FuzzMemory memory_;
  FuzzInput& input_;
  const uint32_t vp_count_;
  FuzzHost host_;
  Ports ports_;
  CallTable table_;
  StandardCalls calls_;
  PrivateHandler private_;
  const bool has_room_;
  const Dispatcher dispatcher_;
  const int pinned_;  // By the SynICs
  Xmm xmm_;
  FuzzMemory::Bytes before_;
};

}  // namespace
}  // namespace hvkit::hyperv

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  FuzzInput fields(input);
  hvkit::hyperv::Guest(fields).Run();
}
