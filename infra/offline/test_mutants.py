"""Terraform finds planted mistakes, each for the right reason. test_rules.py plants those against the rules."""

import pytest
from conftest import shown_passwords

# For each command: mistakes that it reports together, as (file, text to replace, replacement, words of the message).
MISTAKES = {
    ("validate", "arguments"): [
        ("network.tf", "private_ip_google_access", "private_ip_google_acess", "Unsupported argument"),
    ],
    ("validate", "blocks"): [
        ("cluster.tf", "private_cluster_config {", "private_clusters_config {", "Unsupported block type"),
    ],
    ("validate", "types"): [
        ("edge.tf", '"google_compute_ssl_policy" "wrpi" {', '"google_compute_tls_policy" "wrpi" {',
         "does not support resource type"),
        ("cluster.tf", "google_compute_subnetwork.wrpi.id", "google_compute_subnetwork.wrpi.uid", "Unsupported attribute"),
        ("registry.tf", '"STANDARD_REPOSITORY"', '"NORMAL_REPOSITORY"', "Not a possible value"),
        ("outputs.tf", "value       = var.project\n", "value       = var.app_password\n", "Output refers to sensitive values"),
        ("secrets.tf", "secret_data_wo         = var.app_password\n", "secret_data = var.app_password\n",
         "Invalid use of ephemeral value"),
    ],
    ("validate", "output marked sensitive"): [
        ("outputs.tf", "value       = var.project\n", "value       = var.app_password\n  sensitive   = true\n",
         "Ephemeral value not allowed"),
    ],
    ("fmt", "-check"): [("edge.tf", '  name = "wrpi"\n', '  name="wrpi"\n', "edge.tf")],
}


@pytest.mark.parametrize(("command", "what"), MISTAKES)
def test_mistakes_are_found(terraform, configuration, command, what):
    for file, old, new, _ in MISTAKES[command, what]:
        text = (configuration / file).read_text()
        assert old in text
        (configuration / file).write_text(text.replace(old, new))
    result = terraform(configuration, command, *["-check"] * (command == "fmt"), "-no-color")
    said = " ".join((result.stdout + result.stderr).replace("│", " ").split())
    assert result.returncode != 0
    for _, _, new, words in MISTAKES[command, what]:
        assert words in said, f"{new}: {said}"


def test_a_password_in_the_state_is_found(terraform, configuration):
    for file, old, new in (
        ("variables.tf", "  ephemeral   = true\n  sensitive   = true\n", ""),
        ("secrets.tf", "secret_data_wo         = var.app_password\n", "secret_data = var.app_password\n"),
    ):
        text = (configuration / file).read_text()
        assert old in text
        (configuration / file).write_text(text.replace(old, new))
    assert len(shown_passwords(terraform, configuration)) == 1


def test_the_fake_provider_has_exactly_the_required_version(terraform, configuration):
    text = (configuration / "versions.tf").read_text()
    (configuration / "versions.tf").write_text(text.replace('"8.7.0"', '"8.6.0"'))
    result = terraform(configuration, "init", "-backend=false", "-input=false", "-no-color")
    assert result.returncode != 0
