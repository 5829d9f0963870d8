#include "hyperv/hypercall/standard_calls.h"

#include <optional>

#include "hyperv/hypercall/call_table.h"

namespace hvkit::hyperv {
namespace {

template <typename Calls>
bool AddIfThere(std::optional<Calls>& calls, CallTable& table) {
  return !calls.has_value() || calls->AddTo(table);
}

}  // namespace

StandardCalls::StandardCalls(const HypercallHost& host, const HypercallConfig& config)
    : extended_(host.boot_zeroed) {
  if (host.tlb != nullptr) flush_.emplace(*host.tlb, config.vp_count, config.flush);
  if (host.interrupts != nullptr) ipi_.emplace(*host.interrupts, config.vp_count);
  if (host.spin != nullptr) spin_.emplace(*host.spin);
  if (host.connections != nullptr) connections_.emplace(*host.connections);
  if (host.debug != nullptr) debug_.emplace(*host.debug);
  if (host.starter != nullptr) start_vp_.emplace(*host.starter, config.vp_count);
  if (host.apic_ids != nullptr) apic_id_.emplace(*host.apic_ids);
  if (host.registers != nullptr) registers_.emplace(*host.registers, config.vp_count);
  if (host.retargeter != nullptr) retarget_.emplace(*host.retargeter, config.vp_count);
  if (config.partition_id.has_value()) partition_id_.emplace(*config.partition_id);
}

bool StandardCalls::AddTo(CallTable& table) {
  return AddIfThere(flush_, table) && AddIfThere(ipi_, table) && AddIfThere(spin_, table) &&
         AddIfThere(connections_, table) && AddIfThere(debug_, table) && extended_.AddTo(table) &&
         AddIfThere(start_vp_, table) && AddIfThere(apic_id_, table) &&
         AddIfThere(registers_, table) && AddIfThere(retarget_, table) &&
         AddIfThere(partition_id_, table);
}

}  // namespace hvkit::hyperv
