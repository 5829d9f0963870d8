// The registers that a guest partition may name in HvCallGetVpRegisters and HvCallSetVpRegisters:
// its synthetic ones.
//
// TLFS: hypercalls/HvCallGetVpRegisters.md, HvCallSetVpRegisters.md,
// datatypes/hv_register_name.md. Each is an MSR, or what a CPUID leaf says, under another name:
// privileges, reserved bits and effects are those of the MSR. Registers of the architecture are
// not here: a guest reads its own without a hypercall, and those of other VPs only its parent may.
#ifndef HVKIT_HYPERV_PARTITION_VP_REGISTERS_H_
#define HVKIT_HYPERV_PARTITION_VP_REGISTERS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/partition/partition.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Where a host serves the MSR exits of its VPs. *VP thread* of `vp`.
class VpMsrAccess {
 public:
  virtual ~VpMsrAccess() = default;

  // As VirtualProcessor's, with the effects of an access by the guest.
  virtual MsrRead ReadMsr(VpIndex vp, uint32_t index) = 0;
  virtual MsrOutcome WriteMsr(VpIndex vp, uint32_t index, uint64_t value) = 0;
};

// For hosts that do nothing at MSR exits but ask the model. *VP thread* of `vp`, which exists.
class PartitionMsrAccess final : public VpMsrAccess {
 public:
  explicit PartitionMsrAccess(Partition& partition) : partition_(partition) {}

  MsrRead ReadMsr(VpIndex vp, uint32_t index) override;
  MsrOutcome WriteMsr(VpIndex vp, uint32_t index, uint64_t value) override;

 private:
  Partition& partition_;
};

// Registers of the calling VP; those of another one cannot be had while it may run
// (kInvalidVpState). *VP thread* of the caller.
class VpRegisters final : public VpRegisterAccess {
 public:
  // `cpuid`: the hypervisor's leaves that the guest sees. `msrs` outlives the object.
  VpRegisters(const Privileges& guest, std::vector<CpuidEntry> cpuid, VpMsrAccess& msrs)
      : guest_(guest), cpuid_(std::move(cpuid)), msrs_(msrs) {}

  tlfs::HvStatus Get(VpIndex caller, VpIndex vp, uint32_t name,
                     tlfs::VpRegisterValue& value) override;
  // kInvalidRegisterValue also where the upper half is not zero.
  tlfs::HvStatus Set(VpIndex caller, VpIndex vp, uint32_t name,
                     const tlfs::VpRegisterValue& value) override;

 private:
  tlfs::HvStatus GetLeaf(uint32_t leaf, tlfs::VpRegisterValue& value) const;

  const Privileges guest_;
  const std::vector<CpuidEntry> cpuid_;
  VpMsrAccess& msrs_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_VP_REGISTERS_H_
