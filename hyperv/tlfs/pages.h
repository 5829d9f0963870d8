// Pages that guest and hypervisor share: the reference TSC page and the VP assist page.
//
// Source: TLFS timers.md "Partition Reference Time Stamp Counter Page"; vp-properties.md "Virtual
// Processor Assist Page", datatypes/hv_vp_assist_page.md, hv_vp_vtl_control.md,
// hv_nested_enlightenments_control.md, hv_virtualization_fault_information.md. The message and
// event flag pages are in synic.h. Layout only: publishing order is not here. Immutable.
#ifndef HVKIT_HYPERV_TLFS_PAGES_H_
#define HVKIT_HYPERV_TLFS_PAGES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hyperv/tlfs/field.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv::tlfs {

// Reference time = ((TSC * scale) >> 64) + offset, in units of 100 ns.
struct ReferenceTscPage {
  static constexpr uint32_t kSequenceInvalid = 0;  // The guest must read TIME_REF_COUNT

  uint32_t sequence = kSequenceInvalid;
  uint32_t reserved1 = 0;
  uint64_t scale = 0;
  int64_t offset = 0;
  std::array<uint64_t, 509> reserved2{};
};

// The first word of the VP assist page: the guest clears NoEoiRequired instead of an EOI.
struct ApicAssist {
  uint32_t raw = 0;
  using NoEoiRequired = Field<0, 1>;
};

// HV_VP_VTL_CONTROL.
struct VpVtlControl {
  uint32_t entry_reason = 0;
  uint8_t vina_status = 0;  // Bit 0: asserted
  std::array<uint8_t, 3> reserved{};
  uint64_t vtl_return_rax = 0;
  uint64_t vtl_return_rcx = 0;
};

// HV_NESTED_ENLIGHTENMENTS_CONTROL, its first word.
struct NestedFeatures {
  uint32_t raw = 0;
  using DirectHypercall = Field<0, 1>;
  using VirtualizationException = Field<1, 1>;
};

// HV_NESTED_ENLIGHTENMENTS_CONTROL, its second word.
struct NestedHypercallControls {
  uint32_t raw = 0;
  using InterPartitionCommunication = Field<0, 1>;
};

// HV_NESTED_ENLIGHTENMENTS_CONTROL.
struct NestedEnlightenmentsControl {
  NestedFeatures features;
  NestedHypercallControls hypercall_controls;
};

// HV_VIRTUALIZATION_FAULT_INFORMATION.
struct VirtualizationFaultInformation {
  uint16_t parameter0 = 0;
  uint16_t reserved = 0;
  uint32_t code = 0;
  uint64_t parameter1 = 0;
};

// HV_VP_ASSIST_PAGE.
struct VpAssistPage {
  ApicAssist apic_assist;
  uint32_t reserved0 = 0;
  VpVtlControl vtl_control;
  NestedEnlightenmentsControl nested_control;
  uint8_t enlighten_vm_entry = 0;
  std::array<uint8_t, 7> reserved1{};
  uint64_t current_nested_vmcs = 0;
  uint8_t unhalted_timer_expired = 0;
  std::array<uint8_t, 7> reserved2{};
  VirtualizationFaultInformation fault;
  std::array<uint8_t, 4016> reserved3{};
};

static_assert(sizeof(ReferenceTscPage) == kPageSize);
static_assert(offsetof(ReferenceTscPage, scale) == 8);
static_assert(offsetof(ReferenceTscPage, offset) == 16);
static_assert(std::is_trivially_copyable_v<ReferenceTscPage>);
static_assert(std::has_unique_object_representations_v<ReferenceTscPage>);

static_assert(sizeof(VpVtlControl) == 24 && sizeof(NestedEnlightenmentsControl) == 8);
static_assert(sizeof(VirtualizationFaultInformation) == 16);
static_assert(sizeof(VpAssistPage) == kPageSize);
static_assert(offsetof(VpAssistPage, vtl_control) == 8);
static_assert(offsetof(VpAssistPage, nested_control) == 32);
static_assert(offsetof(VpAssistPage, enlighten_vm_entry) == 40);
static_assert(offsetof(VpAssistPage, current_nested_vmcs) == 48);
static_assert(offsetof(VpAssistPage, unhalted_timer_expired) == 56);
static_assert(offsetof(VpAssistPage, fault) == 64);
static_assert(std::is_trivially_copyable_v<VpAssistPage>);
static_assert(std::has_unique_object_representations_v<VpAssistPage>);

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_PAGES_H_
