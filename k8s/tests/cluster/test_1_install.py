"""Installation, as docs/kubernetes.md describes it."""

import json
import statistics
import time

import pytest
from cluster import API, Failed, decoded, eventually, pod


def test_nothing_is_applied_without_secrets(cluster, apply):
    with pytest.raises(Failed, match=r"secrets\.env"):
        apply()
    assert cluster.namespace("wrpi") is None


def test_it_applies_without_warnings_under_the_restricted_standard(cluster, tree, apply):
    tree.make_secrets()
    tree.applied = time.monotonic()
    said, warned = apply()
    assert warned == "" and said.count(" created") == len(said.splitlines())
    assert cluster.namespace("wrpi")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_api_serves_a_reading_within_90_seconds(cluster, tree, load_pod, row):
    """From the first apply to the first response through the Service, including image pulls."""

    def reading():
        status, answer = cluster.execute(load_pod, "ask.py", input=f"{tree.password}\n")
        return status == 200 and answer

    answer = eventually("the API serves a reading", reading)
    seconds = time.monotonic() - tree.applied
    assert 0 <= answer["latest_value"] <= 100
    row["note"] = f"after {seconds:.0f} s"
    assert seconds <= 90


def test_a_second_apply_changes_nothing(cluster, apply):
    def generations():
        names = "deployments,cronjobs,services,networkpolicies,horizontalpodautoscalers,poddisruptionbudgets"
        found = cluster.get(names, "--namespace=wrpi")["items"]
        return {(item["kind"], item["metadata"]["name"]): item["metadata"].get("generation") for item in found}

    cluster.settle()
    before = generations()
    said, warned = apply()
    assert warned == "" and generations() == before
    # kubectl patches a PodDisruptionBudget even if nothing changes.
    assert [line for line in said.splitlines() if not line.endswith(" unchanged")] in (
        [], ["poddisruptionbudget.policy/api configured"],
    )


def test_a_write_reaches_every_stream_within_50_ms(cluster, tree, settled, row):
    labels = {"app": "streams"}
    addresses = [f"{found['status']['podIP']}" for found in cluster.pods(API)]
    ports = [{"protocol": "TCP", "port": port} for port in (6379, 8080)]
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    objects = [
        pod("streams", "wrpi", labels),
        policy | {"metadata": {"name": "streams", "namespace": "wrpi"}, "spec": {
            "podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"],
            "egress": [{"ports": [*ports, {"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}],
        }},
        policy | {"metadata": {"name": "streams-to-redis", "namespace": "wrpi"}, "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/component": "redis"}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": labels}}], "ports": ports[:1]}],
        }},
    ]
    cluster.apply(*objects)
    try:
        cluster.in_wrpi("wait", "--for=condition=Ready", "pod/streams", "--timeout=5m")
        passwords = json.dumps({"app": tree.password, "updater": tree.secret("REDIS_UPDATER_PASSWORD")})
        delays = eventually("the writes reach the streams", lambda: cluster.execute(
            "streams", "streams.py", *addresses, namespace="wrpi", input=f"{passwords}\n"), 120)
    finally:
        cluster.in_wrpi("delete", "networkpolicy/streams", "networkpolicy/streams-to-redis", "pod/streams", "--wait=false")
    median = statistics.median(delays)
    row["note"] = f"{len(addresses)} replicas, {len(delays)} writes: median {median * 1000:.1f} ms, maximum {max(delays) * 1000:.1f} ms"
    assert len(addresses) >= 2 and median <= 0.05


def test_the_cluster_has_the_generated_secrets(cluster, tree):
    (found,) = cluster.get("secrets", "--namespace=wrpi", "--selector=app.kubernetes.io/part-of=wrpi")["items"]
    assert decoded(found) == {name: tree.secret(name) for name in decoded(found)}
