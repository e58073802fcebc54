"""The rules hold for every set of options, and each planted mistake breaks a rule."""

import itertools

import options
import pytest
from options import OPTIONS
from rules import RULES, Plan

# For each mistake: the file, the text to replace, its replacement, and the rule that must fail.
MISTAKES = {
    "foreign_issuer": ("deploy.tf", "https://token.actions.githubusercontent.com", "https://token.example.com",
                       "only_a_release_of_the_repository_deploys"),
    "owner_as_subject": ("deploy.tf", '"assertion.repository_id + \':\' + assertion.environment"', '"assertion.repository_owner"',
                         "only_a_release_of_the_repository_deploys"),
    "owner_as_attribute": ("deploy.tf", '= "assertion.repository_id"\n', '= "assertion.repository_owner"\n',
                           "only_a_release_of_the_repository_deploys"),
    "old_subject": ("deploy.tf", '"assertion.environment == \'production\'"',
                    '"assertion.sub == \'repo:${var.repository}:environment:production\'"',
                    "only_a_release_of_the_repository_deploys"),
    "every_branch": ("deploy.tf", '    "assertion.ref_type == \'tag\'",\n', "", "only_a_release_of_the_repository_deploys"),
    "every_workflow": ("deploy.tf", "endsWith('/.github/workflows/gke.yml@' + assertion.ref)", "startsWith('')",
                       "only_a_release_of_the_repository_deploys"),
    "deployer_as_admin": ("deploy.tf", "role    = google_project_iam_custom_role.cluster_access.id",
                          'role    = "roles/container.admin"', "only_the_listed_accounts_have_rights"),
    "deployer_writes_images": ("deploy.tf", '"roles/artifactregistry.reader"', '"roles/artifactregistry.writer"',
                               "only_the_listed_accounts_have_rights"),
    "nodes_read_secrets": (
        "cluster.tf", "# An Autopilot cluster",
        'resource "google_project_iam_member" "more" {\n  project = var.project\n  role = "roles/secretmanager.secretAccessor"\n'
        "  member = google_service_account.nodes.member\n}\n# An Autopilot cluster", "only_the_listed_accounts_have_rights"),
    "password_for_all_users": (
        "secrets.tf", 'member    = "${local.workload_pool}/subject/ns/wrpi/sa/${each.value.account}"',
        'member    = "allUsers"', "only_the_listed_accounts_have_rights"),
    "updater_reads_the_users_password": ("secrets.tf", 'app           = ["api"]', 'app           = ["api", "updater"]',
                                         "only_the_listed_accounts_have_rights"),
    "deployer_deletes_clusters": ("deploy.tf", '"container.clusters.get"]', '"container.clusters.delete"]',
                                  "the_deployer_only_connects_to_the_cluster"),
    "open_firewall": (
        "network.tf", "# Nodes have no public address",
        'resource "google_compute_firewall" "open" {\n  name = "open"\n  network = google_compute_network.wrpi.id\n'
        '  source_ranges = ["0.0.0.0/0"]\n  allow {\n    protocol = "tcp"\n  }\n}\n# Nodes have no public address',
        "nothing_but_the_load_balancer_is_public"),
    "public_nodes": ("cluster.tf", "enable_private_nodes = true", "enable_private_nodes = false",
                     "nothing_but_the_load_balancer_is_public"),
    "public_control_plane": ("cluster.tf", "ip_endpoints_config {\n      enabled = false",
                             "ip_endpoints_config {\n      enabled = true", "nothing_but_the_load_balancer_is_public"),
    "nodes_as_another_account": ("cluster.tf", "service_account = google_service_account.nodes.email",
                                 "service_account = google_service_account.deployer.email",
                                 "nothing_but_the_load_balancer_is_public"),
    "preview": ("armor.tf", '      action      = "throttle"\n', '      action      = "throttle"\n      preview = true\n',
                "every_client_is_throttled_and_none_is_locked_out"),
    "huge_limit": ("armor.tf", "per_minute  = 600", "per_minute  = 600000", "every_client_is_throttled_and_none_is_locked_out"),
    "deny_all": ("armor.tf", '    action      = "allow"\n', '    action      = "deny(403)"\n',
                 "every_client_is_throttled_and_none_is_locked_out"),
    "unthrottled_preflights": ("armor.tf", "request.method == 'OPTIONS' || ", "", "every_client_is_throttled_and_none_is_locked_out"),
    "private_zone": ("edge.tf", 'description = "Zone of the API\'s public name."',
                     'description = "Zone"\n  visibility = "private"', "the_name_leads_to_the_address_with_a_certificate"),
    "no_a_record": ("edge.tf", 'type         = "A"', 'type         = "TXT"', "the_name_leads_to_the_address_with_a_certificate"),
    "certificate_for_another_host": ("edge.tf", "hostname     = var.domain", 'hostname     = "www.${var.domain}"',
                                     "the_name_leads_to_the_address_with_a_certificate"),
    "any_ca": ("edge.tf", '"0 issue \\"pki.goog\\"", ', "", "the_name_leads_to_the_address_with_a_certificate"),
    "tls_1_0": ("edge.tf", '"TLS_1_2"', '"TLS_1_0"', "transport_is_encrypted"),
    "open_memorystore": ("redis.tf", "auth_enabled            = true", "auth_enabled            = false",
                         "transport_is_encrypted"),
    "short_redis_password": ("secrets.tf", "length  = 40", "length  = 4", "passwords_are_long_and_never_stored_in_the_state"),
    "unlogged_reads": ("audit.tf", '"DATA_READ"', '"DATA_WRITE"', "passwords_are_long_and_never_stored_in_the_state"),
    "force_destroy": ("bootstrap/main.tf", "  uniform_bucket", "  force_destroy = true\n  uniform_bucket",
                      "the_state_cannot_be_deleted_or_read_by_accident"),
    "destroyable_state": ("bootstrap/main.tf", "prevent_destroy = true", "prevent_destroy = false",
                          "the_state_cannot_be_deleted_or_read_by_accident"),
    "movable_tags": ("registry.tf", "immutable_tags = true", "immutable_tags = false", "tags_of_own_images_cannot_be_moved"),
    "another_path": ("watch.tf", 'path         = "/"', 'path         = "/v0/wrpi"',
                     "the_uptime_check_asks_the_public_name_over_https"),
    "unchecked_certificate": ("watch.tf", "validate_ssl = true", "validate_ssl = false",
                              "the_uptime_check_asks_the_public_name_over_https"),
    "inverted_alert": ("watch.tf", "COMPARISON_GT", "COMPARISON_LT", "alerts_fire_when_something_is_wrong"),
    "wrong_metric": ("watch.tf", "check_passed", "request_latency", "alerts_fire_when_something_is_wrong"),
    "wrong_label": ("watch.tf", "metric.labels.check_id", "metric.labels.checker", "alerts_fire_when_something_is_wrong"),
    "wrong_threshold": ("watch.tf", "threshold_value = 1\n", "threshold_value = 100\n", "alerts_fire_when_something_is_wrong"),
    "changes_of_buckets_unnoticed": ("audit.tf", "|storage[.]buckets[.]", "", "changes_of_rights_and_of_the_network_raise_an_alert"),
    "audit_log_for_a_month": ("audit.tf", "retention_days = 400", "retention_days = 30",
                              "changes_of_rights_and_of_the_network_raise_an_alert"),
    "disabled_alert": ("watch.tf", '  severity              = "CRITICAL"\n', '  severity = "CRITICAL"\n  enabled = false\n',
                       "every_alert_notifies_someone"),
    "silent_alert": ("watch.tf", "  notification_channels = [google_monitoring_notification_channel.email.id]\n  user_labels", "  user_labels",
                     "every_alert_notifies_someone"),
    "silent_budget": ("watch.tf", "monitoring_notification_channels = [google_monitoring_notification_channel.email.id]",
                      "disable_default_iam_recipients = true", "every_alert_notifies_someone"),
    "swapped_outputs": ("outputs.tf", "google_compute_ssl_policy.wrpi.name", "google_compute_security_policy.wrpi.name",
                        "outputs_are_what_they_are_called"),
}


