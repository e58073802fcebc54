"""`make secrets`, from a copy of k8s/."""

import base64
import os
import pty
import shutil
import subprocess

import pytest
import yaml
from conftest import K8S, NEWEST, build


@pytest.fixture
def directory(tmp_path):
    shutil.copy(K8S / "make-secrets.sh", tmp_path)
    return tmp_path


def run(directory, **variables):
    environment = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(
        [directory / "make-secrets.sh"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def written(directory):
    return dict(line.split("=", 1) for line in (directory / "secrets.env").read_text().splitlines())


def test_what_is_written_is_private_random_and_complete(directory):
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


def test_a_file_that_is_there_stays_unless_forced(directory):
    run(directory, APP_PASSWORD="first")
    before = written(directory)
    result = run(directory, APP_PASSWORD="second")
    assert result.returncode != 0 and "FORCE=1" in result.stderr
    assert written(directory) == before
    assert run(directory, APP_PASSWORD="second", FORCE="1").returncode == 0
    after = written(directory)
    assert after["APP_PASSWORD"] == "second"
    assert after["REDIS_API_PASSWORD"] != before["REDIS_API_PASSWORD"]


def test_an_unchanged_secret_is_printed_as_the_cluster_stores_it(directory, kubectls, tree):
    """kustomize wraps long base64, and kubectl then takes the line breaks for a change at each apply."""
    assert run(directory, APP_PASSWORD="app").returncode == 0
    root = tree(())
    shutil.copy(directory / "secrets.env", root)
    built = build(kubectls[NEWEST], root)
    (secret,) = (found for found in yaml.safe_load_all(built) if found["kind"] == "Secret")
    for value in secret["data"].values():
        assert base64.b64encode(base64.b64decode(value)).decode() == value


@pytest.mark.parametrize("name", ["APP_PASSWORD_PREVIOUS", "REDIS_API_PASSWORD", "REDIS_UPDATER_PASSWORD"])
def test_the_other_passwords_may_be_given(directory, name):
    assert run(directory, APP_PASSWORD="app", **{name: "given"}).returncode == 0
    assert written(directory)[name] == "given"


@pytest.mark.parametrize("password", ["", " ", "two\nlines"])
def test_a_useless_password_is_refused(directory, password):
    result = run(directory, APP_PASSWORD=password)
    assert result.returncode != 0 and "APP_PASSWORD" in result.stderr or "line break" in result.stderr
    assert not list(directory.glob("secrets.env*"))


def test_a_terminal_is_asked_and_does_not_show_the_answer(directory):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [directory / "make-secrets.sh"], env={"PATH": os.environ["PATH"]}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = read_until(ours, b"type: ")
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
