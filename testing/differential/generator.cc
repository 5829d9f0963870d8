#include "testing/differential/generator.h"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"
#include "testing/differential/random.h"

namespace hvkit::testing {
namespace {

namespace tlfs = hyperv::tlfs;
using tlfs::CallCode;
using tlfs::MsrIndex;

constexpr uint64_t kMeanGrowth = 35;
constexpr uint64_t kOwnOsId = 0x8100'0000'0000'0000;

// The MSRs of a VP, and those that all VPs share.
constexpr MsrIndex kVpMsrs[] = {
    MsrIndex::kVpIndex,      MsrIndex::kReset,        MsrIndex::kVpRuntime,
    MsrIndex::kTimeRefCount, MsrIndex::kTscFrequency, MsrIndex::kApicFrequency,
    MsrIndex::kNpiepConfig,  MsrIndex::kEoi,          MsrIndex::kTpr,
    MsrIndex::kVpAssistPage, MsrIndex::kScontrol,     MsrIndex::kSversion,
    MsrIndex::kSiefp,        MsrIndex::kSimp,         MsrIndex::kEom,
};
constexpr MsrIndex kSharedMsrs[] = {
    MsrIndex::kGuestOsId, MsrIndex::kHypercall, MsrIndex::kReferenceTsc, MsrIndex::kCrashP0,
    MsrIndex::kCrashP1,   MsrIndex::kCrashP4,   MsrIndex::kCrashCtl,
};
constexpr CallCode kCalls[] = {
    CallCode::kFlushVirtualAddressSpace,
    CallCode::kFlushVirtualAddressList,
    CallCode::kNotifyLongSpinWait,
    CallCode::kSendSyntheticClusterIpi,
    CallCode::kFlushVirtualAddressSpaceEx,
    CallCode::kFlushVirtualAddressListEx,
    CallCode::kSendSyntheticClusterIpiEx,
    CallCode::kPostMessage,
    CallCode::kSignalEvent,
};
constexpr uint64_t kCreateRoute = 1;
constexpr uint64_t kRaise = 3;
constexpr uint64_t kCreateMessageConnection = 4;
constexpr uint64_t kCreateEventConnection = 6;
constexpr uint32_t kFirstConnection = 0x10;
constexpr uint32_t kOwnConnections = 3;
constexpr uint64_t kFirstIrqVector = 32;

constexpr uint32_t Number(MsrIndex index) { return static_cast<uint32_t>(index); }

// Who acts until the next barrier.
struct Scope {
  uint8_t cpu;
  bool alone;
};

// What a program leans to.
enum class Theme : uint8_t { kMsrs, kHypercalls, kSynic, kTimers, kAll };

class Generator : private Random {
 public:
  Generator(uint64_t seed, uint32_t cpus) : Random(seed), cpus_(cpus) {}

  Program Make() {
    theme_ = static_cast<Theme>(Below(5));
    const size_t size = Size();
    Begin();
    while (program_.size() < size) AddPhase(size);
    program_.resize(size);
    for (Step& step : program_) KeepFromExceptions(step);
    return std::move(program_);
  }

 private:
  size_t Size() {
    size_t size = kMinGenerated;
    while (size < kMaxGenerated && !OneIn(kMeanGrowth)) ++size;
    return size;
  }

  Step& Add(StepKind kind) {
    Step& step = program_.emplace_back();
    step.kind = kind;
    step.cpu = scope_.cpu;
    return step;
  }
  void Write(uint32_t index, uint64_t value) {
    Step& step = Add(StepKind::kWriteMsr);
    step.index = index;
    step.value = value;
  }
  void Write(MsrIndex index, uint64_t value) { Write(Number(index), value); }

  void Begin() {
    scope_ = {0, true};
    if (!OneIn(4)) EnableHypercalls();
    if (cpus_ > 1) Add(StepKind::kBarrier);
    if (theme_ == Theme::kMsrs || theme_ == Theme::kHypercalls) return;
    for (uint32_t cpu = 0; cpu < cpus_; ++cpu) {
      scope_.cpu = static_cast<uint8_t>(cpu);
      Write(MsrIndex::kSimp, Page(0) | 1);
      Write(MsrIndex::kSiefp, Page(1) | 1);
      for (uint32_t sint = 0; sint < 4; ++sint) {
        Write(Number(MsrIndex::kSint0) + sint, kFirstCountedVector + sint);
      }
    }
    Add(StepKind::kBarrier);
  }

