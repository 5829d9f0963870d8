// What a guest does with its SynIC pages, for tests of this package: maps them, looks at slots and
// frees them, looks at event flags and clears them. It uses guest memory only.
#ifndef HVKIT_HYPERV_SYNIC_TEST_GUEST_H_
#define HVKIT_HYPERV_SYNIC_TEST_GUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::hyperv {

// Thread-safe once constructed: accesses are those of PinnedPage.
class TestGuest {
 public:
  static constexpr uint64_t kSimpPage = 0x10000;
  static constexpr uint64_t kSiefpPage = 0x11000;
  static constexpr uint64_t kSparePage = 0x12000;

  TestGuest() {
    memory_.MapRam(Gpa(kSimpPage).Page(), 3);
    simp_ = memory_.Pin(Gpa(kSimpPage).Page(), Access::kReadWrite);
    siefp_ = memory_.Pin(Gpa(kSiefpPage).Page(), Access::kReadWrite);
  }

  testing::FakeGuestMemory& memory() { return memory_; }

  uint32_t Type(SintIndex sint) const { return simp_->Load<uint32_t>(Slot(sint)); }
  uint8_t Size(SintIndex sint) const { return simp_->Load<uint8_t>(Slot(sint) + 4); }
  bool IsPending(SintIndex sint) const { return (simp_->Load<uint8_t>(Slot(sint) + 5) & 1) != 0; }
  uint64_t Origin(SintIndex sint) const { return simp_->Load<uint64_t>(Slot(sint) + 8); }
  uint64_t Payload(SintIndex sint, size_t word) const {
    return simp_->Load<uint64_t>(Slot(sint) + 16 + 8 * word);
  }
  // Frees the slot; whether an EOM is asked for.
  bool Free(SintIndex sint) {
    simp_->Store<uint32_t>(Slot(sint), 0, std::memory_order_seq_cst);
    return IsPending(sint);
  }
  // The same without the barrier, as guests do whose EOM is a trap anyway.
  bool Clear(SintIndex sint) {
    simp_->Store<uint32_t>(Slot(sint), 0);
    return IsPending(sint);
  }

  uint64_t Flags(SintIndex sint, size_t word) const {
    return siefp_->Load<uint64_t>(Slot(sint) + 8 * word);
  }
  // Clears a word of event flags and returns what it was.
  uint64_t TakeFlags(SintIndex sint, size_t word) {
    uint64_t flags = Flags(sint, word);
    while (!siefp_->CompareExchange<uint64_t>(Slot(sint) + 8 * word, flags, 0)) {
    }
    return flags;
  }

  void ClearFlags(SintIndex sint, size_t word) {
    siefp_->Store<uint64_t>(Slot(sint) + 8 * word, 0);
  }

 private:
  static size_t Slot(SintIndex sint) { return sint.value() * tlfs::kMessageSize; }

  testing::FakeGuestMemory memory_;
  std::optional<PinnedPage> simp_;
  std::optional<PinnedPage> siefp_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_TEST_GUEST_H_
