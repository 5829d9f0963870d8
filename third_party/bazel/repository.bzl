"""Repository rules that stand for what Bazel 4.2.3 would download."""

def _shim_repository_impl(rctx):
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    packages = {"BUILD.bazel": True}
    for label, destination in rctx.attr.files.items():
        rctx.symlink(Label(label), destination)
        packages[destination.rpartition("/")[0] + "/BUILD.bazel"] = True
    targets = rctx.attr.files.values()
    for build in packages:
        path = build.lstrip("/")
        if path not in targets:
            rctx.file(path, "")

shim_repository = repository_rule(
    implementation = _shim_repository_impl,
    attrs = {"files": attr.string_dict(doc = "label in this repository -> path in the new one")},
    local = True,
)

def _require(rctx):
    source = rctx.path(rctx.attr.path)
    if not source.exists:
        fail("%s: no %s; remedy: apt-get install %s" % (rctx.name, rctx.attr.path, rctx.attr.package))
    return source

def _directory_repository_impl(rctx):
    for entry in _require(rctx).readdir():
        rctx.symlink(entry, entry.basename)

directory_repository = repository_rule(
    implementation = _directory_repository_impl,
    attrs = {
        "package": attr.string(mandatory = True, doc = "Debian package to name when the directory is missing"),
        "path": attr.string(mandatory = True),
    },
    doc = "A repository that is a directory of this machine.",
    local = True,
)

_CONSTRAINT = """
constraint_value(
    name = "{name}",
    constraint_setting = ":{setting}",
)
"""

# Named by abseil's sources, absent from Debian's copy of @platforms.
_NEWER_CONSTRAINTS = {
    "cpu": ["wasm32", "wasm64"],
    "os": ["emscripten", "wasi"],
}

def _platforms_repository_impl(rctx):
    source = _require(rctx)
    for entry in source.readdir():
        if entry.basename not in _NEWER_CONSTRAINTS:
            rctx.symlink(entry, entry.basename)
    for setting, names in _NEWER_CONSTRAINTS.items():
        text = rctx.read(source.get_child(setting).get_child("BUILD"))
        missing = [name for name in names if "\"%s\"" % name not in text]
        added = [_CONSTRAINT.format(name = name, setting = setting) for name in missing]
        rctx.file(setting + "/BUILD", text + "".join(added))

platforms_repository = repository_rule(
    implementation = _platforms_repository_impl,
    attrs = {
        "package": attr.string(mandatory = True),
        "path": attr.string(mandatory = True),
    },
    local = True,
)
