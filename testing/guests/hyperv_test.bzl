"""Tests of the Hyper-V guests: one guest on each back end, with one processor and with two."""

load("//testing/rig:defs.bzl", "L1_VERSIONS", "kvm_guest_test")

ALL_OF_HYPERV = "--cpu=host,kvm=off,hv_passthrough"

BACKENDS = [
    "kernel",
    "user",
]

def hyperv_guest_test(
        name,
        guest,
        lines = [],
        more_lines = {},
        cpu = ALL_OF_HYPERV,
        more_cpu = {},
        words = "",
        more_words = {},
        processors = 2,
        backends = BACKENDS,
        one_processor = ["user"],
        l1 = {"user": L1_VERSIONS},
        vmm_args = [],
        **kwargs):
    """`<name>_<backend>_test` with `processors`, and `<name>_one_processor_<backend>_test` with one.

    Args:
      name: of the tests.
      guest: the image. It gets the word `cpus=N`.
      lines: of its output. "{last}" is the last processor's number.
      more_lines: the same for a back end.
      cpu: the flag of the VMM.
      more_cpu: what a back end has appended to it.
      words: more words of its command line, with "{last}" as in lines.
      more_words: the same for a back end.
      processors: how many there are.
      backends: which to test with `processors`.
      one_processor: which to test with one processor.
      l1: for a back end, the rig's kernels to test on with `processors`; ["6.1"] where nothing is said.
      vmm_args: more flags of the VMM.
      **kwargs: of kvm_guest_test.
    """
    runs = [(backend, processors, l1.get(backend, ["6.1"])) for backend in backends]
    runs += [(backend, 1, ["6.1"]) for backend in one_processor]
    for backend, cpus, kernels in runs:
        last = str(cpus - 1)
        all_words = ["cpus=%d" % cpus, words, more_words.get(backend, "")]
        kvm_guest_test(
            name = "%s_%s%s_test" % (name, "one_processor_" if cpus == 1 else "", backend),
            expect_lines = [line.replace("{last}", last) for line in lines + more_lines.get(backend, [])],
            guest = guest,
            l1 = kernels,
            vmm_args = [
                cpu + more_cpu.get(backend, ""),
                "--hyperv=" + backend,
                "--cpus=%d" % cpus,
                "--cmdline=" + " ".join([word.replace("{last}", last) for word in all_words if word]),
            ] + vmm_args,
            **kwargs
        )
