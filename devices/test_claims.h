// Where the tests of all devices together put them on the bus.
#ifndef HVKIT_DEVICES_TEST_CLAIMS_H_
#define HVKIT_DEVICES_TEST_CLAIMS_H_

#include <array>
#include <cstdint>

#include "devices/acpi_pm.h"
#include "devices/debug_exit.h"
#include "devices/i8042.h"
#include "devices/rtc.h"
#include "devices/serial.h"

namespace hvkit::devices {

struct Claim {
  uint64_t base;
  uint64_t length;
};
// Of the i8042's two ports, Rtc, DebugExit, Serial and AcpiPm.
inline constexpr std::array<Claim, 6> kClaims = {{{kI8042DataPort, 1},
                                                  {kI8042CommandPort, 1},
                                                  {kRtcBase, kRtcPortCount},
                                                  {kDebugExitDefaultPort, kDebugExitPortCount},
                                                  {kCom1Base, kSerialPortCount},
                                                  {kAcpiPmBase, kAcpiPmPortCount}}};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_TEST_CLAIMS_H_
