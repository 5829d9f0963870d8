// The synthetic debugger's bytes as hypercalls carry them. The other form, by MSRs, is
// hyperv/partition/host_hooks.h's SyndbgTransport.
//
// The TLFS names the calls only; semantics from QEMU's hw/hyperv/syndbg.c and Linux's
// arch/x86/kvm/hyperv.c.
#ifndef HVKIT_HYPERV_HOST_DEBUG_CHANNEL_H_
#define HVKIT_HYPERV_HOST_DEBUG_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// One debugger for the partition. Never blocks. Thread-safe.
class DebugChannel {
 public:
  virtual ~DebugChannel() = default;

  // Sends a packet. `unsent` becomes the number of bytes that could not be taken: the guest sends
  // them again. Success with unsent 0, kInsufficientBuffers otherwise.
  virtual tlfs::HvStatus Post(std::span<const std::byte> packet, uint32_t& unsent) = 0;

  // Moves what has arrived, at most packet.size() bytes, to the front of `packet`; `received` is
  // how many. kNoData: nothing has arrived.
  virtual tlfs::HvStatus Retrieve(std::span<std::byte> packet, uint32_t& received) = 0;

  // Drops what waits, as the request says, and tells the addresses of both sides.
  virtual tlfs::HvStatus Reset(tlfs::ResetDebugSessionInput request,
                               tlfs::ResetDebugSessionOutput& session) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_DEBUG_CHANNEL_H_
