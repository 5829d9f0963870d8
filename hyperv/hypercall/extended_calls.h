// HvExtCallQueryCapabilities and HvExtCallGetBootZeroedMemory.
//
// TLFS: hypercall-interface.md "Extended Hypercall Interface",
// hypercalls/HvExtCallQueryCapabilities.md, HvExtCallGetBootZeroedMemory.md.
#ifndef HVKIT_HYPERV_HYPERCALL_EXTENDED_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_EXTENDED_CALLS_H_

#include <cstddef>

#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvExtCallQueryCapabilities.
struct ExtQueryCapabilities : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kExtQueryCapabilities;
  using Output = tlfs::ExtCapabilities;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kExtendedHypercalls);
  }
};
// HvExtCallGetBootZeroedMemory.
struct ExtGetBootZeroedMemory : ExtQueryCapabilities {
  static constexpr auto kCode = tlfs::CallCode::kExtGetBootZeroedMemory;
  using Output = tlfs::BootZeroedMemoryOutput;
  static constexpr uint32_t kOutputTail =
      tlfs::kMaxBootZeroedRanges * sizeof(tlfs::BootZeroedRange);
};

// Immutable.
class ExtendedCalls {
 public:
  // Null: there is no GetBootZeroedMemory, and the capabilities say so.
  explicit ExtendedCalls(const BootZeroedMemory* boot_zeroed) : boot_zeroed_(boot_zeroed) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnQuery(const Arguments<ExtQueryCapabilities>& call);
  CallResult OnBootZeroed(const Arguments<ExtGetBootZeroedMemory>& call);

  const BootZeroedMemory* const boot_zeroed_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_EXTENDED_CALLS_H_
