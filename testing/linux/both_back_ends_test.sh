#!/usr/bin/env bash
# Usage: both_back_ends_test.sh RUN_GUEST RUN_ON_KVM L1 VMM KERNEL INITRAMFS LINE...
# Boots Linux on the kernel back end and on the user back end, each with each LINE among what it found, and everything
# that it found the same on both, but for the time.
set -uo pipefail
run_guest=$1 run_on_kvm=$2 l1=$3 vmm=$4 kernel=$5 initramfs=$6
shift 6
export TEST_TIMEOUT=$((${TEST_TIMEOUT:-600} / 2))

expectations=(--expect-status=0 '--except=*|it has no Hyper-V emulation for --hyperv=kernel')
for line in "$@"; do expectations+=("--expect-line=hvkit-guest: $line"); done

# What the guest found on a back end goes to a file named after it.
boot() {
  local output=$TEST_TMPDIR/$1.output
  "$run_guest" "--run-on-kvm=$run_on_kvm" "--l1=$l1" "${expectations[@]}" -- "$vmm" "--hyperv=$1" "--kernel=$kernel" \
    "--initrd=$initramfs" --cpu=host,kvm=off,hv_passthrough '--cmdline=console=ttyS0 panic=-1 quiet' | tee "$output"
  [ "${PIPESTATUS[0]}" = 0 ] || exit 1
  tr -d '\r' <"$output" | grep '^hvkit-guest: ' | grep -v '^hvkit-guest: boot_ms=' >"$TEST_TMPDIR/$1"
}
boot kernel
boot user

if [ ! -s "$TEST_TMPDIR/kernel" ] && grep -q '^run_guest: EXCEPTION: nothing runs' "$TEST_TMPDIR/kernel.output"; then
  echo "both_back_ends_test: there is nothing to compare with"
  exit 0
fi
diff "$TEST_TMPDIR/kernel" "$TEST_TMPDIR/user" || {
  echo "both_back_ends_test: < is what the guest found on the kernel back end, > on the user back end" >&2
  exit 1
}
