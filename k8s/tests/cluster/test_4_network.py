"""Who reaches what, where the cluster enforces network policies."""

import pytest
from cluster import API, OURS, REDIS, eventually, pod


@pytest.fixture(autouse=True)
def policies(enforces_policies, settled):
    if not enforces_policies:
        pytest.skip("the cluster enforces no network policies")


def address(cluster, selector, port):
    return f"{cluster.pods(selector)[0]['status']['podIP']}:{port}"


def expect(cluster, namespace, name, wanted):
    """Waits until the pod reaches exactly what it is to reach: a policy takes a moment to be in force."""
    def check():
        found = cluster.execute(name, "probe.py", *wanted, namespace=namespace)
        assert found == wanted
        return True

    eventually(f"{name} reaches what it is to reach", check, seconds=60)


def test_from_another_namespace_the_api_is_open_and_redis_and_the_admin_port_are_closed(cluster, load_pod, row):
    expect(cluster, OURS, load_pod, {
        "api.wrpi:80": True,
        address(cluster, API, 8080): True,
        address(cluster, API, 9090): False,
        address(cluster, REDIS, 6379): False,
        "redis.wrpi:6379": False,
    })


@pytest.mark.parametrize("component", ["api", "updater"])
def test_its_pods_reach_redis_and_dns_and_nothing_else(cluster, load_pod, component):
    """Seen from a pod that the same policies select, as images without a shell have nothing to look with."""
    name = f"like-{component}"
    cluster.apply(pod(name, "wrpi", {"app.kubernetes.io/component": component}))
    try:
        cluster.in_wrpi("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=5m")
        outside = cluster.get(f"pod/{load_pod}", f"--namespace={OURS}")["status"]["podIP"]
        assert cluster.execute(load_pod, "probe.py", f"{outside}:7777") == {f"{outside}:7777": True}
        wanted = {
            "redis:6379": True,
            "kube-dns.kube-system:53": True,
            f"{outside}:7777": False,
            address(cluster, API, 8080): False,
            address(cluster, API, 9090): False,
            "api:80": False,
        }
        # What is on a pod's own node, policies always let through.
        servers = cluster.get("endpointslice/kubernetes", "--namespace=default")["endpoints"]
        node = cluster.get(f"pod/{name}", "--namespace=wrpi")["status"]["hostIP"]
        if all(node not in server["addresses"] for server in servers):
            wanted["kubernetes.default:443"] = False
        expect(cluster, "wrpi", name, wanted)
    finally:
        cluster.in_wrpi("delete", "pod", name, "--wait=false")
