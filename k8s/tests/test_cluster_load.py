"""The load of `make cluster-test`, without a cluster: a load that misses failures would show that there are none."""

import json
import socket
import subprocess
import sys
import threading

from conftest import K8S

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
    with subprocess.Popen([sys.executable, K8S / "tests/cluster/load.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        watchdog = threading.Timer(180, load.kill)
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
