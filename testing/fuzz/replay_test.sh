#!/usr/bin/env bash
# Replaying passes on harmless files, and fails on a file that shows a bug, on a file that is not
# there and on no file at all.
set -uo pipefail
target=$1

printf 'harmless' >"$TEST_TMPDIR/harmless"
printf 'bug!' >"$TEST_TMPDIR/bug"

fail() { echo "FAIL: $1"; exit 1; }
"$target" "$TEST_TMPDIR/harmless" || fail "a harmless file"
"$target" "$TEST_TMPDIR/harmless" "$TEST_TMPDIR/bug" && fail "a file that shows the bug passed"
"$target" "$TEST_TMPDIR/absent" && fail "an absent file passed"
"$target" && fail "no file passed"
exit 0
