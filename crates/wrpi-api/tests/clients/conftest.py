"""Fixtures: the services that the tests use."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


# Seconds that any single step may take, so that a busy machine fails no test.
PATIENCE = 60


@dataclass
class Service:
    """A running service."""

    url: str
    password: str
    tls: str | None


def wait_for(port, process):
    """Waits until the process listens on `port`."""
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < end, f"{process.args[0]} does not listen"
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)


@contextlib.contextmanager
def running(binary, **environment):
    """Runs the binary on a free port until the end of the block. AUTH_GUESSES=0: schemathesis sends wrong passwords."""
    password = secrets.token_urlsafe(18)
    free = {"LISTEN_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "AUTH_GUESSES": "0"}
    environment = free | {"APP_PASSWORD": password, "LOG_FORMAT": "json"} | environment
    process = subprocess.Popen([BINARIES / binary], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        entry = next(json.loads(line) for line in process.stdout if b'"listening"' in line)
        # Reads the rest of the output, because a full pipe would block the service.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Service(f"http://{entry['public']}", password, entry.get("tls"))
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="session")
def steady():
    """An API whose reading does not change."""
    with running("wrpi-standalone", UPDATE_INTERVAL="1440m") as service:
        yield service


@pytest.fixture(scope="session")
def lively():
    """An API with ten new readings per second, so that no test waits long for one."""
    with running("wrpi-standalone", UPDATE_INTERVAL="100ms") as service:
        yield service


@pytest.fixture(scope="session")
def empty():
    """An API without a reading, because it cannot reach Redis."""
    with running("wrpi-api", REDIS_HOST="127.0.0.1", REDIS_PORT="1") as service:
        yield service


@pytest.fixture(scope="session")
def strict():
    """An API that throttles a client after one wrong password."""
    with running("wrpi-standalone", AUTH_GUESSES="1") as service:
        yield service


@pytest.fixture(scope="session")
def document(steady):
    """The OpenAPI document of the API."""
    curl = ["curl", "--silent", "--fail", f"{steady.url}/openapi.json"]
    return json.loads(subprocess.run(curl, check=True, capture_output=True).stdout)
