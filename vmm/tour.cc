#include "vmm/tour.h"

#include "absl/strings/str_format.h"
#include "vmm/tour_image.h"

namespace hvkit::vmm {
std::span<const std::byte> TourGuest() {
  return std::as_bytes(std::span(kTourImage, kTourImageSize));
}

std::string TourCmdline(const Config& config) {
  return absl::StrFormat("cpus=%d format=%s", config.cpus,
                         config.format == OutputFormat::kJson ? "json" : "text");
}

}  // namespace hvkit::vmm
