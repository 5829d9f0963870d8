// Process 1 of the rig's L1 machine: brings it up, runs the one program that the job names and
// powers off. What goes wrong before the port is open is said on the console, which the launcher
// keeps in a log.

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "testing/rig/job.h"
#include "testing/rig/l1_setup.h"
#include "testing/rig/program_runner.h"

namespace {

namespace rig = hvkit::testing::rig;

std::optional<rig::Job> ReadJob() {
  std::ifstream in(rig::kJobPath, std::ios::binary);
  return rig::DecodeJob(
      std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
}

bool RunJob() {
  if (!rig::MountFileSystems() || !rig::LoadModules(rig::kModulesDirectory)) return false;
  const int port = rig::OpenPort();
  if (port < 0) return false;
  const std::optional<rig::Job> job = ReadJob();
  if (!job) {
    std::fprintf(stderr, "rig init: no usable job in %s\n", rig::kJobPath);
    return false;
  }
  rig::ProgramRunner runner(port, *job);
  return runner.Run();
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);
  if (!RunJob()) std::fprintf(stderr, "rig init: the job did not run to its end\n");
  rig::PowerOff();
}
