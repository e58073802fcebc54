"""`make deploy` with a fake kubectl that records its arguments. The cluster tests use the real one."""

import re
import subprocess

import pytest
from conftest import K8S

NAMESPACE, DRY_RUN, APPLY = "get namespace wrpi", "apply -k k8s --dry-run=server", "apply -k k8s"
EXISTS = {NAMESPACE: "Namespace "}


@pytest.fixture
def deploy(tmp_path):
    """Runs `make deploy` with a kubectl that prints `answers[call]`, and fails for calls matching `refused`. Returns the
    status, the calls without their form of output, and what was written to standard error."""

    def run(*arguments, answers=EXISTS, refused="nothing"):
        kubectl, calls = tmp_path / "kubectl", tmp_path / "calls"
        says = "".join(f'"{call}"*) printf %s "{answer}" ;; ' for call, answer in answers.items())
        kubectl.write_text(
            f'#!/bin/sh\necho "$*" >>"{calls}"\ncase "$*" in {refused}) echo refused >&2; exit 1 ;; {says} esac\n'
        )
        kubectl.chmod(0o755)
        command = ["make", "deploy", f"KUBECTL={kubectl}", *arguments]
        result = subprocess.run(command, cwd=K8S.parent, capture_output=True, text=True)
        made = [re.sub(r" --(ignore|output).*", "", call) for call in calls.read_text().splitlines()]
        return result.returncode, made, result.stderr

    return run


def test_it_applies_after_a_successful_dry_run(deploy):
    status, calls, _ = deploy()
    assert (status, calls) == (0, [NAMESPACE, DRY_RUN, APPLY])


def test_it_applies_an_overlay(deploy):
    overlay = "k8s/overlays/gke"
    status, calls, _ = deploy(f"KUSTOMIZATION={overlay}")
    assert (status, calls) == (0, [NAMESPACE, f"apply -k {overlay} --dry-run=server", f"apply -k {overlay}"])


def test_it_applies_nothing_if_the_dry_run_fails(deploy):
    status, calls, said = deploy(refused="*--dry-run*")
    assert status != 0 and calls == [NAMESPACE, DRY_RUN] and "refused" in said


def test_it_skips_the_dry_run_if_the_namespace_does_not_exist(deploy):
    status, calls, _ = deploy(answers={})
    assert (status, calls) == (0, [NAMESPACE, APPLY])


def test_it_applies_nothing_if_it_cannot_ask_for_the_namespace(deploy):
    """Not the same as a namespace that does not exist: the cluster may be unreachable, or refuse the question."""
    status, calls, said = deploy(refused=f"'{NAMESPACE}'*")
    assert status != 0 and calls == [NAMESPACE] and "refused" in said


def test_it_applies_nothing_to_a_namespace_that_is_being_deleted(deploy):
    status, calls, said = deploy(answers={NAMESPACE: "Namespace 2026-11-30T22:00:00Z"})
    assert status != 0 and calls == [NAMESPACE]
    assert "Nothing was applied: the namespace wrpi is being deleted." in said
    assert "  kubectl wait --for=delete --timeout=5m namespace/wrpi\n" in said


def test_it_applies_nothing_if_an_object_is_being_deleted(deploy):
    status, calls, said = deploy(answers=EXISTS | {DRY_RUN: "Service/api Deployment/api "})
    assert status != 0 and calls == [NAMESPACE, DRY_RUN]
    assert "Nothing was applied: Service/api Deployment/api is being deleted." in said
    assert "  kubectl wait --for=delete --timeout=5m --namespace=wrpi Service/api Deployment/api\n" in said


def test_it_fails_if_the_apply_fails(deploy):
    status, _, _ = deploy(refused=f"'{APPLY}'")
    assert status != 0
