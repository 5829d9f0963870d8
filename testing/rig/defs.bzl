"""Tests on real KVM: on the machine's own where the processor has VMX or SVM, in the rig elsewhere."""

load("//:cc.bzl", "hvkit_cc_binary")

# The kernels that the rig can run (testing/rig/BUILD.bazel has the parts of each).
L1_VERSIONS = ["6.1", "6.12"]

def _quote(text):
    """One argument of a test: not split by Bazel's tokenisation, not expanded."""
    return "'" + text.replace("$", "$$").replace("'", "'\\''") + "'"

def _exceptions(reasons):
    return [_quote("--except=%s|%s" % (name, reason)) for name, reason in reasons.items()]

_RUN_ON_KVM = Label("//testing/rig:run_on_kvm")

def _kvm_test(name, script, script_args, data, l1, tags, **kwargs):
    """An sh_test per L1 kernel; with several, `name` is a suite of them."""
    names = {}
    for version in l1:
        names[version] = name if len(l1) == 1 else name + "_" + version.replace(".", "_")
    for version, test in names.items():
        native.sh_test(
            name = test,
            srcs = [Label("//testing/rig:" + script)],
            args = [a.replace("{l1}", version) for a in script_args],
            data = data + [
                _RUN_ON_KVM,
                Label("//testing/rig:l1_%s_parts" % version.replace(".", "_")),
            ],
            # One at a time on two cores; static programs have no sanitizers.
            tags = tags + ["cpu:2", "kvm", "nosan"],
            **kwargs
        )
    if len(l1) > 1:
        native.test_suite(
            name = name,
            tags = ["nosan"],
            tests = [":" + test for test in names.values()],
        )

def kvm_cc_test(
        name,
        srcs,
        deps = [],
        data = [],
        args = [],
        l1 = ["6.1"],
        rig_args = [],
        software_kvm_exceptions = {},
        size = "medium",
        tags = [],
        copts = [],
        **kwargs):
    """A GoogleTest program that needs /dev/kvm. A test that skips itself fails.

    Args:
      name: the test; `<name>_program` is the static program itself.
      srcs: its sources; a main is added.
      deps: libraries, beyond GoogleTest.
      data: labels of single files that the program reads, at their runfiles path.
      args: the program's arguments.
      l1: the kernels of the rig to run on, of L1_VERSIONS; with two, `name` is a suite.
      rig_args: options of testing/rig/rig, such as "--cpus=2".
      software_kvm_exceptions: tests (Suite.Name) that may fail under HVKIT_KVM=host on a KVM without
        processor support, each with what that KVM lacks; they are then named in the output.
      size: as of cc_test; the rig itself takes 3 to 10 seconds.
      tags: more tags than kvm, nosan and cpu:2.
      copts: compiler options.
      **kwargs: of sh_test, such as shard_count.
    """
    hvkit_cc_binary(
        name = name + "_program",
        testonly = True,
        srcs = srcs,
        copts = copts,
        linkopts = ["-static"],
        linkstatic = True,
        tags = ["nosan"],
        deps = deps + ["@com_google_googletest//:gtest_main"],
    )
    _kvm_test(
        name,
        "run_gtest",
        ["$(location %s)" % _RUN_ON_KVM] + _exceptions(software_kvm_exceptions) +
        ["--l1={l1}"] + rig_args +
        ["--file=$(location %s)" % label for label in data] +
        ["--", "$(location :%s_program)" % name] + args,
        data + [":%s_program" % name],
        l1,
        tags,
        size = size,
        **kwargs
    )

def kvm_guest_test(
        name,
        guest,
        vmm_args = [],
        expect_status = 1,
        expect_lines = [],
        expect_stderr = [],
        expect_events = [],
        data = [],
        through = None,
        vmm = Label("//vmm"),
        run_on_kvm = None,
        l1 = ["6.1"],
        rig_args = [],
        software_kvm_exceptions = {},
        size = "medium",
        tags = [],
        **kwargs):
    """Boots a guest in the VMM on KVM and checks how it ends.

    Args:
      name: the test.
      guest: the label of the image, for --kernel.
      vmm_args: more arguments for the VMM, without single quotes; $(location) of `data` is expanded.
      expect_status: the VMM's exit status; 1 is a guest's value 0 at the debug-exit port.
      expect_lines: whole lines of the guest's serial output (in any order).
      expect_stderr: texts in lines of the VMM's standard error.
      expect_events: texts in lines of the VMM's --events file.
      data: files that vmm_args name.
      through: the label of a static program that runs the VMM: its arguments are the VMM and the VMM's.
      vmm: another build of the VMM.
      run_on_kvm: a script to use in place of testing/rig/run_on_kvm, which it can find beside it.
      l1: as of kvm_cc_test.
      rig_args: as of kvm_cc_test.
      software_kvm_exceptions: as of kvm_cc_test, for the guest's checks; on whichever processor. A
        test with --hyperv=kernel may also end because KVM has no Hyper-V emulation.
      size: as of kvm_cc_test.
      tags: as of kvm_cc_test.
      **kwargs: of sh_test.
    """
    expectations = ["--expect-status=%d" % expect_status]
    expectations += [_quote("--expect-line=" + text) for text in expect_lines]
    expectations += [_quote("--expect-stderr=" + text) for text in expect_stderr]
    expectations += [_quote("--expect-event=" + text) for text in expect_events]
    exceptions = dict(software_kvm_exceptions)
    if "--hyperv=kernel" in vmm_args:
        exceptions["*"] = "it has no Hyper-V emulation for --hyperv=kernel"
    programs = ([through] if through else []) + [vmm]
    _kvm_test(
        name,
        "run_guest",
        ["--run-on-kvm=$(location %s)" % (run_on_kvm or _RUN_ON_KVM), "--l1={l1}"] + expectations +
        _exceptions(exceptions) +
        rig_args + ["--"] + ["$(location %s)" % program for program in programs] +
        ["--kernel=$(location %s)" % guest] + ["'%s'" % arg for arg in vmm_args],
        data + [guest] + programs + ([run_on_kvm] if run_on_kvm else []),
        l1,
        tags,
        size = size,
        **kwargs
    )
