// The synthetic debugger's registers: kept here, acted on by the host's transport.
//
// Linux's arch/x86/kvm/hyperv.c (syndbg_set_msr); the TLFS does not have them. Packets and their
// pages are the transport's.
#ifndef HVKIT_HYPERV_PARTITION_SYNDBG_MSRS_H_
#define HVKIT_HYPERV_PARTITION_SYNDBG_MSRS_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/ids.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/partition/host_hooks.h"

namespace hvkit::hyperv {

// The MSRs whose owner is MsrOwner::kSyndbg. Thread-safe; the transport is called without the lock.
class SyndbgMsrs {
 public:
  // Without a transport nothing is done for a write.
  explicit SyndbgMsrs(SyndbgTransport* transport) : transport_(transport) {}

  // `id` is one of this owner's; another reads as 0 and is written without effect.
  uint64_t Read(MsrId id) const;
  void Write(VpIndex by, MsrId id, uint64_t value);
  void Reset();

 private:
  SyndbgRegisters Store(MsrId id, uint64_t value);
  uint64_t* Find(MsrId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SyndbgTransport* const transport_;
  mutable absl::Mutex mutex_;
  SyndbgRegisters registers_ ABSL_GUARDED_BY(mutex_);
  uint64_t options_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_SYNDBG_MSRS_H_
