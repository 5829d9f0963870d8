// What a VP of the model costs in memory, and in time to make it: those of a partition with 4096
// VPs, as they are made, and once each has its message page, event page and assist page.
//
// Beside times rows have bytes, those of a partition with one VP subtracted: `allocated_per_vp` is
// what malloc has given out, its own overhead included; `bytes_per_vp` that without what the three
// overlay pages hold; `resident_per_vp` is what the process has grown by, guest RAM not counted.
// Flags: --benchmark_filter=REGEX, --benchmark_out=FILE, in Google Benchmark's format.
#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <regex>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/status_macros.h"
#include "nlohmann/json.hpp"
#include "testing/benchmarks/paired_report.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/guest_memory.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using hyperv::kPageSize;
using hyperv::Partition;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;
using nlohmann::json;

constexpr uint32_t kVps = 4096;
constexpr int kPasses = 7;
constexpr uint64_t kEnable = 1;
constexpr MsrIndex kPageMsrs[] = {MsrIndex::kSimp, MsrIndex::kSiefp, MsrIndex::kVpAssistPage};

class NullHost final : public hyperv::ReferenceClock,
                       public hyperv::InterruptSink,
                       public hyperv::VpScheduler,
                       public hyperv::PartitionEvents {
 public:
  hyperv::RefTime Now() const override { return hyperv::RefTime(1); }
  std::optional<hyperv::TscParameters> InvariantTsc() const override { return std::nullopt; }
  void RequestFixed(VpIndex, hyperv::Vector, hyperv::EoiMode) override {}
  bool SupportsAutoEoi() const override { return true; }
  void Kick(VpIndex) override {}
  void SetDeadline(VpIndex, std::optional<hyperv::RefTime>) override {}
  void OnReset(VpIndex) override {}
  void OnCrash(VpIndex, const hyperv::CrashReport&) override {}
};

struct Footprint {
  double allocated = 0;  // bytes
  double resident = 0;   // the same
  double cpu_ns = 0;

  static Footprint Now() {
    const struct mallinfo2 info = ::mallinfo2();
    size_t total = 0;
    size_t resident = 0;
    size_t shared = 0;
    std::ifstream("/proc/self/statm") >> total >> resident >> shared;
    return {.allocated = static_cast<double>(info.uordblks + info.hblkhd),
            .resident = static_cast<double>((resident - shared) * kPageSize),
            .cpu_ns = benchmarks::ThreadNs()};
  }
  friend Footprint operator-(const Footprint& a, const Footprint& b) {
    return {a.allocated - b.allocated, a.resident - b.resident, a.cpu_ns - b.cpu_ns};
  }
};

enum class Pages : uint8_t { kNone, kAll };

// Whether the guest of each VP got its pages.
bool EnablePages(Partition& partition) {
  uint64_t page = 0;
  bool good = true;
  for (uint32_t vp = 0; vp < partition.vp_count(); ++vp) {
    for (const MsrIndex msr : kPageMsrs) {
      const uint64_t value = page++ * kPageSize | kEnable;
      good = good && partition.FindVp(VpIndex(vp))->WriteMsr(static_cast<uint32_t>(msr), value) ==
                         hyperv::MsrOutcome::kHandled;
    }
  }
  return good;
}

// What a partition with so many VPs comes to.
absl::StatusOr<Footprint> Measure(uint32_t vps, Pages pages) {
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<GuestMemory> memory,
                         GuestMemory::Create(kVps * std::size(kPageMsrs) * kPageSize));
  NullHost host;
  const hyperv::PartitionConfig config{
      .in_force = {Enlightenment::kVpIndex, Enlightenment::kTime, Enlightenment::kSynic,
                   Enlightenment::kStimer, Enlightenment::kStimerDirect, Enlightenment::kVapic},
      .vp_count = vps};
  ::malloc_trim(0);  // or what an earlier one has left would be used, and not seen
  const Footprint before = Footprint::Now();
  Partition partition(
      config,
      {.memory = *memory, .clock = host, .interrupts = host, .scheduler = host, .events = host});
  if (pages == Pages::kAll && !EnablePages(partition)) {
    return absl::InternalError("the model refuses a page");
  }
  return Footprint::Now() - before;
}

absl::StatusOr<Footprint> MeasurePerVp(Pages pages) {
  HVKIT_ASSIGN_OR_RETURN(const Footprint one, Measure(1, pages));
  HVKIT_ASSIGN_OR_RETURN(const Footprint all, Measure(kVps, pages));
  const Footprint rest = all - one;
  return Footprint{rest.allocated / (kVps - 1), rest.resident / (kVps - 1),
                   rest.cpu_ns / (kVps - 1)};
}

double WithoutPages(const Footprint& per_vp) {
  return per_vp.allocated - static_cast<double>(std::size(kPageMsrs) * kPageSize);
}

json Row(const char* name, int pass, const Footprint& per_vp) {
  return {{"name", name},
          {"run_name", name},
          {"run_type", "iteration"},
          {"repetitions", kPasses},
          {"repetition_index", pass},
          {"threads", 1},
          {"iterations", kVps - 1},
          {"real_time", per_vp.cpu_ns},
          {"cpu_time", per_vp.cpu_ns},
          {"time_unit", "ns"},
          {"bytes_per_vp", WithoutPages(per_vp)},
          {"allocated_per_vp", per_vp.allocated},
          {"resident_per_vp", per_vp.resident}};
}

absl::Status AddRows(const char* name, Pages pages, json& rows) {
  for (int pass = 0; pass < kPasses; ++pass) {
    HVKIT_ASSIGN_OR_RETURN(const Footprint per_vp, MeasurePerVp(pages));
    rows.push_back(Row(name, pass, per_vp));
    std::printf("%-66s %8.1f ns %8.1f bytes, %8.1f allocated, %8.1f resident\n", name,
                per_vp.cpu_ns, WithoutPages(per_vp), per_vp.allocated, per_vp.resident);
  }
  return absl::OkStatus();
}

constexpr struct {
  const char* name;
  Pages pages;
} kScenarios[] = {
    {"vp_memory: make a VP (of 4096)", Pages::kNone},
    {"vp_memory: make a VP (of 4096), its three pages on", Pages::kAll},
};

int Main(int argc, char** argv) {
  const std::optional<benchmarks::PairedOptions> options =
      benchmarks::PairedOptions::Parse(argc, argv);
  if (!options.has_value()) return 2;
  json file = {{"context", json::object()}, {"benchmarks", json::array()}};
  for (const auto& [name, pages] : kScenarios) {
    if (!std::regex_search(name, options->filter)) continue;
    const absl::Status status = AddRows(name, pages, file["benchmarks"]);
    if (status.ok()) continue;
    std::fprintf(stderr, "%s: %s\n", name, status.ToString().c_str());
    return 1;
  }
  if (options->out.empty()) return 0;
  std::ofstream out(options->out);
  out << file.dump(2) << '\n';
  out.close();
  if (out.good()) return 0;
  std::fprintf(stderr, "%s cannot be written\n", options->out.c_str());
  return 1;
}

}  // namespace
}  // namespace hvkit::vcpu

int main(int argc, char** argv) { return hvkit::vcpu::Main(argc, argv); }
