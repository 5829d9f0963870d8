// Costs of hypercalls from their registers to a handler that does next to nothing, next to a bare
// rdtsc. Scenario names are those of the peers' measurements, so that runs can be paired: "decode"
// hands the set of processors over, "banks" looks at its masks, "count" and "iterate" at its VPs.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/shared_bytes.h"
#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/hypercall/ipi_calls.h"
#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/hypercall/vp_set.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/event_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/benchmarks/scenario.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;
using tlfs::CallCode;

constexpr uint32_t kVpCount = 4096;
constexpr uint64_t kInput = 0x1000;
constexpr uint64_t kOutput = 0x2000;
constexpr uint64_t kFast = 1 << 16;
constexpr uint64_t kUnknownCode = 0x4321;

constexpr uint64_t VariableWords(uint64_t words) { return words << 17; }
constexpr uint64_t Reps(uint64_t count) { return count << 32; }

// Four pages, as cheap as a VMM's mapping of its guest's RAM can be.
class FlatMemory final : public GuestMemory {
 public:
  MemFault Read(Gpa from, std::span<std::byte> to) const override {
    if (!IsRam(from, to.size())) return MemFault::kUnmapped;
    CopyFromShared(to.data(), bytes_.data() + from.value(), to.size());
    return MemFault::kNone;
  }
  MemFault Write(Gpa to, std::span<const std::byte> from) override {
    if (!IsRam(to, from.size())) return MemFault::kUnmapped;
    CopyToShared(bytes_.data() + to.value(), from.data(), from.size());
    return MemFault::kNone;
  }
  std::optional<PinnedPage> Pin(Gpn page, Access access) override {
    if (!IsRam(page.FirstByte(), kPageSize)) return std::nullopt;
    return PinnedPage(page, access, bytes_.data() + page.FirstByte().value());
  }

 private:
  bool IsRam(Gpa address, size_t size) const {
    return size <= bytes_.size() && address.value() <= bytes_.size() - size;
  }

  alignas(kPageSize) std::array<std::byte, 4 * kPageSize> bytes_{};
};

// What is done with a set.
enum class Use { kDecode, kBanks, kCount, kIterate };

uint64_t Consume(const VpSet& vps, Use use) {
  uint64_t sum = 0;
  if (use == Use::kDecode) Keep(vps);
  if (use == Use::kBanks) vps.ForEachBank([&sum](uint32_t, uint64_t mask) { sum |= mask; });
  if (use == Use::kCount) sum = vps.Count();
  if (use == Use::kIterate) vps.ForEach([&sum](VpIndex vp) { sum += vp.value(); });
  return sum;
}

