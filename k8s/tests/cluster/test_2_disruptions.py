"""Disruptions of pods and nodes under load. No request may fail."""

import json

import pytest
from cluster import API, REDIS, eventually

pytestmark = pytest.mark.usefixtures("settled")


def test_no_request_fails_during_a_rolling_restart(cluster, load):
    with load():
        cluster.in_wrpi("rollout", "restart", "deployment/api")
        cluster.settle()


def test_the_replicas_are_on_different_nodes_after_each_of_four_restarts(cluster, row):
    """Chance alone puts two pods on two nodes in half of the restarts."""
    if len(cluster.workers()) < 2:
        pytest.skip("the cluster has fewer than two nodes that take pods")
    for _ in range(4):
        cluster.in_wrpi("rollout", "restart", "deployment/api")
        cluster.settle()
        nodes = [pod["spec"]["nodeName"] for pod in cluster.pods(API)]
        assert len(nodes) == len(set(nodes)), nodes
    labelled = cluster.get("nodes", "--selector=topology.kubernetes.io/zone")["items"]
    row["note"] = "nodes with a zone label" if labelled else "nodes without a zone label"


def test_no_request_fails_when_a_pod_is_deleted(cluster, load):
    with load():
        cluster.in_wrpi("delete", "pod", cluster.pods(API)[0]["metadata"]["name"])
        cluster.settle()


def test_no_request_fails_when_every_pod_of_a_node_is_evicted(cluster, load, row):
    """Cordons the node if there is another one. Retries evictions that the PodDisruptionBudget rejects."""
    nodes = [node for node in cluster.get("nodes")["items"]
             if not node["spec"].get("unschedulable") and not node["spec"].get("taints")]
    node = cluster.pods(API)[0]["spec"]["nodeName"]
    evicted = [pod for selector in (API, REDIS) for pod in cluster.pods(selector) if pod["spec"]["nodeName"] == node]
    with load():
        if len(nodes) > 1:
            cluster.run("cordon", node)
        try:
            for found in evicted:
                name = found["metadata"]["name"]
                eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "wrpi"}}
                path = f"/api/v1/namespaces/wrpi/pods/{name}/eviction"
                eventually(f"{name} is evicted", lambda path=path, eviction=eviction: cluster.run(
                    "create", f"--raw={path}", "--filename=-", input=json.dumps(eviction)))
            cluster.settle()
        finally:
            cluster.run("uncordon", node)
    row["note"] = f"{len(evicted)} pods, {'moved to another node' if len(nodes) > 1 else 'single node'}"


def test_no_request_fails_when_the_redis_pod_is_deleted(cluster, load, row):
    (redis,) = cluster.pods(REDIS)
    with load() as running:
        running.mark()
        cluster.in_wrpi("delete", "pod", redis["metadata"]["name"])
        wait_for_a_reading(cluster)
    row["note"] = f"next reading after {running.until_next_reading():.0f} s"


def test_no_request_fails_when_redis_restarts_in_its_pod(cluster, load, row):
    (redis,) = cluster.pods(REDIS)
    name = redis["metadata"]["name"]

    def restarts():
        (status,) = cluster.get(f"pod/{name}", "--namespace=wrpi")["status"]["containerStatuses"]
        return status["restartCount"]

    before = restarts()
    with load() as running:
        running.mark()
        cluster.in_wrpi("exec", name, "--container=redis", "--", "sh", "-c", "kill 1")
        eventually("the container has restarted", lambda: restarts() > before)
        wait_for_a_reading(cluster)
    row["note"] = f"next reading after {running.until_next_reading():.0f} s"


def wait_for_a_reading(cluster):
    """Waits until a Job that starts after this call has stored a reading."""
    known = {job["metadata"]["name"] for job in jobs(cluster)}
    eventually("the CronJob has stored a reading", lambda: [
        job for job in jobs(cluster) if job["metadata"]["name"] not in known and job["status"].get("succeeded")])


def jobs(cluster):
    return cluster.get("jobs", "--namespace=wrpi")["items"]