  void EnableHypercalls() {
    Write(MsrIndex::kGuestOsId, kOwnOsId);
    Write(MsrIndex::kHypercall, kHypercallPageToken | 1);
  }

  // In a phase of all, each has as many steps.
  void AddPhase(size_t size) {
    const bool alone = cpus_ == 1 || OneIn(2);
    const size_t steps = 1 + Below(alone ? 20 : 8);
    const auto first = static_cast<uint8_t>(alone ? Below(cpus_) : 0);
    const auto last = static_cast<uint8_t>(alone ? first : cpus_ - 1);
    for (uint8_t cpu = first; cpu <= last; ++cpu) {
      scope_ = {cpu, alone};
      for (size_t i = 0; i < steps && program_.size() < size; ++i) AddStep();
    }
    if (cpus_ > 1) Add(StepKind::kBarrier);
  }

  // The first VP's INIT would end the guest.
  void AddVpReset() {
    const auto other = static_cast<uint8_t>(1 + Below(cpus_ - 1));
    if (other != scope_.cpu) Add(StepKind::kResetVp).page = other;
  }

  void AddStep() {
    if (cpus_ > 1 && scope_.alone && OneIn(60)) AddVpReset();
    static constexpr Theme kThemes[] = {Theme::kMsrs, Theme::kHypercalls, Theme::kSynic,
                                        Theme::kTimers};
    const bool any = theme_ == Theme::kAll || OneIn(5);
    switch (any ? Pick(kThemes) : theme_) {
      case Theme::kHypercalls:
        return AddHypercall();
      case Theme::kSynic:
        return AddSynicStep();
      case Theme::kTimers:
        return AddTimerStep();
      default:
        return AddMsrStep();
    }
  }

  uint64_t Page(uint32_t page) const { return PageAt(scope_.cpu, page); }
  uint64_t AnyPage() { return Page(static_cast<uint32_t>(Below(kPagesPerCpu))); }

  void AddMsrStep() {
    const bool shared = scope_.alone && OneIn(3);
    const MsrIndex index = shared ? Pick(kSharedMsrs) : Pick(kVpMsrs);
    if (OneIn(25)) {
      AddCpuid();
    } else if (OneIn(8)) {
      AddSint();
    } else if (OneIn(3)) {
      Add(StepKind::kReadMsr).index = Number(index);
    } else {
      // Without the id the two back ends keep different values.
      if (index == MsrIndex::kHypercall && !OneIn(40)) Write(MsrIndex::kGuestOsId, kOwnOsId);
      Write(index, ValueFor(index));
    }
  }

  void AddCpuid() {
    Add(StepKind::kCpuid).index =
        static_cast<uint32_t>(tlfs::CpuidLeaf::kVendorAndMax) + static_cast<uint32_t>(Below(12));
  }
  // Where an overlay goes: a page of the VP's own, off, or with bits that are preserved.
  uint64_t OverlayValue(uint64_t page) {
    const uint64_t kept = OneIn(4) ? Below(0x800) << 1 : 0;
    return page | kept | (OneIn(4) ? 0 : 1);
  }

