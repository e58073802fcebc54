"""Uninstallation, as docs/kubernetes.md describes it."""

from cluster import make_deploy


def test_nothing_is_deployed_while_the_namespace_is_being_deleted(cluster, tree):
    """kubectl would say "unchanged", and then everything would be gone."""
    cluster.run("delete", "namespace", "wrpi", "--wait=false")
    result = make_deploy(cluster, tree)
    assert result.returncode != 0 and "the namespace wrpi is being deleted" in result.stderr
    assert "unchanged" not in result.stdout


def test_uninstalling_leaves_nothing_behind(cluster, tree):
    result = cluster.shell(tree.documented("Uninstall."), tree.root)
    assert result.returncode == 0, result.stderr
    assert cluster.namespace("wrpi") is None
    kinds = cluster.run("api-resources", "--namespaced=false", "--verbs=list", "--output=name").split()
    left = cluster.run("get", ",".join(kinds), "--selector=app.kubernetes.io/part-of=wrpi", "--output=name")
    assert left == ""
