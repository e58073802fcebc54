"""Types the commands of the runbook, with a real kubectl, while a node is lost and what the alert describes is in the logs.

The API server is a stand-in: see api_server.py. `port-forward` and the metrics behind it are fake. `make cluster-test` types
commands of the runbook on a cluster."""

import base64
import json
import os
import re
import subprocess
import sys

import pytest
from api_server import ApiServer
from conftest import K8S, OLDEST

ROOT = K8S.parent
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
UNREACHABLE = 500, 'Get "https://192.0.2.1:10250/containerLogs": dial tcp 192.0.2.1:10250: i/o timeout'
WAITING = 400, 'container "redis" in pod "redis-b" is waiting to start: PodInitializing'
PODS, EVENTS, SCALER = "api-b ", "FailedScheduling", "Metrics:"

# What the output of each command must contain: the sign of the cause.
SECTIONS = {
    "A node is lost": ("node-a", "redis-b", EVENTS),
    "WrpiAvailabilityBurnFast": ("api-b/api] ", PODS, "REVISION"),
    "WrpiAvailabilityBurnSlow": ("api-b/api] ", EVENTS, "3m"),
    "WrpiLatencyBurnFast": ("3m", SCALER, PODS),
    "WrpiLatencyBurnSlow": ("3m", SCALER, PODS),
    "WrpiApiDown": (PODS, EVENTS, "api-b/api] "),
    "WrpiApiNotRedundant": (PODS, SCALER, EVENTS),
    "WrpiStoreDown": ("redis-b ", "redis-b/render-acl] no password", "api-b/api] "),
    "WrpiStoreUnreachableFromSomePods": (PODS, "api-b/api] ", "redis-clients"),
    "WrpiIndexStale": ("cronjob.batch/updater", "updater-b/updater] ", "api-b/api] "),
    "WrpiIndexMissing": ("api-b/api] ", 'db: "0"', "updater-b/updater] "),
    "WrpiUpdaterFailing": ("cronjob.batch/updater", "Concurrency Policy:", "updater-b/updater] "),
    "WrpiClockSkew": ("updater-b ", "updater-b/updater] ", "node-a"),
    "WrpiAuthenticationFailures": ("api-b wrpi_auth_refused_total 7", PODS, "REVISION"),
    "WrpiConnectionsNearlyExhausted": ("api-b http_connections 4700", PODS, SCALER),
    "WrpiConnectionsExhausted": ("api-b http_connections 4700", PODS, SCALER),
    "WrpiCertificateExpiring": ("wrpi", "notAfter=", "api-b/api] "),
    "WrpiCertificateNearlyExpired": ("notAfter=", PODS, "api-b/api] "),
    "WrpiLogLinesDropped": ("api-b wrpi_log_lines_dropped_total 7", "api-b/api] ", PODS),
    "WrpiWatchdog": ("prometheus-0", "alertmanager-0", "prometheusrule"),
}


def commands(heading):
    return re.search(rf"^#+ {heading}\n.*?^```sh\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)[1].splitlines()


def thing(version, kind, name, labels={}, **rest):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "wrpi", "labels": labels, "uid": name}} | rest


def pod(component, letter, *init):
    labels = {"app.kubernetes.io/component": component, "app.kubernetes.io/name": component, "pod-template-hash": "1"}
    found = thing("v1", "Pod", f"{component}-{letter}", labels, spec={
        "nodeName": f"node-{letter}", "initContainers": [{"name": name} for name in init], "containers": [{"name": component}],
    }, status={"phase": "Running"})
    if letter == "a":
        found["metadata"]["deletionTimestamp"] = "2026-11-30T21:00:00Z"
    return found


