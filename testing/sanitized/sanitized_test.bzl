"""Guests in the VMM with sanitizers."""

load("//testing/guests:hyperv_test.bzl", "BACKENDS")
load("//testing/rig:defs.bzl", "kvm_guest_test")

def sanitized_test(name, guest, line, cpu, more_cpu = {}, words = "", more_words = {}, vmm_args = [], through = ":start", **kwargs):
    """`<name>_<backend>_test`: the guest on 2 processors. It fails when a sanitizer reports anything.

    Args:
      name: of the tests.
      guest: the image. It gets the word `cpus=2`.
      line: of its output, near its end.
      cpu: flags of --cpu beside those that all have.
      more_cpu: the same for a back end.
      words: of its command line.
      more_words: the same for a back end.
      vmm_args: more flags of the VMM.
      through: as of kvm_guest_test.
      **kwargs: of kvm_guest_test.
    """
    for backend in BACKENDS:
        all_words = ["cpus=2", words, more_words.get(backend, "")]
        kvm_guest_test(
            name = "%s_%s_test" % (name, backend),
            expect_lines = [line],
            guest = guest,
            run_on_kvm = ":run_sanitized",
            tags = ["sanitized"],
            through = through,
            vmm = ":vmm",
            vmm_args = [
                # The sanitizers' runtimes make system calls of their own.
                "--no-seccomp",
                "--cpu=host,kvm=off,hv_passthrough" + cpu + more_cpu.get(backend, ""),
                "--hyperv=" + backend,
                "--cpus=2",
                "--cmdline=" + " ".join([word for word in all_words if word]),
            ] + vmm_args,
            **kwargs
        )
