#include "toy_vmm.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "guest.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/hypercall/x64_registers.h"
#include "kvm_ioctls/status_macros.h"

namespace toy {
namespace {

using hvkit::kvm::Cpuid;
using hvkit::kvm::Errno;
using hvkit::kvm::Kvm;
using enum hv::Enlightenment;

constexpr hv::VpIndex kVp(0);
constexpr size_t kRamBytes = size_t{1} << 20;
constexpr int kWakeSignal = SIGUSR1;  // Blocked, but while the guest runs

hv::PartitionConfig ConfigOf(const hv::EnlightenmentSet& in_force) {
  return {.in_force = in_force,
          .vp_count = 1,
          .hypercall_code = {.bytes = {0x90, 0xe6, HYPERCALL_PORT, 0xc3}, .size = 4}};
}

sigset_t WakeSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kWakeSignal);
  return set;
}

// The guest's calls in XMM registers are not offered: see the enlightenments in force.
class NoXmm final : public hv::XmmRegisters {
 public:
  void Read(hv::XmmValues& values) override { values.fill(0); }
  void Write(const hv::XmmValues&) override {}
};

kvm_segment FlatSegment(uint16_t selector, uint8_t type) {
  return {.limit = 0xffffffff,
          .selector = selector,
          .type = type,
          .present = 1,
          .db = 1,
          .s = 1,
          .g = 1};
}

}  // namespace

Vmm::Vmm()
    : memory_(kRamBytes),
      interrupts_([this](hv::VpIndex) { Wake(); }),
      scheduler_(clock_, [this](hv::VpIndex) { Wake(); }),
      in_force_({kVpIndex, kTime, kSynic, kStimer, kEnforceCpuid}),
      partition_(ConfigOf(in_force_), {.memory = memory_,
                                       .clock = clock_,
                                       .interrupts = interrupts_,
                                       .scheduler = scheduler_,
                                       .events = *this}),
      vp_(*partition_.FindVp(kVp)),
      calls_(partition_.privileges()),
      dispatcher_(calls_, memory_),
      thread_(gettid()) {}

Vmm::~Vmm() {
  if (timer_) timer_delete(*timer_);
}

absl::StatusOr<std::unique_ptr<Vmm>> Vmm::Create(std::span<const unsigned char> image) {
  std::unique_ptr<Vmm> vmm(new Vmm());
  HVKIT_RETURN_IF_ERROR(vmm->Start(image));
  return vmm;
}

absl::Status Vmm::Start(std::span<const unsigned char> image) {
  if (!calls_.Add<PrivateCall, &Vmm::OnPrivateCall>(*this)) return absl::InternalError("a call");
  std::memcpy(memory_.data() + GUEST_BASE, image.data(), image.size());
  HVKIT_ASSIGN_OR_RETURN(const Kvm kvm, Kvm::Open());
  HVKIT_ASSIGN_OR_RETURN(vm_, kvm.CreateVm());
  HVKIT_RETURN_IF_ERROR(
      vm_->SetUserMemoryRegion({.memory_size = memory_.size(),
                                .userspace_addr = reinterpret_cast<uintptr_t>(memory_.data())}));
  HVKIT_RETURN_IF_ERROR(InterceptMsrs());
  HVKIT_ASSIGN_OR_RETURN(vcpu_, vm_->CreateVcpu(0));
  HVKIT_RETURN_IF_ERROR(SetCpuid(kvm));
  HVKIT_RETURN_IF_ERROR(SetRegisters());
  return OpenSignals();
}

// Every access to 0x40000000..0x400003ff exits, whether or not KVM has Hyper-V of its own.
absl::Status Vmm::InterceptMsrs() const {
  std::array<uint8_t, 0x400 / 8> none_allowed{};
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  filter.ranges[0] = {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                      .nmsrs = 0x400,
                      .base = 0x40000000,
                      .bitmap = none_allowed.data()};
  HVKIT_RETURN_IF_ERROR(vm_->EnableCap(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
  return vm_->SetMsrFilter(filter);
}

// KVM's leaves, with Hyper-V's in the place of KVM's own.
absl::Status Vmm::SetCpuid(const Kvm& kvm) const {
  HVKIT_ASSIGN_OR_RETURN(const Cpuid supported, kvm.GetSupportedCpuid());
  Cpuid cpuid;
  for (const kvm_cpuid_entry2& entry : supported.entries()) {
    if (entry.function >> 28 != 4) cpuid.PushBack(entry);
  }
  for (const hv::CpuidEntry& leaf : hv::BuildCpuid(in_force_, {})) {
    cpuid.PushBack({.function = leaf.leaf,
                    .eax = leaf.eax,
                    .ebx = leaf.ebx,
                    .ecx = leaf.ecx,
                    .edx = leaf.edx});
  }
  return vcpu_->SetCpuid2(cpuid);
}

absl::Status Vmm::SetRegisters() const {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu_->GetSregs());
  sregs.cs = FlatSegment(8, 0xb);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = FlatSegment(16, 3);
  sregs.cr0 = 0x11;  // Protected mode, no paging
  HVKIT_RETURN_IF_ERROR(vcpu_->SetSregs(sregs));
  kvm_regs regs{};
  regs.rip = GUEST_BASE;
  regs.rsp = GUEST_STACK;
  regs.rflags = 2;
  return vcpu_->SetRegs(regs);
}

// The wake signal is blocked here and open in KVM_RUN: one that comes in between is not lost.
absl::Status Vmm::OpenSignals() {
  const sigset_t wake = WakeSet();
  pthread_sigmask(SIG_BLOCK, &wake, nullptr);
  hvkit::kvm::SignalMask open(8);
  HVKIT_RETURN_IF_ERROR(vcpu_->SetSignalMask(open));
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kWakeSignal;
  event._sigev_un._tid = thread_;
  timer_t timer{};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
    return absl::InternalError(std::strerror(errno));
  }
  timer_ = timer;
  return absl::OkStatus();
}

