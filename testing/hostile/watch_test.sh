#!/usr/bin/env bash
# Usage: watch_test.sh WATCH
# The watcher with shells in the VMM's place: what it says of one that changes nothing, and of each that takes more
# than it had. None of them is confined.
set -uo pipefail
watch=$1 failures=0
fail() {
  echo "FAIL: $name: $*; the watcher said:"
  echo "$out"
  failures=$((failures + 1))
}

# A guest that is acknowledged after each line, and what its VMM does between two measures.
run() {
  name=$1
  out=$("$watch" --stop-ms=500 /bin/bash -c "tell() { echo \"watch: \$1\"; read -r; }; tell before; $2; tell after; $3; exit 3")
  status=$?
}
says() { grep -qxF -e "$1" <<<"$out" || fail "it does not say: $1"; }

run 'a quiet VMM' : :
says "ok the VMM's resident memory does not grow"
says 'ok the VMM has as many descriptors and threads as before'
says 'FAIL all threads of the VMM are confined: it is not so'
[ "$status" = 70 ] || fail "status $status"

run 'a VMM that takes memory' 'x=$(printf %03000000d 0)' :
says "FAIL the VMM's resident memory does not grow: it is not so"
[ "$status" = 70 ] || fail "status $status"

run 'a VMM that takes a descriptor' 'exec 9</dev/null' :
says 'FAIL the VMM has as many descriptors and threads as before: it is not so'

run 'a VMM that stops' : 'tell stop; read -r'
grep -q 'stops when' <<<"$out" && fail 'it should have stopped'

run 'a VMM that does not stop' "trap '' TERM" 'tell stop; while :; do :; done'
says 'FAIL the VMM stops when it is told to: it is not so'
[ "$status" = 70 ] || fail "status $status"

out=$("$watch" /bin/bash -c 'exit 3')
status=$? name='a VMM without lines'
[ "$status" = 3 ] || fail "status $status"

[ "$failures" = 0 ] && echo passed
