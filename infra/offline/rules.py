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
    variables: dict  # the options, as Terraform gets them

    def of(self, pattern):
        """The resources whose type matches the pattern, by address."""
        return {address: found for address, found in self.resources.items()
                if re.fullmatch(pattern, address.partition(".")[0])}

    def one(self, type_):
        (found,) = self.of(type_).values()
        return found

    def __getitem__(self, address):
        return self.resources[address]

    def blocks(self):
        """The text of each resource, data source and local value, by the name that references use."""
        text = "".join(file.read_text() for file in self.directory.glob("*.tf"))
        found = {f"{kind}.{name}": body
                 for kind, name, body in re.findall(r'^(?:resource|data) "(\w+)" "(\w+)" {\n(.*?)^}', text, re.M | re.S)}
        for body in re.findall(r"^locals {\n(.*?)^}", text, re.M | re.S):
            found |= {f"local.{name}": body for name in re.findall(r"^  (\w+) +=", body, re.M)}
        return found


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
    assert not plan.of("google_(service_account|project_service_account|storage_hmac)_key"), "a key can be stolen"


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
    assert not provider.get("disabled") and not plan.one("google_iam_workload_identity_pool").get("disabled")
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
    assert not plan.of("google_compute_(.*firewall.*|instance.*|.*forwarding_rule|network_peering|.*vpn.*)"), "GKE opens what it needs"
    assert not plan["google_compute_network.wrpi"]["auto_create_subnetworks"]
    assert plan["google_compute_subnetwork.wrpi"]["log_config"][0]["flow_sampling"] > 0
    cluster = plan["google_container_cluster.wrpi"]
    assert cluster["enable_autopilot"]
    assert cluster["private_cluster_config"][0]["enable_private_nodes"], "nodes have public addresses"
    endpoints = cluster["control_plane_endpoints_config"][0]
    assert endpoints["ip_endpoints_config"] == [{"enabled": False}], "the control plane has an IP endpoint"
    bindings = cluster["rbac_binding_config"][0]
    assert len(bindings) == 2 and not any(bindings.values()), "roles can be bound to everyone"
    settings = cluster["cluster_autoscaling"][0]["auto_provisioning_defaults"][0]
    assert settings["service_account"] == "<google_service_account.nodes.email>", "nodes run as another account"
    addresses = {address["name"] for address in plan.of("google_compute_(global_)?address").values()
                 if address.get("address_type") != "INTERNAL"}
    assert addresses == {"wrpi"}, addresses


def the_name_leads_to_the_address_with_a_certificate(plan):
    zone = plan.one("google_dns_managed_zone")
    assert zone["dns_name"] == f"{DOMAIN}." and zone.get("visibility", "public") == "public", "nobody can resolve the name"
    for address, record in plan.of("google_dns_record_set").items():
        assert record["managed_zone"] == zone["name"] and record["ttl"] <= 3600, address
    records = {record["type"]: record for record in plan.of("google_dns_record_set").values()
               if record["name"] == zone["dns_name"]}
    assert records.get("A", {}).get("rrdatas") == ["<google_compute_global_address.wrpi.address>"], "the name leads elsewhere"
    assert records["CAA"]["rrdatas"] == ['0 issue "pki.goog"', '0 issuewild ";"'], "another CA can issue a certificate"
    (managed,) = plan.one("google_certificate_manager_certificate")["managed"]
    assert managed["domains"] == [DOMAIN]
    assert managed["dns_authorizations"] == ["<google_certificate_manager_dns_authorization.wrpi.id>"]
    assert plan.one("google_certificate_manager_dns_authorization")["domain"] == DOMAIN
    challenge = plan["google_dns_record_set.authorization"]  # as the mocks ask for it
    assert (challenge["name"], challenge["type"], challenge["rrdatas"]) == (
        f"_acme-challenge.{DOMAIN}.", "CNAME", ["authorize.example."]), "Google cannot check who owns the name"
    entry = plan.one("google_certificate_manager_certificate_map_entry")
    assert entry["hostname"] == DOMAIN, "the certificate is for another host"
    assert entry["map"] == plan.one("google_certificate_manager_certificate_map")["name"]
    assert entry["certificates"] == ["<google_certificate_manager_certificate.wrpi.id>"]


