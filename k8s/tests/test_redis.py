"""The Redis that the manifests configure, on a real redis-server: rendered, started and asked."""

import base64
import hashlib
import os
import socket
import subprocess

import pytest
import redis

KEYS = ("wrpi-latest", "wrpi-timestamp")


@pytest.fixture
def config(base, tmp_path):
    """The ConfigMap and the passwords as files, as the pod sees them, but for the place."""
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
    """Runs the init container's own command."""
    (container,) = base.pods()["redis"]["spec"]["initContainers"]
    places = {"/etc/redis": "config", "/run/secrets/redis": "passwords", "/run/redis": "."}
    command = container["command"]
    for place, here in places.items():
        command = [word.replace(f"{place}/", f"{directory / here}/") for word in command]
        command = [str(directory / here) if word == place else word for word in command]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def server(base, config):
    """A running redis-server: its port."""
    assert render(base, config).returncode == 0
    yield from start(config, ["--aclfile", config / "users.acl"])


def start(directory, arguments, log=None):
    """Runs start.sh, as the container does; what it prints until Redis is ready goes to the list `log` too."""
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
            pytest.fail(f"redis-server ended with {process.wait()}: {''.join(lines[-5:])}")
        yield port
    finally:
        process.kill()
        process.communicate()


def connect(port, config, user):
    password = (config / "passwords" / user).read_text()
    return redis.Redis(port=port, username=user, password=password, protocol=3, decode_responses=True)


def test_the_acl_file_holds_hashes_only(base, config):
    assert render(base, config).returncode == 0
    acl = (config / "users.acl").read_text()
    for user in ("api", "updater"):
        password = (config / "passwords" / user).read_text()
        assert password not in acl
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in acl
    assert (config / "users.acl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("user", ["api", "updater"])
@pytest.mark.parametrize("damage", ["empty", "newline", "missing"])
def test_no_password_means_no_redis(base, config, user, damage):
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


def test_the_updater_writes_and_does_nothing_else(server, config):
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


def test_the_api_reads_is_told_of_changes_and_does_nothing_else(server, config):
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


def test_a_stranger_gets_nothing(server):
    stranger = redis.Redis(port=server)
    with pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=server, username="api", password="").ping()


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
def test_redis_starts_whatever_a_power_loss_has_left_of_its_file(base, config, file, damage, survivor, says):
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


def test_a_sound_file_is_left_alone(base, config):
    assert render(base, config).returncode == 0
    acl = ["--aclfile", config / "users.acl", "--appendfsync", "always"]
    for _ in range(2):
        for _ in start(config, acl, log := []):
            assert not [line for line in log if line.startswith("start.sh")]


def test_the_probe_tells_a_closed_redis_from_an_open_and_a_dead_one(base, server, config):
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


def test_memory_limits_leave_room_above_the_data(base, config):
    settings = dict(
        line.split(maxsplit=1) for line in (config / "config/redis.conf").read_text().splitlines() if line[:1].isalpha()
    )
    (container,) = base.pods()["redis"]["spec"]["containers"]
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert settings["maxmemory-policy"] == "noeviction"
    data, clients = (int(settings[name].removesuffix("mb")) for name in ("maxmemory", "maxmemory-clients"))
    assert 2 * data + clients <= limit  # twice, for the copy while the append-only file is rewritten
