"""Allowed and denied connections, if the cluster enforces network policies."""

import pytest
from cluster import API, NAMESPACE, REDIS, eventually, pod


@pytest.fixture(autouse=True)
def policies(enforces_policies, settled):
    if not enforces_policies:
        pytest.skip("the cluster does not enforce network policies")


def address(cluster, selector, port):
    return f"{cluster.pods(selector)[0]['status']['podIP']}:{port}"


def expect(cluster, namespace, name, wanted):
    """Waits until the pod reaches exactly the wanted addresses. A new policy takes a moment to apply."""
    def check():
        found = cluster.execute(name, "probe.py", *wanted, namespace=namespace)
        assert found == wanted
        return True

    eventually(f"{name} reaches exactly the wanted addresses", check, seconds=60)


def test_another_namespace_reaches_the_api_but_not_redis_or_the_admin_port(cluster, load_pod, row):
    expect(cluster, NAMESPACE, load_pod, {
        "api.wrpi:80": True,
        address(cluster, API, 8080): True,
        address(cluster, API, 9090): False,
        address(cluster, REDIS, 6379): False,
        "redis.wrpi:6379": False,
    })


@pytest.mark.parametrize("component", ["api", "updater"])
def test_its_pods_reach_only_redis_and_dns(cluster, load_pod, component):
    """Tested from a pod that the same policies select, because the images have no shell."""
    name = f"like-{component}"
    cluster.apply(pod(name, "wrpi", {"app.kubernetes.io/component": component}))
    try:
        cluster.in_wrpi("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=5m")
        outside = cluster.get(f"pod/{load_pod}", f"--namespace={NAMESPACE}")["status"]["podIP"]
        assert cluster.execute(load_pod, "probe.py", f"{outside}:7777") == {f"{outside}:7777": True}
        wanted = {
            "redis:6379": True,
            "kube-dns.kube-system:53": True,
            f"{outside}:7777": False,
            address(cluster, API, 8080): False,
            address(cluster, API, 9090): False,
            "api:80": False,
        }
        # Policies always allow traffic to the pod's own node.
        servers = cluster.get("endpointslice/kubernetes", "--namespace=default")["endpoints"]
        node = cluster.get(f"pod/{name}", "--namespace=wrpi")["status"]["hostIP"]
        if all(node not in server["addresses"] for server in servers):
            wanted["kubernetes.default:443"] = False
        expect(cluster, "wrpi", name, wanted)
    finally:
        cluster.in_wrpi("delete", "pod", name, "--wait=false")
