// Hypercalls: codes, control and result words, and the fixed parts of input and output blocks.
//
// Source: TLFS hypercall-interface.md, hypercalls/*.md, virtual-mmu.md, datatypes/hv_vp_set.md,
// hv_gva.md; the debugger's calls from QEMU's hyperv-proto.h. Lists and variable headers follow the
// fixed part in memory. Which calls exist, and their checks, is not here. Immutable.
#ifndef HVKIT_HYPERV_TLFS_HYPERCALL_H_
#define HVKIT_HYPERV_TLFS_HYPERCALL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hyperv/tlfs/field.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv::tlfs {

// Bits 15:0 of the control word: HvCall..., and HvExtCall... from kFirstExtendedCall on.
enum class CallCode : uint16_t {
  kSwitchVirtualAddressSpace = 0x0001,
  kFlushVirtualAddressSpace = 0x0002,
  kFlushVirtualAddressList = 0x0003,  // Rep
  kNotifyLongSpinWait = 0x0008,
  kSendSyntheticClusterIpi = 0x000B,
  kModifyVtlProtectionMask = 0x000C,  // Rep
  kEnablePartitionVtl = 0x000D,
  kEnableVpVtl = 0x000F,
  kVtlCall = 0x0011,
  kVtlReturn = 0x0012,
  kFlushVirtualAddressSpaceEx = 0x0013,
  kFlushVirtualAddressListEx = 0x0014,  // Rep
  kSendSyntheticClusterIpiEx = 0x0015,
  kGetPartitionId = 0x0046,
  kGetVpRegisters = 0x0050,  // Rep
  kSetVpRegisters = 0x0051,  // Rep
  kTranslateVirtualAddress = 0x0052,
  kPostMessage = 0x005C,
  kSignalEvent = 0x005D,
  kPostDebugData = 0x0069,
  kRetrieveDebugData = 0x006A,
  kResetDebugSession = 0x006B,
  kRetargetDeviceInterrupt = 0x007E,
  kStartVirtualProcessor = 0x0099,
  kGetVpIndexFromApicId = 0x009A,  // Rep
  kTranslateVirtualAddressEx = 0x00AC,
  kFlushGuestPhysicalAddressSpace = 0x00AF,
  kFlushGuestPhysicalAddressList = 0x00B0,  // Rep
  kExtQueryCapabilities = 0x8001,
  kExtGetBootZeroedMemory = 0x8002,
  kExtMemoryHeatHint = 0x8003,
};

// Where the extended calls begin.
inline constexpr uint16_t kFirstExtendedCall = 0x8001;
// HV_PARTITION_ID_SELF, HV_VP_INDEX_SELF and HV_ANY_VP.
inline constexpr uint64_t kPartitionIdSelf = ~uint64_t{0};
inline constexpr uint32_t kVpIndexSelf = 0xFFFFFFFE;
inline constexpr uint32_t kVpIndexAny = 0xFFFFFFFF;

// RCX, or EDX:EAX.
struct HypercallControl {
  uint64_t raw = 0;
  using Code = Field<0, 16>;
  using Fast = Field<16, 1>;
  using VariableHeaderSize = Field<17, 10>;  // In units of 8 bytes
  using Nested = Field<31, 1>;
  using RepCount = Field<32, 12>;
  using RepStart = Field<48, 12>;
  static constexpr uint64_t kReservedMask =
      Field<27, 4>::kMask | Field<44, 4>::kMask | Field<60, 4>::kMask;
};

// RAX, or EDX:EAX. RepsCompleted counts from the first rep, not from RepStart.
struct HypercallResult {
  uint64_t raw = 0;
  using Status = Field<0, 16>;
  using RepsCompleted = Field<32, 12>;
};

// Fast calls: RDX and R8, then XMM0 to XMM5 where the feature is there.
inline constexpr size_t kFastInputSize = 16;
inline constexpr size_t kXmmRegisters = 6;
inline constexpr size_t kXmmInputSize = kFastInputSize + 16 * kXmmRegisters;

