"""Tests of Debian's kernels as guests."""

load("//testing/rig:defs.bzl", "kvm_guest_test")

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
