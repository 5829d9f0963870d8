"""Repositories over what a Debian -dev or source package installs."""

def _require(rctx, path):
    if not rctx.path(path).exists:
        fail("%s: no %s; remedy: apt-get install %s" % (rctx.name, path, rctx.attr.package))

def _debian_headers_repository_impl(rctx):
    _require(rctx, rctx.attr.probe)
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

debian_headers_repository = repository_rule(
    implementation = _debian_headers_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "package": attr.string(mandatory = True),
        "probe": attr.string(mandatory = True, doc = "a file that the package installs"),
    },
    doc = "A library whose headers and archives stand where the compiler finds them by itself.",
    local = True,
)

def _debian_sources_repository_impl(rctx):
    _require(rctx, rctx.attr.path)
    for entry in rctx.path(rctx.attr.path).readdir():
        rctx.symlink(entry, entry.basename)
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

debian_sources_repository = repository_rule(
    implementation = _debian_sources_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "package": attr.string(mandatory = True),
        "path": attr.string(mandatory = True),
    },
    doc = "A library that Debian installs as sources.",
    local = True,
)
