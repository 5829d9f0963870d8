#!/bin/sh
echo "bazel coverage: Debian's Bazel has no coverage merger; use --config=asan or ubsan, or gcov by hand" >&2
exit 1
