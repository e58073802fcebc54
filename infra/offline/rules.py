"""What must hold whatever the values are: who may do what, what is public, what is encrypted, what an alert looks at and
whom it notifies, and which names two files share. A rule is a function that raises AssertionError, and gets a Plan."""

import dataclasses
import re
from pathlib import Path

from cel_expr_python import cel

PROJECT = "my-project"
DOMAIN = "wrpi.example.com"
REPOSITORY_ID = "123456789"
GITHUB = "https://token.actions.githubusercontent.com"
POOL = f"principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/{PROJECT}.svc.id.goog"
DEPLOYER, NODES = "<google_service_account.deployer.member>", "<google_service_account.nodes.member>"


@dataclasses.dataclass
class Plan:
    directory: Path
    resources: dict  # from options.resources
    opened: list  # the ephemeral resources that Terraform opened: (type, arguments)

    def of(self, pattern):
        """The resources whose type matches the pattern, by address."""
        return {address: found for address, found in self.resources.items()
                if re.fullmatch(pattern, address.partition(".")[0])}

    def one(self, type_):
        (found,) = self.of(type_).values()
        return found

    def __getitem__(self, address):
        return self.resources[address]


def evaluate(expression, **variables):
    """A CEL expression, as Google evaluates it. None if it cannot be evaluated: Google then refuses the token."""
    types = {name: cel.Type.BOOL if isinstance(value, bool) else cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
             for name, value in variables.items()}
    value = cel.NewEnv(variables=types).compile(expression).eval(data=variables)
    return None if value.type() == cel.Type.ERROR else value.value()


# Who may do what

def only_the_listed_accounts_have_rights(plan):
    """All grants in the project, as (account, role, on what). Any other is a mistake until it is listed here."""
    found = set()
    for address, grant in plan.of("google_.*_iam_(member|binding|policy)").items():
        assert "_iam_member." in address, f"{address} takes the rights of all others away"
        on = grant.get("repository") or grant.get("secret_id") or grant.get("service_account_id") or grant.get("project")
        for secret in plan.of("google_secret_manager_secret"):
            if on in (f"<{secret}.id>", f"<{secret}.name>"):
                on = plan[secret]["secret_id"]
        found.add((grant["member"], grant["role"], on))
    role = "<google_project_iam_custom_role.cluster_access.id>"
    pool = "<google_iam_workload_identity_pool.github.name>"
    reads = "roles/secretmanager.secretAccessor"
    assert found == {
        (NODES, "roles/container.defaultNodeServiceAccount", PROJECT),
        (DEPLOYER, role, PROJECT),
        (f"principalSet://iam.googleapis.com/{pool}/attribute.repository_id/{REPOSITORY_ID}",
         "roles/iam.workloadIdentityUser", "<google_service_account.deployer.name>"),
        *((account, "roles/artifactregistry.reader", registry)
          for account in (DEPLOYER, NODES) for registry in ("docker-hub", "ghcr", "wrpi")),
        *((f"{POOL}/subject/ns/wrpi/sa/{account}", reads, f"wrpi-{secret}") for account, secret in (
            ("api", "app"), ("api", "app-previous"), ("api", "redis-api"), ("updater", "redis-updater"),
            ("redis", "redis-api"), ("redis", "redis-updater"))),
    }, found


def the_deployer_only_connects_to_the_cluster(plan):
    permissions = set(plan["google_project_iam_custom_role.cluster_access"]["permissions"])
    assert permissions == {"container.clusters.connect", "container.clusters.get"}, permissions


def token(**claims):
    """The claims of GitHub's token for a deployment of a release, which may differ in `claims`."""
    return {
        "sub": "repo:owner/name:environment:production", "repository": "owner/name", "repository_owner": "owner",
        "repository_id": REPOSITORY_ID, "repository_owner_id": "42", "environment": "production",
        "ref": "refs/tags/v1.2.3", "ref_type": "tag",
        "job_workflow_ref": "owner/name/.github/workflows/gke.yml@refs/tags/v1.2.3",
    } | claims