// HV_VP_SET: the words of the banks named in valid_bank_mask follow, packed.
struct VpSet {
  // HV_GENERIC_SET_FORMAT.
  enum class Format : uint64_t { kSparse = 0, kAll = 1 };
  static constexpr size_t kBankBits = 64;

  uint64_t format = 0;
  uint64_t valid_bank_mask = 0;
};

// HV_FLUSH_FLAGS.
struct FlushFlags {
  uint64_t raw = 0;
  using AllProcessors = Field<0, 1>;
  using AllVirtualAddressSpaces = Field<1, 1>;
  using NonGlobalMappingsOnly = Field<2, 1>;
  using UseExtendedRangeFormat = Field<3, 1>;
};

// HvCallFlushVirtualAddressSpace and ...List.
struct FlushInput {
  uint64_t address_space = 0;
  FlushFlags flags;
  uint64_t processor_mask = 0;
};

// HvCallFlushVirtualAddressSpaceEx and ...ListEx.
struct FlushExInput {
  uint64_t address_space = 0;
  FlushFlags flags;
  VpSet processor_set;
};

// One element of a flush list.
struct GvaRange {
  uint64_t raw = 0;
  using AdditionalPages = Field<0, 12>;
  using Page = Field<12, 52>;
};

// HV_INPUT_VTL.
struct InputVtl {
  uint8_t raw = 0;
  using TargetVtl = Field<0, 4>;
  using UseTargetVtl = Field<4, 1>;
};

// The vectors that the IPI calls take.
inline constexpr uint32_t kIpiVectorMin = 0x10;
inline constexpr uint32_t kIpiVectorMax = 0xFF;

// HvCallSendSyntheticClusterIpi.
struct SendIpiInput {
  uint32_t vector = 0;
  InputVtl target_vtl;
  std::array<uint8_t, 3> reserved{};
  uint64_t processor_mask = 0;
};

// HvCallSendSyntheticClusterIpiEx.
struct SendIpiExInput {
  uint32_t vector = 0;
  InputVtl target_vtl;
  std::array<uint8_t, 3> reserved{};
  VpSet processor_set;
};

// HvCallNotifyLongSpinWait.
struct NotifyLongSpinWaitInput {
  uint32_t spin_count = 0;
  uint32_t reserved = 0;
};

// HvCallPostMessage.
struct PostMessageInput {
  ConnectionId connection;
  uint32_t reserved = 0;
  uint32_t message_type = 0;
  uint32_t payload_size = 0;
  std::array<uint8_t, kMessagePayloadSize> payload{};
};

// HvCallSignalEvent.
struct SignalEventInput {
  ConnectionId connection;
  uint16_t flag_number = 0;
  uint16_t reserved = 0;
};

static_assert(sizeof(VpSet) == 16);
static_assert(sizeof(FlushInput) == 24 && offsetof(FlushInput, processor_mask) == 16);
static_assert(sizeof(FlushExInput) == 32 && offsetof(FlushExInput, processor_set) == 16);
static_assert(sizeof(SendIpiInput) == 16 && offsetof(SendIpiInput, processor_mask) == 8);
static_assert(sizeof(SendIpiExInput) == 24 && offsetof(SendIpiExInput, processor_set) == 8);
static_assert(sizeof(NotifyLongSpinWaitInput) == 8);
static_assert(sizeof(PostMessageInput) == 256 && offsetof(PostMessageInput, payload) == 16);
static_assert(offsetof(PostMessageInput, message_type) == 8);
static_assert(sizeof(SignalEventInput) == 8 && offsetof(SignalEventInput, flag_number) == 4);
static_assert(std::is_trivially_copyable_v<PostMessageInput>);
static_assert(std::has_unique_object_representations_v<FlushExInput>);
static_assert(std::has_unique_object_representations_v<SendIpiExInput>);

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_HYPERCALL_H_
