// SynIC pages: messages and event flags.
//
// Source: TLFS inter-partition-communication.md "SIM Page" and "SIEF Page",
// datatypes/hv_message.md, hv_message_type.md, hv_synic_event_flags.md, hv_connection_id.md,
// hv_port_id.md. Layout only: how a slot is filled and acknowledged is not here. Immutable.
#ifndef HVKIT_HYPERV_TLFS_SYNIC_H_
#define HVKIT_HYPERV_TLFS_SYNIC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hyperv/tlfs/field.h"

namespace hvkit::hyperv::tlfs {

// Sizes, in SINTs, bytes and flags.
inline constexpr size_t kSintCount = 16;
inline constexpr size_t kMessageSize = 256;
inline constexpr size_t kMessagePayloadSize = 240;
inline constexpr size_t kEventFlagsBytes = 256;
inline constexpr size_t kEventFlagsCount = 8 * kEventFlagsBytes;

// SINTs with a fixed use (Linux hvgdk_mini.h).
inline constexpr size_t kInterceptSint = 0;
inline constexpr size_t kVmbusSint = 2;

// HV_MESSAGE_TYPE.
enum class MessageType : uint32_t {
  kNone = 0x00000000,  // The slot is free
  kUnmappedGpa = 0x80000000,
  kGpaIntercept = 0x80000001,
  kUnacceptedGpa = 0x80000003,
  kGpaAttributeIntercept = 0x80000004,
  kTimerExpired = 0x80000010,
  kInvalidVpRegisterValue = 0x80000020,
  kUnrecoverableException = 0x80000021,
  kUnsupportedFeature = 0x80000022,
  kOpaqueIntercept = 0x8000003F,
  kHypercallIntercept = 0x80000050,
  kSynicEventIntercept = 0x80000060,
  kSynicSintIntercept = 0x80000061,
  kSynicSintDeliverable = 0x80000062,
  kAsyncCallCompletion = 0x80000070,
  kX64IoPortIntercept = 0x80010000,
  kMsrIntercept = 0x80010001,
  kX64CpuidIntercept = 0x80010002,
  kExceptionIntercept = 0x80010003,
  kX64ApicEoi = 0x80010004,
  kRegisterIntercept = 0x80010006,
  kX64Halt = 0x80010007,
  kX64InterruptionDeliverable = 0x80010008,
  kX64SipiIntercept = 0x80010009,
};

// Types with this bit are the hypervisor's: a guest cannot post them.
inline constexpr uint32_t kHypervisorMessageMask = 0x80000000;

// HV_CONNECTION_ID and HV_PORT_ID: bits 31:24 are reserved.
struct ConnectionId {
  uint32_t raw = 0;
  using Id = Field<0, 24>;
  using Reserved = Field<24, 8>;
};
// As ConnectionId.
struct PortId {
  uint32_t raw = 0;
  using Id = Field<0, 24>;
  using Reserved = Field<24, 8>;
};

// HV_MESSAGE_FLAGS.
struct MessageFlags {
  uint8_t raw = 0;
  using MessagePending = Field<0, 1>;
};

// HV_MESSAGE_HEADER.
struct MessageHeader {
  MessageType type = MessageType::kNone;
  uint8_t payload_size = 0;
  MessageFlags flags;
  uint16_t reserved = 0;
  uint64_t origin = 0;  // Port id, partition id, or 0 for timers
};

// HV_MESSAGE: one slot.
struct Message {
  MessageHeader header;
  std::array<uint8_t, kMessagePayloadSize> payload{};
};

// The SIM page: a slot for each SINT.
struct MessagePage {
  std::array<Message, kSintCount> slots;
};

// HV_SYNIC_EVENT_FLAGS: bit n of the words is flag n.
struct EventFlags {
  std::array<uint64_t, kEventFlagsCount / 64> words{};
};

// The SIEF page: flags for each SINT.
struct EventFlagsPage {
  std::array<EventFlags, kSintCount> sints;
};

static_assert(sizeof(ConnectionId) == 4 && sizeof(PortId) == 4);
static_assert(sizeof(MessageHeader) == 16);
static_assert(offsetof(MessageHeader, payload_size) == 4);
static_assert(offsetof(MessageHeader, flags) == 5);
static_assert(offsetof(MessageHeader, origin) == 8);
static_assert(sizeof(Message) == kMessageSize && offsetof(Message, payload) == 16);
static_assert(sizeof(MessagePage) == 4096);
static_assert(sizeof(EventFlags) == kEventFlagsBytes && sizeof(EventFlagsPage) == 4096);
static_assert(std::is_trivially_copyable_v<MessagePage>);
static_assert(std::is_trivially_copyable_v<EventFlagsPage>);
static_assert(std::has_unique_object_representations_v<Message>);

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_SYNIC_H_
