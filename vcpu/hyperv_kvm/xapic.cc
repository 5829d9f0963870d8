#include "vcpu/hyperv_kvm/xapic.h"

#include <cstddef>
#include <cstring>

#include "kvm_ioctls/status_macros.h"
#include "vcpu/hyperv_kvm/msi_interrupt_sink.h"

namespace hvkit::vcpu {
namespace {

using hyperv::VpIndex;

constexpr size_t kTaskPriority = 0x80;
constexpr size_t kCommandLow = 0x300;
constexpr size_t kCommandHigh = 0x310;
constexpr unsigned kPriorityClassShift = 4;  // CR8 is the upper half of the TPR

constexpr uint64_t kInit = 5;
constexpr uint64_t kReservedModes[] = {3, 7};  // 7, ExtINT, cannot be sent between processors

constexpr uint32_t kMessageIsLogical = 1 << 2;     // of the address
constexpr unsigned kMessageDeliveryModeShift = 8;  // in the data

uint32_t Register(const kvm_lapic_state& apic, size_t offset) {
  uint32_t value;
  std::memcpy(&value, apic.regs + offset, sizeof(value));
  return value;
}

absl::StatusOr<uint64_t> ApicsCommand(const kvm::Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(const kvm_lapic_state apic, vcpu.GetLapic());
  return Register(apic, kCommandLow) | uint64_t{Register(apic, kCommandHigh)} << 32;
}

bool DoesNothing(InterruptCommand command) {
  const uint64_t mode = InterruptCommand::DeliveryMode::Get(command);
  for (const uint64_t reserved : kReservedModes) {
    if (mode == reserved) return true;
  }
  return mode == kInit && InterruptCommand::IsLevelTriggered::Get(command) != 0 &&
         InterruptCommand::Level::Get(command) == 0;
}

}  // namespace

std::optional<kvm_msi> MessageOf(InterruptCommand command) {
  if (DoesNothing(command)) return std::nullopt;
  const auto destination = static_cast<uint32_t>(InterruptCommand::Destination::Get(command));
  const auto vector = static_cast<uint8_t>(InterruptCommand::Vector::Get(command));
  kvm_msi message = FixedInterruptMessage(destination, hyperv::Vector(vector));
  if (InterruptCommand::IsLogical::Get(command) != 0) message.address_lo |= kMessageIsLogical;
  message.data |= static_cast<uint32_t>(InterruptCommand::DeliveryMode::Get(command)
                                        << kMessageDeliveryModeShift);
  return message;
}

absl::StatusOr<uint8_t> Xapic::ReadTpr(const kvm::Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(const kvm_lapic_state apic, vcpu.GetLapic());
  return static_cast<uint8_t>(Register(apic, kTaskPriority));
}

absl::Status Xapic::WriteTpr(const kvm::Vcpu& vcpu, uint8_t value) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  sregs.cr8 = value >> kPriorityClassShift;
  return vcpu.SetSregs(sregs);
}

absl::StatusOr<uint64_t> Xapic::ReadIcr(const kvm::Vcpu& vcpu, VpIndex vp) const {
  const Command& given = commands_[vp.value()];
  HVKIT_ASSIGN_OR_RETURN(const uint64_t apics, ApicsCommand(vcpu));
  return apics == given.apics ? given.last.raw : apics;
}

absl::Status Xapic::WriteIcr(const kvm::Vcpu& vcpu, VpIndex vp, uint64_t value) {
  Command& given = commands_[vp.value()];
  HVKIT_ASSIGN_OR_RETURN(given.apics, ApicsCommand(vcpu));
  given.last = {value};
  InterruptCommand::DeliveryStatus::Set(given.last, 0);
  Send(vp, given.last);
  return absl::OkStatus();
}

void Xapic::Send(VpIndex from, InterruptCommand command) const {
  const uint64_t shorthand = InterruptCommand::Shorthand::Get(command);
  if (shorthand == InterruptCommand::kNoShorthand) return SendMessage(command);
  if (shorthand == InterruptCommand::kSelf) return SendTo(from.value(), command);
  for (uint32_t vp = 0; vp < commands_.size(); ++vp) {
    if (vp != from.value() || shorthand == InterruptCommand::kAll) SendTo(vp, command);
  }
}

void Xapic::SendTo(uint32_t apic_id, InterruptCommand command) const {
  InterruptCommand::IsLogical::Set(command, 0);
  InterruptCommand::Destination::Set(command, apic_id);
  SendMessage(command);
}

// An interrupt for nobody is nobody's.
void Xapic::SendMessage(InterruptCommand command) const {
  const std::optional<kvm_msi> message = MessageOf(command);
  if (message.has_value()) vm_.SignalMsi(*message).IgnoreError();
}

}  // namespace hvkit::vcpu
