"""Applies the configuration with each set of options, on mocked providers, and plans every other set from there."""

import json
import re
from pathlib import Path

INFRA = Path(__file__).parent.parent
CONFIGURATION = "".join(file.read_text() for file in INFRA.glob("*.tf"))
# Sets of options, by name: the variables that differ from VARIABLES. The first one has the default of every option.
OPTIONS: dict[str, dict] = {
    "default": {},
    "memorystore": {"memorystore": True},
    "unprotected": {"deletion_protection": False},
    "memorystore-unprotected": {"memorystore": True, "deletion_protection": False},
    "new-passwords": {"app_password_version": 2, "redis_password_version": 2},
    "other-receiver": {"monthly_budget": 300, "alert_email": "other@example.com"},
}
VARIABLES = {
    "project": "my-project",
    "domain": "wrpi.example.com",
    "billing_account": "012345-6789AB-CDEF01",
    "alert_email": "on-call@example.com",
    "repository": "owner/name",
    "repository_id": "123456789",
    "app_password": "a password for the tests",
    "app_password_previous": "",  # terraform test requires a value for each ephemeral variable
}
# Google sets these. Terraform's mocks generate all other values, at random.
MOCKS = """
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = { dns_resource_record = [{ name = "_acme-challenge.wrpi.example.com.", type = "CNAME", data = "authorize.example." }] }
  }
}
mock_provider "time" {}
"""


def variables(values):
    lines = "".join(f"    {name} = {json.dumps(value)}\n" for name, value in values.items())
    return f"  variables {{\n{lines}  }}\n"


def run(terraform, directory, options=OPTIONS, plans=False, given={}):
    """Runs `terraform test` with a run per set, which applies it, each followed by plans of all other sets. The runs
    share one state. Returns the states by set, the plans by (applied set, planned set), and the text of the output."""
    test = MOCKS + variables(VARIABLES | given).replace("  variables", "variables", 1)
    for before in options:
        test += f'run "{before}" {{\n{variables(options[before])}}}\n'
        for after in options:
            if plans and after != before:
                test += f'run "{before}__{after}" {{\n  command = plan\n{variables(options[after])}}}\n'
    (directory / "tests/options_generated.tftest.hcl").write_text(test)
    result = terraform(directory, "test", "-filter=tests/options_generated.tftest.hcl", "-json", "-verbose")
    messages = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert result.returncode == 0, [found for found in messages if found["@level"] == "error"]
    states = {found["@testrun"]: found["test_state"] for found in messages if found["type"] == "test_state"}
    planned = {found["@testrun"]: found["test_plan"] for found in messages if found["type"] == "test_plan"}
    return states, {tuple(name.split("__")): plan for name, plan in planned.items()}, result.stdout


# The state in a form that shows what is applied, and is the same at every run

KINDS = {"managed": "resource", "data": "data"}
RANDOM = re.compile(r"[a-z0-9]{8}")  # a value that Terraform's mocks generate


def resources(state, schemas):
    """The values of each resource and output by address. A generated value is "<ADDRESS.ATTRIBUTE>" wherever it appears,
    so that references can be seen. Without what Google alone sets, and without null and empty values."""
    blocks = {found["address"]: schemas[found["type"].partition("_")[0]][KINDS[found["mode"]]][found["type"]]
              for found in state["root_module"]["resources"]}
    names = {}
    for found in state["root_module"]["resources"]:
        for path, value in leaves(found["values"]):
            if isinstance(value, str) and RANDOM.fullmatch(value) and f'"{value}"' not in CONFIGURATION:
                computed = blocks[found["address"]]["attributes"].get(path, {}).get("computed", False)
                origin = (not computed, path != "id", f"<{found['address']}.{path}>")
                names[value] = min(origin, names.get(value, origin))
    pattern = re.compile("|".join(names))

    def named(value):
        if isinstance(value, dict):
            return {key: named(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [named(inner) for inner in value]
        return pattern.sub(lambda match: names[match[0]][2], value) if isinstance(value, str) else value

    managed = [found for found in state["root_module"]["resources"] if found["mode"] == "managed"]
    shown = {found["address"]: clean(found["values"], blocks[found["address"]], found["address"], named)
             for found in managed}
    outputs = {f"output.{name}": {"value": named(output.get("value"))} for name, output in state["outputs"].items()}
    return shown | outputs


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def clean(values, block, address, named):
    """The values without those that only Google sets, and with names for generated ones."""
    out = {}
    for name, found in block["attributes"].items():
        value = named(values.get(name))
        settable = found.get("optional") or found.get("required")
        if settable and name != "id" and value not in (None, "", [], {}) and value != f"<{address}.{name}>":
            out[name] = value
    for name, nested in block["block_types"].items():
        given = values.get(name) or []
        inside = [clean(item, nested["block"], f"{address}.{name}[{index}]", named)
                  for index, item in enumerate(given if isinstance(given, list) else [given])]
        if nested["nesting"] == "set":
            inside.sort(key=json.dumps)
        if inside and name != "timeouts":
            out[name] = inside
    return out


def text(resources):
    """One line for each value of each resource."""
    lines = []
    for address, values in sorted(resources.items()):
        shown = {name: json.loads(value) if name.endswith("_json") else value for name, value in values.items()}
        lines += [address] + [f"  {path} = {json.dumps(value)}" for path, value in leaves(shown)]
    return "\n".join(lines) + "\n"
