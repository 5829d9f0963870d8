#include "hyperv/partition/syndbg_msrs.h"

namespace hvkit::hyperv {

uint64_t SyndbgMsrs::Read(MsrId id) const {
  const absl::MutexLock lock(&mutex_);
  switch (id) {
    case MsrId::kSyndbgControl:
      return registers_.control;
    case MsrId::kSyndbgStatus:
      return registers_.status;
    case MsrId::kSyndbgSendBuffer:
      return registers_.send_page;
    case MsrId::kSyndbgReceiveBuffer:
      return registers_.receive_page;
    case MsrId::kSyndbgPendingBuffer:
      return registers_.pending_page;
    case MsrId::kSyndbgOptions:
      return options_;
    default:
      return 0;
  }
}

void SyndbgMsrs::Write(VpIndex by, MsrId id, uint64_t value) {
  const SyndbgRegisters written = Store(id, value);
  if (transport_ == nullptr) return;
  if (id == MsrId::kSyndbgControl) Store(MsrId::kSyndbgStatus, transport_->OnControl(by, written));
  if (id == MsrId::kSyndbgPendingBuffer) transport_->OnPendingBuffer(by, written);
}

void SyndbgMsrs::Reset() {
  const absl::MutexLock lock(&mutex_);
  registers_ = {};
  options_ = 0;
}

SyndbgRegisters SyndbgMsrs::Store(MsrId id, uint64_t value) {
  const absl::MutexLock lock(&mutex_);
  if (uint64_t* const found = Find(id); found != nullptr) *found = value;
  return registers_;
}

uint64_t* SyndbgMsrs::Find(MsrId id) {
  switch (id) {
    case MsrId::kSyndbgControl:
      return &registers_.control;
    case MsrId::kSyndbgStatus:
      return &registers_.status;
    case MsrId::kSyndbgSendBuffer:
      return &registers_.send_page;
    case MsrId::kSyndbgReceiveBuffer:
      return &registers_.receive_page;
    case MsrId::kSyndbgPendingBuffer:
      return &registers_.pending_page;
    case MsrId::kSyndbgOptions:
      return &options_;
    default:
      return nullptr;
  }
}

}  // namespace hvkit::hyperv
