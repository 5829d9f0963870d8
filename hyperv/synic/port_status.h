// The statuses with which PostMessage and SignalEvent report what became of a message or an event.
//
// TLFS: hypercalls/HvCallPostMessage.md and HvCallSignalEvent.md "Return Values". Stateless.
#ifndef HVKIT_HYPERV_SYNIC_PORT_STATUS_H_
#define HVKIT_HYPERV_SYNIC_PORT_STATUS_H_

#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// What HvCallPostMessage or HvCallSignalEvent answers.
constexpr tlfs::HvStatus StatusOf(PostResult result) {
  switch (result) {
    case PostResult::kPosted:
      return tlfs::HvStatus::kSuccess;
    case PostResult::kNoBuffers:
      return tlfs::HvStatus::kInsufficientBuffers;
    case PostResult::kSynicOff:
      return tlfs::HvStatus::kInvalidSynicState;
    case PostResult::kInvalidMessage:
      break;
  }
  return tlfs::HvStatus::kInvalidParameter;
}

// A flag that was set before is a success.
constexpr tlfs::HvStatus StatusOf(SignalResult result) {
  switch (result) {
    case SignalResult::kNewlySet:
    case SignalResult::kAlreadySet:
      return tlfs::HvStatus::kSuccess;
    case SignalResult::kSynicOff:
    case SignalResult::kSintMasked:
      return tlfs::HvStatus::kInvalidSynicState;
    case SignalResult::kInvalidFlag:
      break;
  }
  return tlfs::HvStatus::kInvalidParameter;
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_PORT_STATUS_H_
