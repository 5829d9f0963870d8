#include "testing/fakes/fake_guest_memory.h"

#include <algorithm>

namespace hvkit::testing {

using hyperv::Access;
using hyperv::Gpa;
using hyperv::Gpn;
using hyperv::kPageSize;
using hyperv::MemFault;
using hyperv::PinnedPage;

void FakeGuestMemory::MapRam(Gpn first, size_t pages, Access guest_access) {
  for (size_t i = 0; i < pages; ++i) {
    std::unique_ptr<Page>& page = pages_[first.value() + i];
    if (page == nullptr) page = std::make_unique<Page>();
    page->guest_access = guest_access;
  }
}

FakeGuestMemory::Page* FakeGuestMemory::Find(Gpn page) const {
  const auto found = pages_.find(page.value());
  return found == pages_.end() ? nullptr : found->second.get();
}

// Calls `copy(page, offset in page, done so far, bytes)` for each page's share of the range.
template <typename CopyPart>
void FakeGuestMemory::ForEachPart(Gpa first, size_t size, CopyPart&& copy) const {
  for (size_t done = 0; done < size;) {
    const Gpa at(first.value() + done);
    const size_t part = std::min(size - done, at.BytesToPageEnd());
    copy(*Find(at.Page()), at.PageOffset(), done, part);
    done += part;
  }
}

MemFault FakeGuestMemory::Check(Gpa first, size_t size, Access access) const {
  if (size == 0) return MemFault::kNone;
  const std::optional<Gpa> last = first.Plus(size - 1);
  if (!last.has_value()) return MemFault::kUnmapped;
  bool writable = true;
  for (uint64_t number = first.Page().value(); number <= last->Page().value(); ++number) {
    const auto found = pages_.find(number);
    if (found == pages_.end()) return MemFault::kUnmapped;
    writable = writable && found->second->guest_access == Access::kReadWrite;
  }
  return access == Access::kReadWrite && !writable ? MemFault::kReadOnly : MemFault::kNone;
}

MemFault FakeGuestMemory::Read(Gpa from, std::span<std::byte> to) const {
  const MemFault fault = Check(from, to.size(), Access::kRead);
  if (fault != MemFault::kNone) return fault;
  ForEachPart(from, to.size(), [&](Page& page, size_t offset, size_t done, size_t size) {
    hyperv::CopyFromShared(to.data() + done, page.bytes.data() + offset, size);
  });
  return MemFault::kNone;
}

MemFault FakeGuestMemory::Write(Gpa to, std::span<const std::byte> from) {
  const MemFault fault = Check(to, from.size(), Access::kReadWrite);
  if (fault != MemFault::kNone) return fault;
  ForEachPart(to, from.size(), [&](Page& page, size_t offset, size_t done, size_t size) {
    hyperv::CopyToShared(page.bytes.data() + offset, from.data() + done, size);
  });
  return MemFault::kNone;
}

std::optional<PinnedPage> FakeGuestMemory::Pin(Gpn page, Access access) {
  Page* const found = Find(page);
  if (found == nullptr) return std::nullopt;
  if (access == Access::kReadWrite && found->guest_access == Access::kRead) return std::nullopt;
  pinned_.fetch_add(1);
  pins_.fetch_add(1);
  return PinnedPage(page, access, found->bytes.data(), Unpin, this);
}

void FakeGuestMemory::Unpin(void* self, Gpn) {
  static_cast<FakeGuestMemory*>(self)->pinned_.fetch_sub(1);
}

}  // namespace hvkit::testing
