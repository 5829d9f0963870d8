"""C++ rules of hvkit: the native ones with -std=c++20, since a consumer does not inherit .bazelrc."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

HVKIT_COPTS = ["-std=c++20"]

def _header_checks(name, hdrs, deps, tags):
    """One translation unit per header that includes nothing else: headers are self-contained."""
    units = []
    for header in hdrs:
        unit = "%s_%s_selfcontained" % (name, header.replace("/", "_").replace(".", "_"))
        native.genrule(
            name = unit,
            outs = [unit + ".cc"],
            cmd = "echo '#include \"%s/%s\"' > $@" % (native.package_name(), header),
            tags = ["manual"],
        )
        units.append(":" + unit)
    cc_library(
        name = name + "_headers",
        testonly = True,
        srcs = units,
        copts = HVKIT_COPTS,
        tags = tags + ["header-check"],
        visibility = ["//testing/layering:__pkg__"],
        deps = [":" + name] + deps,
    )

def hvkit_cc_library(name, srcs = [], hdrs = [], deps = [], copts = [], tags = [], **kwargs):
    """cc_library in C++20. A header without a .cc of its own gets a self-containment check:
    the others are checked by being the first include of their .cc."""
    cc_library(
        name = name,
        srcs = srcs,
        hdrs = hdrs,
        copts = HVKIT_COPTS + copts,
        tags = tags,
        deps = deps,
        **kwargs
    )
    alone = [h for h in hdrs if not ":" in h and h[:-2] + ".cc" not in srcs]
    if alone and "freestanding" not in tags:
        _header_checks(name, alone, deps, tags)

def hvkit_cc_binary(name, copts = [], **kwargs):
    """cc_binary in C++20."""
    cc_binary(name = name, copts = HVKIT_COPTS + copts, **kwargs)

def hvkit_cc_test(name, copts = [], size = "small", **kwargs):
    """cc_test in C++20."""
    cc_test(name = name, copts = HVKIT_COPTS + copts, size = size, **kwargs)
