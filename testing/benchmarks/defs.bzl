"""Benchmarks: scenarios for Google Benchmark and for the plugin."""

load("//:cc.bzl", "hvkit_cc_binary", "hvkit_cc_library")

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
