#include "hyperv/enlightenments/enlightenment_set.h"

#include <algorithm>

namespace hvkit::hyperv {

bool EnlightenmentSet::Enabled() const {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (info.turns_on_hyperv && Has(info.id)) return true;
  }
  return false;
}

void EnlightenmentSet::set_spinlocks(uint32_t attempts) {
  spinlocks_ = attempts;
  if (attempts == tlfs::kSpinlocksNever) {
    Remove(Enlightenment::kSpinlocks);
  } else {
    Add(Enlightenment::kSpinlocks);
  }
}

void EnlightenmentSet::set_vendor_id(absl::string_view id) {
  vendor_id_.fill('\0');
  std::copy_n(id.begin(), std::min(id.size(), kVendorIdLength), vendor_id_.begin());
}

}  // namespace hvkit::hyperv