  uint64_t ValueFor(MsrIndex index) {
    switch (index) {
      case MsrIndex::kGuestOsId:
        return OneIn(3) ? 0 : OneIn(2) ? kOwnOsId : Wild();
      case MsrIndex::kHypercall:
        return OneIn(3) ? Below(0x400) << 2 : kHypercallPageToken | (OneIn(3) ? 0 : 1);
      case MsrIndex::kReferenceTsc:
        return OverlayValue(kReferenceTscPageAt);
      case MsrIndex::kVpAssistPage:
        return OverlayValue(kAssistPagesAt + scope_.cpu * kPageBytes) & ~uint64_t{1};
      case MsrIndex::kSiefp:
      case MsrIndex::kSimp:
        return OverlayValue(AnyPage());
      case MsrIndex::kScontrol:
        return OneIn(8) ? Wild() : Wild() | 1;
      case MsrIndex::kTpr:
        return OneIn(3) ? Wild() & ~uint64_t{0x80} : Below(0x60);
      case MsrIndex::kReset:
        return Wild() & ~uint64_t{1};
      case MsrIndex::kCrashCtl:
        return Wild() & ~(uint64_t{1} << 63);
      case MsrIndex::kEoi:
        return OneIn(2) ? Wild() << 32 : 0;
      default:
        return Wild();
    }
  }

  uint64_t SintValue() {
    const uint64_t vector = kFirstCountedVector + Below(kCountedVectors);
    switch (Below(8)) {
      case 0:
        return tlfs::Sint::kResetValue | Wild();
      case 1:
        return Below(16);
      case 2:
        return tlfs::Sint::kResetValue | vector;
      case 3:
        return vector | Below(0x100) << 8;
      default:
        return vector;
    }
  }
  uint8_t AnySint() { return static_cast<uint8_t>(OneIn(6) ? Below(tlfs::kSintCount) : Below(4)); }
  void AddSint() { Write(Number(MsrIndex::kSint0) + AnySint(), SintValue()); }

  void AddHypercall() {
    if (OneIn(10) && scope_.alone) return EnableHypercalls();
    if (OneIn(6)) return AddSettle();
    Step& step = Add(StepKind::kHypercall);
    const CallCode code = Pick(kCalls);
    step.value = OneIn(20) ? Below(0x100) : static_cast<uint64_t>(code);
    if (OneIn(2)) step.value |= tlfs::HypercallControl::Fast::kMask;
    FillInput(step, code);
    if (OneIn(6)) Spoil(step);
    if (OneIn(12)) step.index = static_cast<uint32_t>(Below(512) * 8);
    if (OneIn(30)) step.index += static_cast<uint32_t>(Below(8));
    if (OneIn(20)) step.sint = kBeyondMemory;
  }

  // Others are interrupted only while they wait at a barrier.
  uint64_t TargetMask() {
    const uint64_t own = uint64_t{1} << scope_.cpu;
    if (!scope_.alone) return own;
    return OneIn(4) ? Wild() | own : own | Below(uint64_t{1} << cpus_);
  }
  void FillInput(Step& step, CallCode code) {
    switch (code) {
      case CallCode::kFlushVirtualAddressList:
        Repeat(step, 3, 0);
        [[fallthrough]];
      case CallCode::kFlushVirtualAddressSpace:
        Fill(step, {0x1000, Below(4), TargetMask()});
        break;
      case CallCode::kFlushVirtualAddressListEx:
        Repeat(step, 5, 1);
        Fill(step, {0x1000, Below(4), 0, 1, TargetMask()});
        break;
      case CallCode::kFlushVirtualAddressSpaceEx:
        Repeat(step, 5, 1, 0);
        Fill(step, {0x1000, Below(4), OneIn(4) ? Below(3) : 0, 1, TargetMask()});
        break;
      case CallCode::kSendSyntheticClusterIpi:
        Fill(step, {IpiVector(), TargetMask()});
        break;
      case CallCode::kSendSyntheticClusterIpiEx:
        Repeat(step, 4, 1, 0);
        Fill(step, {IpiVector(), 0, 1, TargetMask()});
        break;
      case CallCode::kPostMessage:
        step.value &= ~(OneIn(8) ? 0 : tlfs::HypercallControl::Fast::kMask);
        Fill(step, {Connection(), Below(OneIn(4) ? 250 : 33) << 32 | (1 + Below(9)), Any(), Any()});
        break;
      case CallCode::kSignalEvent:
        Fill(step, {Connection() | (OneIn(4) ? Below(0x800) << 32 : 0)});
        break;
      default:
        Fill(step, {Below(2000)});
        break;
    }
  }
  uint64_t IpiVector() {
    return OneIn(8) ? Below(16) : kFirstCountedVector + Below(kCountedVectors);
  }
  uint64_t Connection() {
    if (!scope_.alone) return ConnectionOf(scope_.cpu, Below(kOwnConnections));
    return OneIn(8) ? Below(64) : ConnectionOf(scope_.cpu, Below(kOwnConnections + 1));
  }
  void Fill(Step& step, std::initializer_list<uint64_t> words) {
    size_t i = 0;
    for (const uint64_t word : words) step.words[i++] = word;
  }
  // `reps` elements after `header` words, of which `variable` are the variable header.
  void Repeat(Step& step, size_t header, uint64_t variable, size_t reps = 2) {
    step.value |= variable << 17 | uint64_t{reps} << 32;
    for (size_t i = 0; i < reps; ++i) step.words[header + i] = Below(0x100) << 12 | Below(3);
  }
  // An interrupt with an exception's vector looks like one to the guest, but has no error code; one
  // below those never gets in, and waits in the APIC into the next program.
  static void KeepFromExceptions(Step& step) {
    const auto code = static_cast<CallCode>(step.value & tlfs::HypercallControl::Code::kMask);
    const bool is_ipi =
        code == CallCode::kSendSyntheticClusterIpi || code == CallCode::kSendSyntheticClusterIpiEx;
    if (step.kind != StepKind::kHypercall || !is_ipi) return;
    const uint64_t vector = step.words[0] & 0xffff'ffff;
    const bool is_taken = vector >= tlfs::kIpiVectorMin;
    if (is_taken && vector < kFirstIrqVector) step.words[0] |= kFirstCountedVector;
  }