def every_client_is_throttled_and_none_is_locked_out(plan):
    policy = plan["google_compute_security_policy.wrpi"]
    assert policy["adaptive_protection_config"][0]["layer_7_ddos_defense_config"][0]["enable"]
    rules = sorted(policy["rule"], key=lambda rule: rule["priority"])
    *throttles, default = rules
    assert policy["type"] == "CLOUD_ARMOR", "other types cannot throttle"
    assert default["match"][0]["config"] == [{"src_ip_ranges": ["*"]}], "Google requires a rule for all others"
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
        assert redis["authorized_network"] == "<google_compute_network.wrpi.id>", "Memorystore is in another network"


def passwords_are_long_and_never_stored_in_the_state(plan):
    lengths = [arguments["length"] for type_, arguments in plan.opened if type_ == "random_password"]
    assert lengths and min(lengths) >= 32, f"a generated password has {min(lengths)} characters"
    versions = plan.of("google_secret_manager_secret_version")
    assert len(versions) == 4
    for address, version in versions.items():
        assert version.get("secret_data_wo_version") and "secret_data" not in version, address


def each_password_is_stored_in_its_own_secret(plan):
    """By the text, because no plan contains a write-only value."""
    secrets = {"app": "app", "app_previous": "app-previous", 'redis["api"]': "redis-api", 'redis["updater"]': "redis-updater"}
    for version, secret in secrets.items():
        found = plan[f"google_secret_manager_secret_version.{version}"]["secret"]
        assert found == f'<google_secret_manager_secret.wrpi["{secret}"].id>', f"the password {version} is in {found}"
    blocks = plan.blocks()
    stored = {name: re.search(r"secret_data_wo += (.*)", blocks[f"google_secret_manager_secret_version.{name}"])[1]
              for name in ("app", "app_previous", "redis")}
    assert stored["app"] == "var.app_password", stored["app"]
    assert re.fullmatch(r'var.app_password_previous == "" \? "\\n" : var.app_password_previous', stored["app_previous"])
    assert stored["redis"].endswith(" : ephemeral.random_password.redis[each.key].result"), stored["redis"]
    for name in stored:
        assert "create_before_destroy = true" in blocks[f"google_secret_manager_secret_version.{name}"], \
            f"pods that start during a change of {name} find no password"


def what_runs_is_protected_against_deletion(plan):
    protected = plan.variables.get("deletion_protection", True)
    for found in [plan.one("google_container_cluster"), *plan.of("google_redis_instance").values()]:
        assert found["deletion_protection"] == protected
    for address, service in plan.of("google_project_service").items():
        assert service["disable_on_destroy"] is False, f"terraform destroy disables {address} for the whole project"
    (policy,) = plan["google_artifact_registry_repository.own"]["cleanup_policies"]
    assert policy["condition"][0].get("tag_state") == "UNTAGGED", "images that run are deleted"


def the_state_cannot_be_deleted_or_read_by_accident(plan):
    text = (plan.directory / "bootstrap/main.tf").read_text()
    bucket = re.search(r'^resource "google_storage_bucket" "state" {\n(.*?)^}', text, re.M | re.S)[1]
    assert "force_destroy" not in bucket, "terraform destroy deletes the state"
    assert re.search(r"prevent_destroy += true\n", bucket), "terraform destroy deletes the bucket"
    assert re.search(r'public_access_prevention += "enforced"\n', bucket)
    assert re.search(r"versioning {\n +enabled = true\n", bucket)
    assert re.search(r"uniform_bucket_level_access = true\n", bucket), "single objects can be public"
    assert re.search(r'with_state += "ARCHIVED"', bucket), "the newest state is deleted"
    (versions,) = re.findall(r"num_newer_versions = (\d+)", bucket)
    assert int(versions) >= 10


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
    assert check["monitored_resource"] == [{"type": "uptime_url", "labels": {"project_id": PROJECT, "host": DOMAIN}}]
    assert int(check["period"].removesuffix("s")) <= 60 and int(check["timeout"].removesuffix("s")) <= 10


