// Runs a fuzz target without libFuzzer: each file once as it is, then a fixed number of inputs made
// from the files by a random generator with a fixed seed. The same on every machine and compiler.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "testing/fuzz/fuzz_target.h"

namespace hvkit::testing {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int kMutants = 4000;
constexpr int kChangesPerMutant = 4;

Bytes ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  if (file.bad() || !file.is_open()) {
    std::fprintf(stderr, "cannot read %s\n", path);
    std::exit(1);
  }
  const std::span<const std::byte> bytes = std::as_bytes(std::span(content));
  return {bytes.begin(), bytes.end()};
}

void ChangeOnce(Bytes& bytes, std::mt19937& random) {
  if (bytes.empty()) return;
  const size_t at = random() % bytes.size();
  switch (random() % 8) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::byte{0xff});
      break;
    case 2:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<size_t>(8, bytes.size() - at), std::byte{0xff});
      break;
    default:
      bytes[at] = static_cast<std::byte>(random());
      break;
  }
}

void RunMutants(const std::vector<Bytes>& corpus) {
  std::mt19937 random(1);
  for (int i = 0; i < kMutants; ++i) {
    Bytes mutant = corpus[random() % corpus.size()];
    for (int change = 0; change < kChangesPerMutant; ++change) ChangeOnce(mutant, random);
    FuzzOne(mutant);
  }
}

int Main(std::span<char* const> files) {
  std::vector<Bytes> corpus;
  for (const char* file : files) {
    std::fprintf(stderr, "%s\n", file);
    corpus.push_back(ReadFile(file));
    FuzzOne(corpus.back());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus: name at least one file\n");
    return 1;
  }
  std::fprintf(stderr, "%d inputs made from them\n", kMutants);
  RunMutants(corpus);
  return 0;
}

}  // namespace
}  // namespace hvkit::testing

int main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<size_t>(argc));
  return hvkit::testing::Main(arguments.subspan(arguments.empty() ? 0 : 1));
}
