#include "vcpu/hyperv_kvm/kernel_synic.h"

#include <sys/eventfd.h>

#include <bit>
#include <optional>
#include <utility>

#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/unique_fd.h"

namespace hvkit::vcpu {
namespace {

using hyperv::SintIndex;
using hyperv::Synic;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;
using hyperv::tlfs::Sint;

constexpr VpIndex kUnknownCaller{0};

// Calls `visit` with each SINT of a set with a bit for each.
template <typename Visit>
void ForEachSint(uint32_t sints, Visit&& visit) {
  for (; sints != 0; sints &= sints - 1) {
    const auto sint = SintIndex::FromGuest(static_cast<unsigned>(std::countr_zero(sints)));
    if (sint.has_value()) visit(*sint);
  }
}

// Each SINT of the model has a vector of its own, from which the sink knows it, and is unmasked.
void NameSints(Synic& synic) {
  for (uint32_t i = 0; i < SintIndex::kCount; ++i) {
    Sint sint{0};
    Sint::Vector::Set(sint, Sint::kFirstValidVector + i);
    static_cast<void>(synic.WriteMsr(static_cast<uint32_t>(MsrIndex::kSint0) + i, sint.raw));
  }
}

// A connection whose events KVM signals itself.
class DescriptorConnection final : public hyperv::DeviceConnection {
 public:
  DescriptorConnection(const kvm::Vm& vm, FdListener& listener, uint32_t id)
      : vm_(vm), listener_(listener), id_(id) {}
  ~DescriptorConnection() override {
    if (bound_) Bind(KVM_HYPERV_EVENTFD_DEASSIGN).IgnoreError();
    if (token_.has_value()) listener_.Remove(*token_);
  }

  // `connection` is broken after KVM and the listener have let go.
  absl::Status Open(std::unique_ptr<hyperv::DeviceConnection> connection,
                    hyperv::Connections& connections) {
    connection_ = std::move(connection);
    event_->Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event_->valid()) return kvm::ErrnoToStatus(kvm::Errno::Last(), "eventfd for events");
    // A handler that is running may outlast this object: it has the descriptor and the id, which
    // may be broken by then.
    const auto on_event = [event = event_, id = id_, &connections,
                           &listener = listener_](FdListener::Token token) {
      eventfd_t count;
      ::eventfd_read(event->get(), &count);
      listener.Arm(token);
      static_cast<void>(connections.SignalEvent(kUnknownCaller, id, 0));
    };
    HVKIT_ASSIGN_OR_RETURN(token_, listener_.Add(event_->get(), on_event));
    listener_.Arm(*token_);
    HVKIT_RETURN_IF_ERROR(Bind(0));
    bound_ = true;
    return absl::OkStatus();
  }

 private:
  absl::Status Bind(uint32_t flags) const {
    kvm_hyperv_eventfd binding{};
    binding.conn_id = id_;
    binding.fd = event_->get();
    binding.flags = flags;
    return vm_.HypervEventfd(binding);
  }

  const kvm::Vm& vm_;
  FdListener& listener_;
  const uint32_t id_;
  std::unique_ptr<hyperv::DeviceConnection> connection_;
  const std::shared_ptr<kvm::UniqueFd> event_ = std::make_shared<kvm::UniqueFd>();
  std::optional<FdListener::Token> token_;
  bool bound_ = false;
};

}  // namespace

void KernelSynic::Sink::RequestFixed(VpIndex vp, hyperv::Vector vector, hyperv::EoiMode /*eoi*/) {
  const auto sint = SintIndex::FromGuest(uint64_t{vector.value()} - Sint::kFirstValidVector);
  if (sint.has_value()) routes_.Raise(vp, *sint);
}

absl::StatusOr<std::unique_ptr<KernelSynic>> KernelSynic::Create(const Options& options,
                                                                 const Host& host) {
  std::unique_ptr<KernelSynic> synic(new KernelSynic(options, host));
  HVKIT_ASSIGN_OR_RETURN(synic->listener_, FdListener::Create());
  synic->routes_.set_listener(*synic->listener_);
  return synic;
}

KernelSynic::KernelSynic(const Options& options, const Host& host)
    : options_(options),
      vm_(host.vm),
      scheduler_(host.kick),
      routes_(host.vm, options.vp_count, host.kick),
      sink_(routes_),
      overlays_(host.memory),
      model_([this](VpIndex vp) { return Find(vp); }, ports_) {
  for (uint32_t i = 0; i < options.vp_count; ++i) {
    const hyperv::SynicConfig config{
        .vp = VpIndex(i), .polling = hyperv::SintPolling::kAbsent, .policy = {}};
    synics_.push_back(std::make_unique<Synic>(config, overlays_, sink_, scheduler_));
    NameSints(*synics_.back());
  }
}

Synic* KernelSynic::Find(VpIndex vp) {
  return vp.value() < synics_.size() ? synics_[vp.value()].get() : nullptr;
}

void KernelSynic::OnExit(VpIndex vp, const kvm::HypervExit::Synic& exit) {
  Synic& synic = *synics_[vp.value()];
  const auto follow = [&synic](MsrIndex msr, uint64_t value) {
    static_cast<void>(synic.WriteMsr(static_cast<uint32_t>(msr), value));
  };
  switch (static_cast<MsrIndex>(exit.msr)) {
    case MsrIndex::kScontrol:
      follow(MsrIndex::kScontrol, exit.control);
      break;
    case MsrIndex::kSiefp:
      follow(MsrIndex::kSiefp, exit.evt_page);
      break;
    case MsrIndex::kSimp:
      follow(MsrIndex::kSimp, exit.msg_page);
      break;
    default:
      return;
  }
  AwaitSlots(vp, synic);
}

void KernelSynic::OnKicked(VpIndex vp) {
  Synic& synic = *synics_[vp.value()];
  const uint32_t queued = synic.QueuedSints();
  if (queued == 0) return;
  // What KVM tells from here on is not about an earlier message.
  ForEachSint(queued, [&](SintIndex sint) { routes_.ForgetAcks(vp, sint); });
  synic.Poll();
  AwaitSlots(vp, synic);
}

void KernelSynic::AwaitSlots(VpIndex vp, const Synic& synic) const {
  ForEachSint(synic.QueuedSints(), [&](SintIndex sint) { routes_.AwaitAck(vp, sint); });
}

absl::StatusOr<std::unique_ptr<hyperv::SintRoute>> KernelSynic::OpenRoute(
    VpIndex vp, SintIndex sint, hyperv::tlfs::PortId port) {
  HVKIT_ASSIGN_OR_RETURN(std::unique_ptr<hyperv::SintRoute> route,
                         model_.OpenRoute(vp, sint, port));
  HVKIT_RETURN_IF_ERROR(routes_.Open(vp, sint));
  return route;
}

absl::StatusOr<std::unique_ptr<hyperv::DeviceConnection>> KernelSynic::ConnectMessages(
    hyperv::tlfs::ConnectionId id, hyperv::MessageHandler& handler) {
  return model_.ConnectMessages(id, handler);
}

absl::StatusOr<std::unique_ptr<hyperv::DeviceConnection>> KernelSynic::ConnectEvents(
    hyperv::tlfs::ConnectionId id, hyperv::EventHandler& handler) {
  auto connection = model_.ConnectEvents(id, handler);
  if (!connection.ok() || !options_.has_event_descriptors) return connection;
  auto descriptor = std::make_unique<DescriptorConnection>(vm_, *listener_, id.raw);
  HVKIT_RETURN_IF_ERROR(descriptor->Open(*std::move(connection), ports_));
  return descriptor;
}

}  // namespace hvkit::vcpu
