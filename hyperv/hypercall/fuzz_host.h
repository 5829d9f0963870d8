// A host for the dispatcher's fuzz target that has everything a guest can call, looks at every byte
// that it is given, and holds the handlers to what hyperv/host promises to a host.
#ifndef HVKIT_HYPERV_HYPERCALL_FUZZ_HOST_H_
#define HVKIT_HYPERV_HYPERCALL_FUZZ_HOST_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_retargeter.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/spin_waiter.h"
#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/host/vp_starter.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "testing/fuzz/fuzz_target.h"

namespace hvkit::hyperv {

// One object for all roles; its answers depend on what it is asked and on `mood`. Not thread-safe.
class FuzzHost final : public TlbFlusher,
                       public InterruptSink,
                       public SpinWaiter,
                       public DebugChannel,
                       public BootZeroedMemory,
                       public VpStarter,
                       public ApicIds,
                       public VpRegisterAccess,
                       public InterruptRetargeter {
 public:
  explicit FuzzHost(uint32_t vp_count) : vp_count_(vp_count) {}

  // Chosen by the input before each call.
  void set_mood(uint8_t mood) { mood_ = mood; }

  // Whether it has asked for the call to be made again; once for each time.
  bool TakeAgain() { return std::exchange(again_, false); }

  Progress Flush(const TlbFlush& flush) override {
    CheckVps(flush.vps);
    testing::Require(flush.caller.value() < vp_count_, "the caller exists");
    LookAt(std::as_bytes(flush.ranges));
    if (mood_ % 4 != 3) return Progress::kDone;
    --mood_;  // Once only
    again_ = true;
    return Progress::kAgain;
  }

  void RequestFixed(VpIndex vp, Vector vector, EoiMode) override {
    testing::Require(vp.value() < vp_count_, "interrupts are for VPs that exist");
    testing::Require(vector.value() >= tlfs::kIpiVectorMin, "vectors below 16 are exceptions");
  }
  bool SupportsAutoEoi() const override { return true; }

  void OnLongSpin(VpIndex, uint32_t tries) override { seen_ = seen_ + tries; }

  tlfs::HvStatus Post(std::span<const std::byte> packet, uint32_t& unsent) override {
    LookAt(packet);
    unsent = mood_;
    return mood_ == 0 ? tlfs::HvStatus::kSuccess : tlfs::HvStatus::kInsufficientBuffers;
  }
  tlfs::HvStatus Retrieve(std::span<std::byte> packet, uint32_t& received) override {
    const size_t size = std::min<size_t>(packet.size(), size_t{mood_} * 32);
    std::ranges::fill(packet.first(size), std::byte{0xDB});
    received = static_cast<uint32_t>(size);
    return size == 0 ? tlfs::HvStatus::kNoData : tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus Reset(tlfs::ResetDebugSessionInput, tlfs::ResetDebugSessionOutput& out) override {
    out.host_ip = mood_;
    return tlfs::HvStatus::kSuccess;
  }

  size_t Ranges(std::span<tlfs::BootZeroedRange> ranges) const override {
    const size_t count = std::min<size_t>(ranges.size(), mood_);
    std::ranges::fill(ranges.first(count), tlfs::BootZeroedRange{.first_page = 1, .page_count = 2});
    return count;
  }

  std::optional<tlfs::HvStatus> Start(VpIndex, VpIndex vp,
                                      const tlfs::InitialVpContext& context) override {
    testing::Require(vp.value() < vp_count_, "a VP that is started exists");
    LookAt(std::as_bytes(std::span(&context, 1)));
    return mood_ == 0 ? tlfs::HvStatus::kSuccess : tlfs::HvStatus::kInvalidVpState;
  }

  std::optional<VpIndex> FindVp(uint32_t apic_id) const override {
    return apic_id < vp_count_ ? std::optional(VpIndex(apic_id)) : std::nullopt;
  }

  tlfs::HvStatus Get(VpIndex, VpIndex vp, uint32_t name, tlfs::VpRegisterValue& value) override {
    testing::Require(vp.value() < vp_count_, "a VP whose registers are read exists");
    value = {.low = name, .high = vp.value()};
    return name % 4 == 3 ? tlfs::HvStatus::kInvalidParameter : tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus Set(VpIndex, VpIndex vp, uint32_t name,
                     const tlfs::VpRegisterValue& value) override {
    testing::Require(vp.value() < vp_count_, "a VP whose registers are written exists");
    seen_ = seen_ + value.low + value.high;
    return name % 4 == 3 ? tlfs::HvStatus::kInvalidRegisterValue : tlfs::HvStatus::kSuccess;
  }

  tlfs::HvStatus Retarget(uint64_t device, const tlfs::InterruptEntry&,
                          const InterruptTarget& target) override {
    testing::Require(!target.vps.IsEmpty(), "an interrupt has a target");
    testing::Require(target.vector.value() >= tlfs::kIpiVectorMin, "no exceptions");
    CheckVps(target.vps);
    return device == 0 ? tlfs::HvStatus::kInvalidDeviceId : tlfs::HvStatus::kSuccess;
  }

 private:
  void CheckVps(const VpSet& vps) const {
    testing::Require(!vps.IsEmpty(), "a host is given sets that are not empty");
    vps.ForEach([this](VpIndex vp) {
      testing::Require(vp.value() < vp_count_, "a set has only VPs that exist");
    });
  }

  void LookAt(std::span<const std::byte> bytes) {
    uint64_t sum = 0;
    for (const std::byte b : bytes) sum += std::to_integer<uint64_t>(b);
    seen_ = sum;
  }

  const uint32_t vp_count_;
  uint8_t mood_ = 0;
  bool again_ = false;
  volatile uint64_t seen_ = 0;  // So that looking is not optimised away
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_FUZZ_HOST_H_