  // Something that the ABI or the call may refuse.
  void Spoil(Step& step) {
    // Other words would be meant for other VPs.
    switch (Below(scope_.alone ? 6 : 5)) {
      case 0:
        step.value ^= uint64_t{1} << (17 + Below(10));
        break;
      case 1:
        step.value ^= uint64_t{1} << (27 + Below(5));
        break;
      case 2:
        step.value ^= (1 + Below(4)) << 32;
        break;
      case 3:
        step.value ^= (1 + Below(4)) << 48;
        break;
      case 4:
        step.value |= uint64_t{1} << (44 + Below(4));
        break;
      default:
        step.words[Below(4)] ^= uint64_t{1} << Below(64);
        break;
    }
  }

  // What others send may come at once or one after the other.
  void AddSettle() { Add(StepKind::kSettle).value = cpus_ == 1 && !has_devices_ ? 15 : 1; }
  void AddFreeSlot() {
    Step& step = Add(StepKind::kFreeSlot);
    step.sint = AnySint();
    step.page = static_cast<uint8_t>(OneIn(4) ? Below(kPagesPerCpu) : 0);
    step.value = OneIn(3) ? 1 : 0;
  }
  void AddDigest() {
    Add(StepKind::kDigestPage).page =
        static_cast<uint8_t>(OneIn(3) ? Below(kPagesPerCpu) : Below(2));
  }
  void AddTestdev(uint64_t command) {
    Step& step = Add(StepKind::kTestdev);
    step.value = command;
    has_devices_ = true;
    const bool to_others = scope_.alone && command != kRaise && OneIn(3);
    step.page = to_others ? static_cast<uint8_t>(Below(cpus_)) : scope_.cpu;
    step.sint = AnySint();
    const bool own = step.page == scope_.cpu;
    step.index = ConnectionOf(scope_.cpu, own ? Below(kOwnConnections) : kOwnConnections);
    if (command == kRaise) AddSettle();
  }
  // The last one of a VP's may lead to another VP.
  static uint32_t ConnectionOf(uint32_t cpu, uint64_t which) {
    return kFirstConnection + (kOwnConnections + 1) * cpu + static_cast<uint32_t>(which);
  }

