#include "vcpu/hyperv_kvm/start_request.h"

namespace hvkit::vcpu {
namespace {

using hyperv::VpIndex;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::InitialVpContext;

// An answer: the caller's index above a bit that says that there is a caller, one that says that
// there is an answer, and the status.
constexpr uint64_t kNobodys = 0;
constexpr uint64_t kIsSomebodys = uint64_t{1} << 31;
constexpr uint64_t kIsAnswered = uint64_t{1} << 30;
constexpr unsigned kCallerShift = 32;

constexpr uint64_t Unanswered(VpIndex caller) {
  return uint64_t{caller.value()} << kCallerShift | kIsSomebodys;
}

constexpr bool IsOf(uint64_t answer, VpIndex caller) {
  return (answer & kIsSomebodys) != 0 && answer >> kCallerShift == caller.value();
}

}  // namespace

std::optional<HvStatus> StartRequest::Ask(VpIndex caller, const InitialVpContext& context) {
  uint64_t answer = answer_.load(std::memory_order_acquire);
  if (IsOf(answer, caller)) {
    if ((answer & kIsAnswered) == 0) return std::nullopt;
    answer_.compare_exchange_strong(answer, kNobodys);  // fails once somebody else has asked
    return static_cast<HvStatus>(static_cast<uint16_t>(answer));
  }
  State waiting = State::kWaiting;
  if (!state_.compare_exchange_strong(waiting, State::kAsked)) return HvStatus::kInvalidVpState;
  context_ = context;
  answer_.store(Unanswered(caller), std::memory_order_release);
  State asked = State::kAsked;
  if (state_.compare_exchange_strong(asked, State::kToStart)) return std::nullopt;
  answer_.store(kNobodys, std::memory_order_release);
  return HvStatus::kInvalidVpState;
}

const InitialVpContext* StartRequest::Take() {
  State to_start = State::kToStart;
  return state_.compare_exchange_strong(to_start, State::kStarting) ? &context_ : nullptr;
}

// The answer first: once the VP waits again, others may ask.
void StartRequest::Answer(HvStatus status) {
  const uint64_t asked = answer_.load(std::memory_order_relaxed);
  answer_.store(asked | kIsAnswered | static_cast<uint16_t>(status), std::memory_order_release);
  const bool runs = status == HvStatus::kSuccess || status == HvStatus::kInvalidVpState;
  state_.store(runs ? State::kRunning : State::kWaiting);
}

void StartRequest::NoteFirstSign() {
  if (state_.exchange(State::kRunning) == State::kToStart) Answer(HvStatus::kInvalidVpState);
}

}  // namespace hvkit::vcpu
