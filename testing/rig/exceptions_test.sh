#!/usr/bin/env bash
# Usage: exceptions_test.sh RUN_GUEST RUN_GTEST: what the two make of failures on a software KVM and elsewhere. A script
# of this test's stands in for run_on_kvm: it says what is in the file `which`, prints
# `stdout` and `stderr` and ends with `status`.
set -uo pipefail
run_guest=$1 run_gtest=$2
scratch=$(mktemp -d "${TEST_TMPDIR:-/tmp}/exceptions.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0

cat >"$scratch/run_on_kvm" <<'SCRIPT'
#!/usr/bin/env bash
here=${0%/*}
if [ "${1:-}" = --which ]; then exec cat "$here/which"; fi
cat "$here/stdout"
cat "$here/stderr" >&2
exit "$(cat "$here/status")"
SCRIPT
chmod +x "$scratch/run_on_kvm"

# WHICH STATUS LINES...: what the next program runs on and does.
given() {
  echo "$1" >"$scratch/which"
  echo "$2" >"$scratch/status"
  : >"$scratch/stderr"
  shift 2
  if [ "$#" = 0 ]; then : >"$scratch/stdout"; else printf '%s\n' "$@" >"$scratch/stdout"; fi
}
guest() {
  "$run_guest" "--run-on-kvm=$scratch/run_on_kvm" --expect-status=1 '--expect-line=ok it (all) works' \
    '--expect-line=done 3 passed, 0 failed' "$@" -- vmm >"$scratch/out" 2>&1
}
gtest() { "$run_gtest" "$scratch/run_on_kvm" "$@" -- program >"$scratch/out" 2>&1; }
# NAME EXPECTED_STATUS ACTUAL_STATUS [TEXT OF OUTPUT]
check() {
  if [ "$2" = "$3" ] && grep -qF -e "${4:-}" "$scratch/out"; then echo "ok $1"; else
    echo "FAIL $1: status $3, expected $2 and: ${4:-}"
    cat "$scratch/out"
    failures=$((failures + 1))
  fi
}

failed_guest=('FAIL it (all) works on processor 1: got 1' 'done 2 passed, 1 failed')
excuse='--except=it (all) works|a reason'
given software-kvm 3 "${failed_guest[@]}"
guest "$excuse"
check "an excepted check may fail, and is named" 0 "$?" \
  'EXCEPTION: "it (all) works" does not hold on this software KVM: a reason'
guest '--except=it|a reason'
check "another check may not" 1 "$?"
guest '--except=*|a reason'
check "nor may any when all is excepted but ran" 1 "$?"
given rig 3 "${failed_guest[@]}"
guest "$excuse"
check "in the rig nothing is excepted" 1 "$?"
given kvm 3 "${failed_guest[@]}"
guest "$excuse"
check "on real KVM nothing is excepted" 1 "$?"
given software-kvm 3 "${failed_guest[0]}" 'FAIL something else: got 2' 'done 1 passed, 2 failed'
guest "$excuse"
check "a failure beside an excepted one counts" 1 "$?"
given software-kvm 1 'ok it (all) works' 'done 3 passed, 0 failed'
guest "$excuse"
check "an excepted check may hold" 0 "$?"
given software-kvm 3
guest '--except=*|no emulation'
check "a VMM that cannot run for another reason is not excepted" 1 "$?"
no_emulation='hv_time cannot be had here: KVM_CAP_SYS_HYPERV_CPUID is 0 on this machine (a kernel'
echo "$no_emulation" >"$scratch/stderr"
guest '--except=*|no emulation'
check "a KVM that has no Hyper-V is named" 0 "$?" 'nothing runs on this software KVM: no emulation'
given rig 3
echo "$no_emulation" >"$scratch/stderr"
guest '--except=*|no emulation'
check "the rig has to run it" 1 "$?"

failed_tests=('[  FAILED  ] Suite.One (3 ms)' '[==========] 2 tests from 1 test suite ran. (5 ms total)')
given software-kvm 1 "${failed_tests[@]}"
gtest '--except=Suite.One|a reason'
check "an excepted test may fail, and is named" 0 "$?" 'EXCEPTION: Suite.One does not hold on this software KVM'
gtest '--except=Suite.Two|a reason'
check "another test may not" 1 "$?"
given software-kvm 1 '[  FAILED  ] Suite.Two' "${failed_tests[@]}"
gtest '--except=Suite.One|a reason'
check "a test that fails beside an excepted one counts" 1 "$?"
given rig 1 "${failed_tests[@]}"
gtest '--except=Suite.One|a reason'
check "in the rig no test is excepted" 1 "$?"
given software-kvm 142 "${failed_tests[0]}"
gtest '--except=Suite.One|a reason'
check "a program that crashes is not excepted" 142 "$?"
given software-kvm 1 '[  SKIPPED ] Suite.Two' "${failed_tests[@]}"
gtest '--except=Suite.One|a reason'
check "nor is a test that skips itself" 1 "$?"

exit "$((failures != 0))"
