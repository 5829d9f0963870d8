// Prints docs/tlfs_coverage.md.
#include <cstdio>

#include "testing/tables/coverage.h"

int main() { return std::fputs(hvkit::testing::TlfsCoverageMarkdown().c_str(), stdout) < 0; }
