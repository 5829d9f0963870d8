"""Freestanding guests: programs that a VMM boots instead of a kernel. Work with gcc and clang."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")

_COPTS = [
    "-std=c++20",
    "-O2",
    "-ffreestanding",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-sanitize=all",
    "-fno-pic",
    "-fcf-protection=none",
    "-mno-red-zone",
    # As -mgeneral-regs-only, but clang then still accepts the long double in headers of the library.
    "-mno-mmx",
    "-mno-sse",
    "-march=x86-64",
    "-U_FORTIFY_SOURCE",
]

_LINKOPTS = [
    "-fuse-ld=bfd",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-fno-sanitize=all",
    "-Wl,--build-id=none",
    "-Wl,-z,norelro",
    "-Wl,-z,noseparate-code",
    "-Wl,-z,max-page-size=4096",
    "-Wl,-z,noexecstack",
]

# No sanitizer or coverage runtime, and no check of headers outside a guest.
_TAGS = ["nosan", "freestanding"]

def guest_library(name, copts = [], tags = [], **kwargs):
    """A cc_library for guests."""
    cc_library(
        name = name,
        copts = _COPTS + copts,
        linkstatic = True,
        features = ["-supports_start_end_lib"],
        tags = tags + _TAGS,
        **kwargs
    )

def guest_binary(name, srcs, deps = [], protocol = "multiboot", testonly = True, visibility = ["//visibility:public"]):
    """A guest image, `<name>`, for `--kernel` of the VMM or `-kernel` of QEMU.

    Args:
      name: the image.
      srcs: C++ sources with hvkit::guest::GuestMain (testing/guests/lib/guest.h).
      deps: guest libraries, beyond the runtime.
      protocol: how it is entered: multiboot (an ELF32 file with a multiboot-1 header), pvh (ELF64 with
        the entry note) or elf64 (ELF64 alone).
      testonly: False for a guest that is part of a program.
      visibility: of the image.
    """
    cc_binary(
        name = name + ".linked",
        testonly = testonly,
        srcs = srcs,
        additional_linker_inputs = [Label("//testing/guests/lib:guest.lds")],
        copts = _COPTS,
        linkopts = _LINKOPTS + [
            "-Wl,-T,$(location %s)" % Label("//testing/guests/lib:guest.lds"),
            "-Wl,-e,guest_start",
        ],
        linkstatic = True,
        features = ["-supports_start_end_lib"],
        tags = _TAGS,
        deps = deps + [
            Label("//testing/guests/lib:lib"),
            Label("//testing/guests/lib:start_" + protocol),
        ],
    )

    # Multiboot-1 loaders take ELF32 only; the code in it may well be 64-bit.
    output = "elf32-i386" if protocol == "multiboot" else "elf64-x86-64"
    _objcopy(name, ":%s.linked" % name, "--strip-debug -O " + output, testonly, visibility)

def flat_guest(name, src, visibility = ["//visibility:public"]):
    """A guest of raw bytes for `--kernel-format=flat`, from 16-bit assembly that is linked at 0."""
    cc_binary(
        name = name + ".linked",
        testonly = True,
        srcs = [src],
        linkopts = _LINKOPTS + ["-Wl,-Ttext=0", "-Wl,-e,0"],
        linkstatic = True,
        features = ["-supports_start_end_lib"],
        tags = _TAGS,
    )
    _objcopy(name, ":%s.linked" % name, "-O binary --only-section=.text", True, visibility)

def _objcopy(name, linked, options, testonly, visibility):
    native.genrule(
        name = name,
        testonly = testonly,
        srcs = [linked],
        outs = [name + ".guest"],
        cmd = "$(OBJCOPY) %s $< $@" % options,
        tags = _TAGS,
        toolchains = ["@bazel_tools//tools/cpp:current_cc_toolchain"],
        visibility = visibility,
    )
