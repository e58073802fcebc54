"""The rights of the two Roles."""

import pytest
from cluster import API, Cluster, Failed, make_deploy

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture
def as_role(cluster):
    """kubectl as a user who has only the given Role."""

    def bind(role):
        user = f"cluster-test-{role}"
        binding = ("rolebinding", user, f"--role={role}", f"--user={user}")
        cluster.in_wrpi("delete", "rolebinding", user, "--ignore-not-found")
        cluster.in_wrpi("create", *binding)
        bound.append(user)
        return Cluster(cluster.context, f"--as={user}")

    bound = []
    yield bind
    cluster.in_wrpi("delete", "rolebinding", *bound)


def test_a_deployer_can_deploy_restart_roll_back_and_run_the_updater(cluster, tree, load, as_role):
    deployer = as_role("wrpi-deployer")
    with load():
        assert make_deploy(deployer, tree).returncode == 0
        deployer.in_wrpi("rollout", "restart", "deployment/api")
        deployer.in_wrpi("rollout", "status", "deployment/api", "--timeout=10m")
        deployer.in_wrpi("rollout", "undo", "deployment/api")
        deployer.in_wrpi("delete", "pod", cluster.pods(API)[0]["metadata"]["name"])
        deployer.in_wrpi("create", "job", "--from=cronjob/updater", "by-a-deployer")
        deployer.in_wrpi("wait", "--for=condition=Complete", "job/by-a-deployer", "--timeout=2m")
        assert "reading stored" in deployer.in_wrpi("logs", "job/by-a-deployer")
        deployer.in_wrpi("delete", "job/by-a-deployer")
        cluster.settle()
    for refused in (
        ("delete", "networkpolicy/default-deny"),
        ("delete", "resourcequota/ceiling"),
        ("exec", "deployment/redis", "--", "true"),
    ):
        with pytest.raises(Failed, match="forbidden"):
            deployer.in_wrpi(*refused)


def test_a_deployer_applies_nothing_if_one_object_is_forbidden(cluster, tree, as_role):
    """components/tls changes a network policy, which a deployer may not do."""
    deployer = as_role("wrpi-deployer")

    def versions():
        found = cluster.get("deployments,services,configmaps,networkpolicies", "--namespace=wrpi")["items"]
        return {(item["kind"], item["metadata"]["name"]): item["metadata"].get("generation") for item in found}

    before = versions()
    with tree.with_component("tls"):
        result = make_deploy(deployer, tree)
    assert result.returncode != 0 and "networkpolicies" in result.stderr and "forbidden" in result.stderr
    assert versions() == before


def test_a_viewer_cannot_read_secrets_or_change_anything(as_role):
    viewer = as_role("wrpi-viewer")
    viewer.in_wrpi("get", "deployments,pods,configmaps,events,networkpolicies,jobs,endpointslices.discovery.k8s.io")
    viewer.in_wrpi("logs", f"--selector={API}", "--tail=1")
    for refused in (("get", "secrets"), ("delete", "pods", "--all"), ("rollout", "restart", "deployment/api")):
        with pytest.raises(Failed, match="forbidden"):
            viewer.in_wrpi(*refused)
