"""Checks without a cluster that the docs contain the commands which `make cluster-test` runs."""

import re

import pytest
from conftest import K8S

SOURCES = "\n".join(file.read_text() for file in sorted((K8S / "tests/cluster").glob("test_*.py")))
COMMENTS = re.findall(r'(?:documented\(|delete\(cluster, tree, )"([A-Z].*?|[a-z-]+: .*?)"\)', SOURCES)


def test_the_cluster_tests_use_commands_from_the_docs():
    assert len(COMMENTS) >= 5


@pytest.mark.parametrize("comment", COMMENTS)
def test_the_docs_contain_each_command(comment):
    text = (K8S.parent / "docs/kubernetes.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [block for block in blocks if f"# {comment}" in block], comment


def test_kind_uses_the_oldest_documented_version_and_pinned_images():
    pins = (K8S / "tests/cluster/versions.env").read_text()
    promised = re.search(r"Kubernetes (1\.\d+) or newer", (K8S.parent / "docs/kubernetes.md").read_text())[1]
    assert f"NODE_OLDEST=kindest/node:v{promised}." in pins
    assert all("@sha256:" in line for line in pins.splitlines() if line.startswith("NODE_"))
