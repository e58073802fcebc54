"""make-secrets.sh, run in a copy of k8s/."""

import base64
import os
import pty
import shutil
import subprocess

import pytest
from conftest import K8S, NEWEST, build, load_all


@pytest.fixture
def directory(tmp_path):
    for name in ("make-secrets.sh", "ask-password.sh"):
        shutil.copy(K8S / name, tmp_path)
    return tmp_path


def run(directory, **variables):
    environment = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(
        [directory / "make-secrets.sh"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def written(directory):
    return dict(line.split("=", 1) for line in (directory / "secrets.env").read_text().splitlines())


def test_the_file_is_private_and_complete_with_random_passwords(directory):
    password = "a b=c:$(id)'\"ä#"
    result = run(directory, APP_PASSWORD=password)
    assert result.returncode == 0
    assert password not in result.stdout + result.stderr
    assert (directory / "secrets.env").stat().st_mode & 0o777 == 0o600
    found = written(directory)
    example = (K8S / "secrets.env.example").read_text()
    assert list(found) == [line.removesuffix("=") for line in example.splitlines() if not line.startswith("#")]
    assert (found["APP_PASSWORD"], found["APP_PASSWORD_PREVIOUS"]) == (password, "")
    api, updater = found["REDIS_API_PASSWORD"], found["REDIS_UPDATER_PASSWORD"]
    assert len(api) == len(updater) == 48 and api != updater


def test_an_existing_file_is_replaced_only_with_force(directory):
    run(directory, APP_PASSWORD="first")
    before = written(directory)
    result = run(directory, APP_PASSWORD="second")
    assert result.returncode != 0 and "FORCE=1" in result.stderr
    assert written(directory) == before
    assert run(directory, APP_PASSWORD="second", FORCE="1").returncode == 0
    after = written(directory)
    assert after["APP_PASSWORD"] == "second"
    assert after["REDIS_API_PASSWORD"] != before["REDIS_API_PASSWORD"]


def test_kustomize_does_not_wrap_the_passwords(directory, kubectls, tree):
    """kubectl would take the line breaks for a change at every apply."""
    assert run(directory, APP_PASSWORD="app").returncode == 0
    root = tree(())
    shutil.copy(directory / "secrets.env", root)
    built = build(kubectls[NEWEST], root)
    (secret,) = (found for found in load_all(built) if found["kind"] == "Secret")
    for value in secret["data"].values():
        assert base64.b64encode(base64.b64decode(value)).decode() == value


@pytest.mark.parametrize("name", ["APP_PASSWORD_PREVIOUS", "REDIS_API_PASSWORD", "REDIS_UPDATER_PASSWORD"])
def test_the_environment_sets_the_other_passwords(directory, name):
    assert run(directory, APP_PASSWORD="app", **{name: "given"}).returncode == 0
    assert written(directory)[name] == "given"


@pytest.mark.parametrize("password", ["", " ", "two\nlines"])
def test_an_empty_password_or_one_with_a_line_break_is_refused(directory, password):
    result = run(directory, APP_PASSWORD=password)
    assert result.returncode != 0 and "APP_PASSWORD" in result.stderr or "line break" in result.stderr
    assert not list(directory.glob("secrets.env*"))


def test_the_prompt_does_not_echo_the_password(directory):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [directory / "make-secrets.sh"], env={"PATH": os.environ["PATH"]}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = read_until(ours, b"API: ")
    os.write(ours, b"typed in\n")
    shown += read_until(ours, b"again: ")
    os.write(ours, b"typed in\n")
    shown += read_until(ours, b"Wrote")
    assert process.wait(10) == 0
    os.close(ours)
    assert written(directory)["APP_PASSWORD"] == "typed in"
    assert b"typed in" not in shown


def read_until(terminal, wanted):
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 1024)
    return shown
