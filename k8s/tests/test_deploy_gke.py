"""deploy-gke.sh with a kubectl whose cluster is new, ready, or uses Memorystore."""

import os
import subprocess

import pytest
from conftest import K8S, OVERLAYS

# The cluster's state is in files: "refusing" while the webhook refuses objects, "ready" when it is ready, "volumes".
KUBECTL = """#!/bin/sh
echo "$*" >>"$STATE/calls"
case "$*" in
  *'get deployment api'*) cat "$STATE/volumes" ;;
  *'get deployment gmp-operator'*)
    case "$*" in --namespace=gke-gmp-system*) printf Deployment/; cat "$STATE/ready" ;; esac ;;
  *'rollout status deployment/gmp-operator'*) rm -f "$STATE/refusing"; echo 1 >"$STATE/ready" ;;
  *'apply -k'*) [ ! -e "$STATE/refusing" ] || { echo 'failed calling webhook "validate.rules.gmp-operator"' >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def cluster(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    for name in ("volumes", "ready"):
        (state / name).touch()
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    return state


@pytest.fixture
def root(tree):
    """A copy of the repository's files that the script uses."""
    root = tree(OVERLAYS[0]).parent.parent.parent
    for name in ("Makefile", "Cargo.toml"):
        (root / name).write_text((K8S.parent / name).read_text())
    return root


@pytest.fixture
def run(cluster, root):
    def run(**environment):
        environment = os.environ | {"KUBECTL": str(cluster.parent / "kubectl"), "STATE": str(cluster), "PAUSE": "0"} | environment
        command = [root / "k8s/overlays/deploy-gke.sh"]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        calls = (cluster / "calls").read_text().splitlines()
        return result, [call for call in calls if call.startswith("apply -k") and "dry-run" not in call]

    return run


APPLY = "apply -k k8s/overlays/gke"


def test_it_applies_the_overlay(run):
    result, applied = run()
    assert (result.returncode, applied) == (0, [APPLY]), result.stderr


def test_it_waits_for_the_webhook_of_a_new_cluster_and_applies_again(run, cluster):
    (cluster / "refusing").touch()
    result, applied = run()
    assert result.returncode == 0 and applied[-1] == APPLY, result.stderr
    assert "failed calling webhook" in result.stderr and "Waiting for it" in result.stderr
    assert "--namespace=gke-gmp-system rollout status deployment/gmp-operator" in (cluster / "calls").read_text()


def test_it_fails_if_the_cluster_refuses_for_another_reason(run, cluster):
    (cluster / "refusing").touch()
    (cluster / "ready").write_text("1")
    result, _ = run()
    assert result.returncode != 0 and "failed calling webhook" in result.stderr
    assert "rollout status" not in (cluster / "calls").read_text()


def test_it_applies_the_overlay_of_memorystore_if_its_values_are_there(run, root):
    (root / "k8s/overlays/gke-memorystore/values/redis.env").touch()
    result, applied = run()
    assert (result.returncode, applied) == (0, ["apply -k k8s/overlays/gke-memorystore"]), result.stderr


def test_old_outputs_do_not_switch_back_from_memorystore(run, cluster):
    (cluster / "volumes").write_text("secrets redis-ca")
    result, applied = run()
    assert result.returncode != 0 and applied == [] and "GKE_OUTPUTS" in result.stderr
    result, applied = run(LEAVE_MEMORYSTORE="1")
    assert (result.returncode, applied) == (0, [APPLY]), result.stderr
