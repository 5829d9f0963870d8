"""Tests of Debian's kernels as guests."""

load("//testing/rig:defs.bzl", "L1_VERSIONS", "kvm_guest_test")

def linux_guest_test(
        name,
        guest_kernel = "6.1",
        lines = [],
        cpu = "--cpu=host,kvm=off,hv_passthrough",
        words = "",
        vmm_args = [],
        **kwargs):
    """Boots Debian's kernel with our initramfs, which prints what it found.

    Args:
      name: the test.
      guest_kernel: 6.1 or 6.12.
      lines: `KEY=VALUE`, of the lines `hvkit-guest: KEY=VALUE`.
      cpu: the flag of the VMM.
      words: more words of the kernel's command line.
      vmm_args: more flags of the VMM.
      **kwargs: of kvm_guest_test.
    """
    kvm_guest_test(
        name = name,
        data = [":initramfs"],
        expect_lines = ["hvkit-guest: " + line for line in lines],
        expect_status = 0,
        guest = "//testing/rig:l1_%s_kernel" % guest_kernel.replace(".", "_"),
        vmm_args = [
            cpu,
            "--initrd=$(location :initramfs)",
            "--cmdline=" + " ".join(["console=ttyS0 panic=-1 quiet"] + ([words] if words else [])),
        ] + vmm_args,
        **kwargs
    )

def linux_on_both_back_ends_test(name, guest_kernel, lines):
    """Boots Debian's kernel on both back ends, on each of the rig's kernels; it is to find the same.

    Args:
      name: the suite; `<name>_6_1` and so on are the tests.
      guest_kernel: as of linux_guest_test.
      lines: as of linux_guest_test, on either back end.
    """
    kernel = "//testing/rig:l1_%s_kernel" % guest_kernel.replace(".", "_")
    programs = [
        "//testing/rig:run_guest",
        "//testing/rig:run_on_kvm",
        "//vmm",
        kernel,
        ":initramfs",
    ]
    locations = ["$(location %s)" % program for program in programs]
    for version in L1_VERSIONS:
        native.sh_test(
            name = "%s_%s" % (name, version.replace(".", "_")),
            size = "large",
            srcs = ["both_back_ends_test.sh"],
            args = locations[:2] + [version] + locations[2:] + ["'%s'" % line for line in lines],
            data = programs + ["//testing/rig:l1_%s_parts" % version.replace(".", "_")],
            # As of kvm_guest_test.
            tags = ["cpu:2", "kvm", "nosan"],
        )
    native.test_suite(
        name = name,
        tags = ["nosan"],
        tests = [":%s_%s" % (name, version.replace(".", "_")) for version in L1_VERSIONS],
    )
