// `vmm --tour`: a guest of ours, part of the VMM, that visits every enlightenment in force and says
// what it did and measured (testing/guests/tour).
//
// Messages and events come to it by way of hyperv-testdev, which the VMM adds where there is a
// SynIC. Immutable.
#ifndef HVKIT_VMM_TOUR_H_
#define HVKIT_VMM_TOUR_H_

#include <cstddef>
#include <span>
#include <string>

#include "vmm/config.h"

namespace hvkit::vmm {

// The image, a multiboot-1 kernel.
[[nodiscard]] std::span<const std::byte> TourGuest();

// Its command line: how many processors, and the output's format.
[[nodiscard]] std::string TourCmdline(const Config& config);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_TOUR_H_
