// What the wrappers of single ioctls cost over the ioctls themselves, on this machine's /dev/kvm,
// in paired rounds. Names are those of the peers' measurements. Flags: --benchmark_filter=REGEX,
// --benchmark_out=FILE.
#include <sys/ioctl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "testing/benchmarks/paired_report.h"
#include "testing/benchmarks/paired_samples.h"

namespace hvkit::kvm {
namespace {

using benchmarks::PairedReport;
using benchmarks::PairedSamples;
using benchmarks::PairedSummary;
using benchmarks::RoundCounts;

constexpr std::array<uint32_t, 4> kMsrs = {0x10, 0x174, 0x175, 0x176};  // TSC, SYSENTER_*

// `once` over and over, until it returns false.
template <typename Once>
auto Repeat(Once once) {
  return [once](size_t count) mutable {
    bool good = true;
    for (size_t i = 0; i < count && good; ++i) good = once();
    return good;
  };
}

// Ioctls of a vCPU that fill in or take `value`.
template <typename T>
auto RawIoctl(int fd, unsigned long request, T& value) {
  return [fd, request, &value] { return ::ioctl(fd, request, &value) == 0; };
}

auto RawGetMsrs(int fd) {
  struct List {
    kvm_msrs head;
    std::array<kvm_msr_entry, kMsrs.size()> entries;
  };
  List list{};
  list.head.nmsrs = kMsrs.size();
  for (size_t i = 0; i < kMsrs.size(); ++i) list.entries[i].index = kMsrs[i];
  return [fd, list]() mutable {
    return ::ioctl(fd, KVM_GET_MSRS, &list) == static_cast<int>(kMsrs.size());
  };
}

Msrs ListOfMsrs() {
  Msrs msrs(kMsrs.size());
  for (size_t i = 0; i < kMsrs.size(); ++i) msrs.entries()[i].index = kMsrs[i];
  return msrs;
}

class Benchmark {
 public:
  static absl::StatusOr<Benchmark> Create() {
    HVKIT_ASSIGN_OR_RETURN(Kvm kvm, Kvm::Open());
    HVKIT_ASSIGN_OR_RETURN(Vm vm, kvm.CreateVm());
    HVKIT_ASSIGN_OR_RETURN(Vcpu vcpu, vm.CreateVcpu(0));
    return Benchmark(std::move(kvm), std::move(vm), std::move(vcpu));
  }

  void RunAll(const RoundCounts& counts, PairedReport& report) {
    const auto run = [&](const char* name, auto raw, auto ours) {
      if (report.Wants(name)) report.Add(name, RunOne(name, counts, Repeat(raw), Repeat(ours)));
    };
    kvm_regs regs{};
    kvm_sregs sregs{};
    run("GET_REGS", RawIoctl(vcpu_.fd(), KVM_GET_REGS, regs),
        [this] { return vcpu_.GetRegs().ok(); });
    run("SET_REGS", RawIoctl(vcpu_.fd(), KVM_SET_REGS, regs),
        [this, &regs] { return vcpu_.SetRegs(regs).ok(); });
    run("GET_SREGS", RawIoctl(vcpu_.fd(), KVM_GET_SREGS, sregs),
        [this] { return vcpu_.GetSregs().ok(); });
    run("GET_MSRS(4)", RawGetMsrs(vcpu_.fd()), [this] { return vcpu_.GetMsrs(msrs_).ok(); });
    run(
        "CHECK_EXTENSION",
        [fd = kvm_.fd()] { return ::ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV) >= 0; },
        [this] { return kvm_.CheckExtension(KVM_CAP_HYPERV).ok(); });
    run(
        "GET_API_VERSION",
        [fd = kvm_.fd()] { return ::ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION; },
        [this] { return kvm_.GetApiVersion().ok(); });
  }

 private:
  Benchmark(Kvm kvm, Vm vm, Vcpu vcpu)
      : kvm_(std::move(kvm)), vm_(std::move(vm)), vcpu_(std::move(vcpu)) {}

  template <typename Raw, typename Ours>
  static absl::StatusOr<PairedSummary> RunOne(const char* name, const RoundCounts& counts, Raw raw,
                                              Ours ours) {
    PairedSamples samples(counts);
    if (!benchmarks::RunPaired(counts, raw, ours, samples)) {
      return absl::InternalError(std::string(name) + " failed");
    }
    return samples.Summarize();
  }

  Kvm kvm_;
  Vm vm_;
  Vcpu vcpu_;
  Msrs msrs_ = ListOfMsrs();
};

int Main(int argc, char** argv) {
  std::optional<benchmarks::PairedOptions> options = benchmarks::PairedOptions::Parse(argc, argv);
  if (!options.has_value()) return 2;
  const RoundCounts counts;
  PairedReport report(*std::move(options), counts);
  absl::StatusOr<Benchmark> benchmark = Benchmark::Create();
  if (benchmark.ok()) {
    benchmark->RunAll(counts, report);
  } else {
    report.Add("GET_REGS", benchmark.status());
  }
  return report.Finish();
}

}  // namespace
}  // namespace hvkit::kvm

int main(int argc, char** argv) { return hvkit::kvm::Main(argc, argv); }
