// A GuestMemory for tests of the model: RAM page by page, wherever the test wants it, read-only
// where the test says so, and a count of the pages that are pinned. It has no KVM and maps nothing.
#ifndef HVKIT_TESTING_FAKES_FAKE_GUEST_MEMORY_H_
#define HVKIT_TESTING_FAKES_FAKE_GUEST_MEMORY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"

namespace hvkit::testing {

// Thread-safe once the test has finished mapping; MapRam and Unmap are for set-up only.
class FakeGuestMemory : public hyperv::GuestMemory {
 public:
  // Zeroed RAM at `pages` pages from `first` on; a page that is there already keeps its bytes.
  void MapRam(hyperv::Gpn first, size_t pages,
              hyperv::Access guest_access = hyperv::Access::kReadWrite);
  void Unmap(hyperv::Gpn page) { pages_.erase(page.value()); }

  // How many PinnedPages exist at the moment, and how many ever did.
  int pinned() const { return pinned_.load(); }
  int pins() const { return pins_.load(); }

  hyperv::MemFault Read(hyperv::Gpa from, std::span<std::byte> to) const override;
  hyperv::MemFault Write(hyperv::Gpa to, std::span<const std::byte> from) override;
  [[nodiscard]] std::optional<hyperv::PinnedPage> Pin(hyperv::Gpn page,
                                                      hyperv::Access access) override;

 private:
  struct Page {
    alignas(hyperv::kPageSize) std::array<std::byte, hyperv::kPageSize> bytes{};
    hyperv::Access guest_access = hyperv::Access::kReadWrite;
  };

  static void Unpin(void* self, hyperv::Gpn page);

  Page* Find(hyperv::Gpn page) const;
  hyperv::MemFault Check(hyperv::Gpa first, size_t size, hyperv::Access access) const;
  template <typename CopyPart>
  void ForEachPart(hyperv::Gpa first, size_t size, CopyPart&& copy) const;

  std::map<uint64_t, std::unique_ptr<Page>> pages_;
  std::atomic<int> pinned_{0};
  std::atomic<int> pins_{0};
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FAKES_FAKE_GUEST_MEMORY_H_
