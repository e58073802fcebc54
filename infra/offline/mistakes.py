"""Mistakes that each break a rule of rules.py: for each rule, by name, the file, the text to replace and its replacement."""

MISTAKES = {
    "only_a_release_of_the_repository_deploys": {
        "foreign_issuer": ('deploy.tf', 'https://token.actions.githubusercontent.com', 'https://token.example.com'),
        "owner_as_subject": (
            'deploy.tf', '"assertion.repository_id + \':\' + assertion.environment"',
            '"assertion.repository_owner"'),
        "owner_as_attribute": ('deploy.tf', '= "assertion.repository_id"\n', '= "assertion.repository_owner"\n'),
        "old_subject": (
            'deploy.tf', '"assertion.environment == \'production\'"',
            '"assertion.sub == \'repo:${var.repository}:environment:production\'"'),
        "every_branch": ('deploy.tf', '    "assertion.ref_type == \'tag\'",\n', ''),
        "every_workflow": ('deploy.tf', "endsWith('/.github/workflows/gke.yml@' + assertion.ref)", "startsWith('')"),
        "every_environment": ('deploy.tf', '    "assertion.environment == \'production\'",\n', ''),
        "every_tag": ('deploy.tf', 'refs/tags/v', 'refs/tags/'),
        "every_repository": ('deploy.tf', '    "assertion.repository_id == \'${var.repository_id}\'",\n', ''),
        "disabled_provider": (
            'deploy.tf', '  display_name                       = "Release tags"\n',
            '  display_name = "Release tags"\n  disabled = true\n'),
    },
    "only_the_listed_accounts_have_rights": {
        "deployer_as_admin": (
            'deploy.tf', 'role    = google_project_iam_custom_role.cluster_access.id',
            'role    = "roles/container.admin"'),
        "deployer_writes_images": ('deploy.tf', '"roles/artifactregistry.reader"', '"roles/artifactregistry.writer"'),
        "nodes_read_secrets": (
            'cluster.tf', '# An Autopilot cluster',
            'resource "google_project_iam_member" "more" {\n  project = var.project\n  role = "roles/secretmanager.secretAccessor"\n  member = google_service_account.nodes.member\n}\n# An Autopilot cluster'),
        "password_for_all_users": (
            'secrets.tf', 'member    = "${local.workload_pool}/subject/ns/wrpi/sa/${each.value.account}"',
            'member    = "allUsers"'),
        "updater_reads_the_users_password": (
            'secrets.tf', 'app           = ["api"]',
            'app           = ["api", "updater"]'),
        "deployer_edits_the_project": (
            'cluster.tf', '# An Autopilot cluster',
            'resource "google_project_iam_member" "more" {\n  project = var.project\n  role = "roles/editor"\n  member = google_service_account.deployer.member\n}\n# An Autopilot cluster'),
        "binding_instead_of_member": (
            'cluster.tf', '# An Autopilot cluster',
            'resource "google_project_iam_binding" "more" {\n  project = var.project\n  role = "roles/logging.logWriter"\n  members = [google_service_account.nodes.member]\n}\n# An Autopilot cluster'),
        "another_namespace": ('secrets.tf', '/subject/ns/wrpi/sa/', '/subject/ns/default/sa/'),
        "another_repository_acts_as_deployer": ('deploy.tf', 'attribute.repository_id/${var.repository_id}"', '*"'),
    },
    "the_deployer_only_connects_to_the_cluster": {
        "deployer_deletes_clusters": ('deploy.tf', '"container.clusters.get"]', '"container.clusters.delete"]'),
        "key_of_the_deployer": (
            'deploy.tf', '# This role only gives',
            'resource "google_service_account_key" "deployer" {\n  service_account_id = google_service_account.deployer.name\n}\n# This role only gives'),
        "deployer_reads_secrets_of_the_cluster": (
            'deploy.tf', '"container.clusters.get"]',
            '"container.clusters.get", "container.secrets.get"]'),
    },
    "nothing_but_the_load_balancer_is_public": {
        "open_firewall": (
            'network.tf', '# Nodes have no public address',
            'resource "google_compute_firewall" "open" {\n  name = "open"\n  network = google_compute_network.wrpi.id\n  source_ranges = ["0.0.0.0/0"]\n  allow {\n    protocol = "tcp"\n  }\n}\n# Nodes have no public address'),
        "public_nodes": ('cluster.tf', 'enable_private_nodes = true', 'enable_private_nodes = false'),
        "public_control_plane": (
            'cluster.tf', 'ip_endpoints_config {\n      enabled = false',
            'ip_endpoints_config {\n      enabled = true'),
        "nodes_as_another_account": (
            'cluster.tf', 'service_account = google_service_account.nodes.email',
            'service_account = google_service_account.deployer.email'),
        "public_virtual_machine": (
            'network.tf', '# Nodes have no public address',
            'resource "google_compute_forwarding_rule" "open" {\n  name = "open"\n  target = "open"\n}\n# Nodes have no public address'),
        "roles_for_everyone": (
            'cluster.tf', 'enable_insecure_binding_system_unauthenticated = false',
            'enable_insecure_binding_system_unauthenticated = true'),
        "no_autopilot": ('cluster.tf', 'enable_autopilot    = true', 'enable_autopilot    = false'),
        "automatic_subnetworks": ('network.tf', 'auto_create_subnetworks = false', 'auto_create_subnetworks = true'),
        "second_address": (
            'network.tf', '# Nodes have no public address',
            'resource "google_compute_global_address" "second" {\n  name = "second"\n}\n# Nodes have no public address'),
    },
    "every_client_is_throttled_and_none_is_locked_out": {
        "preview": (
            'armor.tf', '      action      = "throttle"\n',
            '      action      = "throttle"\n      preview = true\n'),
        "huge_limit": ('armor.tf', 'per_minute  = 600', 'per_minute  = 600000'),
        "deny_all": ('armor.tf', '    action      = "allow"\n', '    action      = "deny(403)"\n'),
        "unthrottled_preflights": ('armor.tf', "request.method == 'OPTIONS' || ", ''),
        "tiny_limit": ('armor.tf', 'per_minute  = 600', 'per_minute  = 6'),
        "throttled_requests_pass": ('armor.tf', '"deny(429)"', '"allow"'),
        "one_limit_for_all_clients": ('armor.tf', '"IP"', '"ALL"'),
        "edge_policy": ('armor.tf', '"CLOUD_ARMOR"', '"CLOUD_ARMOR_EDGE"'),
        "no_adaptive_protection": ('armor.tf', 'enable = true', 'enable = false'),
        "default_for_one_client": ('armor.tf', 'src_ip_ranges = ["*"]', 'src_ip_ranges = ["192.0.2.1/32"]'),
    },
    "the_name_leads_to_the_address_with_a_certificate": {
        "private_zone": (
            'edge.tf', 'description = "Zone of the API\'s public name."',
            'description = "Zone"\n  visibility = "private"'),
        "no_a_record": ('edge.tf', 'type         = "A"', 'type         = "TXT"'),
        "certificate_for_another_host": ('edge.tf', 'hostname     = var.domain', 'hostname     = "www.${var.domain}"'),
        "any_ca": ('edge.tf', '"0 issue \\"pki.goog\\"", ', ''),
        "another_challenge": ('edge.tf', 'dns_resource_record[0].data', 'dns_resource_record[0].name'),
        "a_record_in_another_zone": (
            'edge.tf', 'managed_zone = google_dns_managed_zone.wrpi.name\n  name         = google_dns_managed_zone.wrpi.dns_name\n  type         = "A"',
            'managed_zone = "other"\n  name         = google_dns_managed_zone.wrpi.dns_name\n  type         = "A"'),
        "ttl_of_a_week": ('edge.tf', 'ttl          = 300', 'ttl          = 604800'),
        "wildcards": ('edge.tf', ', "0 issuewild \\";\\""', ''),
        "certificate_of_another_domain": (
            'edge.tf', 'domains            = [var.domain]',
            'domains            = ["example.com"]'),
    },
    "transport_is_encrypted": {
        "tls_1_0": ('edge.tf', '"TLS_1_2"', '"TLS_1_0"'),
        "open_memorystore": ('redis.tf', 'auth_enabled            = true', 'auth_enabled            = false'),
        "compatible_profile": ('edge.tf', '"MODERN"', '"COMPATIBLE"'),
        "no_dnssec": ('edge.tf', 'state = "on"', 'state = "off"'),
        "plain_memorystore": ('redis.tf', '"SERVER_AUTHENTICATION"', '"DISABLED"'),
        "memorystore_in_another_network": (
            'redis.tf', 'authorized_network      = google_compute_network.wrpi.id',
            'authorized_network      = "default"'),
    },
    "passwords_are_long_and_never_stored_in_the_state": {
        "short_redis_password": ('secrets.tf', 'length  = 40', 'length  = 4'),
        "version_is_never_raised": ('secrets.tf', '  secret_data_wo_version = var.app_password_version\n', ''),
    },
    "the_state_cannot_be_deleted_or_read_by_accident": {
        "force_destroy": ('bootstrap/main.tf', '  uniform_bucket', '  force_destroy = true\n  uniform_bucket'),
        "destroyable_state": ('bootstrap/main.tf', 'prevent_destroy = true', 'prevent_destroy = false'),
        "public_state": ('bootstrap/main.tf', '"enforced"', '"inherited"'),
        "unversioned_state": (
            'bootstrap/main.tf', 'versioning {\n    enabled = true',
            'versioning {\n    enabled = false'),
        "public_objects": (
            'bootstrap/main.tf', 'uniform_bucket_level_access = true',
            'uniform_bucket_level_access = false'),
        "newest_state_is_deleted": ('bootstrap/main.tf', '"ARCHIVED"', '"ANY"'),
    },
    "tags_of_own_images_cannot_be_moved": {
        "movable_tags": ('registry.tf', 'immutable_tags = true', 'immutable_tags = false'),
    },
    "the_uptime_check_asks_the_public_name_over_https": {
        "another_path": ('watch.tf', 'path         = "/"', 'path         = "/v0/wrpi"'),
        "unchecked_certificate": ('watch.tf', 'validate_ssl = true', 'validate_ssl = false'),
        "plain_check": ('watch.tf', 'use_ssl      = true', 'use_ssl      = false'),
        "check_of_another_host": ('watch.tf', 'host       = var.domain', 'host       = "example.com"'),
        "check_every_15_minutes": ('watch.tf', 'period       = "60s"', 'period       = "900s"'),
    },
    "alerts_fire_when_something_is_wrong": {
        "inverted_alert": ('watch.tf', 'COMPARISON_GT', 'COMPARISON_LT'),
        "wrong_metric": ('watch.tf', 'check_passed', 'request_latency'),
        "wrong_label": ('watch.tf', 'metric.labels.check_id', 'metric.labels.checker'),
        "wrong_threshold": ('watch.tf', 'threshold_value = 1\n', 'threshold_value = 100\n'),
        "slow_alert": ('watch.tf', 'duration        = "120s"', 'duration        = "7200s"'),
        "counts_successes": ('watch.tf', 'REDUCE_COUNT_FALSE', 'REDUCE_COUNT_TRUE'),
        "average_of_failures": ('watch.tf', 'ALIGN_NEXT_OLDER', 'ALIGN_FRACTION_TRUE'),
        "late_certificate": ('watch.tf', 'threshold_value = 14', 'threshold_value = 1'),
        "without_groups": ('watch.tf', '        group_by_fields      = ["resource.label.host"]\n', ''),
    },
    "changes_of_rights_and_of_the_network_raise_an_alert": {
        "changes_of_buckets_unnoticed": ('audit.tf', '|storage[.]buckets[.]', ''),
        "audit_log_for_a_month": ('audit.tf', 'retention_days = 400', 'retention_days = 30'),
        "changes_in_another_log": (
            'audit.tf', 'cloudaudit.googleapis.com/activity\\")',
            'cloudaudit.googleapis.com/system_event\\")'),
        "only_changes_by_gke": ('audit.tf', 'principalEmail!=', 'principalEmail='),
        "unlogged_writes": ('audit.tf', '    log_type = "DATA_WRITE"', '    log_type = "DATA_READ"'),
        "kept_log_without_data": ('audit.tf', 'log_id(\\"cloudaudit.googleapis.com/data_access\\") OR ', ''),
        "unlogged_names": ('network.tf', 'enable_logging = true', 'enable_logging = false'),
        "exempted_reader": (
            'audit.tf', '    log_type = "DATA_READ"\n',
            '    log_type = "DATA_READ"\n    exempted_members = ["user:a@example.com"]\n'),
        "unlogged_reads": ('audit.tf', '"DATA_READ"', '"DATA_WRITE"'),
    },
    "every_alert_notifies_someone": {
        "disabled_alert": (
            'watch.tf', '  severity              = "CRITICAL"\n',
            '  severity = "CRITICAL"\n  enabled = false\n'),
        "silent_alert": (
            'watch.tf', '  notification_channels = [google_monitoring_notification_channel.email.id]\n  user_labels',
            '  user_labels'),
        "silent_budget": (
            'watch.tf', 'monitoring_notification_channels = [google_monitoring_notification_channel.email.id]',
            'disable_default_iam_recipients = true'),
        "silent_channel": ('watch.tf', '  type         = "email"\n', '  type = "email"\n  enabled = false\n'),
        "another_receiver": ('watch.tf', 'email_address = var.alert_email', 'email_address = "nobody@example.com"'),
        "budget_of_another_project": ('watch.tf', 'data.google_project.this.number', '"1"'),
        "late_budget": ('watch.tf', 'threshold_percent = 0.5', 'threshold_percent = 50'),
        "no_forecast": ('watch.tf', '"FORECASTED_SPEND"', '"CURRENT_SPEND"'),
        "all_conditions_at_once": ('watch.tf', 'combiner              = "OR"', 'combiner              = "AND"'),
    },
    "outputs_are_what_they_are_called": {
        "swapped_outputs": (
            'outputs.tf', 'google_compute_ssl_policy.wrpi.name',
            'google_compute_security_policy.wrpi.name'),
        "nodes_as_deployer": (
            'outputs.tf', 'google_service_account.deployer.email',
            'google_service_account.nodes.email'),
        "swapped_registries": (
            'outputs.tf', 'google_artifact_registry_repository.releases.registry_uri',
            'google_artifact_registry_repository.docker_hub.registry_uri'),
        "cluster_as_region": (
            'outputs.tf', 'google_container_cluster.wrpi.location',
            'google_container_cluster.wrpi.id'),
    },
    "each_password_is_stored_in_its_own_secret": {
        "previous_password_as_password": (
            'secrets.tf', 'secret_data_wo         = var.app_password\n',
            'secret_data_wo         = var.app_password_previous\n'),
        "password_in_the_secret_of_the_previous_one": (
            'secrets.tf', 'secret                 = google_secret_manager_secret.wrpi["app"].id',
            'secret                 = google_secret_manager_secret.wrpi["app-previous"].id'),
        "same_password_for_both_services": (
            'secrets.tf', 'random_password.redis[each.key]',
            'random_password.redis["api"]'),
        "no_password_during_a_change": ('secrets.tf', 'create_before_destroy = true', 'create_before_destroy = false'),
        "empty_previous_password": (
            'secrets.tf', 'var.app_password_previous == "" ? "\\n" : var.app_password_previous',
            'var.app_password_previous'),
    },
    "what_runs_is_protected_against_deletion": {
        "unprotected_cluster": (
            'cluster.tf', 'deletion_protection = var.deletion_protection',
            'deletion_protection = false'),
        "unprotected_memorystore": (
            'redis.tf', 'deletion_protection     = var.deletion_protection',
            'deletion_protection     = false'),
        "services_are_disabled": ('project.tf', 'disable_on_destroy = false', 'disable_on_destroy = true'),
        "tagged_images_are_deleted": ('registry.tf', '"UNTAGGED"', '"ANY"'),
    },
    "every_used_service_is_enabled_first": {
        "missing_service": ('project.tf', '    "dns.googleapis.com",\n', ''),
        "missing_token_service": ('project.tf', '    "sts.googleapis.com",\n', ''),
        "too_early": ('project.tf', 'create_duration = "90s"', 'create_duration = "5s"'),
        "account_before_its_service": (
            'cluster.tf', '  display_name = "WRPI nodes"\n\n  depends_on = [time_sleep.usable]\n',
            '  display_name = "WRPI nodes"\n'),
    },
    "the_cluster_has_what_the_overlay_and_its_nodes_need": {
        "no_gateway": ('cluster.tf', 'CHANNEL_STANDARD', 'CHANNEL_DISABLED'),
        "no_secret_manager": (
            'cluster.tf', 'secret_manager_config {\n    enabled = true',
            'secret_manager_config {\n    enabled = false'),
        "github_cannot_connect": ('cluster.tf', 'allow_external_traffic = true', 'allow_external_traffic = false'),
        "untested_kubernetes": ('cluster.tf', '"REGULAR"', '"RAPID"'),
        "nodes_cannot_pull": ('network.tf', 'private_ip_google_access = true', 'private_ip_google_access = false'),
        "no_nat_for_pods": ('network.tf', '["ALL_IP_RANGES"]', '["PRIMARY_IP_RANGE"]'),
        "another_region": ('cluster.tf', 'location            = var.region', 'location            = "us-east1"'),
        "default_network": ('cluster.tf', 'network    = google_compute_network.wrpi.id', 'network    = "default"'),
    },
    "images_come_from_where_they_are_released": {
        "another_registry": ('registry.tf', '"https://ghcr.io"', '"https://registry.example.com"'),
        "unscanned_images": ('registry.tf', '"INHERITED"', '"DISABLED"'),
    },
}
