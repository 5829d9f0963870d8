// Usage: echo_debugger COMMAND ARGS...
// Stands in for a debugger of the synthetic debugger: sends each UDP datagram back to where it came
// from, at a port of the loopback that the kernel chooses and that takes the place of {port} in
// ARGS, while it runs COMMAND. Ends with the command's status, 128 + N after signal N.

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kCannotRun = 125;
constexpr int kSignalled = 128;
constexpr char kPlaceholder[] = "{port}";

// In the rig nobody else does. Without the right to it, it has been done.
void BringLoopbackUp(int socket) {
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  ioctl(socket, SIOCSIFFLAGS, &request);
}

// The port that the socket is bound to, or 0.
uint16_t Bind(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket, name, size) != 0 || getsockname(socket, name, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

void Echo(int socket) {
  std::array<char, 65536> buffer;
  for (;;) {
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    auto* const name = reinterpret_cast<sockaddr*>(&from);
    const ssize_t received = recvfrom(socket, buffer.data(), buffer.size(), 0, name, &size);
    if (received < 0) continue;
    if (sendto(socket, buffer.data(), static_cast<size_t>(received), 0, name, size) < 0) {
      std::perror("echo_debugger: sendto");
    }
  }
}

std::vector<std::string> CommandOf(int argc, char** argv, uint16_t port) {
  std::vector<std::string> command(argv + 1, argv + argc);
  for (std::string& argument : command) {
    const size_t at = argument.find(kPlaceholder);
    if (at == std::string::npos) continue;
    argument.replace(at, std::strlen(kPlaceholder), std::to_string(port));
  }
  return command;
}

[[noreturn]] void Exec(std::vector<std::string> command) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  _exit(kCannotRun);
}

}  // namespace

int main(int argc, char** argv) {
  const int debugger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (debugger >= 0) BringLoopbackUp(debugger);
  const uint16_t port = debugger >= 0 ? Bind(debugger) : 0;
  if (argc < 2 || port == 0) {
    std::fprintf(stderr, "echo_debugger: no command, or no port: %s\n", std::strerror(errno));
    return kCannotRun;
  }
  const pid_t child = fork();
  if (child == 0) Exec(CommandOf(argc, argv, port));
  std::thread(Echo, debugger).detach();
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return kCannotRun;
  std::fflush(nullptr);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status));
}
