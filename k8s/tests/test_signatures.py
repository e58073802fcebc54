"""The deployment from GitHub: it verifies the signature of each image of ours that it applies, and otherwise stops."""

import os
import re
import subprocess

import pytest
from conftest import K8S, OVERLAYS, load, values_of

GKE = OVERLAYS[0]
STEPS = load((K8S.parent / ".github/workflows/gke.yml").read_text())["jobs"]["apply"]["steps"]
# What GitHub puts into the certificate of the job that signs.
ISSUER = "https://token.actions.githubusercontent.com"
IDENTITY = "https://github.com/Owner/Name/.github/workflows/release.yml@refs/tags/v1.2.3"


def position(text):
    (found,) = (i for i, step in enumerate(STEPS) if text in step.get("run", ""))
    return found


@pytest.fixture
def verify(tree, tmp_path):
    """Runs the step as GitHub does, with a `cosign` that accepts only the images `signed`. Returns the exit code."""
    root = tree(GKE)
    values = root / "values.env"
    for name, digit in [("api", "a"), ("updater", "b")]:
        values.write_text(re.sub(rf"({name}-image=.*@sha256:)0+", rf"\g<1>{digit * 64}", values.read_text()))
    (tmp_path / "k8s/overlays").mkdir(parents=True)
    (tmp_path / "k8s/overlays/gke").symlink_to(root)
    cosign = tmp_path / "bin/cosign"
    cosign.parent.mkdir()

    def run(signed):
        accepted = " | ".join(f"'verify {image} --certificate-oidc-issuer={ISSUER} --certificate-identity={IDENTITY}'"
                              for image in signed)
        cosign.write_text(f'#!/bin/sh\ncase "$*" in {accepted}) ;; *) echo "no signature: $*" >&2; exit 1 ;; esac\n')
        cosign.chmod(0o755)
        environment = {"PATH": f"{cosign.parent}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "Owner/Name",
                       "GITHUB_REF": "refs/tags/v1.2.3"}
        return subprocess.run(["bash", "-e", "-c", STEPS[position("cosign verify")]["run"]], cwd=tmp_path,
                              env=environment, stderr=subprocess.PIPE, text=True).returncode

    return values_of(values), run


def test_a_release_is_deployed_only_if_it_signed_each_image(verify):
    values, run = verify
    signed = [f"ghcr.io/owner/name/wrpi-{name}@{values[f'{name}-image'].partition('@')[2]}" for name in ("api", "updater")]
    assert run(signed) == 0
    for image in signed:
        assert run([other for other in signed if other != image]) != 0, f"{image} was not verified"


def test_nothing_is_deployed_before_the_verification():
    assert position("make-gke-values.sh") < position("cosign verify") < position("make gke-deploy")
    assert not [step for step in STEPS if step.get("continue-on-error") or "always()" in step.get("if", "")]
