// The bytes of the guest of --tour, as the build puts them into the VMM. Immutable.
#ifndef HVKIT_VMM_TOUR_IMAGE_H_
#define HVKIT_VMM_TOUR_IMAGE_H_

#include <cstddef>

namespace hvkit::vmm {

extern const unsigned char kTourImage[];
extern const size_t kTourImageSize;

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_TOUR_IMAGE_H_
