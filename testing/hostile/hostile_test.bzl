"""Tests of the guests that mean harm."""

load("//testing/guests:hyperv_test.bzl", "BACKENDS")
load("//testing/rig:defs.bzl", "kvm_guest_test")

PROCESSORS = 4

def hostile_test(name, guest = None, lines = [], words = "", expect_status = 1, **kwargs):
    """`<name>_<backend>_test`: the guest of that name, on 4 processors, in a VMM that is watched (watch.cc).

    Args:
      name: of the tests, and of the guest unless that is named.
      guest: the image.
      lines: of its output, beside the watcher's.
      words: of its command line, beside `cpus=N`.
      expect_status: the VMM's.
      **kwargs: of kvm_guest_test.
    """
    for backend in BACKENDS:
        kvm_guest_test(
            name = "%s_%s_test" % (name, backend),
            expect_lines = lines + [
                "ok the VMM's resident memory does not grow",
                "ok the VMM has as many descriptors and threads as before",
                "ok all threads of the VMM are confined",
            ],
            expect_status = expect_status,
            guest = guest or ":" + name,
            through = ":watch",
            vmm_args = [
                # The kernel back end has flushes by hypercall in any case.
                "--cpu=host,kvm=off,hv_passthrough,hv_tlbflush",
                "--hyperv=" + backend,
                "--cpus=%d" % PROCESSORS,
                "--device=hyperv-testdev",
                "--cmdline=" + " ".join(["cpus=%d" % PROCESSORS] + ([words] if words else [])),
            ],
            **kwargs
        )