# Both forms of the subject: since July 2026, that of a new or renamed repository contains the IDs.
TRUSTED = {
    "old subject": token(),
    "new subject": token(sub=f"repo:owner@42/name@{REPOSITORY_ID}:environment:production"),
    "renamed": token(sub=f"repo:new@42/other@{REPOSITORY_ID}:environment:production", repository="new/other",
                     repository_owner="new", job_workflow_ref="new/other/.github/workflows/gke.yml@refs/tags/v1.2.3"),
}
REFUSED = {
    "another repository of the owner": token(repository_id="7", repository="owner/other",
                                             sub="repo:owner/other:environment:production"),
    "a new repository with the old name": token(repository_id="7"),
    "a branch": token(ref="refs/heads/main", ref_type="branch",
                      job_workflow_ref="owner/name/.github/workflows/gke.yml@refs/heads/main"),
    "a branch that looks like a tag": token(ref_type="branch"),
    "a tag that is no release": token(ref="refs/tags/test",
                                      job_workflow_ref="owner/name/.github/workflows/gke.yml@refs/tags/test"),
    "another environment": token(environment="test", sub="repo:owner/name:environment:test"),
    "no environment": {name: value for name, value in token(sub="repo:owner/name:ref:refs/tags/v1.2.3").items()
                       if name != "environment"},
    "another workflow": token(job_workflow_ref="owner/name/.github/workflows/ci.yml@refs/tags/v1.2.3"),
    "the workflow of another version": token(job_workflow_ref="owner/name/.github/workflows/gke.yml@refs/heads/main"),
}


def only_a_release_of_the_repository_deploys(plan):
    provider = plan.one("google_iam_workload_identity_pool_provider")
    assert provider["oidc"] == [{"issuer_uri": GITHUB}], provider["oidc"]
    for name, claims in TRUSTED.items():
        assert evaluate(provider["attribute_condition"], assertion=claims) is True, f"refused: {name}"
    for name, claims in REFUSED.items():
        assert evaluate(provider["attribute_condition"], assertion=claims) is not True, f"trusted: {name}"
    member = plan["google_service_account_iam_member.deployer"]["member"]
    kind, attribute, value = re.fullmatch(r"(principal|principalSet)://.*>/([\w.]+)/(.*)", member).groups()
    mapped = provider["attribute_mapping"]["google.subject" if attribute == "subject" else attribute]
    assert {evaluate(mapped, assertion=claims) for claims in TRUSTED.values()} == {value}
    subject = provider["attribute_mapping"]["google.subject"]
    others = (REFUSED["another repository of the owner"], REFUSED["a new repository with the old name"])
    for other in others:
        assert evaluate(mapped, assertion=other) != value, "another repository can act as the deployer"
        assert evaluate(subject, assertion=other) != evaluate(subject, assertion=token()), "two repositories are one subject"
    longest = token(repository_id="9" * 20, sub="s" * 190)  # Google refuses a subject of more than 127 bytes
    assert len(evaluate(subject, assertion=longest)) <= 127, "the subject can be too long"


# What is public

def nothing_but_the_load_balancer_is_public(plan):
    assert not plan.of("google_compute_(firewall|firewall_policy.*|network_firewall_policy.*|instance)"), "GKE opens what it needs"
    assert not plan["google_compute_network.wrpi"]["auto_create_subnetworks"]
    cluster = plan["google_container_cluster.wrpi"]
    assert cluster["enable_autopilot"]
    assert cluster["private_cluster_config"][0]["enable_private_nodes"], "nodes have public addresses"
    endpoints = cluster["control_plane_endpoints_config"][0]
    assert endpoints["ip_endpoints_config"] == [{"enabled": False}], "the control plane has an IP endpoint"
    assert not any(cluster["rbac_binding_config"][0].values()), "roles can be bound to everyone"
    settings = cluster["cluster_autoscaling"][0]["auto_provisioning_defaults"][0]
    assert settings["service_account"] == "<google_service_account.nodes.email>", "nodes run as another account"
    addresses = {address["name"] for address in plan.of("google_compute_(global_)?address").values()
                 if address.get("address_type") != "INTERNAL"}
    assert addresses == {"wrpi"}, addresses


def the_name_leads_to_the_address_with_a_certificate(plan):
    zone = plan.one("google_dns_managed_zone")
    assert zone["dns_name"] == f"{DOMAIN}." and zone.get("visibility", "public") == "public", "nobody can resolve the name"
    records = {record["type"]: record for record in plan.of("google_dns_record_set").values()
               if record["name"] == zone["dns_name"]}
    assert records.get("A", {}).get("rrdatas") == ["<google_compute_global_address.wrpi.address>"], "the name leads elsewhere"
    assert records["CAA"]["rrdatas"] == ['0 issue "pki.goog"', '0 issuewild ";"'], "another CA can issue a certificate"
    (managed,) = plan.one("google_certificate_manager_certificate")["managed"]
    assert managed["domains"] == [DOMAIN]
    assert managed["dns_authorizations"] == ["<google_certificate_manager_dns_authorization.wrpi.id>"]
    assert plan.one("google_certificate_manager_dns_authorization")["domain"] == DOMAIN
    entry = plan.one("google_certificate_manager_certificate_map_entry")
    assert entry["hostname"] == DOMAIN, "the certificate is for another host"
    assert entry["map"] == plan.one("google_certificate_manager_certificate_map")["name"]
    assert entry["certificates"] == ["<google_certificate_manager_certificate.wrpi.id>"]


