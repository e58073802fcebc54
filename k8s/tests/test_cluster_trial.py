"""Checks without a cluster of the instruments of `make cluster-test`, and that the docs contain the commands that it runs."""

import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest
from conftest import K8S

CLUSTER = K8S / "tests/cluster"
SOURCES = "\n".join(file.read_text() for file in sorted(CLUSTER.glob("test_*.py")))
WORDS = re.findall(r'(?:tree\.documented\(|delete\(cluster, tree, )"(.*?)"\)', SOURCES)


def test_the_cluster_tests_use_commands_from_the_docs():
    assert len(WORDS) >= 5


@pytest.mark.parametrize("words", WORDS)
def test_the_docs_contain_each_command(words):
    assert re.search(rf"{re.escape(words)}.*\n\n```sh\n", (K8S.parent / "docs/kubernetes.md").read_text()), words


def test_kind_uses_the_oldest_documented_version_and_pinned_images():
    pins = (CLUSTER / "versions.env").read_text()
    promised = re.search(r"Kubernetes (1\.\d+) or newer", (K8S.parent / "docs/kubernetes.md").read_text())[1]
    assert f"NODE_OLDEST=kindest/node:v{promised}." in pins
    assert all("@sha256:" in line for line in pins.splitlines() if line.startswith("NODE_"))


@pytest.mark.parametrize("given", ["kubectl", "./kubectl", None])
def test_documented_commands_reach_the_given_kubectl_with_the_context(tmp_path, given):
    """A bare name must not find the shim that adds the context, because the shim would call itself."""
    fake = tmp_path / "kubectl"
    fake.write_text('#!/bin/sh\necho "$*"\n')
    fake.chmod(0o755)
    script = "import pathlib, cluster; print(cluster.Cluster('my context').shell('kubectl get pods', pathlib.Path.cwd()).stdout)"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(CLUSTER), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment | ({"KUBECTL": given} if given else {}),
        capture_output=True, text=True, timeout=60,
    )
    assert result.stdout.strip() == "--context=my context get pods", result.stderr


ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n{"latest_calculation_at":"2026-01-01T00:00"}'


def test_the_load_reports_when_a_request_failed_and_from_which_port():
    """The server answers the first two connections, on which the load keeps one, and resets all later ones."""
    listener = socket.create_server(("127.0.0.1", 0))
    ports, stopped = [], threading.Event()

    def serve():
        kept = []
        while not stopped.is_set():
            connection, (_, port) = listener.accept()
            ports.append(port)
            if len(ports) > 2:
                connection.close()
            elif connection.recv(4096):
                connection.sendall(ANSWER)
                kept.append(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings = {"host": "127.0.0.1", "port": listener.getsockname()[1], "tls": False, "password": "any", "rate": 20}
    with subprocess.Popen([sys.executable, CLUSTER / "load.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        watchdog = threading.Timer(60, load.kill)
        watchdog.start()
        print(json.dumps(settings), file=load.stdin, flush=True)
        assert load.stdout.readline() == "started\n"
        while len(ports) < 6 and load.poll() is None:
            stopped.wait(0.01)
        print("mark\nstop", file=load.stdin, flush=True)
        report = json.loads(load.stdout.readline())
        watchdog.cancel()
    stopped.set()
    failures = report["failures"]
    assert report["failed"] == len(failures) >= 3 and report["sent"] > report["failed"]
    for failure in failures:
        assert failure["began"] <= failure["ended"] <= report["ended"] and failure["error"]
        assert failure["connection"] in ("new", "reused")
    assert [failure for failure in failures if failure["connection"] == "reused"]
    assert {failure["port"] for failure in failures if failure["connection"] == "new"} <= set(ports)
