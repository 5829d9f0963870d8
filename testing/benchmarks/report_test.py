#!/usr/bin/env python3
"""That results are put together, held to bounds and compared as said, and that a page of them needs nothing else."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path("testing/benchmarks").absolute() if "TEST_SRCDIR" in os.environ else pathlib.Path(__file__).parent.absolute()
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

import page  # noqa: E402
import results  # noqa: E402


def row(name, ns, **more):
    return {"name": name, "run_type": "iteration", "cpu_time": ns, "real_time": ns, "time_unit": "ns"} | more


def content(*rows, **context):
    return {"context": context, "benchmarks": list(rows)}


def model(rdtsc=17.5, read=5.0, shift=0.0):
    """Three passes of some scenarios of the model, and one with 1 to 4096 VPs."""
    rows = [row("rdtsc", rdtsc), row("a & b", 1000.0)]
    rows += [row("msr_read_vp_index", read + shift + step) for step in (0.1, -0.1, 0.0)]
    rows += [row(f"hc_send_ipi_ex_{vps}VP_iterate", 2.0 * vps) for vps in (1, 64, 4096)]
    return content(*rows, num_cpus=2, executable="x")


def exits(ratio=1.01):
    rows = [row("io_out", 3000.0 * ratio, ratio=ratio, raw_ratio=1.0), row("io_out (raw C)", 3000.0)]
    rows.append(row("wrmsr", 0.0, error_occurred=True, error_message="no /dev/kvm"))
    return content(*rows, rdtsc_ns=10.0, kvm="SVM")


def found_of(**files):
    return results.measurements(results.merge(files))


def verdict_of(name, found):
    return next(one for one in results.verdicts(found) if one.scenario == name)


class ResultsTest(unittest.TestCase):
    def test_rows_say_whose_they_are_and_what_an_rdtsc_cost_there(self):
        merged = results.merge({"//a": model(rdtsc=12.0), "//b": exits()})
        self.assertEqual({(one["program"], one["rdtsc_ns"]) for one in merged["benchmarks"]}, {("//a", 12.0), ("//b", 10.0)})
        self.assertEqual(merged["context"]["kvm"], "SVM")
        self.assertNotIn("executable", merged["context"])

    def test_passes_are_summed_up_in_ns_and_aggregates_left_out(self):
        aggregate = row("slow_median", 7.0) | {"run_type": "aggregate"}
        found = found_of(a=content(row("slow", 3.0, time_unit="us"), row("slow", 5000.0), aggregate))
        self.assertEqual(list(found), ["slow"])
        self.assertEqual(found["slow"].median, 4000.0)

    def test_scenarios_that_failed_are_no_measurements(self):
        merged = results.merge({"b": exits()})
        self.assertNotIn("wrmsr", results.measurements(merged))
        self.assertEqual(results.errors(merged), [("wrmsr", "no /dev/kvm")])

    def test_numbers_in_names_are_sorted_as_numbers(self):
        self.assertLess(results.order("stimer_scan_64VP"), results.order("stimer_scan_256VP"))
        self.assertLess(results.order("rdtsc"), results.order("hc_invalid_code"))

    def test_bounds_in_ns_scale_with_the_rdtsc_of_the_same_run(self):
        self.assertTrue(verdict_of("msr_read_vp_index", found_of(a=model(rdtsc=17.5, read=4.9))).is_met)
        missed = verdict_of("msr_read_vp_index", found_of(a=model(rdtsc=8.75, read=4.9)))
        self.assertFalse(missed.is_met)
        self.assertAlmostEqual(missed.bound, 2.5)

    def test_memory_of_a_vp_is_held_to_a_bound_in_bytes(self):
        name = "vp_memory: make a VP (of 4096)"
        verdict = verdict_of(name, found_of(a=content(row(name, 9000.0, bytes_per_vp=2049.0), rdtsc_ns=10.0)))
        self.assertFalse(verdict.is_met)
        self.assertEqual(verdict.shown(verdict.bound), "2048 bytes")

    def test_a_vms_life_and_kicks_are_groups_of_their_own(self):
        groups = [results.order(name)[0] for name in ("vp_memory: x", "open → first exit", "close everything", "timerfd_settime", "io_out")]
        self.assertEqual(groups, sorted(groups))
        self.assertEqual(len(set(groups)), 4)

    def test_bounds_of_ratios_are_of_the_raw_loop_in_the_same_run(self):
        self.assertTrue(verdict_of("io_out", found_of(b=exits(ratio=1.019))).is_met)
        self.assertFalse(verdict_of("io_out", found_of(b=exits(ratio=1.021))).is_met)

    def test_runs_differ_only_beyond_noise_and_without_a_common_pass(self):
        words = {}
        for shift in (0.0, 0.18, 0.5, -0.5):
            pairs = results.compare(found_of(a=model()), found_of(a=model(shift=shift)))
            words[shift] = next(pair.word for pair in pairs if pair.name == "msr_read_vp_index")
        self.assertEqual(words, {0.0: "same", 0.18: "same", 0.5: "slower", -0.5: "faster"})

    def test_comparison_in_rdtscs_forgets_the_speed_of_the_machine(self):
        pairs = results.compare(found_of(a=model(rdtsc=10.0, read=5.0)), found_of(a=model(rdtsc=20.0, read=10.0)))
        pair = next(pair for pair in pairs if pair.name == "msr_read_vp_index")
        self.assertAlmostEqual(pair.ratio, 2.0)
        self.assertAlmostEqual(pair.scaled, 1.0)


class PageTest(unittest.TestCase):
    def setUp(self):
        self.merged = results.merge({"//a": model(), "//b": exits()})
        self.page = page.render(self.merged)

    def test_page_needs_nothing_else(self):
        self.assertIsNone(re.search(r"https?:|<script|<link|<img|src=|href=|url\(|@import", self.page))

    def test_each_scenario_is_plotted(self):
        self.assertIn("a &amp; b: median 1000 ns", self.page)
        self.assertIn("IPI: request each, 4096 VPs: 8192 ns", self.page)
        self.assertIn("io_out: ours / raw C 1.010", self.page)

    def test_what_was_not_measured_is_said(self):
        self.assertIn("wrmsr: not measured: no /dev/kvm", self.page)
        self.assertIn("Not measured", page.render(results.merge({"//a": model()})))

    def test_comparison_is_plotted(self):
        found = results.measurements(self.merged)
        self.assertIn("msr_read_vp_index: new / old 1.000", page.render(self.merged, results.compare(found, found)))

    def test_labels_keep_their_distance(self):
        self.assertEqual(page.spread([10.0, 40.0, 12.0]), [10.0, 40.0, 25.0])


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.at = pathlib.Path(self.folder.name)

    def run_it(self, *command):
        return subprocess.run(command, cwd=self.at, text=True, capture_output=True, check=False)

    def file(self, name, what):
        (self.at / name).write_text(json.dumps(what))
        return name

    def test_report_writes_results_and_page_and_prints_tables(self):
        program = f"//a={self.file('a.json', model())}"
        old = self.file("old.json", model(read=4.0))
        done = self.run_it(HERE / "report", "--out=out", f"--compare={old}", program)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^1 of 1 bounds met$")
        self.assertRegex(done.stdout, r"(?m)^msr_read_vp_index .*\b1\.250 .*slower$")
        self.assertEqual(len(json.loads((self.at / "out/results.json").read_text())["benchmarks"]), 8)
        self.assertIn("<svg", (self.at / "out/index.html").read_text())

    def assert_refused(self, done, what):
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(what, done.stderr)

    def test_file_without_results_is_refused(self):
        self.assert_refused(self.run_it(HERE / "report", "--out=out", f"x={self.file('x.json', [])}"), "x.json: it has no results")
        self.assertFalse((self.at / "out").exists())

    def test_bench_refuses_what_it_does_not_know(self):
        self.assert_refused(self.run_it(ROOT / "bench", "--fast"), "--fast: there are --compare")
        self.assert_refused(self.run_it(ROOT / "bench", "--compare"), "a value is missing")
        self.assert_refused(self.run_it(ROOT / "bench", "--compare=none.json"), "none.json: it cannot be read")
        self.assert_refused(self.run_it(ROOT / "bench", "--filter=("), "not a regular expression")


if __name__ == "__main__":
    unittest.main()
