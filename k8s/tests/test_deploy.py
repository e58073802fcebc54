"""`make deploy` with a fake kubectl that records its arguments. The cluster tests use the real one."""

import subprocess

import pytest
from conftest import K8S


@pytest.fixture
def deploy(tmp_path):
    """Runs `make deploy` with a kubectl that fails for arguments matching `refused`. Returns its status and the calls."""

    def run(refused, *arguments):
        kubectl, calls = tmp_path / "kubectl", tmp_path / "calls"
        kubectl.write_text(f'#!/bin/sh\necho "$*" >>"{calls}"\ncase "$*" in {refused}) exit 1 ;; esac\n')
        kubectl.chmod(0o755)
        command = ["make", "deploy", f"KUBECTL={kubectl}", *arguments]
        result = subprocess.run(command, cwd=K8S.parent, capture_output=True, text=True)
        return result.returncode, calls.read_text().splitlines()

    return run


NAMESPACE, DRY_RUN, APPLY = "get namespace wrpi", "apply -k k8s --dry-run=server", "apply -k k8s"


def test_it_applies_after_a_successful_dry_run(deploy):
    assert deploy("nothing") == (0, [NAMESPACE, DRY_RUN, APPLY])


def test_it_applies_an_overlay(deploy):
    overlay = "k8s/overlays/gke"
    calls = [call.replace("-k k8s", f"-k {overlay}") for call in (NAMESPACE, DRY_RUN, APPLY)]
    assert deploy("nothing", f"KUSTOMIZATION={overlay}") == (0, calls)


def test_it_applies_nothing_if_the_dry_run_fails(deploy):
    status, calls = deploy("*--dry-run*")
    assert status != 0 and calls == [NAMESPACE, DRY_RUN]


def test_it_skips_the_dry_run_if_the_namespace_does_not_exist(deploy):
    assert deploy("'get namespace'*") == (0, [NAMESPACE, APPLY])


def test_it_fails_if_the_apply_fails(deploy):
    status, _ = deploy(f"'{APPLY}'")
    assert status != 0
