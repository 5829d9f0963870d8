#include "vmm/syndbg.h"

#include <utility>

#include "hyperv/tlfs/syndbg.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

using devices::kDebugFrameHeaderSize;
using hyperv::Gpa;
using hyperv::MemFault;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::SyndbgControl;
using hyperv::tlfs::SyndbgStatus;

// The most that HV_X64_MSR_SYNDBG_CONTROL can name.
constexpr size_t kBufferSize = SyndbgControl::SendSize::kMax;
// A received packet leaves room for the headers in a page, whichever way it is received.
constexpr size_t kMaxReceived = hyperv::kPageSize - kDebugFrameHeaderSize;
// What waits is dropped up to here; a flood may go on.
constexpr int kMaxPurged = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<Syndbg>> Syndbg::Create(const devices::UdpEndpoint& debugger,
                                                       hyperv::GuestMemory& memory) {
  HVKIT_ASSIGN_OR_RETURN(std::unique_ptr<devices::DebugSocket> socket,
                         devices::DebugSocket::Connect(debugger));
  std::unique_ptr<Syndbg> syndbg(new Syndbg(std::move(socket), memory));
  HVKIT_RETURN_IF_ERROR(syndbg->Listen());
  return syndbg;
}

Syndbg::Syndbg(std::unique_ptr<devices::DebugSocket> socket, hyperv::GuestMemory& memory)
    : socket_(std::move(socket)), memory_(memory), buffer_(kBufferSize) {}

absl::Status Syndbg::Listen() {
  HVKIT_ASSIGN_OR_RETURN(listener_, vcpu::FdListener::Create());
  HVKIT_ASSIGN_OR_RETURN(
      token_, listener_->Add(socket_->fd(), [this](vcpu::FdListener::Token) { OnReadable(); }));
  listener_->Arm(token_);
  return absl::OkStatus();
}

uint64_t Syndbg::OnControl(hyperv::VpIndex /*vp*/, const hyperv::SyndbgRegisters& registers) {
  const SyndbgControl control{registers.control};
  SyndbgStatus status;
  const absl::MutexLock lock(&mutex_);
  if (SyndbgControl::Send::Get(control) != 0) {
    const bool sent = SendFrom(Gpa(registers.send_page), SyndbgControl::SendSize::Get(control));
    SyndbgStatus::SendSuccess::Set(status, sent ? 1 : 0);
  } else if (SyndbgControl::Receive::Get(control) != 0) {
    const size_t received = ReceiveTo(Gpa(registers.receive_page));
    SyndbgStatus::ReceiveSuccess::Set(status, received != 0 ? 1 : 0);
    SyndbgStatus::ReceivedSize::Set(status, received);
  }
  return status.raw;
}

bool Syndbg::SendFrom(Gpa page, size_t size) {
  const std::span<std::byte> payload = std::span(buffer_).first(size);
  return memory_.Read(page, payload) == MemFault::kNone && socket_->Send(payload);
}

size_t Syndbg::ReceiveTo(Gpa page) {
  const size_t size = Receive(std::span(buffer_).first(kMaxReceived));
  return memory_.Write(page, std::span(buffer_).first(size)) == MemFault::kNone ? size : 0;
}

size_t Syndbg::Receive(std::span<std::byte> payload) {
  const size_t size = socket_->Receive(payload);
  SetPending(false);
  listener_->Arm(token_);  // sets it again if more waits
  return size;
}

void Syndbg::OnPendingBuffer(hyperv::VpIndex /*vp*/, const hyperv::SyndbgRegisters& registers) {
  const absl::MutexLock lock(&mutex_);
  pending_byte_.reset();
  if (registers.pending_page != 0) pending_byte_ = Gpa(registers.pending_page);
  TellPending();
}

void Syndbg::OnReadable() {
  const absl::MutexLock lock(&mutex_);
  if (socket_->NextSize() == 0) return listener_->Arm(token_);
  SetPending(true);  // and waits for the guest to receive it
}

void Syndbg::SetPending(bool pending) {
  if (std::exchange(pending_, pending) != pending) TellPending();
}

void Syndbg::TellPending() const {
  if (!pending_byte_.has_value()) return;
  const std::byte told{static_cast<uint8_t>(pending_ ? 1 : 0)};
  // A byte that is nowhere is the guest's own affair.
  static_cast<void>(memory_.Write(*pending_byte_, std::span(&told, 1)));
}

HvStatus Syndbg::Post(std::span<const std::byte> packet, uint32_t& unsent) {
  unsent = 0;
  const std::optional<devices::DebugFrame> frame = devices::ParseDebugFrame(packet);
  if (!frame.has_value()) return HvStatus::kSuccess;
  const absl::MutexLock lock(&mutex_);
  target_address_ = frame->source_address;
  if (socket_->Send(frame->payload)) return HvStatus::kSuccess;
  unsent = static_cast<uint32_t>(packet.size());
  return HvStatus::kInsufficientBuffers;
}

HvStatus Syndbg::Retrieve(std::span<std::byte> packet, uint32_t& received) {
  received = 0;
  if (packet.size() <= kDebugFrameHeaderSize) return HvStatus::kNoData;
  const absl::MutexLock lock(&mutex_);
  const size_t size = Receive(packet.subspan(kDebugFrameHeaderSize));
  if (size == 0) return HvStatus::kNoData;
  const devices::UdpEndpoint target{.address = target_address_, .port = socket_->peer().port};
  const std::span<std::byte> frame = packet.first(kDebugFrameHeaderSize + size);
  devices::WriteDebugFrameHeaders(socket_->peer(), target, frame);
  received = static_cast<uint32_t>(frame.size());
  return HvStatus::kSuccess;
}

HvStatus Syndbg::Reset(hyperv::tlfs::ResetDebugSessionInput request,
                       hyperv::tlfs::ResetDebugSessionOutput& session) {
  const devices::UdpEndpoint& peer = socket_->peer();
  session = {.host_ip = peer.address,
             .target_ip = peer.address,
             .host_port = peer.port,
             .target_port = peer.port,
             .host_mac = {},
             .target_mac = {}};
  if (hyperv::tlfs::ResetDebugSessionInput::PurgeIncoming::Get(request) == 0) {
    return HvStatus::kSuccess;
  }
  const absl::MutexLock lock(&mutex_);
  for (int i = 0; i < kMaxPurged && Receive(buffer_) != 0; ++i) {
  }
  return HvStatus::kSuccess;
}

}  // namespace hvkit::vmm