def objects(certificate):
    template = {"metadata": {}, "spec": {"containers": []}}
    selector = {"matchLabels": {"app.kubernetes.io/component": "api"}}
    owner = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", "uid": "api", "controller": True}]
    replica_set = thing("apps/v1", "ReplicaSet", "api-1", selector["matchLabels"], spec={"selector": selector, "template": template})
    replica_set["metadata"] |= {"ownerReferences": owner, "annotations": {"deployment.kubernetes.io/revision": "1"}}
    return [
        *(pod(component, letter) for component in ("api", "updater") for letter in "ab"),
        pod("redis", "a", "render-acl"), pod("redis", "b", "render-acl"),
        pod("prometheus", "0"), pod("alertmanager", "0"),
        thing("v1", "Node", "node-a"), thing("v1", "Node", "node-b"),
        # As the scheduler reports it: without lastTimestamp.
        thing("v1", "Event", "pending", type="Warning", reason="FailedScheduling", message="0/2 nodes are available",
              eventTime="2026-11-30T21:00:00.000000Z", lastTimestamp=None, firstTimestamp=None, reportingComponent="scheduler",
              involvedObject={"kind": "Pod", "name": "api-c", "namespace": "wrpi"}),
        thing("apps/v1", "Deployment", "api", spec={"selector": selector, "template": template}), replica_set,
        thing("batch/v1", "CronJob", "updater", spec={
            "schedule": "* * * * *", "concurrencyPolicy": "Replace", "jobTemplate": {"spec": {"template": template}}}),
        thing("batch/v1", "Job", "updater-1"),
        thing("autoscaling/v2", "HorizontalPodAutoscaler", "api", spec={
            "minReplicas": 2, "maxReplicas": 10, "scaleTargetRef": {"kind": "Deployment", "name": "api"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
        }, status={"currentReplicas": 1, "desiredReplicas": 2}),
        thing("networking.k8s.io/v1", "NetworkPolicy", "redis-clients", spec={"podSelector": {}}),
        thing("v1", "ConfigMap", "redis-1", {"app.kubernetes.io/part-of": "wrpi"}, data={"db": "0"}),
        thing("v1", "Secret", "wrpi-tls", data={"tls.crt": base64.b64encode(certificate).decode()}),
        thing("metrics.k8s.io/v1beta1", "PodMetrics", "api-b", window="15s", timestamp="2026-11-30T21:00:00Z",
              containers=[{"name": "api", "usage": {"cpu": "3m", "memory": "9Mi"}}]),
        thing("cert-manager.io/v1", "Certificate", "wrpi"),
        thing("monitoring.coreos.com/v1", "PrometheusRule", "wrpi"), thing("monitoring.coreos.com/v1", "PodMonitor", "api"),
    ]


def logs(heading):
    """The messages that the section searches for are in the log of the pod that is left."""
    searched = re.findall(r"""grep '?"?([\w ]+)""", "\n".join(commands(heading)))
    lines = "".join(json.dumps({"message": message}) + "\n" for message in [*searched, "reading stored"])
    unreachable = {(f"{component}-a", name): UNREACHABLE for component, name in (
        ("api", "api"), ("updater", "updater"), ("redis", "redis"), ("redis", "render-acl"))}
    return unreachable | {
        ("api-b", "api"): lines, ("updater-b", "updater"): lines,
        ("redis-b", "render-acl"): "no password for the user api\n", ("redis-b", "redis"): WAITING,
    }


# Forwards to metrics, except for the pod on the lost node.
PORT_FORWARD = '''
import http.server, sys
if "api-a" in sys.argv[-2]:
    sys.exit("error: unable to upgrade connection: dial tcp 192.0.2.1:10250: i/o timeout")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"wrpi_auth_refused_total 7\\nwrpi_log_lines_dropped_total 7\\nhttp_connections 4700\\nother 1\\n")
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"Forwarding from 127.0.0.1:{server.server_port} -> 9090", flush=True)
server.serve_forever()
'''


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    place = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -days 9 -subj /CN=wrpi.example.com"
    subprocess.run(command.split(), cwd=place, check=True, capture_output=True)
    return (place / "crt").read_bytes()


@pytest.fixture
def shell(kubectls, tmp_path, certificate):
    """Starts the API server for a section. Returns a function that runs a command line in bash."""
    servers = []

    def start(heading):
        servers.append(ApiServer(objects(certificate), logs(heading)))
        (tmp_path / "kubeconfig").write_text(servers[-1].kubeconfig())
        (tmp_path / "port_forward.py").write_text(PORT_FORWARD)
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(
            f'#!/bin/sh\ncase "$*" in *port-forward*) exec {sys.executable} {tmp_path}/port_forward.py "$@" ;; esac\n'
            f'exec {kubectls[OLDEST]} --cache-dir={tmp_path}/cache "$@"\n'
        )
        kubectl.chmod(0o755)
        environment = os.environ | {
            "KUBECONFIG": str(tmp_path / "kubeconfig"), "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "GOGC": "off",  # kubectl ends before it needs its garbage collector
        }
        return lambda line: subprocess.run(
            ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    yield start
    for server in servers:
        server.close()


def test_every_section_with_commands_is_typed():
    headings = re.findall(r"^## (.*)$", RUNBOOK, re.MULTILINE)
    assert sorted(headings) == sorted(SECTIONS.keys() - {"A node is lost"})


@pytest.mark.parametrize("heading", SECTIONS)
def test_each_command_shows_the_sign_that_it_is_for(shell, heading):
    run = shell(heading)
    for line, sign in zip(commands(heading), SECTIONS[heading], strict=True):
        result = run(line)
        assert result.returncode == 0 and sign in result.stdout, f"{line}\n{result.stdout}{result.stderr}"


def test_logs_of_a_selector_need_ignore_errors_while_a_node_is_lost(shell):
    """If kubectl changes this, the flag can go. Without it, kubectl asks the pods in random order and stops at the first error."""
    (line,) = (line for line in commands("WrpiApiDown") if " logs " in line)
    result = shell("WrpiApiDown")(line.replace(" --ignore-errors", ""))
    assert result.returncode != 0 and "i/o timeout" in result.stderr


@pytest.mark.parametrize("sh", ["", "bash --posix "], ids=["sh", "bash as sh, as on macOS"])
def test_metrics_are_shown_for_every_pod_that_answers(shell, sh):
    result = shell("WrpiApiDown")(f"{sh}k8s/show-metrics.sh")
    assert result.returncode == 0 and result.stdout == "api-b wrpi_auth_refused_total 7\napi-b wrpi_log_lines_dropped_total 7\n"
    assert "api-a does not answer: error: unable to upgrade connection" in result.stderr
