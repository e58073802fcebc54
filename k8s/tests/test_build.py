"""Each combination of up to two components builds to valid Kubernetes objects, with the oldest supported and a recent kubectl."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
from conftest import COMBINATIONS, K8S, MENU, NEWEST, OLDEST, OVERLAYS, label
from kubernetes_validate.utils import latest_version

# Custom kinds, with the component that uses each. Every other kind must be part of Kubernetes. The schemas of these kinds
# are not checked, because no Python package provides them.
CUSTOM_KINDS = {
    "cert-manager.io/v1 Certificate": "components/tls-cert-manager",
    "cert-manager.io/v1 Issuer": "components/tls-cert-manager",
    "gateway.networking.k8s.io/v1 Gateway": "components/gke",
    "gateway.networking.k8s.io/v1 HTTPRoute": "components/gke",
    "monitoring.coreos.com/v1 PodMonitor": "components/monitoring",
    "monitoring.coreos.com/v1 PrometheusRule": "components/monitoring",
    "monitoring.googleapis.com/v1 PodMonitoring": "components/gke-monitoring",
    "monitoring.googleapis.com/v1 Rules": "components/gke-monitoring",
    "networking.gke.io/v1 GCPBackendPolicy": "components/gke",
    "networking.gke.io/v1 GCPGatewayPolicy": "components/gke",
    "networking.gke.io/v1 HealthCheckPolicy": "components/gke",
    "secrets-store.csi.x-k8s.io/v1 SecretProviderClass": "components/gke-secret-manager",
}


def test_the_kustomization_lists_every_component():
    assert sorted(MENU) == sorted(f"components/{found.name}" for found in (K8S / "components").iterdir())


@pytest.mark.parametrize("chosen", COMBINATIONS + OVERLAYS, ids=label)
def test_the_oldest_and_a_recent_kubectl_build_the_same(chosen, manifests):
    assert manifests[chosen, OLDEST] == manifests[chosen, NEWEST]


def test_the_build_fails_without_secrets(kubectls, tree):
    root = tree(())
    (root / "secrets.env").unlink()
    result = subprocess.run([kubectls[NEWEST], "kustomize", root], capture_output=True, text=True)
    assert result.returncode != 0 and "secrets.env" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("version", ["1.30", latest_version()])
def test_objects_match_the_schemas_of_kubernetes(objects, version):
    for found in objects:
        kind = f"{found['apiVersion']} {found['kind']}"
        if kind in CUSTOM_KINDS:
            assert CUSTOM_KINDS[kind] in objects.chosen, kind
        else:
            check_schema(json.dumps(found), version)


@functools.cache  # most combinations share most objects
def check_schema(text, version):
    kubernetes_validate.validate(json.loads(text), version, strict=True)


def test_checkov_reports_nothing(manifests, tmp_path):
    for chosen in COMBINATIONS + OVERLAYS:
        (tmp_path / f"{label(chosen).replace('/', '-')}.yaml").write_text(manifests[chosen, NEWEST])
    config = Path(__file__).with_name("checkov.yaml")
    run_checkov("--config-file", config, "--framework", "kubernetes", "--directory", tmp_path)


def test_checkov_finds_no_secret_in_the_tree(tmp_path):
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."],
        cwd=K8S, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    for name in filter(None, files):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((K8S / name).read_bytes())
    run_checkov("--framework", "secrets", "--directory", tmp_path)


def run_checkov(*arguments):
    checkov = Path(sys.executable).with_name("checkov")
    offline = os.environ | {"BC_SKIP_MAPPING": "TRUE"}
    result = subprocess.run(
        [checkov, "--quiet", "--compact", "--skip-download", *arguments], env=offline, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
