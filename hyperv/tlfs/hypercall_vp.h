// Hypercalls on virtual processors and the debugger's: input and output blocks.
//
// Source: TLFS hypercalls/HvCallStartVirtualProcessor.md, HvCallGetVpIndexFromApicId.md,
// HvCallGetVpRegisters.md, HvCallSetVpRegisters.md, datatypes/hv_initial_vp_context.md,
// hv_x64_segment_register.md, hv_x64_table_register.md; the debugger's calls from QEMU's
// hyperv-proto.h. Lists follow the fixed part in memory. Immutable.
#ifndef HVKIT_HYPERV_TLFS_HYPERCALL_VP_H_
#define HVKIT_HYPERV_TLFS_HYPERCALL_VP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hyperv/tlfs/field.h"
#include "hyperv/tlfs/hypercall.h"

namespace hvkit::hyperv::tlfs {

// The attributes of a HV_X64_SEGMENT_REGISTER, as in a descriptor.
struct SegmentAttributes {
  uint16_t raw = 0;
  using Type = Field<0, 4>;
  using NonSystem = Field<4, 1>;
  using Dpl = Field<5, 2>;
  using Present = Field<7, 1>;
  using Available = Field<12, 1>;
  using Long = Field<13, 1>;
  using Default = Field<14, 1>;
  using Granularity = Field<15, 1>;
};

// HV_X64_SEGMENT_REGISTER.
struct SegmentRegister {
  uint64_t base = 0;
  uint32_t limit = 0;
  uint16_t selector = 0;
  SegmentAttributes attributes;
};

// HV_X64_TABLE_REGISTER.
struct TableRegister {
  std::array<uint16_t, 3> pad{};
  uint16_t limit = 0;
  uint64_t base = 0;
};

// HV_INITIAL_VP_CONTEXT for x64.
struct InitialVpContext {
  uint64_t rip = 0, rsp = 0, rflags = 0;
  SegmentRegister cs, ds, es, fs, gs, ss, tr, ldtr;
  TableRegister idtr, gdtr;
  uint64_t efer = 0, cr0 = 0, cr3 = 0, cr4 = 0, pat = 0;
};

// HvCallStartVirtualProcessor.
struct StartVpInput {
  uint64_t partition_id = 0;
  uint32_t vp_index = 0;
  InputVtl target_vtl;
  std::array<uint8_t, 3> reserved{};
  InitialVpContext context;
};

// Followed by APIC ids: on x64 a list of 32-bit words.
struct GetVpIndexFromApicIdInput {
  uint64_t partition_id = 0;
  InputVtl target_vtl;
  std::array<uint8_t, 7> reserved{};
};

// HvCallGetVpRegisters (followed by 32-bit names) and HvCallSetVpRegisters (by VpRegisterEntry).
struct VpRegistersInput {
  uint64_t partition_id = 0;
  uint32_t vp_index = 0;
  InputVtl target_vtl;
  std::array<uint8_t, 3> reserved{};
};

// HV_REGISTER_VALUE; registers of 64 bits are in `low`.
struct VpRegisterValue {
  uint64_t low = 0;
  uint64_t high = 0;
};

// HV_REGISTER_ASSOC: an element of HvCallSetVpRegisters' list.
struct VpRegisterEntry {
  uint32_t name = 0;
  std::array<uint32_t, 3> reserved{};
  VpRegisterValue value;
};

// The data follows: as much of a page as `count` says.
struct PostDebugDataInput {
  uint32_t count = 0;
  uint32_t options = 0;
};

// HvCallPostDebugData's answer: what was not taken, in bytes.
struct PostDebugDataOutput {
  uint32_t pending_count = 0;
};

// HvCallRetrieveDebugData; `count` in bytes, `timeout` in units of 100 ns.
struct RetrieveDebugDataInput {
  uint32_t count = 0;
  uint32_t options = 0;
  uint64_t timeout = 0;
};

// The data follows.
struct RetrieveDebugDataOutput {
  uint32_t retrieved_count = 0;
  uint32_t remaining_count = 0;
};

// HvCallResetDebugSession.
struct ResetDebugSessionInput {
  uint32_t raw = 0;
  using PurgeIncoming = Field<0, 1>;
  using PurgeOutgoing = Field<1, 1>;
};

// The addresses of the session's two ends.
struct ResetDebugSessionOutput {
  uint32_t host_ip = 0;
  uint32_t target_ip = 0;
  uint16_t host_port = 0;
  uint16_t target_port = 0;
  std::array<uint8_t, 6> host_mac{};
  std::array<uint8_t, 6> target_mac{};
};

static_assert(sizeof(SegmentRegister) == 16 && sizeof(TableRegister) == 16);
static_assert(offsetof(SegmentRegister, attributes) == 14 && offsetof(TableRegister, base) == 8);
static_assert(sizeof(InitialVpContext) == 224);
static_assert(offsetof(InitialVpContext, cs) == 24 && offsetof(InitialVpContext, idtr) == 152);
static_assert(offsetof(InitialVpContext, efer) == 184);
static_assert(sizeof(StartVpInput) == 240 && offsetof(StartVpInput, context) == 16);
static_assert(sizeof(GetVpIndexFromApicIdInput) == 16 && sizeof(VpRegistersInput) == 16);
static_assert(sizeof(VpRegisterEntry) == 32 && offsetof(VpRegisterEntry, value) == 16);
static_assert(sizeof(PostDebugDataInput) == 8 && sizeof(PostDebugDataOutput) == 4);
static_assert(sizeof(RetrieveDebugDataInput) == 16 && sizeof(RetrieveDebugDataOutput) == 8);
static_assert(sizeof(ResetDebugSessionInput) == 4 && sizeof(ResetDebugSessionOutput) == 24);
static_assert(std::is_trivially_copyable_v<StartVpInput>);
static_assert(std::has_unique_object_representations_v<StartVpInput>);
static_assert(std::has_unique_object_representations_v<ResetDebugSessionOutput>);

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_HYPERCALL_VP_H_
