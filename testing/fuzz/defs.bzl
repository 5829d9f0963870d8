"""Fuzz targets: under --config=fuzz they are libFuzzer programs, elsewhere they replay their corpus."""

load("//:cc.bzl", "hvkit_cc_test")

def hvkit_fuzz_test(name, srcs, deps, corpus, tags = [], **kwargs):
    """A test named `name` from `srcs`, which define hvkit::testing::FuzzOne (fuzz_target.h).

    As a test it runs the files of `corpus` and inputs made from them. `testing/fuzz/run LABEL`
    runs it for longer, under libFuzzer and sanitizers, from the same files.
    """
    native.filegroup(
        name = name + "_corpus",
        testonly = True,
        srcs = corpus,
    )
    hvkit_cc_test(
        name = name,
        srcs = srcs,
        args = ["$(locations :%s_corpus)" % name],
        data = [":%s_corpus" % name],
        linkopts = select({
            str(Label("//testing/fuzz:libfuzzer")): ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = tags + ["fuzz"],
        deps = deps + [Label("//testing/fuzz:fuzz_target")] + select({
            str(Label("//testing/fuzz:libfuzzer")): [Label("//testing/fuzz:libfuzzer_entry")],
            "//conditions:default": [Label("//testing/fuzz:replay_main")],
        }),
        **kwargs
    )
