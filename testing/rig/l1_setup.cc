#include "testing/rig/l1_setup.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace hvkit::testing::rig {
namespace {

constexpr char kPortDevice[] = "/dev/vport0p1";

bool Mount(const char* type, const char* target) {
  mkdir(target, 0755);
  // The kernel may have mounted devtmpfs by itself.
  if (mount(type, target, type, 0, nullptr) == 0 || errno == EBUSY) return true;
  std::fprintf(stderr, "rig init: cannot mount %s on %s: %s\n", type, target, std::strerror(errno));
  return false;
}

bool ProcessorHas(std::string_view flag) {
  std::ifstream in("/proc/cpuinfo");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return text.find(" " + std::string(flag) + " ") != std::string::npos;
}

bool LoadModule(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  const bool loaded = syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST;
  if (!loaded) {
    std::fprintf(stderr, "rig init: cannot load %s: %s\n", path.c_str(), std::strerror(errno));
  }
  close(fd);
  return loaded;
}

}  // namespace

bool MountFileSystems() {
  if (!Mount("proc", "/proc") || !Mount("sysfs", "/sys") || !Mount("devtmpfs", "/dev") ||
      !Mount("tmpfs", "/dev/shm")) {
    return false;
  }
  mkdir("/tmp", 0777);
  return symlink("/proc/self/fd", "/dev/fd") == 0 && symlink("fd/0", "/dev/stdin") == 0 &&
         symlink("fd/1", "/dev/stdout") == 0 && symlink("fd/2", "/dev/stderr") == 0;
}

bool LoadModules(const std::string& directory) {
  const std::array<const char*, 10> modules = {"virtio_ring",
                                               "virtio",
                                               "virtio_pci_modern_dev",
                                               "virtio_pci_legacy_dev",
                                               "virtio_pci",
                                               "virtio_console",
                                               "irqbypass",
                                               "ccp",
                                               "kvm",
                                               ProcessorHas("svm") ? "kvm-amd" : "kvm-intel"};
  for (const char* module : modules) {
    if (!LoadModule(directory + "/" + module + ".ko")) return false;
  }
  return true;
}

int OpenPort() {
  constexpr int kAttempts = 1000;
  constexpr useconds_t kPauseMicroseconds = 10'000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int fd = open(kPortDevice, O_RDWR | O_CLOEXEC);
    if (fd >= 0) return fd;
    usleep(kPauseMicroseconds);
  }
  std::fprintf(stderr, "rig init: %s did not appear: %s\n", kPortDevice, std::strerror(errno));
  return -1;
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void PowerOff() {
  sync();
  reboot(RB_POWER_OFF);
  while (true) pause();
}

}  // namespace hvkit::testing::rig
