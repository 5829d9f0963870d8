"""Results of benchmarks in Google Benchmark's format: put together, summed up, held to bounds, compared."""
import dataclasses
import json
import re
import statistics

NS_PER_UNIT = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
RDTSC = "rdtsc"
RAW = " (raw C)"  # What the raw loop beside ours is called
REFERENCE_RDTSC_NS = 17.5  # Where the bounds in ns hold; they scale with it
NOISE = 0.03  # Differences below it are none: that far apart are two runs of one program

# What scenarios are about, by their names; the first that matches.
GROUPS = [
    ("Yardsticks", re.compile(r"^(rdtsc|\(harness\) empty loop with black_box)$")),
    ("Hypercalls", re.compile(r"^(hc_|vpset_)")),
    ("MSRs, pages, CPUID", re.compile(r"^(msr_|ref_tsc|hypercall_page|simp |cpuid |lazy_eoi)")),
    ("SynIC and ports", re.compile(r"^(synic|ports_)")),
    ("Synthetic timers", re.compile(r"^stimer_")),
    ("Memory of VPs", re.compile(r"^vp_memory")),
    ("KVM: the life of a virtual machine", re.compile(
        r"^(open |KVM_CREATE_|mmap \+|GET_SUPPORTED_CPUID \+|sregs, |first KVM_RUN|close everything)")),
    ("KVM: kicks and deadlines", re.compile(r"^(kick: |timerfd)")),
    ("KVM: exits and ioctls", re.compile(r"")),
]


def order(name):
    """Sorts names by their groups, and numbers in them as numbers."""
    group = next(index for index, (_, pattern) in enumerate(GROUPS) if pattern.search(name))
    return group, [(not part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name) if part]



class BadResults(Exception):
    """A file that has no results."""


@dataclasses.dataclass
class Measurement:
    """The passes of one scenario: ns an operation, and ratios to the raw loop of the same rounds where there is one."""
    name: str
    program: str
    rdtsc_ns: float = 0.0  # A bare rdtsc in the same program's run
    ns: list = dataclasses.field(default_factory=list)
    ratios: list = dataclasses.field(default_factory=list)
    raw_ratios: list = dataclasses.field(default_factory=list)  # The raw loop against itself
    bytes_per_vp: float = 0.0  # Overlay pages not counted; 0 where memory is not measured

    @property
    def median(self):
        return statistics.median(self.ns)

    @property
    def ratio(self):
        return statistics.median(self.ratios)


