// How the model asks for a turn: at once, or at a time.
//
// The model has no threads and no timers of its own. The host answers both calls by calling
// VirtualProcessor::Poll(now) of that VP, on that VP's thread. No TLFS counterpart.
#ifndef HVKIT_HYPERV_HOST_VP_SCHEDULER_H_
#define HVKIT_HYPERV_HOST_VP_SCHEDULER_H_

#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"

namespace hvkit::hyperv {

// What a VMM implements over its VP threads. Neither method blocks, nor calls Poll itself: the
// caller may hold the model's locks. Calls for a VP that does not exist do nothing. Thread-safe.
class VpScheduler {
 public:
  virtual ~VpScheduler() = default;

  // A Poll of the VP starts after this call, soon, even if the VP is halted; one Poll may answer
  // several kicks. What the caller wrote before is visible to it.
  virtual void Kick(VpIndex vp) = 0;

  // A Poll of the VP is to start once reference time has reached `deadline`, and soon then, even if
  // the VP is halted. It replaces the VP's deadline from before; nothing means none; a passed one
  // is met. A deadline that is late by a Poll's length is not an error, one that is early is: Poll
  // would find no timer due.
  virtual void SetDeadline(VpIndex vp, std::optional<RefTime> deadline) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_VP_SCHEDULER_H_
