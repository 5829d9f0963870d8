"""Dependencies point down: a table of what each package may reach, checked by genquery."""

def _query_name(package):
    return package.strip("/").replace("/", "_") + "_deps"

def layering_test(name, allowed):
    """Fails when a package's umbrella target reaches a label of ours that its row does not allow.

    Args:
      name: the test.
      allowed: package -> prefixes of labels (of this repository) that its target may depend on.
        `//a` allows //a:x and //a/b:x; `//a:x` allows that label alone.
    """
    queries = []
    for package in allowed:
        target = package + ":" + package.rpartition("/")[2]
        native.genquery(
            name = _query_name(package),
            expression = "kind(\"rule\", deps(%s))" % target,
            scope = [target],
            testonly = True,
        )
        queries.append(":" + _query_name(package))
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["layering_test.sh"],
        args = ["'$(rootpath :%s)=%s'" % (_query_name(p), ",".join(rows)) for p, rows in allowed.items()],
        data = queries,
    )
