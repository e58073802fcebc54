"""The configuration of Redis in the manifests, on a real redis-server."""

import base64
import hashlib
import os
import socket
import subprocess

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

KEYS = ("wrpi-latest", "wrpi-timestamp")


@pytest.fixture
def config(base, tmp_path):
    """A directory with the files of the ConfigMap in config/ and the passwords in passwords/."""
    directory = tmp_path / "config"
    directory.mkdir()
    for name, text in base.one("ConfigMap", "redis-config")["data"].items():
        (directory / name).write_text(text.replace("dir /data", f"dir {tmp_path}"))
    secret = base.one("Secret", "wrpi-secrets")["data"]
    (volume,) = (found for found in base.pods()["redis"]["spec"]["volumes"] if found["name"] == "secrets")
    for item in volume["secret"]["items"]:
        path = tmp_path / "passwords" / item["path"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(base64.b64decode(secret[item["key"]]))
    return tmp_path


def render(base, directory):
    """Runs the command of the init container."""
    (container,) = base.pods()["redis"]["spec"]["initContainers"]
    places = {"/etc/redis": "config", "/run/secrets/redis": "passwords", "/run/redis": "."}
    command = container["command"]
    for place, here in places.items():
        command = [word.replace(f"{place}/", f"{directory / here}/") for word in command]
        command = [str(directory / here) if word == place else word for word in command]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def server(base, config):
    """The port of a running redis-server."""
    assert render(base, config).returncode == 0
    yield from start(config, ["--aclfile", config / "users.acl"])


def start(directory, arguments, log=None):
    """Runs start.sh as the container does. Appends the output, until Redis is ready, to the list `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = directory / "config"
    command = ["sh", config / "start.sh", config / "redis.conf", "--port", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = [] if log is None else log
    try:
        for line in process.stdout:
            lines.append(line)
            if "Ready to accept connections" in line:
                break
        else:
            pytest.fail(f"redis-server exited with {process.wait()}: {''.join(lines[-5:])}")
        yield port
    finally:
        process.kill()
        process.communicate()


def connect(port, config, user):
    password = (config / "passwords" / user).read_text()
    return redis.Redis(port=port, username=user, password=password, protocol=3, decode_responses=True)


def test_the_acl_file_contains_only_hashes(base, config):
    assert render(base, config).returncode == 0
    acl = (config / "users.acl").read_text()
    for user in ("api", "updater"):
        password = (config / "passwords" / user).read_text()
        assert password not in acl
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in acl
    assert (config / "users.acl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("user", ["api", "updater"])
@pytest.mark.parametrize("damage", ["empty", "newline", "missing"])
def test_redis_does_not_start_without_a_password(base, config, user, damage):
    file = config / "passwords" / user
    file.unlink() if damage == "missing" else file.write_text({"empty": "", "newline": "\n"}[damage])
    result = render(base, config)
    assert result.returncode != 0 and user in result.stderr
    assert not (config / "users.acl").exists()
    started = subprocess.run(
        ["redis-server", config / "config/redis.conf", "--port", "0", "--unixsocket", config / "socket",
         "--aclfile", config / "users.acl"],
        capture_output=True, text=True, timeout=10,
    )
    assert started.returncode != 0 and "Error loading ACLs" in started.stdout


def test_the_updater_can_only_write_the_two_keys(server, config):
    updater = connect(server, config, "updater")
    assert updater.mset(dict.fromkeys(KEYS, "1"))
    for refused in (
        lambda: updater.mget(KEYS),
        lambda: updater.get(KEYS[0]),
        lambda: updater.mset({"other": "1"}),
        lambda: updater.delete(*KEYS),
        lambda: updater.flushall(),
        lambda: updater.config_get(),
        lambda: updater.keys(),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()


def test_the_api_can_only_read_and_track_the_two_keys(server, config):
    connect(server, config, "updater").mset(dict(zip(KEYS, ("69.420", "then"))))
    api = connect(server, config, "api")
    assert api.mget(KEYS) == ["69.420", "then"]
    assert api.execute_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "wrpi-") == "OK"
    for refused in (
        lambda: api.mset(dict.fromkeys(KEYS, "1")),
        lambda: api.set(KEYS[0], "1"),
        lambda: api.mget("other"),
        lambda: api.get(KEYS[0]),
        lambda: api.keys(),
        lambda: api.delete(*KEYS),
        lambda: api.client_list(),
        lambda: api.acl_whoami(),
        lambda: api.shutdown(),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()


def test_an_unauthenticated_client_is_rejected(server):
    once = Retry(NoBackoff(), 0)  # by default, the client tries again for four seconds
    client = redis.Redis(port=server, retry=once)
    with pytest.raises(redis.exceptions.AuthenticationError):
        client.ping()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=server, username="api", password="", retry=once).ping()


def test_the_last_reading_survives_a_restart(base, config):
    assert render(base, config).returncode == 0
    acl = ["--aclfile", config / "users.acl", "--appendfsync", "always"]
    for port in start(config, acl):
        connect(port, config, "updater").mset(dict.fromkeys(KEYS, "42"))
    for port in start(config, acl):
        assert connect(port, config, "api").mget(KEYS) == ["42", "42"]


MANIFEST, BASE, INCREMENTS = "appendonly.aof.manifest", "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"


CUT = "start.sh: the append-only file was damaged. Its end was cut off."
DISCARDED = "start.sh: the append-only file was damaged. It was discarded; the updater stores a new reading."


@pytest.mark.parametrize(("file", "damage", "survivor", "says"), [
    pytest.param(INCREMENTS, lambda data: data + bytes(100), "new", [CUT], id="zeros after the end"),
    pytest.param(INCREMENTS, lambda data: data[:-1], "old", [CUT], id="end cut off"),
    pytest.param(INCREMENTS, lambda data: data[:-20] + bytes(20), "old", [CUT], id="end zeroed"),
    pytest.param(INCREMENTS, lambda data: bytes(len(data)), None, [CUT], id="zeroed"),
    pytest.param(INCREMENTS, lambda data: b"", None, [], id="emptied"),
    pytest.param(INCREMENTS, None, None, [DISCARDED], id="gone"),
    pytest.param(BASE, lambda data: data[:-1], None, [DISCARDED], id="base cut off"),
    pytest.param(BASE, lambda data: bytes(len(data)), None, [DISCARDED], id="base zeroed"),
    pytest.param(BASE, None, None, [DISCARDED], id="base gone"),
    pytest.param(MANIFEST, lambda data: data[:-20], None, [DISCARDED], id="manifest cut off"),
    pytest.param(MANIFEST, lambda data: bytes(len(data)), None, [DISCARDED], id="manifest zeroed"),
    pytest.param(MANIFEST, lambda data: b"", None, [DISCARDED], id="manifest emptied"),
    pytest.param(MANIFEST, None, None, [DISCARDED], id="manifest gone"),
])
def test_redis_starts_with_a_damaged_append_only_file(base, config, file, damage, survivor, says):
    (container,) = base.pods()["redis"]["spec"]["containers"]
    assert container["command"] == ["sh", "/etc/redis/start.sh", "/etc/redis/redis.conf"]
    assert render(base, config).returncode == 0
    acl = ["--aclfile", config / "users.acl", "--appendfsync", "always"]
    for port in start(config, acl):
        for value in ("old", "new"):
            connect(port, config, "updater").mset(dict.fromkeys(KEYS, value))
    path = config / "appendonlydir" / file
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    log = []
    for port in start(config, acl, log):
        assert connect(port, config, "api").mget(KEYS) == [survivor] * 2
        assert connect(port, config, "updater").mset(dict.fromkeys(KEYS, "newer"))
    assert [line.strip() for line in log if line.startswith("start.sh")] == says
    for port in start(config, acl, after := []):
        assert connect(port, config, "api").mget(KEYS) == ["newer"] * 2
        assert not [line for line in after if line.startswith("start.sh")]


def test_an_undamaged_append_only_file_is_not_changed(base, config):
    assert render(base, config).returncode == 0
    acl = ["--aclfile", config / "users.acl", "--appendfsync", "always"]
    for _ in range(2):
        for _ in start(config, acl, log := []):
            assert not [line for line in log if line.startswith("start.sh")]


def test_the_probe_fails_for_a_redis_without_passwords_and_for_a_stopped_one(base, server, config):
    (container,) = base.pods()["redis"]["spec"]["containers"]
    (config / "open").mkdir()

    def probe(port):
        shim = config / "bin" / "redis-cli"
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f'#!/bin/sh\nPATH=${{PATH#*:}} exec redis-cli -p {port} "$@"\n')
        shim.chmod(0o755)
        environment = os.environ | {"PATH": f"{shim.parent}:{os.environ['PATH']}"}
        command = container["livenessProbe"]["exec"]["command"]
        return subprocess.run(command, env=environment, capture_output=True).returncode

    assert container["livenessProbe"]["exec"] == container["readinessProbe"]["exec"]
    assert probe(server) == 0
    for port in start(config, ["--dir", config / "open", "--aclfile", ""]):
        assert probe(port) != 0
    assert probe(port) != 0


def test_the_memory_limit_covers_data_clients_and_a_rewrite(base, config):
    settings = dict(
        line.split(maxsplit=1) for line in (config / "config/redis.conf").read_text().splitlines() if line[:1].isalpha()
    )
    (container,) = base.pods()["redis"]["spec"]["containers"]
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert settings["maxmemory-policy"] == "noeviction"
    data, clients = (int(settings[name].removesuffix("mb")) for name in ("maxmemory", "maxmemory-clients"))
    assert 2 * data + clients <= limit  # twice: rewriting the append-only file may copy the data
