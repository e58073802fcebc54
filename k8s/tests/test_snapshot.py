"""k8s/tests/rendered shows the objects of each documented combination and overlay, so that a review sees what a change
does. `make snapshots` writes it."""

import os
import re
from pathlib import Path

import pytest
import yaml
from conftest import OVERLAYS, Objects, label

RENDERED = Path(__file__).with_name("rendered")
# What docs/ and the README tell readers to combine. Every file but base shows only the objects that differ from base.
DOCUMENTED = [(), *(tuple(f"components/{name}" for name in names) for names in (
    ("external-redis",), ("tls",), ("tls", "tls-cert-manager"), ("monitoring",), ("updater-deployment",),
)), *OVERLAYS]


def file_of(chosen):
    return RENDERED / f"{label(chosen).removeprefix('overlays/')}.txt"


def key(found):
    return found["kind"], found["metadata"]["name"]


def normalised(chosen, manifests):
    """The objects by kind and name, without what differs at every run: passwords, and the hashes of generated objects."""
    objects = list(Objects(chosen, manifests))
    for found in objects:
        if found["kind"] == "Secret":
            found["data"] = {name: "a password" for name in found["data"]}
    generated = {found["metadata"]["name"] for found in objects
                 if found["kind"] == "Secret" and re.search("-[a-z0-9]{10}$", found["metadata"]["name"])}
    text = yaml.dump_all(objects, Dumper=yaml.CSafeDumper)
    for name in generated:
        text = text.replace(name, f"{name[:-11]}-HASH")
    return {key(found): found for found in yaml.load_all(text, yaml.CSafeLoader)}


def shown(chosen, manifests):
    base, objects = normalised((), manifests), normalised(chosen, manifests)
    lines = [f"# Without {kind} {name}\n" for kind, name in sorted(base.keys() - objects.keys())]
    differing = [found for name, found in sorted(objects.items()) if not chosen or found != base.get(name)]
    return "".join(lines) + yaml.dump_all(differing, Dumper=yaml.CSafeDumper, width=120, explicit_start=True)


@pytest.mark.parametrize("chosen", DOCUMENTED, ids=label)
def test_the_snapshot_shows_what_is_deployed(manifests, chosen):
    text = shown(chosen, manifests)
    if os.environ.get("SNAPSHOTS") == "write":
        RENDERED.mkdir(exist_ok=True)
        file_of(chosen).write_text(text)
    assert file_of(chosen).exists() and file_of(chosen).read_text() == text, "review the difference, and run: make snapshots"


def test_every_snapshot_is_compared():
    assert set(RENDERED.iterdir()) == {file_of(chosen) for chosen in DOCUMENTED}
