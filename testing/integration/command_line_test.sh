#!/usr/bin/env bash
# Usage: command_line_test.sh VMM BZIMAGE
# Every refusal that is the user's doing: exit status 2, one line on standard error that names the flag and the remedy,
# nothing on standard output; from within a root directory that has no /dev/kvm.
set -uo pipefail
root=${TEST_TMPDIR:?}/root
mkdir -p "$root"
cp "$1" "$root/vmm"
cp "$2" "$root/kernel"
head -c 100000 "$root/kernel" >"$root/truncated"
head -c 100000 /dev/urandom >"$root/noise"
: >"$root/empty"
truncate -s 600M "$root/huge"

# Root may; others, and root in some sandboxes, need a user namespace of their own.
in_root=(/usr/sbin/chroot)
"${in_root[@]}" "$root" /vmm --version >/dev/null 2>&1 || in_root=(unshare --user --map-root-user /usr/sbin/chroot)

failures=0 checks=0
fail() {
  echo "FAIL: vmm $arguments: $*"
  failures=$((failures + 1))
}

# Runs `vmm ARGUMENTS` in the root directory: status, out, err.
run_vmm() {
  arguments=$*
  checks=$((checks + 1))
  out=$("${in_root[@]}" "$root" /vmm "$@" 2>"$root/err" </dev/null)
  status=$?
  err=$(cat "$root/err")
}

# refused STATUS TEXT... -- ARGUMENTS
refused() {
  local expected=$1 texts=() text
  shift
  while [ "$1" != -- ]; do texts+=("$1"); shift; done
  shift
  run_vmm "$@"
  [ "$status" = "$expected" ] || fail "exit status $status, expected $expected"
  [ "$(wc -l <"$root/err")" = 1 ] || fail "not one line: $err"
  [ -z "$out" ] || fail "it wrote to standard output: $out"
  for text in "${texts[@]}"; do
    case "$err" in *"$text"*) ;; *) fail "the line lacks '$text': $err" ;; esac
  done
}

refused 2 --kernel=/nonexistent -- --kernel=/nonexistent
refused 2 --kernel missing -- --cpus=1
refused 2 --kernel=/empty -- --kernel=/empty
refused 2 --kernel=/noise -- --kernel=/noise
refused 2 --kernel=/truncated truncated -- --kernel=/truncated
refused 2 --kernel=/ -- --kernel=/
refused 2 --initrd=/huge --memory -- --kernel=/kernel --initrd=/huge
refused 2 --initrd=/nonexistent -- --kernel=/kernel --initrd=/nonexistent
refused 2 --memory=1K 4M -- --kernel=/kernel --memory=1K
refused 2 --cpus=0 -- --kernel=/kernel --cpus=0
refused 2 --cpu hv_synic hv_vpindex -- --kernel=/kernel --cpu=host,hv_synic
refused 2 --cpu hv_synic hv_vpindex -- --cpu=host,hv_synic
refused 2 --cpu hv_bogus -- --kernel=/kernel --cpu=host,hv_bogus
refused 2 --cpu hv_evmcs hv_vapic -- --kernel=/kernel --cpu=host,hv_evmcs
refused 2 --hyperv=other -- --kernel=/kernel --hyperv=other
refused 2 --device=hyperv-testdev -- --kernel=/kernel --device=hyperv-testdev
refused 2 'needs hv_syndbg' -- --kernel=/kernel --syndbg=udp:50000 --cpu=host,hv_passthrough
refused 2 'a file of its own' -- --kernel=/kernel --serial=file:/one --events=/one
refused 2 --serial=file:/none/there -- --kernel=/kernel --serial=file:/none/there
refused 2 --events=/none/there -- --kernel=/kernel --events=/none/there
refused 2 --debug-exit-port=0x3f8 -- --kernel=/kernel --debug-exit-port=0x3f8
refused 2 --bogus -- --bogus
refused 2 --cpu 'hv="dos"' windows -- --kernel=/kernel --cpu=host,hv=dos
refused 2 --explain=hv_bogus --list-enlightenments -- --explain=hv_bogus
refused 2 --convert '<bogus>' -- "--convert=<hyperv><bogus state='on'/></hyperv>"
refused 2 hv_bogus -- --convert=host,hv_bogus
refused 2 --diff -- --diff host
refused 2 hv_bogus -- --diff host host,hv_bogus
refused 2 --tour --kernel -- --tour --kernel=/kernel
refused 2 --tour --cmdline -- --cmdline=x --tour
refused 2 --cpus=17 --tour -- --tour --cpus=17
refused 2 hv_bogus -- --tour --cpu=host,hv_bogus
refused 3 /dev/kvm -- --kernel=/kernel
refused 3 /dev/kvm -- --tour

run_vmm --help
[ "$status" = 0 ] && [ -n "$out" ] && [ -z "$err" ] || fail "--help: status $status, $err"
run_vmm --list-enlightenments --format=json
[ "$status" = 0 ] && python3 -m json.tool <<<"$out" >/dev/null || fail "not JSON: $out"
# printed TEXT -- ARGUMENTS: exit status 0, and standard output has the text.
printed() {
  local text=$1
  shift 2
  run_vmm "$@"
  [ "$status" = 0 ] && [ -z "$err" ] || fail "exit status $status, $err"
  case "$out" in *"$text"*) ;; *) fail "the output lacks '$text': $out" ;; esac
}
printed 'hvkit vmm 0.1.0' -- --version
printed AccessSynicRegs -- --explain=hv-synic
printed '"name": "hv_synic"' -- --explain=hv_synic --format=json
printed "<relaxed state='on'/>" -- --convert=host,hv_relaxed
printed 'host,hv_relaxed' -- "--convert=<hyperv><relaxed state='on'/></hyperv>"
printed '+ bit 9 AccessPartitionReferenceTsc (hv_time)' -- --diff host host,hv_time
run_vmm --probe --format=json
[ "$status" = 0 ] && python3 -m json.tool <<<"$out" >/dev/null || fail "not JSON: $out"
case "$out" in *'"usable":'*false*) ;; *) fail "KVM should be unusable: $out" ;; esac

echo "$checks command lines, $failures failures"
[ "$failures" = 0 ]
