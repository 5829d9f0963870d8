// Usage: planted none|overflow|sum|leak
// A program with bugs, to see that each is found.
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

// Where the compiler does not look.
volatile int g_one = 1;
volatile size_t g_size = 16;
char* volatile g_block = nullptr;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string_view bug = argv[1];
  g_block = static_cast<char*>(std::malloc(g_size));
  if (bug == "overflow") g_block[g_size] = 1;
  if (bug == "sum") g_one = INT_MAX + g_one;
  if (bug == "leak") g_block = nullptr;
  std::free(g_block);
  return 0;
}
