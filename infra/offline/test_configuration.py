"""The configuration is formatted and valid, and the tests in infra/tests pass."""

import re

import pytest
from conftest import INFRA, shown_passwords, succeeds

VARIABLES = (INFRA / "variables.tf").read_text()


def blocks(kind, text):
    """The top-level blocks of a kind, by name: what is between their braces."""
    return dict(re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, re.MULTILINE | re.DOTALL))


def test_it_is_formatted(terraform):
    succeeds(terraform(INFRA, "fmt", "-check", "-diff", "-recursive", "-no-color"))


@pytest.mark.parametrize("directory", [".", "bootstrap"])
def test_it_is_valid(terraform, initialised, directory):
    succeeds(terraform(initialised / directory, "validate", "-no-color"))


def test_the_terraform_tests_pass(terraform, initialised):
    runs = sum(len(re.findall(r'^run "', file.read_text(), re.MULTILINE)) for file in INFRA.glob("tests/*.tftest.hcl"))
    assert f"{runs} passed, 0 failed" in succeeds(terraform(initialised, "test", "-no-color"))


def test_no_password_reaches_the_state_a_plan_or_an_output(terraform, configuration):
    assert shown_passwords(terraform, configuration) == []


def test_every_variable_and_output_is_described():
    bootstrap = (INFRA / "bootstrap/main.tf").read_text()
    variables = blocks("variable", VARIABLES) | blocks("variable", bootstrap)
    outputs = blocks("output", (INFRA / "outputs.tf").read_text()) | blocks("output", bootstrap)
    assert variables and outputs
    for name, body in variables.items():
        assert re.search(r"^  type +=", body, re.MULTILINE), name
        assert "validation {" in body or re.search(r"= bool$", body, re.MULTILINE), name
    for name, body in (variables | outputs).items():
        assert re.search(r'^  description += ".+\."$', body, re.MULTILINE), name


def test_the_example_sets_every_variable_without_a_default(terraform, initialised):
    example = (INFRA / "terraform.tfvars.example").read_text()
    given = set(re.findall(r"^(\w+) +=", example, re.MULTILINE))
    variables = blocks("variable", VARIABLES)
    assert {name for name, body in variables.items() if "  default " not in body} <= given <= variables.keys()


def test_the_workflow_reads_existing_outputs():
    workflow = (INFRA.parent / ".github/workflows/gke.yml").read_text()
    read = set(re.findall(r"fromJSON\(vars\.GKE_OUTPUTS\)\.(\w+)\.value", workflow))
    assert read and read <= blocks("output", (INFRA / "outputs.tf").read_text()).keys()


def test_every_resource_is_labelled():
    assert "default_labels = local.labels" in (INFRA / "versions.tf").read_text()
    # The provider does not apply default_labels to monitoring resources.
    text = "".join(file.read_text() for file in INFRA.glob("*.tf"))
    found = re.findall(r'^resource "google_monitoring_(?!dashboard)\w+" "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL)
    assert len(found) >= 5
    for name, body in found:
        assert re.search(r"^  user_labels += local.labels$", body, re.MULTILINE), name


def test_checkov_reports_a_planted_mistake_and_nothing_else(checkov, configuration):
    file = configuration / "bootstrap/main.tf"
    file.write_text(file.read_text().replace('"enforced"', '"inherited"'))
    result = checkov(configuration)
    assert set(re.findall(r"^Check: (\w+)", result.stdout, re.MULTILINE)) == {"CKV_GCP_114"}, result.stdout + result.stderr
