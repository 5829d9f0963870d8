#!/usr/bin/env bash
# Usage: probe_test.sh RUN_ON_KVM L1 VMM
# `vmm --probe --format=json` on real KVM: its format, and that the kernel back end offers at least 20
# enlightenments and the user back end at least 18.
set -euo pipefail
limit=${TEST_TIMEOUT:-600}
"$1" "--l1=$2" "--boot-timeout=$((limit / 3))" "--timeout=$((limit / 3))" -- "$3" --probe --format=json </dev/null \
  >"${TEST_TMPDIR:?}/probe.json"
python3 - "$TEST_TMPDIR/probe.json" <<'PYTHON'
import json, sys

probe = json.load(open(sys.argv[1]))
assert probe["kvm"]["usable"], probe["kvm"]
assert probe["backends"]["kernel"]["available"], probe["backends"]
assert "user" in probe["backends"]
rows = probe["enlightenments"]
for row in rows:
    assert row["name"].startswith("hv_"), row
    for backend in ("kernel", "user"):
        assert isinstance(row[backend], bool), row
        assert row[backend] or row["reason"][backend], row
offered = [row["name"] for row in rows if row["kernel"]]
print(len(offered), "of", len(rows), "on the kernel back end:", *offered)
assert len(offered) >= 20
served = [row["name"] for row in rows if row["user"]]
print(len(served), "on the user back end:", *served)
assert len(served) >= 18
PYTHON