  void AddSynicStep() {
    switch (Below(10)) {
      case 0:
        return AddSint();
      case 1:
        return AddTestdev(scope_.alone ? kCreateMessageConnection : kRaise);
      case 2:
        return AddTestdev(scope_.alone ? kCreateEventConnection : kRaise);
      case 3:
        return AddTestdev(OneIn(2) && scope_.alone ? kCreateRoute : kRaise);
      case 4:
        return AddFreeSlot();
      case 5:
        return AddDigest();
      case 6:
        return OneIn(3) ? MovePage() : AddStore();
      case 7:
        return AddSettle();
      default:
        return AddPost();
    }
  }
  void MovePage() {
    const MsrIndex index = OneIn(2) ? MsrIndex::kSimp : MsrIndex::kSiefp;
    Write(index, OverlayValue(AnyPage()));
  }
  void AddStore() {
    Step& step = Add(StepKind::kStore);
    step.page = static_cast<uint8_t>(Below(kPagesPerCpu));
    step.index = static_cast<uint32_t>(Below(512) * 8);
    step.value = OneIn(2) ? 0 : Any();
  }
  void AddPost() {
    Step& step = Add(StepKind::kHypercall);
    const CallCode code = OneIn(2) ? CallCode::kPostMessage : CallCode::kSignalEvent;
    step.value = static_cast<uint64_t>(code);
    FillInput(step, code);
    AddSettle();
  }

  uint64_t TimerConfig() {
    tlfs::StimerConfig config;
    tlfs::StimerConfig::AutoEnable::Set(config, OneIn(4) ? 0 : 1);
    tlfs::StimerConfig::Enable::Set(config, OneIn(4) ? 1 : 0);
    tlfs::StimerConfig::Lazy::Set(config, OneIn(6) ? 1 : 0);
    tlfs::StimerConfig::SintIndex::Set(config, OneIn(8) ? 0 : 1 + Below(3));
    if (OneIn(3)) {
      tlfs::StimerConfig::DirectMode::Set(config, 1);
      tlfs::StimerConfig::ApicVector::Set(config, kFirstCountedVector + Below(kCountedVectors));
    }
    if (OneIn(200)) config.raw |= Wild();
    // Interrupts could come faster than an emulated processor handles them.
    tlfs::StimerConfig::Periodic::Set(config, 0);
    const uint64_t vector = tlfs::StimerConfig::ApicVector::Get(config);
    if (vector < kFirstIrqVector) {
      tlfs::StimerConfig::ApicVector::Set(config, vector | kFirstCountedVector);
    }
    return config.raw;
  }
  void AddTimerStep() {
    const auto timer = static_cast<uint8_t>(Below(kProgramTimers));
    switch (Below(8)) {
      case 0:
      case 1:
        return Write(Number(MsrIndex::kStimer0Config) + 2U * timer, TimerConfig());
      case 2:
      case 3:
        return AddArm(timer);
      case 4:
        return OneIn(8) ? AddTick(timer) : AddSettle();
      case 5:
        return AddFreeSlot();
      case 6:
        Add(StepKind::kReadMsr).index =
            Number(MsrIndex::kStimer0Config) + 2U * timer + static_cast<uint32_t>(Below(2));
        return;
      default:
        return OneIn(2) ? AddDigest() : AddSint();
    }
  }
  void AddTick(uint8_t timer) {
    Step& step = Add(StepKind::kTick);
    step.sint = timer;
    step.index = static_cast<uint32_t>(Below(kCountedVectors));
    step.value = 1000 + Below(5000);
  }
  // In the past, soon, or never.
  void AddArm(uint8_t timer) {
    Step& step = Add(StepKind::kArmTimer);
    step.sint = timer;
    switch (Below(4)) {
      case 0:
        step.value = Below(1000);
        break;
      case 1:
        step.index = 1;
        step.value = Below(kSoonest);
        break;
      case 2:
        step.value = uint64_t{1} << 60 | Any();
        break;
      default:
        step.index = 1;
        step.value = uint64_t{1} << 40;
        break;
    }
  }

  const uint32_t cpus_;
  Theme theme_ = Theme::kAll;
  bool has_devices_ = false;
  Scope scope_{0, true};
  Program program_;
};

}  // namespace

Program Generate(uint64_t seed, uint32_t cpus) { return Generator(seed, cpus).Make(); }

}  // namespace hvkit::testing
