"""Benchmarks: scenarios for Google Benchmark and for the plugin."""

load("//:cc.bzl", "hvkit_cc_binary", "hvkit_cc_library")

# Those that need no KVM: what the plugin hands out, and what ./bench runs before the exits.
BENCHMARKS = [
    "//hyperv/cpuid:cpuid_benchmark",
    "//hyperv/hypercall:hypercall_benchmark",
    "//hyperv/partition:msr_benchmark",
    "//hyperv/reference_time:reference_time_benchmark",
    "//hyperv/stimer:stimer_benchmark",
    "//hyperv/synic:synic_benchmark",
    "//hyperv/synic:synic_ports_benchmark",
]

def hvkit_benchmark(name, srcs, deps = []):
    """A program that measures the scenarios of `srcs`, and NAME_scenarios, which brings them along."""
    scenarios = name + "_scenarios"
    hvkit_cc_library(
        name = scenarios,
        testonly = True,
        srcs = srcs,
        alwayslink = True,
        visibility = ["//testing/benchmarks:__subpackages__"],
        deps = deps + ["//testing/benchmarks:scenario"],
    )
    hvkit_cc_binary(
        name = name,
        testonly = True,
        deps = [
            ":" + scenarios,
            "//testing/benchmarks:benchmark_main",
        ],
    )
