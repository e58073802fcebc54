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


def start(directory, arguments):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", directory / "config/redis.conf", "--port", str(port), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if "Ready to accept connections" in line:
                break
        else:
            pytest.fail(f"redis-server ended with {process.wait()}")
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