def alerts_fire_when_something_is_wrong(plan):
    def condition(name, metric, comparison, thresholds):
        (found,) = plan[f"google_monitoring_alert_policy.{name}"]["conditions"]
        (threshold,) = found["condition_threshold"]
        assert threshold["filter"] == f'metric.type = "monitoring.googleapis.com/uptime_check/{metric}"{CHECK}', name
        assert threshold["comparison"] == comparison, f"{name} is inverted"
        assert threshold.get("threshold_value", 0) in thresholds, f"{name}: {threshold.get('threshold_value')}"
        assert int(threshold["duration"].removesuffix("s")) <= 600
        (aggregation,) = threshold["aggregations"]
        assert aggregation.get("group_by_fields") == ["resource.label.host"], f"{name} has no series"
        assert aggregation["per_series_aligner"] == "ALIGN_NEXT_OLDER"
        assert int(aggregation["alignment_period"].removesuffix("s")) <= 1200
        return aggregation

    failed = condition("unreachable", "check_passed", "COMPARISON_GT", range(1, 3))
    assert failed["cross_series_reducer"] == "REDUCE_COUNT_FALSE"
    left = condition("certificate", "time_until_ssl_cert_expires", "COMPARISON_LT", range(7, 29))
    assert left["cross_series_reducer"] == "REDUCE_MIN"


def changes_of_rights_and_of_the_network_raise_an_alert(plan):
    (condition,) = plan["google_monitoring_alert_policy.changes"]["conditions"]
    text = condition["condition_matched_log"][0]["filter"]
    activity, _, but_for = text.split(" AND ")
    assert activity == 'log_id("cloudaudit.googleapis.com/activity")', "changes are in another log"
    assert re.fullmatch(r'protoPayload.authenticationInfo.principalEmail!="service-\d+@container-engine-robot[.\w]+"', but_for), \
        "someone else's changes raise no alert"
    pattern = re.search(r'methodName=~"([^"]+)"', text)[1]
    for method in ("SetIamPolicy", "google.iam.admin.v1.SetIAMPolicy", "storage.setIamPermissions",
                   "google.iam.admin.v1.CreateRole", "v1.compute.firewalls.insert", "v1.compute.routes.delete",
                   "v1.compute.securityPolicies.patchRule", "storage.buckets.update"):
        assert re.search(pattern, method), f"no alert on {method}"
    for method in ("google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion", "v1.compute.instances.insert"):
        assert not re.search(pattern, method), f"an alert on {method}"
    (bucket,) = plan.of("google_logging_project_bucket_config").values()
    assert 365 <= bucket["retention_days"] <= 3650
    sink = plan.one("google_logging_project_sink")
    assert sink["destination"] == "logging.googleapis.com/<google_logging_project_bucket_config.audit.id>"
    assert sink["unique_writer_identity"] and not sink.get("disabled") and not sink.get("exclusions")
    assert set(re.findall(r"cloudaudit.googleapis.com/(\w+)", sink["filter"])) == {"data_access", "policy"}
    assert " AND " not in sink["filter"] and "NOT" not in sink["filter"]
    audited = {(config["service"], log["log_type"], tuple(log.get("exempted_members", [])))
               for config in plan.of("google_project_iam_audit_config").values() for log in config["audit_log_config"]}
    assert audited == {("allServices", "ADMIN_READ", ()), ("allServices", "DATA_WRITE", ()),
                       ("secretmanager.googleapis.com", "DATA_READ", ())}, audited
    assert plan.one("google_dns_policy")["enable_logging"]
    assert plan.one("google_dns_policy")["networks"] == [{"network_url": "<google_compute_network.wrpi.id>"}]


def every_alert_notifies_someone(plan):
    policies = plan.of("google_monitoring_alert_policy")
    assert len(policies) >= 3
    for address, policy in policies.items():
        assert policy.get("enabled", True) and policy["conditions"], f"{address} is disabled"
        assert policy.get("notification_channels") == [CHANNEL], f"{address} has no receiver"
        assert policy["combiner"] == "OR" and policy["severity"] in ("CRITICAL", "WARNING"), address
        assert "irst " in policy["documentation"][0]["content"] or "follow" in policy["documentation"][0]["content"], \
            f"{address} does not say what to do"
    channel = plan["google_monitoring_notification_channel.email"]
    assert channel.get("enabled", True) and channel["type"] == "email"
    assert channel["labels"] == {"email_address": plan.variables["alert_email"]}
    budget = plan.one("google_billing_budget")
    assert budget["all_updates_rule"][0].get("monitoring_notification_channels") == [CHANNEL], "the budget notifies nobody"
    assert budget["budget_filter"] == [{"projects": ["projects/123456789012"]}]
    thresholds = [rule["threshold_percent"] for rule in budget["threshold_rules"]]
    assert min(thresholds) < 1 and all(0 < threshold <= 1 for threshold in thresholds), "the budget warns too late, or always"
    assert any(rule.get("spend_basis") == "FORECASTED_SPEND" for rule in budget["threshold_rules"])
    assert budget["billing_account"] == plan.variables["billing_account"]
    assert budget["amount"][0]["specified_amount"][0]["units"] == str(plan.variables.get("monthly_budget", 150))


