"""Tests of the tests: each planted mistake is found, and reported for the right reason."""

import pytest
from conftest import shown_passwords

# For each mistake: the file, the text to replace, its replacement, the step that must fail (a command, or a file in
# infra/tests), and words from its message.
MUTANTS = {
    "misspelt_argument": (
        "network.tf", "private_ip_google_access", "private_ip_google_acess", "validate", "Unsupported argument"),
    "misspelt_block": (
        "cluster.tf", "private_cluster_config {", "private_clusters_config {", "validate", "Unsupported block type"),
    "unknown_resource": (
        "edge.tf", '"google_compute_ssl_policy" "wrpi" {', '"google_compute_tls_policy" "wrpi" {', "validate",
        "does not support resource type"),
    "wrong_reference": (
        "cluster.tf", "google_compute_subnetwork.wrpi.id", "google_compute_subnetwork.wrpi.uid", "validate",
        "Unsupported attribute"),
    "impossible_value": (
        "registry.tf", '"STANDARD_REPOSITORY"', '"NORMAL_REPOSITORY"', "validate", "Not a possible value"),
    "password_in_an_output": (
        "outputs.tf", "value       = var.project\n", "value       = var.app_password\n", "validate",
        "Output refers to sensitive values"),
    "password_in_an_output_marked_sensitive": (
        "outputs.tf", "value       = var.project\n", "value       = var.app_password\n  sensitive   = true\n",
        "validate", "Ephemeral value not allowed"),
    "password_in_the_state": (
        "secrets.tf", "secret_data_wo         = var.app_password\n", "secret_data = var.app_password\n", "validate",
        "Invalid use of ephemeral value"),
    "public_nodes": (
        "cluster.tf", "enable_private_nodes = true", "enable_private_nodes = false", "closed",
        "Nodes have public addresses"),
    "public_control_plane": (
        "cluster.tf", "ip_endpoints_config {\n      enabled = false", "ip_endpoints_config {\n      enabled = true",
        "closed", "The control plane has an IP endpoint"),
    "password_for_all_users": (
        "secrets.tf", 'member    = "${local.workload_pool}/subject/ns/wrpi/sa/${each.value.account}"',
        'member    = "allUsers"', "secrets", "Another account can read a password"),
    "updater_reads_the_users_password": (
        "secrets.tf", 'app           = ["api"]', 'app           = ["api", "updater"]', "secrets",
        "Another account can read a password"),
    "tls_1_0": ("edge.tf", '"TLS_1_2"', '"TLS_1_0"', "closed", "Old TLS is accepted"),
    "deployer_as_owner": (
        "deploy.tf", "role    = google_project_iam_custom_role.cluster_access.id", 'role    = "roles/owner"', "deploy",
        "The deployer has a different role"),
    "every_branch_deploys": (
        "deploy.tf", '"assertion.ref_type == \'tag\'",\n', "", "deploy", "trusted for more than release tags"),
    "open_memorystore": (
        "redis.tf", "auth_enabled            = true", "auth_enabled            = false", "options",
        "Memorystore is open"),
    "public_state": ("bootstrap/main.tf", '"enforced"', '"inherited"', "checkov", "CKV_GCP_114"),
    "state_without_versions": (
        "bootstrap/main.tf", "versioning {\n    enabled = true", "versioning {\n    enabled = false", "checkov",
        "CKV_GCP_78"),
    "nodes_as_editor": (
        "cluster.tf", '"roles/container.defaultNodeServiceAccount"', '"roles/editor"', "checkov", "CKV_GCP_"),
    "bad_format": ("edge.tf", '  name = "wrpi"\n', '  name="wrpi"\n', "fmt", "edge.tf"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_is_found(terraform, checkov, configuration, name):
    file, old, new, step, words = MUTANTS[name]
    text = (configuration / file).read_text()
    assert old in text
    (configuration / file).write_text(text.replace(old, new))
    if step == "checkov":
        result = checkov(configuration)
    else:
        test = f"tests/{step}.tftest.hcl"
        commands = {"fmt": ("fmt", "-check", "-recursive"), "validate": ("validate",)}
        command = commands.get(step, ("test", f"-filter={test}"))
        result = terraform(configuration, *command, "-no-color")
    said = " ".join((result.stdout + result.stderr).replace("│", " ").split())
    assert result.returncode != 0 and words in said, said


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
