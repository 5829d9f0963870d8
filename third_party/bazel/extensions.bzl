"""Module extension for Bazel 7 with bzlmod; Bazel 4.2.3 never loads this file."""

load("//:deps.bzl", "debian_libraries")

def _define(rule, **kwargs):
    rule(**kwargs)

def _libraries_impl(_module_context):
    debian_libraries(_define)

libraries = module_extension(
    implementation = _libraries_impl,
    doc = "abseil, GoogleTest, Benchmark and the VMM's libraries, from Debian's packages.",
)
