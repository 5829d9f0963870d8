// Guest RAM: one memfd mapped once, registered with KVM as memory slots. RAM lies from 0 up to 3
// GiB and, for what is more than that, from 4 GiB on; the gap is for devices.
//
// The mapping is shared, so that another file's page (an overlay) can later be mapped with
// MAP_FIXED over a page of RAM, and RAM's own page, found at MemoryRegion::file_offset, mapped
// back. Host memory is reserved only as the guest touches it. This file and its .cc are the only
// place that turns guest addresses into pointers.
#ifndef HVKIT_VCPU_GUEST_MEMORY_H_
#define HVKIT_VCPU_GUEST_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/unique_fd.h"
#include "kvm_ioctls/vm.h"

namespace hvkit::vcpu {

// A run of RAM: guest addresses [base, base + size), stored in the memfd from `file_offset` on.
struct MemoryRegion {
  hyperv::Gpa base;
  uint64_t size;
  uint64_t file_offset;
};

// An entry of the memory map that firmware hands to an operating system (INT 15h, AX=E820h; the
// numbers are its own).
enum class E820Type : uint32_t { kRam = 1, kReserved = 2 };
// A range of guest-physical addresses, in bytes.
struct E820Entry {
  uint64_t base;
  uint64_t size;
  E820Type type;
};

// What a PC keeps out of the operating system's hands below 1 MiB: the extended BIOS data area,
// video memory and ROMs. It is RAM here, so tables for the guest can be put there.
inline constexpr hyperv::Gpa kLegacyAreaStart{0x9FC00};
inline constexpr hyperv::Gpa kLegacyAreaEnd{0x100000};

// RAM of one VM. Copies are made of relaxed atomic words (hyperv/host/shared_bytes.h), so an access
// that races with the guest's yields some mixture of old and new words and is never undefined
// behaviour. A range lies in one region or faults, and is checked as a whole before its first byte
// is touched. Thread-safe; the vector of regions is immutable.
class GuestMemory final : public hyperv::GuestMemory {
 public:
  // Limits of the size, and where RAM ends below and goes on above the devices' addresses; in
  // bytes.
  static constexpr uint64_t kMinSize = uint64_t{1} << 20;
  static constexpr uint64_t kMaxSize = uint64_t{1} << 45;
  static constexpr uint64_t kLowRamLimit = uint64_t{3} << 30;
  static constexpr uint64_t kHighRamBase = uint64_t{4} << 30;

  // `size` bytes of zeroed RAM: whole pages from kMinSize to kMaxSize, or InvalidArgument;
  // ResourceExhausted when the host has no address space for it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GuestMemory>> Create(uint64_t size);
  ~GuestMemory() override;
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  // Makes the RAM the VM's memory slots first_slot, first_slot + 1, ...
  // (KVM_SET_USER_MEMORY_REGION), one per region. The VM must be gone, or the slots removed, before
  // this object is.
  [[nodiscard]] absl::Status RegisterWith(const kvm::Vm& vm, uint32_t first_slot = 0) const;

  uint64_t size() const { return size_; }
  // Ascending; one region, or two when RAM continues above 4 GiB.
  std::span<const MemoryRegion> regions() const { return regions_; }
  // The regions as a memory map, with [kLegacyAreaStart, kLegacyAreaEnd) reserved.
  std::vector<E820Entry> E820Map() const;
  // The memfd; remains this object's.
  int fd() const { return fd_.get(); }

  hyperv::MemFault Read(hyperv::Gpa from, std::span<std::byte> to) const override;
  hyperv::MemFault Write(hyperv::Gpa to, std::span<const std::byte> from) override;
  [[nodiscard]] std::optional<hyperv::PinnedPage> Pin(hyperv::Gpn page,
                                                      hyperv::Access access) override;

 private:
  GuestMemory(kvm::UniqueFd fd, std::byte* bytes, uint64_t size);

  // Where [first, first + size) is in the mapping, or null when no region holds all of it.
  std::byte* Find(hyperv::Gpa first, size_t size) const;

  kvm::UniqueFd fd_;
  std::byte* const bytes_;
  const uint64_t size_;
  std::vector<MemoryRegion> regions_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_GUEST_MEMORY_H_
