// The program that rig_test runs in the rig: shows what a program there sees, one action per
// argument.
//   out=TEXT err=TEXT     prints a line           bytes=N   prints N bytes of every value
//   in                    copies input to output  cat=PATH  copies a file to output
//   write=PATH            writes "result\n"       env=NAME  prints a variable
//   kvm                   prints KVM's API version and two capabilities
//   signal=N exit=N hang  ends, or not

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

namespace {

void CopyToOutput(int fd) {
  std::array<char, 4096> chunk;
  for (ssize_t size; (size = read(fd, chunk.data(), chunk.size())) > 0;) {
    std::fwrite(chunk.data(), 1, static_cast<size_t>(size), stdout);
  }
}

void CopyFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY);
  if (fd < 0) std::exit(99);
  CopyToOutput(fd);
  close(fd);
}

void WriteFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) std::exit(99);
  std::fputs("result\n", file);
  std::fclose(file);
}

void PrintBytes(const std::string& count) {
  for (int i = 0; i < std::atoi(count.c_str()); ++i) std::putchar(i & 0xff);
}

void PrintVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  std::puts(value == nullptr ? "(unset)" : value);
}

void PrintKvm(const std::string&) {
  const int kvm = open("/dev/kvm", O_RDWR);
  std::printf("version %d hyperv_synic2 %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0),
              ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2));
  std::printf("vcpus %s\n",
              ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS) > 1 ? "many" : "few");
  close(kvm);
}

void Hang(const std::string&) {
  std::fflush(stdout);
  while (true) pause();
}

void Signal(const std::string& number) {
  std::fflush(stdout);
  signal(std::atoi(number.c_str()), SIG_DFL);
  raise(std::atoi(number.c_str()));
}

using Action = std::function<void(const std::string&)>;

const std::map<std::string, Action> kActions = {
    {"out", [](const std::string& text) { std::puts(text.c_str()); }},
    {"err", [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }},
    {"bytes", PrintBytes},
    {"in", [](const std::string&) { CopyToOutput(STDIN_FILENO); }},
    {"cat", CopyFile},
    {"write", WriteFile},
    {"env", PrintVariable},
    {"kvm", PrintKvm},
    {"signal", Signal},
    {"exit", [](const std::string& status) { std::exit(std::atoi(status.c_str())); }},
    {"hang", Hang},
};

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    arg.erase(0, arg.find_first_not_of('-'));  // --cat=PATH makes the rig carry the file in
    const size_t equals = arg.find('=');
    const auto action = kActions.find(arg.substr(0, equals));
    if (action == kActions.end()) continue;
    action->second(equals == std::string::npos ? "" : arg.substr(equals + 1));
  }
  return 0;
}