def every_client_is_throttled_and_none_is_locked_out(plan):
    policy = plan["google_compute_security_policy.wrpi"]
    assert policy["adaptive_protection_config"][0]["layer_7_ddos_defense_config"][0]["enable"]
    rules = sorted(policy["rule"], key=lambda rule: rule["priority"])
    *throttles, default = rules
    assert not any(rule.get("preview") for rule in rules), "a rule in preview does nothing"
    assert default["priority"] == 2147483647 and default["action"] == "allow", "everyone else is denied"
    for rule in throttles:
        assert rule["action"] == "throttle"
        (limit,) = rule["rate_limit_options"]
        assert (limit["conform_action"], limit["exceed_action"], limit["enforce_on_key"]) == ("allow", "deny(429)", "IP")
        (threshold,) = limit["rate_limit_threshold"]
        a_minute = threshold["count"] * 60 / threshold["interval_sec"]
        assert 60 <= a_minute <= 1000, f"{a_minute} requests a minute from one address"
    for method in ("GET", "OPTIONS"):
        for authorized in (True, False):
            expressions = (rule["match"][0]["expr"][0]["expression"] for rule in throttles)
            assert any(evaluate(text.replace("has(request.headers['authorization'])", "authorized"),
                                request={"method": method}, authorized=authorized) for text in expressions), \
                f"{method} is not throttled"


# What is encrypted, and kept

def transport_is_encrypted(plan):
    policy = plan.one("google_compute_ssl_policy")
    assert policy["min_tls_version"] in ("TLS_1_2", "TLS_1_3") and policy["profile"] in ("MODERN", "RESTRICTED"), policy
    assert plan.one("google_dns_managed_zone")["dnssec_config"][0]["state"] == "on", "the zone is not signed"
    for redis in plan.of("google_redis_instance").values():
        assert redis["auth_enabled"] and redis["transit_encryption_mode"] == "SERVER_AUTHENTICATION", "Memorystore is open"
        assert redis["connect_mode"] == "PRIVATE_SERVICE_ACCESS"


def passwords_are_long_and_never_stored_in_the_state(plan):
    lengths = [arguments["length"] for type_, arguments in plan.opened if type_ == "random_password"]
    assert lengths and min(lengths) >= 32, f"a generated password has {min(lengths)} characters"
    versions = plan.of("google_secret_manager_secret_version")
    assert len(versions) == 4
    for address, version in versions.items():
        assert version["secret_data_wo_version"] and "secret_data" not in version, address
    audited = {(config["service"], log["log_type"])
               for config in plan.of("google_project_iam_audit_config").values() for log in config["audit_log_config"]}
    assert ("secretmanager.googleapis.com", "DATA_READ") in audited, "reads of passwords are not logged"
    assert plan["google_container_cluster.wrpi"]["secret_manager_config"] == [{"enabled": True}]


def the_state_cannot_be_deleted_or_read_by_accident(plan):
    text = (plan.directory / "bootstrap/main.tf").read_text()
    bucket = re.search(r'^resource "google_storage_bucket" "state" {\n(.*?)^}', text, re.M | re.S)[1]
    assert "force_destroy" not in bucket, "terraform destroy deletes the state"
    assert re.search(r"prevent_destroy += true\n", bucket), "terraform destroy deletes the bucket"
    assert re.search(r'public_access_prevention += "enforced"\n', bucket)
    assert re.search(r"versioning {\n +enabled = true\n", bucket)


def tags_of_own_images_cannot_be_moved(plan):
    assert plan["google_artifact_registry_repository.own"]["docker_config"] == [{"immutable_tags": True}]


# What an alert looks at, and whom it notifies

CHECK = ' AND resource.type = "uptime_url" AND metric.labels.check_id = "<google_monitoring_uptime_check_config.api.uptime_check_id>"'
CHANNEL = "<google_monitoring_notification_channel.email.id>"


def the_uptime_check_asks_the_public_name_over_https(plan):
    check = plan.one("google_monitoring_uptime_check_config")
    (http,) = check["http_check"]
    assert http["use_ssl"] and http["validate_ssl"] and http["port"] == 443, "an invalid certificate raises no alert"
    assert http["path"] == "/", "every other path needs a password"
    assert check["monitored_resource"][0]["labels"] == {"project_id": PROJECT, "host": DOMAIN}


