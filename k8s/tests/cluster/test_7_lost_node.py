"""A node is lost, if the owner of the cluster gives the commands: CLUSTER_CUT cuts the node $NODE off, CLUSTER_RESTORE
brings it back."""

import os
import subprocess
import time

import pytest
from cluster import API, NAMESPACE, REDIS, eventually, is_ready, pod, section

CUT, RESTORE = (os.environ.get(name) for name in ("CLUSTER_CUT", "CLUSTER_RESTORE"))


@pytest.fixture
def node(cluster, settled):
    """The name of a node with Redis, an API pod, and no part of the control plane. It is brought back after the test."""
    if not (CUT and RESTORE):
        pytest.skip("CLUSTER_CUT and CLUSTER_RESTORE are not set, so no node was cut off")
    workers = cluster.workers()
    nodes = [found["metadata"]["name"] for found in cluster.get("nodes")["items"]]
    if not workers or len(nodes) < 2:
        pytest.skip("the cluster has no second node that can be cut off")
    node, *_ = workers
    with_others_cordoned(cluster, node, lambda: (
        cluster.in_wrpi("delete", "pod", f"--selector={REDIS}"),
        cluster.in_wrpi("rollout", "status", "deployment/redis", "--timeout=5m"),
    ))
    cluster.in_wrpi("rollout", "restart", "deployment/api")
    cluster.settle()
    assert [found["spec"]["nodeName"] for found in cluster.pods(REDIS)] == [node]
    assert node in [found["spec"]["nodeName"] for found in cluster.pods(API)]
    yield node
    on(node, RESTORE)
    cluster.run("wait", f"node/{node}", "--for=condition=Ready", "--timeout=5m")


def with_others_cordoned(cluster, node, act):
    """Calls `act` while `node` is the only one that takes new pods."""
    others = [found["metadata"]["name"] for found in cluster.get("nodes")["items"]
              if found["metadata"]["name"] != node and not found["spec"].get("unschedulable")]
    cluster.run("cordon", *others)
    try:
        return act()
    finally:
        cluster.run("uncordon", *others)


def on(node, command):
    subprocess.run(["sh", "-c", command], env=os.environ | {"NODE": node}, check=True, timeout=120)


def jobs(cluster):
    return cluster.get("jobs", "--namespace=wrpi")["items"]


def test_a_lost_node_costs_freshness_and_nothing_is_stuck_afterwards(cluster, tree, load, node, row):
    others = {found["metadata"]["name"] for found in cluster.get("nodes")["items"]} - {node}
    cluster.apply(pod("load-elsewhere", NAMESPACE, {"app": "load-elsewhere"}, affinity={"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]},
        ]}]},
    }}))
    cluster.run("wait", f"--namespace={NAMESPACE}", "--for=condition=Ready", "pod/load-elsewhere", "--timeout=5m")

    def a_job_is_on_the_lost_node():
        found = cluster.pods("app.kubernetes.io/component=updater")
        return [item for item in found if item["spec"].get("nodeName") == node and item["status"]["phase"] == "Pending"]

    def redis_is_ready_elsewhere():
        return [found for found in cluster.pods(REDIS) if is_ready(found) and found["spec"]["nodeName"] in others]

    def two_api_pods_are_ready_elsewhere():
        return len([found for found in cluster.pods(API) if is_ready(found) and found["spec"]["nodeName"] in others]) >= 2

    # Connections to the lost API pod fail until the cluster notices.
    with load(pod="load-elsewhere", may_fail=True) as running:
        # The minute's Job begins on the lost node, which still counts as ready. It must not prevent the next ones.
        time.sleep(max(0, 50 - time.time() % 60))
        running.mark()
        began = time.monotonic()
        on(node, CUT)
        with_others_cordoned(cluster, node, lambda: eventually("a Job is on the lost node", a_job_is_on_the_lost_node, 40))
        eventually("Redis is ready on another node", redis_is_ready_elsewhere, 180)
        redis_back = time.monotonic() - began
        eventually("two API pods are ready on other nodes", two_api_pods_are_ready_elsewhere, 180)
        api_back = time.monotonic() - began
        running.mark()
        typed = {heading: [cluster.shell(line, tree.root) for line in section(heading)] for heading in (
            "A node is lost", "WrpiApiNotRedundant", "WrpiStoreDown")}
        time.sleep(max(0, began + 420 - time.monotonic()))  # at least four readings, if nothing prevents them
    cut, back = running.report["marks"]
    seen = [when for when, _ in running.report["readings"] if when > cut] + [running.report["ended"]]
    row["note"] = (f"Redis ready after {redis_back:.0f} s, two API pods after {api_back:.0f} s, "
                   f"next reading after {seen[0] - cut:.0f} s")
    assert redis_back <= 90
    assert seen[0] - cut <= 180
    assert max(later - earlier for earlier, later in zip(seen, seen[1:])) <= 120
    failed_later = [failure for failure in running.report["failures"] if failure["began"] > back]
    assert failed_later == []
    for heading, results in typed.items():
        for line, result in zip(section(heading), results):
            assert result.returncode == 0, (heading, line, result.stderr)
            assert result.stdout.strip(), (heading, line)


def test_after_the_node_is_back_a_restart_spreads_the_replicas_and_nothing_is_stuck(cluster, row):
    """The fixture `node` of the test before has brought it back."""
    if not (CUT and RESTORE):
        pytest.skip("CLUSTER_CUT and CLUSTER_RESTORE are not set, so no node was cut off")

    def nothing_is_stuck():
        found = cluster.get("pods", "--namespace=wrpi")["items"]
        return not [item for item in found if "deletionTimestamp" in item["metadata"]] and all(
            job["status"].get("conditions") or job["status"].get("active") for job in jobs(cluster))

    cluster.in_wrpi("rollout", "restart", "deployment/api")
    cluster.settle()
    nodes = [found["spec"]["nodeName"] for found in cluster.pods(API)]
    assert len(nodes) == len(set(nodes)), nodes
    eventually("no pod is terminating and every Job has ended or runs", nothing_is_stuck, 180)
    cluster.in_wrpi("wait", "--for=condition=Available", "deployment/redis", "deployment/api", "--timeout=1m")
