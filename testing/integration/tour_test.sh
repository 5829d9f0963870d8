#!/usr/bin/env bash
# Usage: tour_test.sh RUN_ON_KVM L1 VMM BACKEND FORMAT [VMM FLAGS]
# `vmm --tour` on real KVM: it ends well, and has visited every enlightenment that the VMM says is in force.
set -uo pipefail
run_on_kvm=$1 l1=$2 vmm=$3 backend=$4 format=$5
shift 5
directory=${TEST_TMPDIR:?} limit=${TEST_TIMEOUT:-600}
touch "$directory/events"
"$run_on_kvm" "--l1=$l1" "--boot-timeout=$((limit / 3))" "--timeout=$((limit / 3))" "--out=$directory/events" -- \
  "$vmm" --tour "--hyperv=$backend" "--format=$format" "--events=$directory/events" "$@" </dev/null \
  >"$directory/output" 2>"$directory/errors"
status=$?
cat "$directory/output" "$directory/errors"
if [ "$backend $status" = 'kernel 3' ] && [ "$("$run_on_kvm" --which)" = software-kvm ]; then
  echo 'EXCEPTION: this software KVM has no Hyper-V emulation for --hyperv=kernel'
  exit 0
fi
[ "$status" = 0 ] || { echo "FAIL: exit status $status"; exit 1; }
python3 - "$format" "$directory/output" "$directory/events" <<'PYTHON'
import json, re, sys

form, output, events = sys.argv[1], open(sys.argv[2]).read(), open(sys.argv[3]).read()
in_force = next(e for e in map(json.loads, events.splitlines()) if e["event"] == "enlightenments")["in_force"]
if form == "json":
    document = json.loads(output)
    assert document["failed"] == 0 and document["processors"] == 2, document
    visited = [v["name"] for v in document["tour"]]
    assert all(v["ok"] and v["did"] for v in document["tour"]), document
    measured = [m for v in document["tour"] for m in v["measured"]]
    assert all(m["what"] and m["unit"] and m["value"] >= 0 for m in measured), measured
else:
    walk, table = output.replace("\r", "").split("\n\nENLIGHTENMENT", 1)
    visited = re.findall(r"^(hv_\w+): (?!FAILED)\S", walk, re.M)
    assert re.search(r"^tour: %d enlightenments visited on 2 processors, 0 failed$" % len(visited), table, re.M), table
    measured = re.findall(r"^(?:hv_\w+)? +(.+?)  +([\d.]+) (\w+|%)$", table, re.M)
# The guest cannot tell that one from others.
missing = {e["name"] for e in in_force} - set(visited) - {"hv_passthrough"}
assert not missing, missing
assert len(visited) == len(set(visited)) and len(measured) >= 20, (visited, measured)
print(len(visited), "visited,", len(in_force), "in force,", len(measured), "measured")
PYTHON
