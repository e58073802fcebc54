"""Uninstallation, as docs/kubernetes.md describes it."""


def test_uninstalling_leaves_nothing_behind(cluster, tree):
    result = cluster.shell(tree.documented("Uninstall"), tree.root)
    assert result.returncode == 0, result.stderr
    assert cluster.namespace("wrpi") is None
    kinds = cluster.run("api-resources", "--namespaced=false", "--verbs=list", "--output=name").split()
    left = cluster.run("get", ",".join(kinds), "--selector=app.kubernetes.io/part-of=wrpi", "--output=name")
    assert left == ""
