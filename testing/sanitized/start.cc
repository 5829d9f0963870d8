// Usage: start PROGRAM ARGS...
// Becomes the program. The rig starts static programs only, and what a sanitizer reports has no
// names of functions where a program was started by way of its loader.
#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  constexpr int kUsage = 2;
  constexpr int kCannotRun = 125;
  if (argc < 2) return kUsage;
  execv(argv[1], argv + 1);
  std::perror(argv[1]);
  return kCannotRun;
}
