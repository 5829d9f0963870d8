"""External repositories of hvkit, all made from Debian packages: no network is used.

A consumer calls `hvkit_deps()` in its WORKSPACE after its own repositories; a name that is already
defined (abseil, GoogleTest, ...) is left alone, so a consumer's own versions win.
"""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load("//third_party/abseil:repository.bzl", "debian_abseil")
load("//third_party/bazel:repository.bzl", "directory_repository", "platforms_repository", "shim_repository")
load("//third_party/debian:repository.bzl", "debian_headers_repository", "debian_sources_repository")
load("//third_party/linux:debian_kernel.bzl", "hvkit_debian_kernels")

def hvkit_deps():
    """Repositories that hvkit's packages and their tests need."""
    bazel_support_deps()
    debian_libraries(maybe)

def debian_libraries(define):
    """The libraries, under their upstream names.

    Args:
      define: called with a repository rule and its attributes: `maybe`, or for bzlmod what just
        calls the rule (third_party/bazel/extensions.bzl).
    """
    define(debian_abseil, name = "com_google_absl")
    define(
        debian_sources_repository,
        name = "com_google_googletest",
        build_file = Label("//third_party/googletest:googletest.BUILD"),
        package = "googletest",
        path = "/usr/src/googletest",
    )
    define(
        debian_headers_repository,
        name = "com_github_google_benchmark",
        build_file = Label("//third_party/benchmark:benchmark.BUILD"),
        package = "libbenchmark-dev",
        probe = "/usr/include/benchmark/benchmark.h",
    )
    define(
        debian_headers_repository,
        name = "nlohmann_json",
        build_file = Label("//third_party/nlohmann_json:nlohmann_json.BUILD"),
        package = "nlohmann-json3-dev",
        probe = "/usr/include/nlohmann/json.hpp",
    )
    define(
        debian_headers_repository,
        name = "pugixml",
        build_file = Label("//third_party/pugixml:pugixml.BUILD"),
        package = "libpugixml-dev",
        probe = "/usr/include/pugixml.hpp",
    )
    define(
        debian_headers_repository,
        name = "libseccomp",
        build_file = Label("//third_party/libseccomp:libseccomp.BUILD"),
        package = "libseccomp-dev",
        probe = "/usr/include/seccomp.h",
    )

def bazel_support_deps():
    """What Bazel 4.2.3 would otherwise download: shims and Debian's copies."""
    maybe(shim_repository, name = "rules_cc", files = {
        "//third_party/bazel:rules_cc_defs.bzl": "cc/defs.bzl",
    })
    maybe(shim_repository, name = "rules_java", files = {
        "//third_party/bazel:rules_java_defs.bzl": "java/defs.bzl",
    })
    maybe(
        directory_repository,
        name = "bazel_skylib",
        package = "bazel-skylib",
        path = "/usr/share/bazel/tools/skylib",
    )
    maybe(
        platforms_repository,
        name = "platforms",
        package = "bazel-platforms",
        path = "/usr/share/bazel/tools/platforms",
    )
    maybe(shim_repository, name = "remote_coverage_tools", files = {
        "//third_party/bazel:coverage.BUILD": "BUILD.bazel",
        "//third_party/bazel:coverage_stub.sh": "coverage_stub.sh",
    })

def hvkit_dev_deps():
    """Repositories that only hvkit's own checkout needs: kernels for the rig and for the guests."""
    hvkit_debian_kernels()