# What the parts need of each other

SERVICES = {
    "artifact_registry": "artifactregistry", "billing_budget": "billingbudgets", "certificate_manager": "certificatemanager",
    "compute": "compute", "container": "container", "dns": "dns", "iam": "iam", "logging": "logging",
    "monitoring": "monitoring", "redis": "redis", "secret_manager": "secretmanager", "service_account": "iam",
    "service_networking": "servicenetworking", "iam_workload_identity_pool": "sts",
}


def every_used_service_is_enabled_first(plan):
    enabled = {service["service"].removesuffix(".googleapis.com") for service in plan.of("google_project_service").values()}
    used = {service for prefix, service in SERVICES.items() if plan.of(f"google_{prefix}.*")}
    # Exchanging GitHub's token for that of an account, and scanning images.
    assert used | {"iamcredentials", "containerscanning"} <= enabled, used - enabled
    slept = {sleep["create_duration"] for sleep in plan.of("time_sleep").values()}
    assert len(slept) == 1 and int(slept.pop().removesuffix("s")) >= 60, "Google refuses calls to a new service for a minute"
    blocks = plan.blocks()
    after = {"time_sleep.usable"}  # what waits for the services, by itself or through what it refers to
    while more := {name for name, body in blocks.items() if name not in after and any(
            re.search(rf"(?<![\w.]){re.escape(other)}\b", body) for other in after)}:
        after |= more
    # Bootstrap enables what these need.
    early = re.compile(r"local\.|time_static\.|google_project\.|google_project_(service|iam_audit_config)\.")
    assert not {name for name in blocks.keys() - after if not early.match(name)}


def the_cluster_has_what_the_overlay_and_its_nodes_need(plan):
    cluster = plan["google_container_cluster.wrpi"]
    assert cluster["gateway_api_config"] == [{"channel": "CHANNEL_STANDARD"}], "there is no Gateway"
    assert cluster["secret_manager_config"] == [{"enabled": True}], "pods cannot mount passwords"
    assert cluster["control_plane_endpoints_config"][0]["dns_endpoint_config"] == [{"allow_external_traffic": True}], \
        "GitHub cannot deploy"
    assert cluster["release_channel"][0]["channel"] in ("REGULAR", "STABLE") and cluster["maintenance_policy"]
    assert cluster["security_posture_config"][0]["mode"] == "BASIC"
    network, subnetwork = "<google_compute_network.wrpi.id>", "<google_compute_subnetwork.wrpi.id>"
    assert (cluster["network"], cluster["subnetwork"]) == (network, subnetwork)
    found = plan["google_compute_subnetwork.wrpi"]
    ranges = {range_["range_name"] for range_ in found["secondary_ip_range"]}
    assert set(cluster["ip_allocation_policy"][0].values()) == ranges and len(ranges) == 2
    assert found["network"] == network and found["private_ip_google_access"], "nodes cannot pull images"
    (router,), (nat,) = plan.of("google_compute_router").values(), plan.of("google_compute_router_nat").values()
    assert router["network"] == network and nat["router"] == router["name"]
    assert nat["subnetwork"] == [{"name": subnetwork, "source_ip_ranges_to_nat": ["ALL_IP_RANGES"]}], \
        "Alertmanager reaches no receiver"
    regional = [*plan.of("google_(artifact_registry|compute_(subnetwork|router)|redis_instance).*").values(), cluster]
    assert len({found.get("location") or found["region"] for found in regional}) == 1, "two regions"


def images_come_from_where_they_are_released(plan):
    def remote(name):
        repository = plan[f"google_artifact_registry_repository.{name}"]
        assert repository["mode"] == "REMOTE_REPOSITORY" and repository["format"] == "DOCKER", name
        return repository["remote_repository_config"][0]["docker_repository"][0]

    assert remote("releases")["custom_repository"] == [{"uri": "https://ghcr.io"}]
    assert remote("docker_hub")["public_repository"] == "DOCKER_HUB"
    assert plan["google_artifact_registry_repository.own"]["vulnerability_scanning_config"] == [{"enablement_config": "INHERITED"}]


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
