// Brings the L1 machine up as far as a program with KVM needs it: file systems, kernel modules, the
// port to the launcher. Runs as process 1 of the rig's initramfs.

#ifndef HVKIT_TESTING_RIG_L1_SETUP_H_
#define HVKIT_TESTING_RIG_L1_SETUP_H_

#include <string>
#include <string_view>

namespace hvkit::testing::rig {

// Mounts /proc, /sys, /dev and /dev/shm and makes /dev/fd and its relatives. False, with the reason
// on the console, if one cannot be mounted.
[[nodiscard]] bool MountFileSystems();

// Loads the modules below `directory` that the rig needs, in their order; a module that is not
// there is built into the kernel or not needed. KVM's vendor module follows the processor. False,
// with the reason on the console, if one does not load.
[[nodiscard]] bool LoadModules(const std::string& directory);

// Opens the virtio-serial port to the launcher, waiting for it to appear. Negative if it does not.
[[nodiscard]] int OpenPort();

// Writes all of `bytes` to a blocking descriptor.
[[nodiscard]] bool WriteAll(int fd, std::string_view bytes);

// Powers the machine off.
[[noreturn]] void PowerOff();

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_L1_SETUP_H_
