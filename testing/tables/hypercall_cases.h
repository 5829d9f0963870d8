// Every hypercall of a guest partition, with input that it accepts and with input that it refuses:
// the table that unit tests run against the model, and guests on a machine.
//
// kHypercallRows has a row for each call; hypercall_plan.h makes from a row the calls that differ
// from it in one thing of the ABI (place of the blocks, reserved bits, reps, mode, privilege), each
// with its answer, and KVM's where that differs. kHypercallInputCases are refusals of single calls.
// Written from the TLFS and not from hyperv/hypercall: tests hold the two against each other.
// Nothing is changed by any of the calls but TLBs, so they can be run in any order, and in any
// virtual machine whose processor 0 has APIC id 0. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_TABLES_HYPERCALL_CASES_H_
#define HVKIT_TESTING_TABLES_HYPERCALL_CASES_H_

#include <array>
#include <cstdint>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "testing/tables/hypercall_row.h"

namespace hvkit::testing {
namespace internal {

using hyperv::tlfs::CallCode;
using hyperv::tlfs::HvStatus;
namespace bits = hyperv::tlfs::bits;

inline constexpr uint64_t kSelf = hyperv::tlfs::kPartitionIdSelf;
inline constexpr uint64_t kSelfVp = hyperv::tlfs::kVpIndexSelf;
inline constexpr uint64_t kNoVp = 0x7FFFFFFF;
inline constexpr uint64_t kCr3 = 0x1000;
inline constexpr uint64_t kNoConnection = 0xABCDEF;
inline constexpr uint64_t kVpIndexRegister = 0x00090003;
inline constexpr uint64_t kSint15Register = 0x000A000F;
inline constexpr uint64_t kSintReset = 0x10000;

// clang-format off
inline constexpr std::array kHypercallRows = {
    HypercallRow{.name = "FlushVirtualAddressSpace", .code = CallCode::kFlushVirtualAddressSpace,
                 .gates = {&bits::kUseRemoteFlush}, .on_kvm = OnKvm::kAnswers,
                 .header = 24, .block = {kCr3, 0, 1}},
    HypercallRow{.name = "FlushVirtualAddressList", .code = CallCode::kFlushVirtualAddressList,
                 .gates = {&bits::kUseRemoteFlush}, .on_kvm = OnKvm::kAnswers,
                 .header = 24, .element = 8, .reps = 2, .block = {kCr3, 0, 1, 0x7000, 0x9001}},
    HypercallRow{.name = "NotifyLongSpinWait", .code = CallCode::kNotifyLongSpinWait,
                 .on_kvm = OnKvm::kAnswers, .header = 8, .block = {1000}},
    HypercallRow{.name = "SendSyntheticClusterIpi", .code = CallCode::kSendSyntheticClusterIpi,
                 .gates = {&bits::kUseClusterIpi}, .on_kvm = OnKvm::kAnswers,
                 .header = 16, .block = {0xF0, 0}},
    HypercallRow{.name = "FlushVirtualAddressSpaceEx",
                 .code = CallCode::kFlushVirtualAddressSpaceEx,
                 .gates = {&bits::kUseRemoteFlush, &bits::kUseExProcessorMasks},
                 .on_kvm = OnKvm::kAnswers,
                 .header = 32, .variable_words = 1, .block = {kCr3, 0, 0, 1, 1}},
    HypercallRow{.name = "FlushVirtualAddressListEx", .code = CallCode::kFlushVirtualAddressListEx,
                 .gates = {&bits::kUseRemoteFlush, &bits::kUseExProcessorMasks},
                 .on_kvm = OnKvm::kAnswers,
                 .header = 32, .element = 8, .variable_words = 1, .reps = 2,
                 .block = {kCr3, 0, 0, 1, 1, 0x7000, 0x9001}},
    HypercallRow{.name = "SendSyntheticClusterIpiEx", .code = CallCode::kSendSyntheticClusterIpiEx,
                 .gates = {&bits::kUseClusterIpi, &bits::kUseExProcessorMasks},
                 .on_kvm = OnKvm::kAnswers,
                 .header = 24, .variable_words = 1, .block = {0xF0, 0, 1, 0}},
    HypercallRow{.name = "GetPartitionId", .code = CallCode::kGetPartitionId,
                 .gates = {&bits::kAccessPartitionId}, .output = 8},
    HypercallRow{.name = "GetVpRegisters", .code = CallCode::kGetVpRegisters,
                 .gates = {&bits::kAccessVpRegisters},
                 .header = 16, .element = 4, .result = 16, .reps = 2,
                 .block = {kSelf, kSelfVp, kVpIndexRegister << 32 | kVpIndexRegister}},
    HypercallRow{.name = "SetVpRegisters", .code = CallCode::kSetVpRegisters,
                 .gates = {&bits::kAccessVpRegisters},
                 .header = 16, .element = 32, .reps = 2,
                 .block = {kSelf, kSelfVp, kSint15Register, 0, kSintReset, 0,
                           kSint15Register, 0, kSintReset, 0}},
    HypercallRow{.name = "PostMessage", .code = CallCode::kPostMessage,
                 .gates = {&bits::kPostMessages}, .on_kvm = OnKvm::kForwards, .header = 256,
                 .block = {kNoConnection, uint64_t{8} << 32 | 1, 0x1122334455667788},
                 .status = HvStatus::kInvalidConnectionId},
    HypercallRow{.name = "SignalEvent", .code = CallCode::kSignalEvent,
                 .gates = {&bits::kSignalEvents}, .on_kvm = OnKvm::kForwards,
                 .header = 8, .block = {kNoConnection}, .status = HvStatus::kInvalidConnectionId},
    HypercallRow{.name = "PostDebugData", .code = CallCode::kPostDebugData,
                 .gates = {&bits::kDebugging}, .on_kvm = OnKvm::kForwards,
                 .needs = Needs::kDebugger,
                 .header = 8, .output = 4, .is_memory_only = true, .block = {4, 0x64636261}},
    HypercallRow{.name = "RetrieveDebugData", .code = CallCode::kRetrieveDebugData,
                 .gates = {&bits::kDebugging}, .on_kvm = OnKvm::kForwards,
                 .needs = Needs::kDebugger,
                 .header = 16, .output = 8, .is_memory_only = true, .block = {64, 0},
                 .status = HvStatus::kNoData},
    HypercallRow{.name = "ResetDebugSession", .code = CallCode::kResetDebugSession,
                 .gates = {&bits::kDebugging}, .on_kvm = OnKvm::kForwards,
                 .needs = Needs::kDebugger, .header = 4, .output = 24, .block = {0}},
    HypercallRow{.name = "RetargetDeviceInterrupt", .code = CallCode::kRetargetDeviceInterrupt,
                 .needs = Needs::kPciDevice, .header = 56,
                 .block = {kSelf, 0x1234, 1, 0xFEE00000, 0, 0x30, 1},
                 .status = HvStatus::kInvalidDeviceId},
    HypercallRow{.name = "StartVirtualProcessor", .code = CallCode::kStartVirtualProcessor,
                 .gates = {&bits::kStartVirtualProcessor}, .header = 240,
                 .block = {kSelf, kNoVp}, .status = HvStatus::kInvalidVpIndex},
    HypercallRow{.name = "GetVpIndexFromApicId", .code = CallCode::kGetVpIndexFromApicId,
                 .gates = {&bits::kStartVirtualProcessor},
                 .header = 16, .element = 4, .result = 4, .reps = 2, .block = {kSelf, 0, 0}},
    HypercallRow{.name = "QueryCapabilities", .code = CallCode::kExtQueryCapabilities,
                 .gates = {&bits::kExtendedHypercalls}, .on_kvm = OnKvm::kForwards, .output = 8},
    HypercallRow{.name = "GetBootZeroedMemory", .code = CallCode::kExtGetBootZeroedMemory,
                 .gates = {&bits::kExtendedHypercalls}, .on_kvm = OnKvm::kForwards,
                 .output = 0xFF8, .is_memory_only = true},
};

// Word 1 of PostMessage holds the type and the size; word 0 of the IPIs the vector and the VTL.
inline constexpr std::array kHypercallInputCases = {
    HypercallInputCase{"reserved flag", CallCode::kFlushVirtualAddressSpace, 1, 1 << 4,
                       HvStatus::kInvalidParameter, HvStatus::kSuccess},
    HypercallInputCase{"no global flush of a list", CallCode::kFlushVirtualAddressList, 1, 1 << 2,
                       HvStatus::kInvalidParameter, HvStatus::kSuccess},
    HypercallInputCase{"reserved flag", CallCode::kFlushVirtualAddressSpaceEx, 1, 1 << 4,
                       HvStatus::kInvalidParameter, HvStatus::kSuccess},
    HypercallInputCase{"unknown format of the set", CallCode::kFlushVirtualAddressSpaceEx, 2, 2,
                       HvStatus::kInvalidParameter, HvStatus::kSuccess},
    HypercallInputCase{"no bank for a bit", CallCode::kFlushVirtualAddressSpaceEx, 3, 3,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"no bit for a bank", CallCode::kFlushVirtualAddressSpaceEx, 3, 0,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"no bank for a bit", CallCode::kFlushVirtualAddressListEx, 3, 3,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"vector 15", CallCode::kSendSyntheticClusterIpi, 0, 15,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"vector 256", CallCode::kSendSyntheticClusterIpi, 0, 256,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"VTL 1", CallCode::kSendSyntheticClusterIpi, 0, uint64_t{0x11} << 32 | 0xF0,
                       HvStatus::kInvalidHypercallInput, HvStatus::kSuccess},
    HypercallInputCase{"vector 15", CallCode::kSendSyntheticClusterIpiEx, 0, 15,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"no bank for a bit", CallCode::kSendSyntheticClusterIpiEx, 2, 3,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"message type 0", CallCode::kPostMessage, 1, uint64_t{8} << 32,
                       HvStatus::kInvalidParameter, HvStatus::kInvalidParameter},
    HypercallInputCase{"a type of the hypervisor's", CallCode::kPostMessage, 1,
                       uint64_t{8} << 32 | 0x80000000,
                       HvStatus::kInvalidParameter, HvStatus::kInvalidParameter},
    HypercallInputCase{"241 bytes", CallCode::kPostMessage, 1, uint64_t{241} << 32 | 1,
                       HvStatus::kInvalidParameter, HvStatus::kInvalidParameter},
    HypercallInputCase{"reserved bits of the connection", CallCode::kPostMessage, 0, 1 << 24,
                       HvStatus::kInvalidConnectionId, HvStatus::kInvalidConnectionId},
    HypercallInputCase{"reserved bits of the connection", CallCode::kSignalEvent, 0, 1 << 24,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"reserved bits", CallCode::kSignalEvent, 0, uint64_t{1} << 48 | 1,
                       HvStatus::kInvalidHypercallInput, HvStatus::kInvalidHypercallInput},
    HypercallInputCase{"another partition", CallCode::kStartVirtualProcessor, 0, 1,
                       HvStatus::kInvalidPartitionId, HvStatus::kInvalidHypercallCode},
    HypercallInputCase{"VTL 1", CallCode::kStartVirtualProcessor, 1, uint64_t{0x11} << 32,
                       HvStatus::kInvalidParameter, HvStatus::kInvalidHypercallCode},
    HypercallInputCase{"another partition", CallCode::kGetVpIndexFromApicId, 0, 1,
                       HvStatus::kInvalidPartitionId, HvStatus::kInvalidHypercallCode},
    HypercallInputCase{"no such APIC id", CallCode::kGetVpIndexFromApicId, 2, 0xFFFFFFF0,
                       HvStatus::kInvalidParameter, HvStatus::kInvalidHypercallCode},
    HypercallInputCase{"no such VP", CallCode::kGetVpRegisters, 1, kNoVp,
                       HvStatus::kInvalidVpIndex, HvStatus::kInvalidHypercallCode},
    HypercallInputCase{"another partition", CallCode::kGetVpRegisters, 0, 1,
                       HvStatus::kInvalidPartitionId, HvStatus::kInvalidHypercallCode},
    HypercallInputCase{"reserved bits of an entry", CallCode::kSetVpRegisters, 3, 1,
                       HvStatus::kInvalidParameter, HvStatus::kInvalidHypercallCode},
};
// clang-format on

}  // namespace internal

inline constexpr auto& kHypercallRows = internal::kHypercallRows;
inline constexpr auto& kHypercallInputCases = internal::kHypercallInputCases;

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_HYPERCALL_CASES_H_
