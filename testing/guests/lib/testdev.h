// The guest's side of hyperv-testdev, the test device of QEMU (hw/hyperv/hyperv_testdev.c), which
// //devices:hyperv_testdev also is.

#ifndef HVKIT_TESTING_GUESTS_LIB_TESTDEV_H_
#define HVKIT_TESTING_GUESTS_LIB_TESTDEV_H_

#include <cstdint>

#include "testing/guests/lib/cpu.h"

namespace hvkit::guest {

enum class TestdevCommand : uint8_t {
  kCreateRoute = 1,
  kDestroyRoute = 2,
  kRaise = 3,
  kCreateMessageConnection = 4,
  kDestroyMessageConnection = 5,
  kCreateEventConnection = 6,
  kDestroyEventConnection = 7,
};

inline void CommandTestdev(TestdevCommand command, uint8_t vp, uint8_t sint, uint8_t connection) {
  constexpr uint16_t kPort = 0x3000;
  Out32(kPort, uint32_t{sint} | uint32_t{vp} << 8 | uint32_t{static_cast<uint8_t>(command)} << 16 |
                   uint32_t{connection} << 24);
}

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_TESTDEV_H_
