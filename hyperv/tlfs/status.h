// HV_STATUS: what a hypercall returns in bits 15:0 of its result.
//
// Source: TLFS hypercall-interface.md "Common Hypercall Status Codes" and the tables "Return
// Values" of hypercalls/*.md; numbers from Linux's hvgdk_mini.h and the Windows hypercall headers.
// Codes that only say which processor feature a restore lacked (0x20..0x56, save those here) are
// not named. Immutable.
#ifndef HVKIT_HYPERV_TLFS_STATUS_H_
#define HVKIT_HYPERV_TLFS_STATUS_H_

#include <cstdint>

namespace hvkit::hyperv::tlfs {

// HV_STATUS, without the prefix.
enum class [[nodiscard]] HvStatus : uint16_t {
  kSuccess = 0x0000,
  kInvalidHypercallCode = 0x0002,
  kInvalidHypercallInput = 0x0003,  // Reserved bits, reps or sizes of the control word
  kInvalidAlignment = 0x0004,       // Misaligned, page-crossing or outside the GPA space
  kInvalidParameter = 0x0005,
  kAccessDenied = 0x0006,
  kInvalidPartitionState = 0x0007,
  kOperationDenied = 0x0008,
  kUnknownProperty = 0x0009,
  kPropertyValueOutOfRange = 0x000A,
  kInsufficientMemory = 0x000B,
  kPartitionTooDeep = 0x000C,
  kInvalidPartitionId = 0x000D,
  kInvalidVpIndex = 0x000E,
  kNotFound = 0x0010,
  kInvalidPortId = 0x0011,
  kInvalidConnectionId = 0x0012,
  kInsufficientBuffers = 0x0013,
  kNotAcknowledged = 0x0014,
  kInvalidVpState = 0x0015,
  kAcknowledged = 0x0016,
  kInvalidSaveRestoreState = 0x0017,
  kInvalidSynicState = 0x0018,
  kObjectInUse = 0x0019,
  kInvalidProximityDomainInfo = 0x001A,
  kNoData = 0x001B,
  kInactive = 0x001C,
  kNoResources = 0x001D,
  kFeatureUnavailable = 0x001E,
  kPartialPacket = 0x001F,
  kProcessorFeatureNotSupported = 0x0020,
  kProcessorCacheLineFlushSizeIncompatible = 0x0030,
  kInsufficientBuffer = 0x0033,
  kIncompatibleProcessor = 0x0037,
  kInsufficientDeviceDomains = 0x0038,
  kCpuidFeatureValidationError = 0x003C,
  kCpuidXsaveFeatureValidationError = 0x003D,
  kProcessorStartupTimeout = 0x003E,
  kSmxEnabled = 0x003F,
  kInvalidLpIndex = 0x0041,
  kInvalidRegisterValue = 0x0050,
  kInvalidVtlState = 0x0051,
  kNxNotDetected = 0x0055,
  kInvalidDeviceId = 0x0057,
  kInvalidDeviceState = 0x0058,
  kPendingPageRequests = 0x0059,
  kPageRequestInvalid = 0x0060,
  kKeyAlreadyExists = 0x0065,
  kDeviceAlreadyInDomain = 0x0066,
  kInvalidCpuGroupId = 0x006F,
  kInvalidCpuGroupState = 0x0070,
  kOperationFailed = 0x0071,
  kNotAllowedWithNestedVirtActive = 0x0072,
  kInsufficientRootMemory = 0x0073,
  kInsufficientContiguousMemory = 0x0075,
  kTimeout = 0x0078,
  kCallPending = 0x0079,
  kInsufficientContiguousRootMemory = 0x0083,
  kVtlAlreadyEnabled = 0x0086,
};

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_STATUS_H_
