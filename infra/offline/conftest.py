"""Runs Terraform without a network, with fake providers that have the schemas of the real ones."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import options
import provider
import pytest
import schema

HERE = Path(__file__).parent
INFRA = HERE.parent
PROVIDERS = ("google", "random", "time")
REGISTRY = "registry.terraform.io/hashicorp"


@pytest.fixture(scope="session")
def schemas():
    """The schemas of the providers, limited to the types in the configuration."""
    texts = [file.read_text() for file in (*INFRA.rglob("*.tf"), HERE / "mistakes.py")]  # with the planted types
    used = {found for text in texts for found in re.findall(r'(?:^|[\'"]|\\n)(resource|data|ephemeral) "(\w+)"', text, re.M)}
    return {
        name: schema.read(f"cdktn-provider-{name}", {(kind, type_) for kind, type_ in used if type_.startswith(name)})
        for name in PROVIDERS
    }


@pytest.fixture(scope="session")
def mirror(schemas, tmp_path_factory):
    """A Terraform configuration file that points to a mirror. `terraform init` installs from it, and starts nothing."""
    directory = tmp_path_factory.mktemp("mirror")
    for name, found in schemas.items():
        place = directory / f"{REGISTRY}/{name}/{found['version']}/linux_amd64"
        place.mkdir(parents=True)
        (place / f"terraform-provider-{name}_v{found['version']}").touch(mode=0o755)
    settings = directory / "terraformrc"
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{directory}"\n  }}\n}}\n'
        "disable_checkpoint = true\n"
    )
    return settings


@pytest.fixture(scope="session")
def opened():
    """The ephemeral resources that Terraform has opened: (type, arguments)."""
    return []


@pytest.fixture(scope="session")
def running(schemas, opened):
    """The running fake providers, as Terraform's TF_REATTACH_PROVIDERS. Terraform would start more than 200 of them."""
    started = {name: provider.start(found, opened) for name, found in schemas.items()}
    yield json.dumps({
        f"{REGISTRY}/{name}": {
            "Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True,  # Terraform does not stop it
            "Addr": {"Network": "tcp", "String": address},
        }
        for name, (_, address) in started.items()
    })
    for server, _ in started.values():
        server.stop(None)


@pytest.fixture(scope="session")
def terraform(mirror, running):
    """Runs `terraform ARGUMENTS` in a directory."""

    def run(directory, *arguments):
        environment = os.environ | {"TF_CLI_CONFIG_FILE": str(mirror), "TF_IN_AUTOMATION": "1"}
        if arguments[0] != "init":  # it would skip running providers, and their versions
            environment["TF_REATTACH_PROVIDERS"] = running
        return subprocess.run(
            [sys.executable, HERE / "terraform.py", *arguments],
            cwd=directory, env=environment, capture_output=True, text=True,
        )

    return run


@pytest.fixture(scope="session")
def initialised(terraform, tmp_path_factory):
    """An initialised copy of the configuration."""
    root = tmp_path_factory.mktemp("configuration") / "infra"
    shutil.copytree(INFRA, root, ignore=shutil.ignore_patterns("offline", ".terraform*", "*.tfvars", "*.tfstate*"))
    beside(root)
    for directory in (root, root / "bootstrap"):
        succeeds(terraform(directory, "init", "-backend=false", "-input=false", "-no-color"))
    return root


def beside(root):
    """Copies the file outside of infra/ that the configuration reads."""
    file = "../k8s/components/monitoring/wrpi.json"
    (root / file).resolve().parent.mkdir(parents=True)
    shutil.copy(INFRA / file, (root / file).resolve())


@pytest.fixture
def configuration(initialised, tmp_path):
    """A copy of the configuration that the test may change."""
    beside(tmp_path / "infra")
    return shutil.copytree(initialised, tmp_path / "infra", symlinks=True)


@pytest.fixture(scope="session")
def planned(terraform, initialised):
    """The states and the plans of all sets of options."""
    states, plans, _ = options.run(terraform, initialised, plans=True)
    return states, plans


@pytest.fixture(scope="session")
def checkov():
    """Runs checkov, from the tools of `make k8s-test`, on a directory."""

    def run(directory):
        program = INFRA.parent / "target/k8s-tools/bin/checkov"
        arguments = ["--quiet", "--compact", "--skip-download", "--framework", "terraform"]
        return subprocess.run(
            [program, *arguments, "--config-file", HERE / "checkov.yaml", "--directory", directory],
            env=os.environ | {"BC_SKIP_MAPPING": "TRUE"}, capture_output=True, text=True,
        )

    return run


def succeeds(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def shown_passwords(terraform, directory):
    """The passwords, given or generated, that appear in what Terraform prints of the state of any set of options."""
    given = {"app_password": secrets.token_hex(16), "app_password_previous": secrets.token_hex(16)}
    _, _, shown = options.run(terraform, directory, given=given)
    assert "google_secret_manager_secret_version" in shown
    return [password for password in (*given.values(), "made-up-result") if password in shown]
