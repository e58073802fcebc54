"""Fixtures for the tests on a real cluster, the load, and the table at the end.

The tests follow docs/kubernetes.md from top to bottom, in the order of the file names. Each test starts with the state
that the previous one left.
"""

import json
import os
import subprocess

import pytest
from cluster import HERE, IMAGE, KUBECTL, MARK, NAMESPACE, Cluster, Failed, Tree, eventually, pod

ROWS = []


@pytest.fixture(scope="session")
def cluster():
    """The cluster that CLUSTER_CONTEXT names. Both namespaces are deleted at the end, unless CLUSTER_KEEP is set."""
    context = os.environ.get("CLUSTER_CONTEXT")
    if not context:
        pytest.exit("CLUSTER_CONTEXT is not set. Set it to the kubectl context of the cluster to test.", 2)
    try:
        cluster = Cluster(context)
        found, own = cluster.namespace("wrpi"), cluster.namespace(NAMESPACE)
    except Failed as error:
        pytest.exit(f"cannot reach the cluster: {error}", 2)
    if found and not (own and MARK in found["metadata"]["labels"]):
        pytest.exit(f"{context} has a namespace wrpi that these tests did not create; nothing was changed", 2)
    remove(cluster)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {MARK: "made"}}})
    eventually("pods can be created", lambda: cluster.run("get", "serviceaccount/default", f"--namespace={NAMESPACE}"))
    yield cluster
    if not os.environ.get("CLUSTER_KEEP"):
        remove(cluster)


def remove(cluster):
    cluster.run("delete", "namespace", "wrpi", NAMESPACE, "--ignore-not-found", "--timeout=10m")


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    return Tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def apply(cluster, tree):
    """Applies the copy of k8s/. Returns the standard output and standard error of kubectl."""

    def run():
        result = cluster.attempt("apply", "-k", tree.k8s)
        if result.returncode != 0:
            raise Failed(result.stderr)
        # Marks the namespace as created by these tests, for the next run. k8s/ does not set this label, so it stays.
        cluster.run("label", "namespace", "wrpi", f"{MARK}=made", "--overwrite")
        return result.stdout, result.stderr

    return run


@pytest.fixture(scope="session")
def load_pod(cluster):
    cluster.apply(pod("load", NAMESPACE, {"app": "load"}))
    cluster.run("wait", f"--namespace={NAMESPACE}", "--for=condition=Ready", "pod/load", "--timeout=5m")
    return "load"


class Load:
    """A context manager that runs a load until the end of the block, then asserts that no request failed, unless it may."""

    def __init__(self, cluster, pod, password, row, port=80, tls=False, rate=40, may_fail=False):
        self.settings = {"host": "api.wrpi", "port": port, "tls": tls, "password": password, "rate": rate}
        self.command = [*cluster.command, "exec", f"--namespace={NAMESPACE}", "--stdin", pod, "--", "python3", "-u", "-c"]
        self.row, self.may_fail = row, may_fail
        self.report = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [*self.command, (HERE / "load.py").read_text()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.say(json.dumps(self.settings))
        assert self.process.stdout.readline() == "started\n", "the load did not start"
        return self

    def say(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def mark(self):
        """Records the current time by the clock of the load."""
        self.say("mark")

    def __exit__(self, kind, *_):
        try:
            self.say("stop")
            last = self.process.stdout.readline()
        finally:
            self.process.stdin.close()
            self.process.wait(60)
        if kind is None:
            self.report = json.loads(last)
            self.row["sent"] = self.row.get("sent", 0) + self.report["sent"]
            self.row["failed"] = self.row.get("failed", 0) + self.report["failed"]
            self.row["gap"] = max(self.row.get("gap", 0), self.report["gap"])
            assert self.report["sent"] > 0
            assert self.may_fail or self.report["failures"] == [], f"failed requests, with the times of: {self.report['marks']}"

    def until_next_reading(self):
        """Seconds from the mark to the next new reading."""
        (mark,) = self.report["marks"]
        return next(seen for seen, _ in self.report["readings"] if seen > mark) - mark


@pytest.fixture
def row(request):
    """The row of the test in the table: sent, failed, gap and note."""
    return request.node.stash.setdefault(ROW, {})


@pytest.fixture
def load(cluster, load_pod, tree, row):
    """Creates a load, with the current password by default."""
    return lambda password=None, pod=load_pod, **options: Load(cluster, pod, password or tree.password, row, **options)


@pytest.fixture
def settled(cluster):
    """Waits before the test until all rollouts are complete."""
    cluster.settle()


@pytest.fixture(scope="session")
def enforces_policies(cluster, load_pod):
    """Whether the cluster enforces network policies. A pod with a policy that denies all ingress shows it."""
    cluster.apply(
        pod("closed", NAMESPACE, {"app": "closed"}),
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed", "namespace": NAMESPACE},
            "spec": {"podSelector": {"matchLabels": {"app": "closed"}}, "policyTypes": ["Ingress"]},
        },
    )
    cluster.run("wait", f"--namespace={NAMESPACE}", "--for=condition=Ready", "pod/closed", "--timeout=5m")
    address = f"{cluster.get('pod/closed', f'--namespace={NAMESPACE}')['status']['podIP']}:7777"
    try:
        eventually("a policy denies connections", lambda: not cluster.execute(load_pod, "probe.py", address)[address], seconds=60)
    except AssertionError:
        return False
    return True


ROW = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" or report.outcome != "passed" and report.when == "setup":
        row = item.stash.get(ROW, {})
        skipped = report.longrepr[2].removeprefix("Skipped: ") if report.skipped else None
        name = item.originalname.removeprefix("test_").replace("_", " ")
        if hasattr(item, "callspec"):
            name += f" [{item.callspec.id}]"
        ROWS.append((name, report.outcome, row | ({"note": skipped} if skipped else {})))
    return report


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    cluster = Cluster(os.environ["CLUSTER_CONTEXT"])
    versions = json.loads(cluster.run("version", "--output=json"))
    nodes = cluster.get("nodes")["items"]
    write = terminalreporter.write_line
    write("")
    write(f"Kubernetes {versions['serverVersion']['gitVersion']}, {len(nodes)} nodes with "
          f"{nodes[0]['status']['nodeInfo']['containerRuntimeVersion']}; {KUBECTL} "
          f"{versions['clientVersion']['gitVersion']}; load and probes in {IMAGE}")
    write("")
    write("| test | result | sent | failed | longest gap | notes |")
    write("|---|---|---:|---:|---:|---|")
    for name, outcome, row in ROWS:
        gap = f"{row['gap']:.2f} s" if "gap" in row else ""
        write(f"| {name} | {outcome} | {row.get('sent', '')} | {row.get('failed', '')} | {gap} | {row.get('note', '')} |")
