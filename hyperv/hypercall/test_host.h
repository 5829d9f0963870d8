// For tests of the calls: a host that has all that they need, and writes down what it is asked for.
#ifndef HVKIT_HYPERV_HYPERCALL_TEST_HOST_H_
#define HVKIT_HYPERV_HYPERCALL_TEST_HOST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_retargeter.h"
#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/hypercall/test_vps.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"

namespace hvkit::hyperv {

inline std::vector<uint32_t> Members(const VpSet& set) {
  std::vector<uint32_t> members;
  set.ForEach([&members](VpIndex vp) { members.push_back(vp.value()); });
  return members;
}

class TestTlb final : public TlbFlusher {
 public:
  struct Seen {
    uint32_t caller;
    std::vector<uint32_t> vps;
    std::optional<uint64_t> address_space;
    bool keeps_global;
    std::vector<uint64_t> ranges;
    bool extended;
  };

  Progress Flush(const TlbFlush& flush) override {
    seen.push_back({flush.caller.value(),
                    Members(flush.vps),
                    flush.address_space,
                    flush.keeps_global,
                    {flush.ranges.begin(), flush.ranges.end()},
                    flush.extended});
    return progress;
  }

  Progress progress = Progress::kDone;
  std::vector<Seen> seen;
};

class TestConnections final : public Connections {
 public:
  struct Posted {
    uint32_t caller;
    uint32_t id;
    tlfs::MessageType type;
    std::vector<std::byte> payload;
  };
  struct Signalled {
    uint32_t caller;
    uint32_t id;
    uint16_t flag;
  };

  tlfs::HvStatus PostMessage(VpIndex caller, uint32_t id, tlfs::MessageType type,
                             std::span<const std::byte> payload) override {
    posted.push_back({caller.value(), id, type, {payload.begin(), payload.end()}});
    return status;
  }
  tlfs::HvStatus SignalEvent(VpIndex caller, uint32_t id, uint16_t flag) override {
    signalled.push_back({caller.value(), id, flag});
    return status;
  }

  tlfs::HvStatus status = tlfs::HvStatus::kInvalidConnectionId;
  std::vector<Posted> posted;
  std::vector<Signalled> signalled;
};

class TestDebugger final : public DebugChannel {
 public:
  tlfs::HvStatus Post(std::span<const std::byte> packet, uint32_t& left) override {
    sent.assign(packet.begin(), packet.end());
    left = unsent;
    return unsent == 0 ? tlfs::HvStatus::kSuccess : tlfs::HvStatus::kInsufficientBuffers;
  }
  tlfs::HvStatus Retrieve(std::span<std::byte> packet, uint32_t& received) override {
    if (arrived.empty()) return tlfs::HvStatus::kNoData;
    received = static_cast<uint32_t>(std::min(packet.size(), arrived.size()));
    std::copy_n(arrived.begin(), received, packet.begin());
    return tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus Reset(tlfs::ResetDebugSessionInput request,
                       tlfs::ResetDebugSessionOutput& session) override {
    last_reset = request.raw;
    session.host_port = 50000;
    return tlfs::HvStatus::kSuccess;
  }

  std::vector<std::byte> sent;
  std::vector<std::byte> arrived;
  uint32_t unsent = 0;
  uint32_t last_reset = 0;
};

class TestZeroedMemory final : public BootZeroedMemory {
 public:
  size_t Ranges(std::span<tlfs::BootZeroedRange> to) const override {
    const size_t count = std::min(to.size(), ranges.size());
    std::copy_n(ranges.begin(), count, to.begin());
    return count;
  }

  std::vector<tlfs::BootZeroedRange> ranges;
};

class TestRetargeter final : public InterruptRetargeter {
 public:
  static constexpr uint64_t kDevice = 0x77;

  tlfs::HvStatus Retarget(uint64_t device, const tlfs::InterruptEntry& which,
                          const InterruptTarget& target) override {
    if (device != kDevice) return tlfs::HvStatus::kInvalidDeviceId;
    entry = which;
    vector = target.vector.value();
    multicast = target.multicast;
    vps = Members(target.vps);
    return tlfs::HvStatus::kSuccess;
  }

  tlfs::InterruptEntry entry;
  uint8_t vector = 0;
  bool multicast = false;
  std::vector<uint32_t> vps;
};

struct TestHost {
  explicit TestHost(uint32_t vp_count) : vps(vp_count) {}

  HypercallHost Interfaces() {
    return {.tlb = &tlb,
            .interrupts = &interrupts,
            .spin = &vps,
            .connections = &connections,
            .debug = &debugger,
            .boot_zeroed = &zeroed,
            .starter = &vps,
            .apic_ids = &vps,
            .registers = &registers,
            .retargeter = &retargeter};
  }

  TestTlb tlb;
  testing::FakeInterruptSink interrupts;
  TestConnections connections;
  TestDebugger debugger;
  TestVps vps;
  TestRegisters registers;
  TestZeroedMemory zeroed;
  TestRetargeter retargeter;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_TEST_HOST_H_
