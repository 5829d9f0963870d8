#!/usr/bin/env bash
# Usage: differential_test.sh RUN_ON_KVM DIFFER GUEST L1
# The same programs each time, then others of a new seed, which is printed.
set -uo pipefail
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
limit=${TEST_TIMEOUT:-300}
echo "--seed=$seed is new; testing/differential/run --l1=$4 --programs=128 "--seconds=$limit" --seed=$seed runs them again"
exec "$1" "--l1=$4" --memory=1024M "--boot-timeout=$((limit / 3))" "--timeout=$((limit - limit / 10))" -- \
  "$2" "--guest=$3" --programs=128 --seed=1 "--seed=$seed" </dev/null