def alerts_fire_when_something_is_wrong(plan):
    def condition(name, metric, comparison, thresholds):
        (found,) = plan[f"google_monitoring_alert_policy.{name}"]["conditions"]
        (threshold,) = found["condition_threshold"]
        assert threshold["filter"] == f'metric.type = "monitoring.googleapis.com/uptime_check/{metric}"{CHECK}', name
        assert threshold["comparison"] == comparison, f"{name} is inverted"
        assert threshold.get("threshold_value", 0) in thresholds, f"{name}: {threshold.get('threshold_value')}"
        assert int(threshold["duration"].removesuffix("s")) <= 600
        (aggregation,) = threshold["aggregations"]
        assert aggregation["group_by_fields"] == ["resource.label.host"], f"{name} has no series"
        return aggregation

    failed = condition("unreachable", "check_passed", "COMPARISON_GT", range(1, 3))
    assert failed["cross_series_reducer"] == "REDUCE_COUNT_FALSE"
    left = condition("certificate", "time_until_ssl_cert_expires", "COMPARISON_LT", range(7, 29))
    assert left["cross_series_reducer"] == "REDUCE_MIN"


def changes_of_rights_and_of_the_network_raise_an_alert(plan):
    (condition,) = plan["google_monitoring_alert_policy.changes"]["conditions"]
    pattern = re.search(r'methodName=~"([^"]+)"', condition["condition_matched_log"][0]["filter"])[1]
    for method in ("SetIamPolicy", "google.iam.admin.v1.SetIAMPolicy", "storage.setIamPermissions",
                   "google.iam.admin.v1.CreateRole", "v1.compute.firewalls.insert", "v1.compute.routes.delete",
                   "v1.compute.securityPolicies.patchRule", "storage.buckets.update"):
        assert re.search(pattern, method), f"no alert on {method}"
    for method in ("google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion", "v1.compute.instances.insert"):
        assert not re.search(pattern, method), f"an alert on {method}"
    (bucket,) = plan.of("google_logging_project_bucket_config").values()
    assert bucket["retention_days"] >= 365
    assert plan.one("google_logging_project_sink")["destination"].endswith("<google_logging_project_bucket_config.audit.id>")
    assert plan.one("google_dns_policy")["enable_logging"]


def every_alert_notifies_someone(plan):
    policies = plan.of("google_monitoring_alert_policy")
    assert len(policies) >= 3
    for address, policy in policies.items():
        assert policy.get("enabled", True) and policy["conditions"], f"{address} is disabled"
        assert policy.get("notification_channels") == [CHANNEL], f"{address} has no receiver"
    assert re.fullmatch(r"[\w-]+@example\.com", plan["google_monitoring_notification_channel.email"]["labels"]["email_address"])
    budget = plan.one("google_billing_budget")
    assert budget["all_updates_rule"][0].get("monitoring_notification_channels") == [CHANNEL], "the budget notifies nobody"
    assert budget["budget_filter"] == [{"projects": ["projects/123456789012"]}]
    assert min(rule["threshold_percent"] for rule in budget["threshold_rules"]) < 1, "the budget warns too late"


# Names that two files share

# What each output is for: make-gke-values.sh, the workflow and docs/gke.md read it by its name.
OUTPUTS = {
    "project": "var.project", "domain": "var.domain", "repository": "var.repository",
    "region": "google_container_cluster.wrpi.location", "cluster": "google_container_cluster.wrpi.name",
    "address": "google_compute_global_address.wrpi.name",
    "certificate_map": "google_certificate_manager_certificate_map.wrpi.name",
    "ssl_policy": "google_compute_ssl_policy.wrpi.name", "security_policy": "google_compute_security_policy.wrpi.name",
    "dashboard": "google_monitoring_dashboard.wrpi.id", "deployer": "google_service_account.deployer.email",
    "identity_provider": "google_iam_workload_identity_pool_provider.github.name",
    "name_servers": "google_dns_managed_zone.wrpi.name_servers",
    "ds_records": "data.google_dns_keys.wrpi.key_signing_keys", "redis": "google_redis_instance.wrpi",
    "releases": "google_artifact_registry_repository.releases", "docker_hub": "google_artifact_registry_repository.docker_hub",
}


def outputs_are_what_they_are_called(plan):
    """By the text, because several objects have the same name."""
    text = (plan.directory / "outputs.tf").read_text()
    values = dict(re.findall(r'^output "(\w+)" {\n.*?^  value += (.*?)^}', text, re.M | re.S))
    assert values.keys() >= OUTPUTS.keys()
    for name, wanted in OUTPUTS.items():
        assert re.search(rf"(?<![\w.]){re.escape(wanted)}\b", values[name]), f"output {name} is not {wanted}"


RULES = [rule for name, rule in list(globals().items()) if getattr(rule, "__module__", "") == __name__
         and getattr(rule, "__code__", None) and rule.__code__.co_varnames[:1] == ("plan",)]
