// The synthetic debugger: what the guest's MSRs and hypercalls carry, on its way to a debugger over
// UDP. Sources: QEMU's hw/hyperv/syndbg.c and target/i386/kvm/hyperv.c, with which it is compatible
// on the wire and towards the guest.
//
// A packet that the guest sends by MSR is a datagram's payload; one that it sends by hypercall has
// Ethernet, IPv4 and UDP headers, which are taken off and put on here.
#ifndef HVKIT_VMM_SYNDBG_H_
#define HVKIT_VMM_SYNDBG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "devices/debug_frame.h"
#include "devices/debug_socket.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/partition/host_hooks.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "vcpu/fd_listener.h"

namespace hvkit::vmm {

// Thread-safe. A thread of its own tells the guest, in the byte that it has named with
// PENDING_BUFFER, that a packet waits.
class Syndbg final : public hyperv::SyndbgTransport, public hyperv::DebugChannel {
 public:
  // `memory` outlives it. FailedPrecondition: there is no way to the debugger.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Syndbg>> Create(
      const devices::UdpEndpoint& debugger, hyperv::GuestMemory& memory);

  // SyndbgTransport:
  uint64_t OnControl(hyperv::VpIndex vp, const hyperv::SyndbgRegisters& registers) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void OnPendingBuffer(hyperv::VpIndex vp, const hyperv::SyndbgRegisters& registers) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // DebugChannel. A packet that is not UDP over IPv4 is dropped.
  hyperv::tlfs::HvStatus Post(std::span<const std::byte> packet, uint32_t& unsent) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  hyperv::tlfs::HvStatus Retrieve(std::span<std::byte> packet, uint32_t& received) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  hyperv::tlfs::HvStatus Reset(hyperv::tlfs::ResetDebugSessionInput request,
                               hyperv::tlfs::ResetDebugSessionOutput& session) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Syndbg(std::unique_ptr<devices::DebugSocket> socket, hyperv::GuestMemory& memory);

  absl::Status Listen();
  void OnReadable() ABSL_LOCKS_EXCLUDED(mutex_);
  bool SendFrom(hyperv::Gpa page, size_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t ReceiveTo(hyperv::Gpa page) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t Receive(std::span<std::byte> payload) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetPending(bool pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellPending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<devices::DebugSocket> socket_;
  hyperv::GuestMemory& memory_;
  vcpu::FdListener::Token token_{};  // immutable after Create

  absl::Mutex mutex_;
  std::vector<std::byte> buffer_ ABSL_GUARDED_BY(mutex_);
  std::optional<hyperv::Gpa> pending_byte_ ABSL_GUARDED_BY(mutex_);
  bool pending_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t target_address_ ABSL_GUARDED_BY(mutex_) = 0;  // the guest's, as its packets say

  std::unique_ptr<vcpu::FdListener> listener_;  // last: its thread ends first
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_SYNDBG_H_
