"""@com_google_absl from Debian's libabsl-dev, under its upstream labels.

By default every label stands for all of Debian's static archives, in one group. With the
environment variable HVKIT_ABSEIL_SOURCE (a tarball with one top folder), abseil is built from that
source instead: the thread sanitizer needs it, since it must see into absl::Mutex.
"""

load("//third_party/abseil:labels.bzl", "ABSEIL_LABELS")

_PREBUILT = """package(default_visibility = ["//visibility:public"])

cc_library(
    name = "prebuilt",
    linkopts = [
        "-Wl,--start-group",
{archives}
        "-Wl,--end-group",
        "-pthread",
    ],
)
"""

_LABEL = """
cc_library(
    name = "{name}",
    visibility = ["//visibility:public"],
    deps = ["//:prebuilt"],
)
"""

_LIBRARY_DIRECTORIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib"]

def _archives(rctx):
    for directory in _LIBRARY_DIRECTORIES:
        path = rctx.path(directory)
        if not path.exists:
            continue
        names = [e.basename for e in path.readdir() if e.basename.startswith("libabsl_") and e.basename.endswith(".a")]
        if names:
            return sorted(names)
    fail("com_google_absl: no libabsl_*.a; remedy: apt-get install libabsl-dev")

def _prebuilt(rctx):
    lines = ["        \"-l:%s\"," % name for name in _archives(rctx)]
    rctx.file("WORKSPACE", "workspace(name = \"com_google_absl\")\n")
    rctx.file("BUILD.bazel", _PREBUILT.format(archives = "\n".join(lines)))
    for package, names in ABSEIL_LABELS.items():
        rctx.file(package + "/BUILD.bazel", "".join([_LABEL.format(name = name) for name in names]))

def _from_source(rctx, tarball):
    top = rctx.os.environ.get("HVKIT_ABSEIL_SOURCE_PREFIX", "abseil-20220623.1")
    rctx.extract(tarball, stripPrefix = top)

def _debian_abseil_impl(rctx):
    tarball = rctx.os.environ.get("HVKIT_ABSEIL_SOURCE", "")
    if tarball:
        _from_source(rctx, tarball)
    else:
        _prebuilt(rctx)

debian_abseil = repository_rule(
    implementation = _debian_abseil_impl,
    environ = ["HVKIT_ABSEIL_SOURCE", "HVKIT_ABSEIL_SOURCE_PREFIX"],
    local = True,
)
