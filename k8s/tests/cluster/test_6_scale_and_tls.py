"""Ten API pods, and HTTPS with a certificate created by hand."""

import subprocess

import pytest
from cluster import API, ROOT, eventually

pytestmark = pytest.mark.usefixtures("settled")


def test_the_quota_allows_two_consecutive_rollouts_of_ten_pods(cluster, tree, apply, load):
    def refusals():
        events = cluster.get("events", "--namespace=wrpi", "--field-selector=reason=FailedCreate")["items"]
        return [event["message"] for event in events if "exceeded quota" in event["message"]]

    with load():
        with tree.changed("base/api/horizontal-pod-autoscaler.yaml", ("minReplicas: 2", "minReplicas: 10")):
            apply()
            eventually("ten pods exist", lambda: len(cluster.pods(API)) >= 10)
            cluster.settle()
            for _ in range(2):
                cluster.in_wrpi("rollout", "restart", "deployment/api")
                cluster.in_wrpi("rollout", "status", "deployment/api", "--timeout=20m")
            cluster.settle()
        apply()
        cluster.in_wrpi("scale", "deployment/api", "--replicas=2")  # the autoscaler scales down only if it has metrics
        eventually("two pods are left", lambda: len(cluster.pods(API)) == 2)
        cluster.settle()
    assert refusals() == []


def certificate(directory, name):
    """Creates a chain and a key with the documented command, for the given name."""
    text = (ROOT / "docs/https.md").read_text()
    begin = text.index("openssl req -x509")
    command = text[begin:text.index("```", begin)].replace("wrpi.example.com", name)
    subprocess.run(["sh", "-euc", command], cwd=directory, check=True, capture_output=True)


def documented(beginning):
    """The commands in docs/https.md from `beginning` to the end of the code block."""
    text = (ROOT / "docs/https.md").read_text()
    begin = text.index(beginning)
    return text[begin:text.index("```", begin)]


def test_no_request_fails_while_the_certificate_is_renewed(cluster, tree, apply, load, load_pod, row):
    def served():
        addresses = [pod["status"]["podIP"] for pod in cluster.pods(API)]
        return set(cluster.execute(load_pod, "certificates.py", *addresses))

    certificate(tree.root, "before.example.com")
    create = next(line for line in documented("kubectl -n wrpi create secret tls").splitlines() if "create secret" in line)
    result = cluster.shell(create, tree.root)
    assert result.returncode == 0, result.stderr
    with tree.with_component("tls"):
        apply()
        cluster.settle()
    (before,) = served()
    with load(port=443, tls=True) as running:
        running.mark()
        certificate(tree.root, "after.example.com")
        renew = documented("kubectl -n wrpi create secret tls wrpi-tls --cert=fullchain.pem --key=key.pem --dry-run")
        result = cluster.shell(renew, tree.root)
        assert result.returncode == 0 and result.stderr == "", result.stderr
        eventually("every pod serves the new certificate", lambda: len(served()) == 1 and before not in served())
    (mark,), certificates = running.report["marks"], running.report["certificates"]
    assert len(certificates) == 2
    row["note"] = f"new certificate first seen after {certificates[1][0] - mark:.0f} s, on all pods after {running.report['ended'] - mark:.0f} s"
    apply()
    cluster.in_wrpi("delete", "secret/wrpi-tls")
