// The part of test_host.h that is about VPs: starts, spins, APIC ids, registers.
#ifndef HVKIT_HYPERV_HYPERCALL_TEST_VPS_H_
#define HVKIT_HYPERV_HYPERCALL_TEST_VPS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "hyperv/host/ids.h"
#include "hyperv/host/spin_waiter.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/host/vp_starter.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Starts VP 1 only, once told to be ready, and knows the APIC ids 2 * VP index.
class TestVps final : public VpStarter, public ApicIds, public SpinWaiter {
 public:
  explicit TestVps(uint32_t vp_count) : vp_count_(vp_count) {}

  std::optional<tlfs::HvStatus> Start(VpIndex, VpIndex vp,
                                      const tlfs::InitialVpContext& context) override {
    if (!ready) return std::nullopt;
    if (vp != VpIndex(1)) return tlfs::HvStatus::kInvalidVpState;
    started_at = context.rip;
    return tlfs::HvStatus::kSuccess;
  }
  std::optional<VpIndex> FindVp(uint32_t apic_id) const override {
    if (apic_id % 2 != 0 || apic_id / 2 >= vp_count_) return std::nullopt;
    return VpIndex(apic_id / 2);
  }
  void OnLongSpin(VpIndex caller, uint32_t tries) override {
    spun.emplace_back(caller.value(), tries);
  }

  bool ready = true;
  uint64_t started_at = 0;
  std::vector<std::pair<uint32_t, uint32_t>> spun;

 private:
  const uint32_t vp_count_;
};

// Registers of each VP, by name; the value of one that was not set is its name.
class TestRegisters final : public VpRegisterAccess {
 public:
  static constexpr uint32_t kMissing = 0xBAD;

  tlfs::HvStatus Get(VpIndex, VpIndex vp, uint32_t name, tlfs::VpRegisterValue& value) override {
    ++accesses;
    if (name == kMissing) return tlfs::HvStatus::kInvalidParameter;
    const auto found = values.find({vp.value(), name});
    value = found == values.end() ? tlfs::VpRegisterValue{.low = name} : found->second;
    return tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus Set(VpIndex, VpIndex vp, uint32_t name,
                     const tlfs::VpRegisterValue& value) override {
    ++accesses;
    if (name == kMissing) return tlfs::HvStatus::kInvalidParameter;
    values[{vp.value(), name}] = value;
    return tlfs::HvStatus::kSuccess;
  }

  std::map<std::pair<uint32_t, uint32_t>, tlfs::VpRegisterValue> values;
  int accesses = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_TEST_VPS_H_