void Vmm::Wake() const { syscall(SYS_tgkill, getpid(), thread_, kWakeSignal); }

// Has the timer send the wake signal when the next poll is due.
void Vmm::ArmTimer() const {
  itimerspec when{};
  if (const std::optional<hv::RefTime> deadline = scheduler_.deadline(kVp)) {
    const uint64_t now = clock_.Now().ticks();
    const uint64_t ticks = deadline->ticks() > now ? deadline->ticks() - now : 0;
    when.it_value.tv_sec = static_cast<time_t>(ticks / hv::RefDuration::kTicksPerSecond);
    when.it_value.tv_nsec = static_cast<long>(ticks % hv::RefDuration::kTicksPerSecond * 100 + 1);
  }
  timer_settime(*timer_, 0, &when, nullptr);
}

void Vmm::Poll() {
  if (scheduler_.TakePoll(kVp)) vp_.Poll(clock_.Now());
}

absl::StatusOr<int> Vmm::Run() {
  const sigset_t wake = WakeSet();
  const timespec at_once{};
  while (true) {
    while (sigtimedwait(&wake, nullptr, &at_once) > 0) {
    }
    Poll();
    HVKIT_RETURN_IF_ERROR(InjectInterrupt());
    ArmTimer();
    const Errno error = vcpu_->Run();
    if (error.value() == EINTR) continue;
    if (!error.ok()) return absl::InternalError(std::strerror(error.value()));
    HVKIT_ASSIGN_OR_RETURN(const std::optional<int> status, Handle(vcpu_->exit()));
    if (status) return *status;
  }
}

// KVM takes one vector at a time, and says when the guest can take the next.
absl::Status Vmm::InjectInterrupt() {
  kvm_run& run = vcpu_->run();
  if (run.ready_for_interrupt_injection != 0 && run.if_flag != 0) {
    if (const std::optional<hv::Vector> vector = interrupts_.Take(kVp)) {
      HVKIT_RETURN_IF_ERROR(vcpu_->Interrupt(vector->value()));
    }
  }
  run.request_interrupt_window = interrupts_.IsPending(kVp) ? 1 : 0;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int>> Vmm::Handle(hvkit::kvm::Exit exit) {
  switch (exit.reason()) {
    case KVM_EXIT_IO:
      if (exit.io().port() != HYPERCALL_PORT) return OnOut(exit.io());
      HVKIT_RETURN_IF_ERROR(OnHypercall());
      return std::nullopt;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
      OnMsr(exit.msr());
      return std::nullopt;
    case KVM_EXIT_HLT:
      OnHalt();
      return std::nullopt;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
      return std::nullopt;
    default:
      return absl::InternalError(exit.reason_name());
  }
}

std::optional<int> Vmm::OnOut(const hvkit::kvm::IoExit& io) {
  const int value = std::to_integer<int>(io.data()[0]);
  if (io.port() == EXIT_PORT) return value;
  if (io.port() == TEXT_PORT) printed_.push_back(static_cast<char>(value));
  return std::nullopt;
}

// The model first, then this VMM's own; what nobody has is a fault.
void Vmm::OnMsr(hvkit::kvm::MsrExit msr) {
  const hv::MsrRead read = msr.is_write() ? hv::MsrRead{vp_.WriteMsr(msr.index(), msr.data()), 0}
                                          : vp_.ReadMsr(msr.index());
  if (read.outcome == hv::MsrOutcome::kNotOurs && msr.index() == PRIVATE_MSR) {
    if (msr.is_write()) private_msr_ = msr.data();
    msr.SetData(private_msr_);
  } else if (read.outcome != hv::MsrOutcome::kHandled) {
    msr.SetError();
  } else {
    msr.SetData(msr.is_write() ? msr.data() : read.value);
  }
}

// An OUT elsewhere than in the hypercall page is no hypercall. This guest is in ring 0 and 32-bit
// code throughout; see hvkit's vcpu/hyperv_kvm for one that may be anywhere.
absl::Status Vmm::OnHypercall() {
  HVKIT_ASSIGN_OR_RETURN(kvm_regs regs, vcpu_->GetRegs());
  if (hv::Gpa(regs.rip).Page() != partition_.hypercall_page().page()) return absl::OkStatus();
  hv::GeneralRegisters general{.rax = regs.rax,
                               .rbx = regs.rbx,
                               .rcx = regs.rcx,
                               .rdx = regs.rdx,
                               .rsi = regs.rsi,
                               .rdi = regs.rdi};
  hv::HypercallWords words = hv::ReadHypercall(hv::CallerMode::k32Bit, general);
  NoXmm xmm;
  const hv::HypercallOutcome outcome = dispatcher_.Dispatch(kVp, words, xmm);
  if (outcome.kind != hv::HypercallOutcome::Kind::kCompleted) return absl::InternalError("a call");
  hv::WriteHypercall(words, outcome, general);
  regs.rax = general.rax;
  regs.rdx = general.rdx;
  return vcpu_->SetRegs(regs);
}

hv::tlfs::HvStatus Vmm::OnPrivateCall(const hv::Arguments<PrivateCall>& call) {
  private_number_ = call.input;
  return hv::tlfs::HvStatus::kSuccess;
}

// Until there is an interrupt: with none pending the model may still have work that makes one.
void Vmm::OnHalt() {
  const sigset_t wake = WakeSet();
  while (true) {
    Poll();
    if (interrupts_.IsPending(kVp)) return;
    ArmTimer();
    sigwaitinfo(&wake, nullptr);
  }
}

}  // namespace toy
