#include "hyperv/partition/hypercall_page.h"

#include <algorithm>

namespace hvkit::hyperv {
namespace {

constexpr std::byte kInt3{0xCC};

std::array<std::byte, kPageSize> CodePage(const HypercallCode& code) {
  std::array<std::byte, kPageSize> page;
  page.fill(kInt3);
  const size_t size = std::min<size_t>(code.size, HypercallCode::kMaxSize);
  std::transform(code.bytes.begin(), code.bytes.begin() + size, page.begin(),
                 [](uint8_t byte) { return std::byte{byte}; });
  return page;
}

bool IsEnabled(uint64_t value) {
  return tlfs::HypercallMsr::Enable::Get(tlfs::HypercallMsr{value}) != 0;
}

Gpn PageOf(tlfs::HypercallMsr value) { return Gpn::Containing(Gpa(value.raw)); }

}  // namespace

HypercallPage::HypercallPage(OverlayMap& overlays, const HypercallCode& code, HypercallLock lock)
    : lock_(lock), code_(CodePage(code)), overlay_(overlays, OverlayKind::kHypercall) {}

void HypercallPage::WriteGuestOsId(uint64_t value) {
  if (value != 0) {
    guest_os_id_.store(value, std::memory_order_relaxed);
    return;
  }
  const absl::MutexLock lock(&mutex_);
  guest_os_id_.store(0, std::memory_order_relaxed);
  HideLocked();
}

MsrOutcome HypercallPage::WriteHypercall(uint64_t value) {
  const absl::MutexLock lock(&mutex_);
  if (IsLocked()) return MsrOutcome::kGeneralProtection;
  tlfs::HypercallMsr written{value};
  if (guest_os_id() == 0) tlfs::HypercallMsr::Enable::Set(written, 0);
  if (!Show(written)) return MsrOutcome::kGeneralProtection;
  hypercall_.store(written.raw, std::memory_order_relaxed);
  return MsrOutcome::kHandled;
}

std::optional<Gpn> HypercallPage::page() const {
  const uint64_t value = hypercall();
  if (!IsEnabled(value)) return std::nullopt;
  return PageOf({value});
}

void HypercallPage::Reset() {
  const absl::MutexLock lock(&mutex_);
  overlay_.Disable();
  guest_os_id_.store(0, std::memory_order_relaxed);
  hypercall_.store(0, std::memory_order_relaxed);
}

bool HypercallPage::IsLocked() const {
  if (lock_ == HypercallLock::kAbsent) return false;
  return tlfs::HypercallMsr::Locked::Get(tlfs::HypercallMsr{hypercall()}) != 0;
}

bool HypercallPage::Show(tlfs::HypercallMsr value) {
  if (!IsEnabled(value.raw)) {
    overlay_.Disable();
    return true;
  }
  overlay_.CopyIn(0, code_);  // Anew: the guest may have stored to it
  return overlay_.Enable(PageOf(value));
}

// The lock holds against a guest that would move the page, not against one that is leaving.
void HypercallPage::HideLocked() {
  tlfs::HypercallMsr value{hypercall()};
  tlfs::HypercallMsr::Enable::Set(value, 0);
  hypercall_.store(value.raw, std::memory_order_relaxed);
  overlay_.Disable();
}

}  // namespace hvkit::hyperv
