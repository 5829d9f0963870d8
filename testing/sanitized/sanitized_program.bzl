"""Programs with sanitizers, whatever configuration the rest of the build has."""

_COPT = "//command_line_option:copt"
_LINKOPT = "//command_line_option:linkopt"
_STRIP = "//command_line_option:strip"

# As in .bazelrc. Each stops at its first report.
_SANITIZERS = ["-fsanitize=address,undefined"]
_MORE_COPTS = [
    "-O1",
    "-g1",
    "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=undefined",
    # gcc sees uninitialized variables in the standard library where there are none.
    "-Wno-maybe-uninitialized",
]

def _with_sanitizers_impl(settings, _attr):
    return {
        _COPT: settings[_COPT] + _SANITIZERS + _MORE_COPTS,
        _LINKOPT: settings[_LINKOPT] + _SANITIZERS,
        # Reports name lines.
        _STRIP: "never",
    }

_with_sanitizers = transition(
    implementation = _with_sanitizers_impl,
    inputs = [_COPT, _LINKOPT],
    outputs = [_COPT, _LINKOPT, _STRIP],
)

def _sanitized_program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = program, target_file = ctx.executable.program, is_executable = True)
    return [DefaultInfo(executable = program, files = depset([program]))]

sanitized_program = rule(
    implementation = _sanitized_program_impl,
    doc = "`program` built with AddressSanitizer and UndefinedBehaviorSanitizer, and what it is made of.",
    attrs = {
        "program": attr.label(executable = True, cfg = "target", mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    cfg = _with_sanitizers,
    executable = True,
)
