// One access of a guest to a synthetic MSR and what comes of it: the parts that msr_cases.h is made
// of. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_TABLES_MSR_PROBE_H_
#define HVKIT_TESTING_TABLES_MSR_PROBE_H_

#include <cstdint>

namespace hvkit::testing {

enum class MsrProbeKind : uint8_t {
  kNone,
  kRead,      // RDMSR, before anything was written
  kWrite,     // WRMSR of a value that has a meaning, or had it if the register could be written
  kReserved,  // WRMSR of a value with reserved bits
};

enum class MsrAnswer : uint8_t {
  kReads,      // No fault, and the register reads as `reads`
  kCompletes,  // No fault; what it reads is the host's, or it cannot be read
  kFaults,     // #GP(0)
  kNotOurs,    // The model does not have it: a guest sees #GP(0)
};

struct MsrProbe {
  MsrProbeKind kind = MsrProbeKind::kNone;
  MsrAnswer answer = MsrAnswer::kReads;
  uint64_t written = 0;
  uint64_t reads = 0;
  bool kvm_differs = false;  // KVM's own emulation answers otherwise

  constexpr MsrProbe KvmDiffers() const {
    MsrProbe probe = *this;
    probe.kvm_differs = true;
    return probe;
  }
};

namespace internal {

// Bits `low` to `high`, both included.
constexpr uint64_t Ones(unsigned low, unsigned high) {
  return (~uint64_t{0} >> (63 - high)) & (~uint64_t{0} << low);
}

constexpr MsrProbe Read(uint64_t value) { return {.kind = MsrProbeKind::kRead, .reads = value}; }
constexpr MsrProbe ReadHostValue() {
  return {.kind = MsrProbeKind::kRead, .answer = MsrAnswer::kCompletes};
}
constexpr MsrProbe ReadFaults() {
  return {.kind = MsrProbeKind::kRead, .answer = MsrAnswer::kFaults};
}
constexpr MsrProbe ReadNotOurs() {
  return {.kind = MsrProbeKind::kRead, .answer = MsrAnswer::kNotOurs};
}
constexpr MsrProbe WriteReads(uint64_t value, uint64_t reads) {
  return {.kind = MsrProbeKind::kWrite, .written = value, .reads = reads};
}
constexpr MsrProbe Write(uint64_t value) { return WriteReads(value, value); }
constexpr MsrProbe WriteCompletes(uint64_t value) {
  return {.kind = MsrProbeKind::kWrite, .answer = MsrAnswer::kCompletes, .written = value};
}
constexpr MsrProbe WriteFaults(uint64_t value) {
  return {.kind = MsrProbeKind::kWrite, .answer = MsrAnswer::kFaults, .written = value};
}
constexpr MsrProbe WriteNotOurs(uint64_t value) {
  return {.kind = MsrProbeKind::kWrite, .answer = MsrAnswer::kNotOurs, .written = value};
}
constexpr MsrProbe ReservedDropped(uint64_t value, uint64_t reads) {
  return {.kind = MsrProbeKind::kReserved, .written = value, .reads = reads};
}
constexpr MsrProbe ReservedKept(uint64_t value) { return ReservedDropped(value, value); }
constexpr MsrProbe ReservedFaults(uint64_t value) {
  return {.kind = MsrProbeKind::kReserved, .answer = MsrAnswer::kFaults, .written = value};
}

}  // namespace internal
}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_MSR_PROBE_H_
