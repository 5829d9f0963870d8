#include "vcpu/hyperv_kvm/sint_routes.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::SintIndex;
using hyperv::VpIndex;

constexpr uint32_t kPicPins = 8;  // of each of the two

void AddIrqchip(uint32_t gsi, uint32_t chip, uint32_t pin, kvm::IrqRouting& routing) {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip = {.irqchip = chip, .pin = pin};
  routing.PushBack(entry);
}

void AddSint(uint32_t gsi, uint32_t vp, uint32_t sint, kvm::IrqRouting& routing) {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_HV_SINT;
  entry.u.hv_sint = {.vcpu = vp, .sint = sint};
  routing.PushBack(entry);
}

absl::StatusOr<kvm::UniqueFd> EventFd() {
  kvm::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd.valid()) return fd;
  return kvm::ErrnoToStatus(kvm::Errno::Last(), "eventfd for a SINT");
}

}  // namespace

kvm::IrqRouting RoutingWithSints(uint32_t vp_count) {
  kvm::IrqRouting routing;
  for (uint32_t gsi = 0; gsi < kIrqchipGsis; ++gsi) {
    AddIrqchip(gsi, KVM_IRQCHIP_IOAPIC, gsi, routing);
    if (gsi < kPicPins) AddIrqchip(gsi, KVM_IRQCHIP_PIC_MASTER, gsi, routing);
    if (gsi >= kPicPins && gsi < 2 * kPicPins)
      AddIrqchip(gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - kPicPins, routing);
  }
  const uint64_t sints = uint64_t{vp_count} * SintIndex::kCount;
  for (uint32_t i = 0; i < std::min<uint64_t>(sints, kMaxGsis - kIrqchipGsis); ++i) {
    AddSint(kIrqchipGsis + i, i / SintIndex::kCount, i % SintIndex::kCount, routing);
  }
  return routing;
}

SintRoutes::SintRoutes(const kvm::Vm& vm, uint32_t vp_count, OnAck on_ack)
    : vm_(vm),
      vp_count_(vp_count),
      on_ack_(std::move(on_ack)),
      open_(size_t{vp_count} * SintIndex::kCount) {}

SintRoutes::~SintRoutes() = default;

uint32_t SintRoutes::IndexOf(VpIndex vp, SintIndex sint) {
  return vp.value() * SintIndex::kCount + sint.value();
}

absl::Status SintRoutes::Open(VpIndex vp, SintIndex sint) {
  const uint32_t index = IndexOf(vp, sint);
  if (vp.value() >= vp_count_ || index >= kMaxGsis - kIrqchipGsis) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("VP %d: KVM has no GSI for its SINT %d", vp.value(), sint.value()));
  }
  absl::MutexLock lock(&mutex_);
  if (open_[index].load(std::memory_order_relaxed) != nullptr) return absl::OkStatus();
  HVKIT_RETURN_IF_ERROR(InstallTable());
  auto route = std::make_unique<Route>();
  HVKIT_RETURN_IF_ERROR(Connect(kIrqchipGsis + index, vp, *route));
  open_[index].store(route.get(), std::memory_order_release);
  routes_.push_back(std::move(route));
  return absl::OkStatus();
}

absl::Status SintRoutes::InstallTable() {
  if (table_installed_) return absl::OkStatus();
  HVKIT_RETURN_IF_ERROR(vm_.SetGsiRouting(RoutingWithSints(vp_count_)));
  table_installed_ = true;
  return absl::OkStatus();
}

absl::Status SintRoutes::Connect(uint32_t gsi, VpIndex vp, Route& route) {
  HVKIT_ASSIGN_OR_RETURN(route.raise, EventFd());
  HVKIT_ASSIGN_OR_RETURN(route.ack, EventFd());
  const auto on_ack = [this, vp, ack = route.ack.get()](FdListener::Token) {
    eventfd_t count;
    ::eventfd_read(ack, &count);
    on_ack_(vp);
  };
  HVKIT_ASSIGN_OR_RETURN(route.token, listener_->Add(route.ack.get(), on_ack));
  kvm_irqfd irqfd{};
  irqfd.fd = static_cast<uint32_t>(route.raise.get());
  irqfd.gsi = gsi;
  irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
  irqfd.resamplefd = static_cast<uint32_t>(route.ack.get());
  const absl::Status connected = vm_.Irqfd(irqfd);
  if (!connected.ok()) listener_->Remove(route.token);
  return connected;
}

const SintRoutes::Route* SintRoutes::Find(VpIndex vp, SintIndex sint) const {
  if (vp.value() >= vp_count_) return nullptr;
  return open_[IndexOf(vp, sint)].load(std::memory_order_acquire);
}

void SintRoutes::Raise(VpIndex vp, SintIndex sint) const {
  if (const Route* const route = Find(vp, sint)) ::eventfd_write(route->raise.get(), 1);
}

void SintRoutes::ForgetAcks(VpIndex vp, SintIndex sint) const {
  eventfd_t count;
  if (const Route* const route = Find(vp, sint)) ::eventfd_read(route->ack.get(), &count);
}

void SintRoutes::AwaitAck(VpIndex vp, SintIndex sint) const {
  if (const Route* const route = Find(vp, sint)) listener_->Arm(route->token);
}

}  // namespace hvkit::vcpu