def load(path):
    """The content of a file in Google Benchmark's format."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise BadResults(f"{path}: {getattr(error, 'strerror', None) or 'it is not JSON'}") from error
    if not isinstance(content, dict) or not isinstance(content.get("benchmarks"), list):
        raise BadResults(f"{path}: it has no results of benchmarks")
    return content


def merge(files):
    """One content of several, {program: content}: each row says whose it is."""
    merged = {"context": {}, "benchmarks": []}
    for program, content in files.items():
        context = content.get("context", {})
        rdtsc_ns = context.get("rdtsc_ns") or _median_of(content["benchmarks"], RDTSC)
        for key, value in context.items():
            merged["context"].setdefault(key, value)
        for row in content["benchmarks"]:
            merged["benchmarks"].append({**row, "program": program, "rdtsc_ns": rdtsc_ns})
    merged["context"].pop("executable", None)
    merged["context"]["rdtsc_ns"] = statistics.median(
        [row["rdtsc_ns"] for row in merged["benchmarks"] if row["rdtsc_ns"]] or [0])
    return merged


def _ns(row):
    return row["cpu_time"] * NS_PER_UNIT[row.get("time_unit", "ns")]


def _passes(rows):
    return [row for row in rows if row.get("run_type") != "aggregate" and not row.get("error_occurred")]


def _median_of(rows, name):
    times = [_ns(row) for row in _passes(rows) if row["name"] == name]
    return statistics.median(times) if times else 0.0


def measurements(content):
    """{name: Measurement}, sorted. What several programs measure is one."""
    found = {}
    for row in _passes(content["benchmarks"]):
        one = found.setdefault(row["name"], Measurement(row["name"], row.get("program", "")))
        one.rdtsc_ns = row.get("rdtsc_ns") or one.rdtsc_ns
        one.ns.append(_ns(row))
        one.bytes_per_vp = row.get("bytes_per_vp", 0.0)
        if "ratio" in row:
            one.ratios.append(row["ratio"])
            one.raw_ratios.append(row["raw_ratio"])
    rdtsc = found.get(RDTSC)
    for one in found.values():
        one.rdtsc_ns = one.rdtsc_ns or (rdtsc.median if rdtsc else 0.0)
    return dict(sorted(found.items(), key=lambda item: order(item[0])))


def errors(content):
    """(name, message) of each scenario that could not be measured."""
    return [(row["name"], row.get("error_message", "")) for row in content["benchmarks"] if row.get("error_occurred")]


@dataclasses.dataclass
class Verdict:
    """A bound, and what was measured. Both in `unit`: "ns", "bytes", or "x" for a ratio."""
    scenario: str
    what: str
    bound: float
    value: float
    unit: str

    @property
    def is_met(self):
        return self.value <= self.bound

    def shown(self, number):
        return f"{number:.3f} ×" if self.unit == "x" else f"{number:.{1 if self.unit == 'ns' else 0}f} {self.unit}"


# At most so many ns where a bare rdtsc costs 17.5.
NS_BOUNDS = {
    "msr_read_vp_index": 5,
    "msr_read_guest_os_id": 5,
    "msr_read_sint2": 5,
    "msr_read_stimer0_config": 5,
    "msr_read_unknown": 5,
    "msr_write_sint2": 12,
    "synic post_message direct: ready-scan+post+guest clear+EOM": 20,
    "synic post_message queued: enqueue+scan+deliver+clear+EOM": 40,
    "stimer_scan_1024VPx4_none_due (per full scan)": 1500,
    "hc_invalid_code": 6,
    "hc_signal_event_fast": 12,
    "hc_post_message_mem_240B": 30,
    "hc_flush_va_space_ex_4096of4096_decode": 35,
    "hc_flush_va_space_ex_4096of4096_banks": 80,
    "hc_send_ipi_ex_64VP_decode": 30,
}
# At most so many bytes of each VP.
BYTES_BOUNDS = {"vp_memory: make a VP (of 4096)": 2048}
# At most so many times a bare rdtsc.
RDTSC_BOUNDS = {"msr_read_time_ref_count(rdtsc source)": 1.15}
# At most so many times another scenario.
PAIR_BOUNDS = {
    "stimer_arm+expire direct one-shot (2 scans), 1024 VPs": ("stimer_arm+expire direct one-shot (2 scans)", 1 + 2 * NOISE),
}
# At most so many times the raw loop of the same rounds.
RATIO_BOUNDS = {
    "io_out": 1.02,
    "rdmsr": 1.02,
    "wrmsr": 1.02,
    "user_msr_read_vp_index": 1.03,
    "user_msr_read_time_ref_count": 1.03,
    "user_hc_invalid_code_fast": 1.03,
    "user_hc_signal_event_fast": 1.03,
}


def verdicts(found):
    """A Verdict for each bound whose scenario was measured."""
    result = []
    for name, bound in NS_BOUNDS.items():
        if name in found and found[name].rdtsc_ns:
            scaled = bound * found[name].rdtsc_ns / REFERENCE_RDTSC_NS
            result.append(Verdict(name, f"{bound} ns at an rdtsc of 17.5 ns", scaled, found[name].median, "ns"))
    for name, bound in BYTES_BOUNDS.items():
        if name in found and found[name].bytes_per_vp:
            result.append(Verdict(name, "of a VP, overlay pages not counted", bound, found[name].bytes_per_vp, "bytes"))
    for name, bound in RDTSC_BOUNDS.items():
        if name in found and found[name].rdtsc_ns:
            value = found[name].median / found[name].rdtsc_ns
            result.append(Verdict(name, "times a bare rdtsc", bound, value, "x"))
    for name, (other, bound) in PAIR_BOUNDS.items():
        if name in found and other in found:
            value = found[name].median / found[other].median
            result.append(Verdict(name, f"times {other}", bound, value, "x"))
    for name, bound in RATIO_BOUNDS.items():
        if name in found and found[name].ratios:
            result.append(Verdict(name, "times the raw C loop", bound, found[name].ratio, "x"))
    return result


@dataclasses.dataclass
class Comparison:
    """One scenario in two runs. `ratio` is new to old; `scaled` that of the costs in rdtscs, each of its own run."""
    name: str
    old: Measurement
    new: Measurement

    @property
    def ratio(self):
        return self.new.median / self.old.median

    @property
    def scaled(self):
        if not (self.old.rdtsc_ns and self.new.rdtsc_ns):
            return self.ratio
        return self.ratio * self.old.rdtsc_ns / self.new.rdtsc_ns

    @property
    def word(self):
        """Slower or faster only beyond noise, and if no pass of one run is like any of the other."""
        if self.ratio > 1 + NOISE and min(self.new.ns) > max(self.old.ns):
            return "slower"
        if self.ratio < 1 - NOISE and max(self.new.ns) < min(self.old.ns):
            return "faster"
        return "same"


def compare(old, new):
    """A Comparison for each scenario that both runs have."""
    return [Comparison(name, old[name], one) for name, one in new.items() if name in old and old[name].median > 0]
