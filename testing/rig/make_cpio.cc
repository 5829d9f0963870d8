// make_cpio OUT DST=SRC...: packs files into an initramfs, reproducibly. DST/ (with a final slash)
// puts SRC into that directory under its own name. Every file is executable.

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "testing/rig/cpio.h"

namespace {

using hvkit::testing::rig::CpioWriter;

bool AddSource(CpioWriter& archive, std::string_view spec) {
  const size_t equals = spec.find('=');
  if (equals == std::string_view::npos) return false;
  std::string destination(spec.substr(0, equals));
  const std::string source(spec.substr(equals + 1));
  if (destination.ends_with('/')) destination += source.substr(source.rfind('/') + 1);
  std::ifstream in(source, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  if (!in) return false;
  archive.AddFile(destination, 0755, content.str());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: make_cpio OUT DST=SRC...\n");
    return 2;
  }
  std::ofstream out(argv[1], std::ios::binary);
  CpioWriter archive(out);
  for (int i = 2; i < argc; ++i) {
    if (!AddSource(archive, argv[i])) {
      std::fprintf(stderr, "make_cpio: cannot add %s\n", argv[i]);
      return 1;
    }
  }
  archive.Finish();
  if (!out.flush()) {
    std::fprintf(stderr, "make_cpio: cannot write %s\n", argv[1]);
    return 1;
  }
  return 0;
}
