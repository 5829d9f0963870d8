"""A Linux kernel from Debian's own package, for the rig's L1 machine and as a guest.

    debian_kernel(
        name = "debian_kernel_6_1",
        package_regex = "linux-image-6\\.1\\.0-[0-9]+-cloud-amd64",
        deb_variable = "HVKIT_KERNEL_DEB_6_1",
    )

gives `@debian_kernel_6_1//:vmlinuz` (a bzImage) and `@debian_kernel_6_1//:modules`. The package is
downloaded with `apt-get download` and unpacked, never installed. `--repo_env=VARIABLE=/path/x.deb`
names another package instead.
"""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")

_MODULES = [
    "ccp",
    "irqbypass",
    "kvm",
    "kvm-amd",
    "kvm-intel",
    "virtio",
    "virtio_console",
    "virtio_pci",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_ring",
]

def _run(repository_ctx, what, command):
    result = repository_ctx.execute(command, timeout = 900)
    if result.return_code != 0:
        fail("%s: cannot %s:\n%s" % (repository_ctx.name, what, result.stderr))

def _debian_kernel_impl(repository_ctx):
    package = repository_ctx.os.environ.get(repository_ctx.attr.deb_variable, "")
    downloaded = not package
    if downloaded:
        package = str(repository_ctx.path("kernel.deb"))
        script = repository_ctx.path(Label("//third_party/linux:download_kernel.sh"))
        _run(repository_ctx, "download a kernel", [script, repository_ctx.attr.package_regex, package])
    script = repository_ctx.path(Label("//third_party/linux:unpack_kernel.sh"))
    _run(repository_ctx, "unpack " + package, [script, package] + _MODULES)
    if downloaded:
        repository_ctx.delete("kernel.deb")
    repository_ctx.symlink(Label("//third_party/linux:debian_kernel.BUILD"), "BUILD.bazel")

debian_kernel = repository_rule(
    implementation = _debian_kernel_impl,
    doc = "Makes a repository of one of Debian's kernel packages.",
    attrs = {
        "package_regex": attr.string(
            mandatory = True,
            doc = "The package's name, as an extended regular expression; of several, the newest is taken.",
        ),
        "deb_variable": attr.string(
            mandatory = True,
            doc = "HVKIT_KERNEL_DEB_6_1 or HVKIT_KERNEL_DEB_6_12: an environment variable that may name a package file to use instead.",
        ),
    },
    environ = ["HVKIT_KERNEL_DEB_6_1", "HVKIT_KERNEL_DEB_6_12"],
)

def hvkit_debian_kernels():
    """The kernels that the rig and the tests use."""
    maybe(
        debian_kernel,
        name = "debian_kernel_6_1",
        package_regex = "linux-image-6\\.1\\.0-[0-9]+-cloud-amd64",
        deb_variable = "HVKIT_KERNEL_DEB_6_1",
    )
    maybe(
        debian_kernel,
        name = "debian_kernel_6_12",
        package_regex = "linux-image-6\\.12\\.[0-9]+(\\+deb12)?-cloud-amd64",
        deb_variable = "HVKIT_KERNEL_DEB_6_12",
    )
