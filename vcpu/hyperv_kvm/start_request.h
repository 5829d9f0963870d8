// One VP's start by another: asked for on the one's thread, done on the other's, and answered when
// the first one asks again. TLFS: hypercalls/HvCallStartVirtualProcessor.md.
#ifndef HVKIT_VCPU_HYPERV_KVM_START_REQUEST_H_
#define HVKIT_VCPU_HYPERV_KVM_START_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::vcpu {

// Of the VP that is to be started. Ask is *thread-safe*; the rest is *VP thread*, of that VP.
class StartRequest {
 public:
  // Whether the VP waits for a start, or runs.
  enum class Boot : uint8_t { kRuns, kWaits };

  explicit StartRequest(Boot boot)
      : state_(boot == Boot::kRuns ? State::kRunning : State::kWaiting) {}

  // `caller` wants the VP to start with `context`. Nothing: it is being started, and the caller
  // learns what came of it when it asks again. kInvalidVpState: it runs, or is somebody else's to
  // start.
  [[nodiscard]] std::optional<hyperv::tlfs::HvStatus> Ask(
      hyperv::VpIndex caller, const hyperv::tlfs::InitialVpContext& context);

  // What the VP is to be started with; null: it is not to be. Answer follows.
  [[nodiscard]] const hyperv::tlfs::InitialVpContext* Take();
  // With kSuccess and kInvalidVpState the VP runs from now on, with others it waits on.
  void Answer(hyperv::tlfs::HvStatus status);

  // The VP has done something that only a running one does.
  void NoteRunning() {
    if (state_.load(std::memory_order_relaxed) != State::kRunning) NoteFirstSign();
  }

 private:
  enum class State : uint8_t {
    kWaiting,
    kAsked,  // context_ is being written
    kToStart,
    kStarting,
    kRunning,
  };

  void NoteFirstSign();

  std::atomic<State> state_;
  // Of whoever has made state_ kAsked; then of the VP.
  hyperv::tlfs::InitialVpContext context_{};
  // The caller whose start it is and, once there is one, the answer; see start_request.cc.
  std::atomic<uint64_t> answer_{0};
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_START_REQUEST_H_
