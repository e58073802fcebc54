"""The cluster under test: kubectl, the objects that only the tests use, and the copy of k8s/ that they apply."""

import base64
import contextlib
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
KUBECTL = os.environ.get("KUBECTL", "kubectl")
IMAGE = os.environ.get("CLUSTER_TEST_IMAGE") or re.search(
    r"^PYTHON_IMAGE=(\S+)$", (HERE / "versions.env").read_text(), re.MULTILINE
)[1]
# The namespace of the load and the probes. Its existence shows that an earlier run created the namespace wrpi.
NAMESPACE = "wrpi-cluster-test"
MARK = "wrpi-cluster-test"
API = "app.kubernetes.io/component=api"
REDIS = "app.kubernetes.io/component=redis"


class Failed(Exception):
    """A command failed. The message contains its output."""


def program(name):
    """The path of a program. A bare name would find the shim that `Cluster.shell` puts on the PATH."""
    path = shutil.which(name)
    if not path:
        raise Failed(f"cannot find {name!r}; set KUBECTL to the path of kubectl")
    return str(Path(path).absolute())


class Cluster:
    """kubectl with the context of the cluster under test."""

    def __init__(self, context, *arguments):
        self.context = context
        self.command = [program(KUBECTL), f"--context={context}", *arguments]

    def run(self, *arguments, **options):
        """Runs kubectl and returns its standard output. Raises `Failed` if it fails."""
        result = self.attempt(*arguments, **options)
        if result.returncode != 0:
            raise Failed(f"kubectl {' '.join(map(str, arguments))}: {result.stderr.strip()}")
        return result.stdout

    def attempt(self, *arguments, timeout=600, **options):
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=timeout, **options)

    def shell(self, script, cwd):
        """Runs a bash script in which kubectl uses the context of the cluster under test."""
        bin = cwd / "bin"
        bin.mkdir(exist_ok=True)
        shim = bin / "kubectl"
        shim.write_text(f'#!/bin/sh\nexec {shlex.join(self.command)} "$@"\n')
        shim.chmod(0o755)
        environment = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-euc", script], cwd=cwd, env=environment, capture_output=True, text=True, timeout=900
        )

    def get(self, *arguments):
        return json.loads(self.run("get", *arguments, "--output=json"))

    def in_wrpi(self, *arguments, **options):
        return self.run("--namespace=wrpi", *arguments, **options)

    def pods(self, selector):
        """The pods that are not terminating."""
        found = self.get("pods", "--namespace=wrpi", f"--selector={selector}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def workers(self):
        """The names of the nodes that take pods and are not part of the control plane."""
        return [node["metadata"]["name"] for node in self.get("nodes", "--selector=!node-role.kubernetes.io/control-plane")["items"]
                if not node["spec"].get("unschedulable") and not node["spec"].get("taints")]

    def namespace(self, name):
        """The namespace, or None."""
        found = self.get("namespaces", f"--field-selector=metadata.name={name}")["items"]
        return found[0] if found else None

    def apply(self, *objects):
        self.run("apply", "--filename=-", input=yaml.safe_dump_all(objects))

    def settle(self):
        """Waits until the rollouts of Redis and the API are complete and the old API pods are gone."""
        for deployment in ("redis", "api"):
            self.in_wrpi("rollout", "status", f"deployment/{deployment}", "--timeout=10m")

        def is_quiet():
            found = self.get("pods", "--namespace=wrpi", f"--selector={API}")["items"]
            scaler = self.get("horizontalpodautoscaler/api", "--namespace=wrpi")
            return len(found) >= scaler["spec"]["minReplicas"] and all(is_ready(pod) for pod in found)

        eventually("all API pods are ready and old ones are gone", is_quiet)

    def execute(self, pod, script, *arguments, namespace=NAMESPACE, input=""):
        """Runs a script of this directory in a pod with Python. Returns its output, parsed as JSON."""
        command = ("exec", f"--namespace={namespace}", "--stdin", pod, "--", "python3", "-c", (HERE / script).read_text())
        return json.loads(self.run(*command, *arguments, input=input))


def is_ready(pod):
    conditions = {found["type"]: found["status"] for found in pod["status"].get("conditions", [])}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def eventually(what, condition, seconds=300):
    """Calls `condition` until it returns a true value, and returns that value. `Failed` counts as false."""
    end, said = time.monotonic() + seconds, ""
    while True:
        try:
            if found := condition():
                return found
        except (Failed, AssertionError) as error:
            said = f": {error}"
        assert time.monotonic() < end, f"timed out after {seconds} s: {what}{said}"
        time.sleep(0.5)


class Tree:
    """A copy of k8s/ with its own passwords. The tests apply it and change it as docs/kubernetes.md says."""

    def __init__(self, directory):
        self.root = directory
        self.k8s = directory / "k8s"
        files = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "k8s", "docs", "Makefile"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout.split("\0")
        for name in filter(None, files):
            if "/tests/" not in name and (ROOT / name).exists():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                (directory / name).write_bytes((ROOT / name).read_bytes())
                (directory / name).chmod((ROOT / name).stat().st_mode)
        self.password = secrets.token_urlsafe(18)

    def make_secrets(self, **variables):
        environment = {"PATH": os.environ["PATH"], "APP_PASSWORD": self.password} | variables
        subprocess.run([self.k8s / "make-secrets.sh"], env=environment, check=True, capture_output=True)

    def secret(self, name):
        return dict(line.split("=", 1) for line in (self.k8s / "secrets.env").read_text().splitlines())[name]

    @contextlib.contextmanager
    def changed(self, name, *changes):
        """Replaces each `old` by `new` in a file, until the end of the block."""
        file = self.k8s / name
        before = file.read_text()
        text = before
        for old, new in changes:
            assert old in text, f"{name} does not contain {old!r}"
            text = text.replace(old, new)
        file.write_text(text)
        try:
            yield
        finally:
            file.write_text(before)

    def with_component(self, name):
        return self.changed(
            "kustomization.yaml", ("# components:\n", "components:\n"),
            (f"#   - components/{name}\n", f"  - components/{name}\n"),
        )

    def image(self, name):
        """The name and the tag of an image in the manifests."""
        images = yaml.safe_load((self.k8s / "kustomization.yaml").read_text())["images"]
        (found,) = (found for found in images if found["name"] == name)
        return found["newName"], found["newTag"]

    def documented(self, words, file="docs/kubernetes.md"):
        """The commands in the docs in the block after the paragraph that contains `words`."""
        found = re.search(rf"{re.escape(words)}.*\n\n```sh\n((?:(?!```).*\n)+)", (ROOT / file).read_text())
        assert found, f"{file} has no command for {words!r}"
        return found[1]


def make_deploy(cluster, tree):
    return subprocess.run(
        ["make", "deploy", f"KUBECTL={' '.join(cluster.command)}"], cwd=tree.root, capture_output=True, text=True, timeout=600
    )


def section(heading, file="docs/runbook.md"):
    """The first block of commands of a section, line by line."""
    text = (ROOT / file).read_text()
    found = re.search(rf"^#+ {re.escape(heading)}\n.*?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{file} has no commands for {heading!r}"
    return found[1].splitlines()


def decoded(secret):
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def pod(name, namespace, labels, **spec):
    """A pod with Python that meets the restricted standard. It idles until a script is run in it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "python",
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-m", "http.server", "7777", "--directory", "/tmp"],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
                },
            }],
        } | spec,
    }
