// Prints docs/enlightenments.md.
#include <cstdio>

#include "hyperv/enlightenments/markdown.h"

int main() { return std::fputs(hvkit::hyperv::EnlightenmentsMarkdown().c_str(), stdout) < 0; }
