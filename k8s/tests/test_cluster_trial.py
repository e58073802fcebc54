"""What the trial on a cluster (`make cluster-test`) takes from the docs is there: without a cluster."""

import re

import pytest
from conftest import K8S

SOURCES = "\n".join(file.read_text() for file in sorted((K8S / "tests/cluster").glob("test_*.py")))
COMMENTS = re.findall(r'(?:documented\(|delete\(cluster, tree, )"([A-Z].*?|[a-z-]+: .*?)"\)', SOURCES)


def test_comments_are_found():
    assert len(COMMENTS) >= 5


@pytest.mark.parametrize("comment", COMMENTS)
def test_the_docs_have_the_commands_that_the_trial_runs(comment):
    text = (K8S.parent / "docs/kubernetes.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [block for block in blocks if f"# {comment}" in block], comment


def test_the_trial_on_kind_is_in_the_versions_that_are_promised():
    pins = (K8S / "tests/cluster/versions.env").read_text()
    promised = re.search(r"Kubernetes (1\.\d+) or newer", (K8S.parent / "docs/kubernetes.md").read_text())[1]
    assert f"NODE_OLDEST=kindest/node:v{promised}." in pins
    assert all("@sha256:" in line for line in pins.splitlines() if line.startswith("NODE_"))
