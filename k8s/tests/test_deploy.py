"""`make deploy`, with a kubectl that notes what it is asked for; the cluster tests have the real one."""

import subprocess

import pytest
from conftest import K8S


@pytest.fixture
def deploy(tmp_path):
    """Runs `make deploy` where kubectl fails for arguments that `refused` matches; returns its status and the calls."""

    def run(refused, *arguments):
        kubectl, calls = tmp_path / "kubectl", tmp_path / "calls"
        kubectl.write_text(f'#!/bin/sh\necho "$*" >>"{calls}"\ncase "$*" in {refused}) exit 1 ;; esac\n')
        kubectl.chmod(0o755)
        command = ["make", "deploy", f"KUBECTL={kubectl}", *arguments]
        result = subprocess.run(command, cwd=K8S.parent, capture_output=True, text=True)
        return result.returncode, calls.read_text().splitlines()

    return run


NAMESPACE, DRY_RUN, APPLY = "get namespace wrpi", "apply -k k8s --dry-run=server", "apply -k k8s"


def test_it_applies_what_the_cluster_would_take(deploy):
    assert deploy("nothing") == (0, [NAMESPACE, DRY_RUN, APPLY])


def test_it_applies_an_overlay(deploy):
    overlay = "k8s/overlays/gke"
    calls = [call.replace("-k k8s", f"-k {overlay}") for call in (NAMESPACE, DRY_RUN, APPLY)]
    assert deploy("nothing", f"KUSTOMIZATION={overlay}") == (0, calls)


def test_it_applies_nothing_when_the_cluster_refuses_an_object(deploy):
    status, calls = deploy("*--dry-run*")
    assert status != 0 and calls == [NAMESPACE, DRY_RUN]


def test_the_first_time_there_is_no_namespace_to_try_it_in(deploy):
    assert deploy("'get namespace'*") == (0, [NAMESPACE, APPLY])


def test_a_failed_apply_is_told(deploy):
    status, _ = deploy(f"'{APPLY}'")
    assert status != 0
