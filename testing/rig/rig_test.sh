#!/usr/bin/env bash
# Usage: rig_test.sh RIG PROBE L1 GROUP: smoke test of the rig with rig_probe, on one L1 kernel. GROUP: streams or ends.
set -uo pipefail
rig=$1 probe=$2 l1=$3 group=$4
cd "$(pwd -P)" || exit 1 # the program's directory is the resolved one
failures=0
scratch=$(mktemp -d "${TEST_TMPDIR:-/tmp}/rig.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT

# NAME EXPECTED ACTUAL
check() {
  if [ "$2" = "$3" ]; then echo "ok $1"; else
    echo "FAIL $1: expected '$2', got '$3'"
    failures=$((failures + 1))
  fi
}
run() { "$rig" "--l1=$l1" "$@" >"$scratch/out" 2>"$scratch/err"; }
out() { cat "$scratch/out"; }
err() { cat "$scratch/err"; }

test_streams() {
  echo 'carried file' >"$scratch/carried"
  echo 'named file' >"$scratch/named"
  printf 'some input' | run "--file=$scratch/named:/elsewhere/named" --env=WORD='two words' -- "$probe" \
    out=first err=problem in env=WORD env=USER "--cat=$scratch/carried" cat=/elsewhere/named kvm exit=7
  check "exit status" 7 "$?"
  check "stderr is the program's alone" problem "$(err)"
  check "stdout is the program's alone" "$(printf '%s\n' first 'some inputtwo words' '(unset)' 'carried file' \
    'named file' 'version 12 hyperv_synic2 1' 'vcpus many')" "$(out)"

  mkdir "$scratch/dir"
  run "--out=$scratch/dir/result" -- "$probe" "write=$scratch/dir/result" bytes=3000000 </dev/null
  check "exit status 0" 0 "$?"
  check "result file comes back" result "$(cat "$scratch/dir/result")"
  "$probe" bytes=3000000 >"$scratch/expected"
  check "megabytes of any value" "$(cksum <"$scratch/expected")" "$(cksum <"$scratch/out")"
}

test_ends() {
  run -- "$probe" out=before signal=11 </dev/null
  check "signal" 139 "$?"
  check "output before the signal" before "$(out)"

  run --cpus=2 --timeout=3 -- "$probe" out=begun hang </dev/null
  check "a program that hangs" 125 "$?"
  check "its output" begun "$(out)"
  check "the reason" 1 "$(err | grep -c 'did not end within 3 s')"

  run -- "$scratch/nothing" </dev/null
  check "a program that is not there" 2 "$?"
  run --cpus=none -- "$probe" </dev/null
  check "a bad option" "2 1" "$? $(err | grep -c -e '--cpus=none')"

  run --memory=24M --boot-timeout=20 -- "$probe" </dev/null
  check "a machine that cannot boot" 125 "$?"
  check "is tried once more" 1 "$(err | grep -c 'trying once more')"
}

"test_$group"
[ "$failures" = 0 ]
