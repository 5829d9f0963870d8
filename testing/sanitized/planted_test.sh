#!/usr/bin/env bash
# Usage: planted_test.sh RUN_SANITIZED START PLANTED
# What sanitizers report of a program in the rig is seen, and ends it with status 99.
set -uo pipefail
failed=0

# BUG STATUS TEXT: `planted BUG` ends with STATUS, and TEXT is in its standard error.
expect() {
  local errors status
  errors=$("$run_sanitized" -- "$start" "$planted" "$1" 2>&1 >/dev/null)
  status=$?
  if [ "$status" = "$2" ] && grep -qF "$3" <<<"$errors"; then return; fi
  echo "planted $1: status $status, expected $2 with: $3"
  echo "$errors"
  failed=1
}

run_sanitized=$1 start=$2 planted=$3
expect none 0 ""
expect overflow 99 "AddressSanitizer: heap-buffer-overflow"
expect overflow 99 "testing/sanitized/planted.cc"
expect sum 99 "runtime error: signed integer overflow"
expect leak 99 "LeakSanitizer: detected memory leaks"
exit "$failed"