class NullHost final : public TlbFlusher,
                       public InterruptSink,
                       public Connections,
                       public VpRegisterAccess,
                       public XmmRegisters {
 public:
  Progress Flush(const TlbFlush& flush) override {
    sum += Consume(flush.vps, use) + flush.ranges.size();
    return Progress::kDone;
  }
  void RequestFixed(VpIndex vp, Vector, EoiMode) override { sum += vp.value(); }
  bool SupportsAutoEoi() const override { return true; }
  tlfs::HvStatus PostMessage(VpIndex, uint32_t id, tlfs::MessageType,
                             std::span<const std::byte> payload) override {
    sum += id + payload.size();
    return tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus SignalEvent(VpIndex, uint32_t id, uint16_t flag) override {
    sum += id + flag;
    return tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus Get(VpIndex, VpIndex, uint32_t name, tlfs::VpRegisterValue& value) override {
    value.low = name;
    return tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus Set(VpIndex, VpIndex, uint32_t, const tlfs::VpRegisterValue&) override {
    return tlfs::HvStatus::kSuccess;
  }
  void Read(XmmValues& values) override { values = xmm; }
  void Write(const XmmValues& values) override { xmm = values; }

  // In place of IpiCalls, which asks for the interrupts one by one.
  tlfs::HvStatus OnIpiEx(const Arguments<SendIpiEx>& call) {
    VpSet vps;
    const tlfs::HvStatus status =
        ReadVpSet(call.input.processor_set, call.variable_header, limit, vps);
    sum += Consume(vps, use);
    return status;
  }

  const VpLimit limit{kVpCount};
  Use use = Use::kDecode;
  XmmValues xmm{};
  uint64_t sum = 0;
};

// Which calls there are: all of them; all with an IPI call that looks at the set as `use` says; or
// what KVM hands over of a guest whose SynIC it has.
enum class Calls { kAll, kAllWithOwnIpis, kConnectionsOnly };

class Machine {
 public:
  // `connections`: null for NullHost's.
  explicit Machine(Calls calls = Calls::kAll, Connections* connections = nullptr)
      : calls_(Offered(calls, connections != nullptr ? *connections : host),
               {.vp_count = kVpCount}),
        table_(Privileges::Unrestricted()),
        dispatcher_(table_, memory_) {
    bool added = calls_.AddTo(table_);
    if (calls == Calls::kAllWithOwnIpis) added &= table_.Add<SendIpiEx, &NullHost::OnIpiEx>(host);
    if (!added) __builtin_trap();
  }

  template <typename T>
  void Put(size_t offset, const T& value) {
    const std::span<const std::byte> bytes = std::as_bytes(std::span(&value, 1));
    if (memory_.Write(Gpa(kInput + offset), bytes) != MemFault::kNone) __builtin_trap();
  }
  // The first `vps` VPs; returns the words that the header has.
  uint64_t PutSet(size_t offset, uint64_t vps) {
    const uint64_t banks = (vps + 63) / 64;
    const uint64_t mask = vps >= 64 ? ~uint64_t{0} : (uint64_t{1} << vps) - 1;
    Put(offset, tlfs::VpSet{.valid_bank_mask = ~uint64_t{0} >> (64 - banks)});
    for (uint64_t bank = 0; bank < banks; ++bank) Put(offset + 16 + 8 * bank, mask);
    return banks;
  }

  auto Dispatch(HypercallWords& words) { return dispatcher_.Dispatch(VpIndex(0), words, host); }

  NullHost host;

 private:
  HypercallHost Offered(Calls calls, Connections& connections) {
    if (calls == Calls::kConnectionsOnly) return {.connections = &connections};
    return {.tlb = &host,
            .interrupts = calls == Calls::kAll ? &host : nullptr,
            .connections = &connections,
            .registers = &host};
  }

  FlatMemory memory_;
  StandardCalls calls_;
  CallTable table_;
  Dispatcher dispatcher_;
};

// The SynIC of the VP that calls, with its pages enabled and SINT 2 unmasked, and an event port of
// it behind a connection.
class SynicGuest final : public VpScheduler {
 public:
  static constexpr uint32_t kConnection = 7;

  explicit SynicGuest(InterruptSink& sink)
      : synic_({.vp = VpIndex(0), .polling = SintPolling::kAbsent, .policy = {}}, overlays_, sink,
               *this),
        connection_(ports.ConnectEvents(kConnection, event_port_)) {
    Write(tlfs::MsrIndex::kSimp, TestGuest::kSimpPage | 1);
    Write(tlfs::MsrIndex::kSiefp, TestGuest::kSiefpPage | 1);
    if (synic_.WriteMsr(static_cast<uint32_t>(tlfs::MsrIndex::kSint0) + kSint.value(), 0x52) !=
            MsrOutcome::kHandled ||
        !connection_.ok()) {
      __builtin_trap();
    }
  }

  void Kick(VpIndex) override {}
  void SetDeadline(VpIndex, std::optional<RefTime>) override {}

  SynicPorts ports;

 private:
  static constexpr SintIndex kSint = SintIndex::Of<2>();

  void Write(tlfs::MsrIndex index, uint64_t value) {
    if (synic_.WriteMsr(static_cast<uint32_t>(index), value) != MsrOutcome::kHandled) {
      __builtin_trap();
    }
  }

  TestGuest memory_;
  OverlayMap overlays_{memory_.memory()};
  Synic synic_;
  EventPort event_port_{synic_, kSint, {}};
  absl::StatusOr<Connection> connection_;
};

constexpr uint64_t Code(CallCode code) { return static_cast<uint64_t>(code); }

// One call over and over.
auto Repeat(std::unique_ptr<Machine> machine, uint64_t control, uint64_t first = kInput,
            uint64_t second = kOutput) {
  const HypercallWords call{CallerMode::k64Bit, control, {first, second}};
  return [machine = std::move(machine), words = call]() mutable {
    Keep(words);
    Keep(machine->Dispatch(words));
  };
}

auto Bare(uint64_t control, Calls calls = Calls::kAll) {
  return [=] { return Repeat(std::make_unique<Machine>(calls), control, 7); };
}

// Nobody clears the flag: all but the first find it set.
auto SignalSynic() {
  auto sink = std::make_unique<NullHost>();
  auto guest = std::make_unique<SynicGuest>(*sink);
  auto repeat = Repeat(std::make_unique<Machine>(Calls::kAll, &guest->ports),
                       Code(CallCode::kSignalEvent) | kFast, SynicGuest::kConnection, 0);
  return [sink = std::move(sink), guest = std::move(guest), repeat = std::move(repeat)]() mutable {
    repeat();
  };
}

auto SignalFromMemory() {
  auto machine = std::make_unique<Machine>();
  machine->Put(0, tlfs::SignalEventInput{.connection = {7}});
  return Repeat(std::move(machine), Code(CallCode::kSignalEvent));
}

auto Post(uint32_t size) {
  return [size] {
    auto machine = std::make_unique<Machine>();
    machine->Put(0, tlfs::PostMessageInput{
                        .connection = {7}, .message_type = 1, .payload_size = size, .payload = {}});
    return Repeat(std::move(machine), Code(CallCode::kPostMessage));
  };
}

// Of the first `vps` VPs.
auto FlushSpaceEx(uint64_t vps, Use use) {
  return [=] {
    auto machine = std::make_unique<Machine>();
    machine->host.use = use;
    machine->Put(0, tlfs::FlushExInput{});
    const uint64_t words = machine->PutSet(16, vps);
    return Repeat(std::move(machine),
                  Code(CallCode::kFlushVirtualAddressSpaceEx) | VariableWords(words));
  };
}
// One VP in each bank.
auto FlushSpaceExSparse(Use use) {
  return [use] {
    auto machine = std::make_unique<Machine>();
    machine->host.use = use;
    machine->Put(16, tlfs::VpSet{.valid_bank_mask = ~uint64_t{0}});
    for (size_t bank = 0; bank < 64; ++bank) machine->Put(32 + 8 * bank, uint64_t{1});
    return Repeat(std::move(machine),
                  Code(CallCode::kFlushVirtualAddressSpaceEx) | VariableWords(64));
  };
}
auto FlushListEx() {
  auto machine = std::make_unique<Machine>();
  machine->host.use = Use::kCount;
  machine->Put(0, tlfs::FlushExInput{});
  const uint64_t words = machine->PutSet(16, 1024);
  return Repeat(std::move(machine),
                Code(CallCode::kFlushVirtualAddressListEx) | VariableWords(words) | Reps(64));
}
auto FlushFast() {
  auto machine = std::make_unique<Machine>();
  machine->host.use = Use::kIterate;
  machine->host.xmm[0] = 0xFFFFFFFF;
  return Repeat(std::move(machine), Code(CallCode::kFlushVirtualAddressSpace) | kFast, 0, 0);
}

auto SendIpiExSet(uint64_t vps, Use use) {
  return [=] {
    auto machine =
        std::make_unique<Machine>(use == Use::kIterate ? Calls::kAll : Calls::kAllWithOwnIpis);
    machine->host.use = use;
    machine->Put(0, uint64_t{0xF0});
    const uint64_t words = machine->PutSet(8, vps);
    return Repeat(std::move(machine),
                  Code(CallCode::kSendSyntheticClusterIpiEx) | VariableWords(words));
  };
}
auto SendIpiFast() {
  return Repeat(std::make_unique<Machine>(), Code(CallCode::kSendSyntheticClusterIpi) | kFast, 0xF0,
                1);
}

auto GetRegisters(uint32_t count) {
  return [count] {
    auto machine = std::make_unique<Machine>();
    machine->Put(0, tlfs::kPartitionIdSelf);
    machine->Put(8, uint64_t{tlfs::kVpIndexSelf});
    return Repeat(std::move(machine), Code(CallCode::kGetVpRegisters) | Reps(count));
  };
}

// A set as it has been copied from a guest, whose banks all have the same VPs.
auto ParseSet(uint64_t mask, Use use) {
  return [=] {
    auto banks = std::make_unique<std::array<uint64_t, 64>>();
    banks->fill(mask);
    return [banks = std::move(banks), set = tlfs::VpSet{.valid_bank_mask = ~uint64_t{0}},
            limit = VpLimit(kVpCount), use]() mutable {
      VpSet vps;
      Keep(set);
      Keep(ReadVpSet(set, *banks, limit, vps));
      Keep(Consume(vps, use));
    };
  };
}

constexpr const char* NameOf(Use use) {
  if (use == Use::kDecode) return "_decode";
  if (use == Use::kBanks) return "_banks";
  return use == Use::kCount ? "_count" : "_iterate";
}

void AddCalls() {
  AddScenario("hc_invalid_code", Bare(kUnknownCode));
  AddScenario("hc_invalid_code_fast", Bare(kUnknownCode | kFast));
  AddScenario("hc_signal_event_fast", Bare(Code(CallCode::kSignalEvent) | kFast));
  AddScenario("hc_signal_event_fast_kvmlist",
              Bare(Code(CallCode::kSignalEvent) | kFast, Calls::kConnectionsOnly));
  AddScenario("hc_signal_event_fast+synic_flag_already_set", SignalSynic);
  AddScenario("hc_signal_event_mem", SignalFromMemory);
  AddScenario("hc_post_message_mem_16B", Post(16));
  AddScenario("hc_post_message_mem_240B", Post(240));
  AddScenario("hc_flush_va_list_ex_1024VP_64ranges_count", FlushListEx);
  AddScenario("hc_flush_va_space_fast_xmm_32VP_iterate", FlushFast);
  AddScenario("hc_send_ipi_fast_1mask_decode", SendIpiFast);
  AddScenario("hc_get_vp_registers_mem_1", GetRegisters(1));
  AddScenario("hc_get_vp_registers_mem_16", GetRegisters(16));
}

void AddSets() {
  const std::string flush = "hc_flush_va_space_ex_";
  for (const Use use : {Use::kDecode, Use::kBanks, Use::kCount, Use::kIterate}) {
    AddScenario(flush + "4096of4096" + NameOf(use), FlushSpaceEx(4096, use));
    AddScenario(flush + "64of4096" + NameOf(use), FlushSpaceExSparse(use));
    AddScenario(flush + "2of4096" + NameOf(use), FlushSpaceEx(2, use));
  }
  for (const Use use : {Use::kCount, Use::kIterate}) {
    const std::string parse = std::string("vpset_parse+") + (NameOf(use) + 1) + "_";
    AddScenario(parse + "4096of4096", ParseSet(~uint64_t{0}, use));
    AddScenario(parse + "64of4096", ParseSet(1, use));
  }
}

// How costs grow with the VPs of a set, which are the first ones.
void AddGrowth() {
  for (const uint64_t vps : {1u, 16u, 64u, 256u, 1024u, 4096u}) {
    const std::string count = std::to_string(vps) + "VP";
    for (const Use use : {Use::kDecode, Use::kIterate}) {
      AddScenario("hc_send_ipi_ex_" + count + NameOf(use), SendIpiExSet(vps, use));
    }
    for (const Use use : {Use::kBanks, Use::kIterate}) {
      AddScenario("hc_flush_va_space_ex_" + count + NameOf(use), FlushSpaceEx(vps, use));
    }
  }
}

[[maybe_unused]] const int kAdded = (AddCalls(), AddSets(), AddGrowth(), 0);

}  // namespace
}  // namespace hvkit::hyperv