@pytest.fixture(scope="session")
def plans(planned, schemas, opened, initialised):
    return {name: Plan(initialised, options.resources(state, schemas), list(opened)) for name, state in planned[0].items()}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_holds(plans, rule, name):
    rule(plans[name])


def rounds():
    """The mistakes in groups that are planted at once: one for each rule."""
    by_rule = {}
    for name, mistake in MISTAKES.items():
        by_rule.setdefault(mistake[-1], []).append(name)
    return [list(filter(None, group)) for group in itertools.zip_longest(*by_rule.values())]


def test_every_rule_has_a_mistake_that_breaks_it():
    assert {mistake[-1] for mistake in MISTAKES.values()} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("names", rounds(), ids="+".join)
def test_a_mistake_breaks_its_rule(terraform, configuration, schemas, opened, names):
    for name in names:
        file, old, new, _ = MISTAKES[name]
        text = (configuration / file).read_text()
        assert old in text, name
        (configuration / file).write_text(text.replace(old, new))
    del opened[:]
    states, _, _ = options.run(terraform, configuration, {"memorystore": OPTIONS["memorystore"]})
    plan = Plan(configuration, options.resources(states["memorystore"], schemas), opened)
    rules = {rule.__name__: rule for rule in RULES}
    for name in names:
        with pytest.raises(AssertionError):
            rules[MISTAKES[name][-1]](plan)
            pytest.fail(f"no rule finds {name}")
