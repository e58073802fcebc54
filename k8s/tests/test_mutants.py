"""Planted mistakes: each breaks a rule, whatever the snapshots say. A rule is a test function that gets the objects."""

import copy
import functools
import inspect

import pytest
import test_network as network
import test_objects as references
import test_overlays as overlays
import test_pods as pods
import test_roles as roles
import test_tls as tls
from conftest import K8S, OVERLAYS, values_of

BASE = ()
GKE, MEMORYSTORE = OVERLAYS
TLS = ("components/tls",)
CERT_MANAGER = ("components/tls", "components/tls-cert-manager")
EXTERNAL = ("components/external-redis",)
MONITORING = ("components/monitoring",)
GONE = object()
POD, JOB = "spec/template/spec", "spec/jobTemplate/spec/template/spec"
API = f"{POD}/containers/0"
PATH = "spec/parameters/secrets"
CHECK = "spec/default/config/httpHealthCheck"


def replace(old, new):
    return lambda text: text.replace(old, new)


def append(*items):
    return lambda found: [*found, *items]


def setting(name, value):
    return lambda found: [env | {"value": value} if env["name"] == name else env for env in found]


def right(group, resource, *verbs):
    return append({"apiGroups": [group], "resources": [resource], "verbs": list(verbs)})


# For each rule: combination, object, path and the new value there, which can be a function of the old one.
MUTANTS = {
    overlays.test_only_https_reaches_the_api: [
        (GKE, "HTTPRoute api", "spec/parentRefs/0/sectionName", GONE),
        (GKE, "HTTPRoute api", "spec/parentRefs/0/sectionName", "http"),
        (GKE, "HTTPRoute api", "spec/parentRefs/0/name", "other"),
        (GKE, "Gateway wrpi", "spec/listeners/1/protocol", "HTTP"),
        (GKE, "Gateway wrpi", "spec/listeners/1/port", 80),
        (GKE, "Gateway wrpi", "spec/gatewayClassName", "gke-l7-rilb"),
        (GKE, "HTTPRoute redirect-to-https", "spec/rules/0/filters/0/requestRedirect/scheme", "http"),
        (GKE, "HTTPRoute redirect-to-https", "spec/rules/0/filters/0/requestRedirect/port", 80),
        (GKE, "HTTPRoute redirect-to-https", "spec/parentRefs/0/sectionName", "https"),
        (GKE, "HTTPRoute redirect-to-https", "spec/rules/0/backendRefs", [{"name": "api", "port": 80}]),
    ],
    overlays.test_the_health_check_asks_a_path_without_a_password_at_the_served_port: [
        (GKE, "HealthCheckPolicy api", f"{CHECK}/requestPath", "/v0/wrpi"),
        (GKE, "HealthCheckPolicy api", f"{CHECK}/portSpecification", "USE_FIXED_PORT"),
        (GKE, "HealthCheckPolicy api", f"{CHECK}/port", 9090),
        (GKE, "HealthCheckPolicy api", "spec/targetRef/name", "redis"),
        (GKE, "HealthCheckPolicy api", "spec/default/checkIntervalSec", 60),
        (GKE, "GCPBackendPolicy api", "spec/targetRef/name", "redis"),
    ],
    overlays.test_the_load_balancer_cuts_no_stream_and_no_idle_connection_of_a_client: [
        (GKE, "GCPBackendPolicy api", "spec/default/timeoutSec", 30),
        (GKE, "GCPBackendPolicy api", "spec/default/logging/enabled", False),
        (GKE, "GCPBackendPolicy api", "spec/default/connectionDraining/drainingTimeoutSec", 600),
        (GKE, "Deployment api", f"{API}/env", setting("IDLE_TIMEOUT", "60s")),
    ],
    overlays.test_passwords_come_from_googles_driver_at_the_paths_that_the_pods_read: [
        (GKE, "Deployment api", f"{POD}/volumes/0/csi/driver", "secrets-store.csi.k8s.io"),
        (GKE, "Deployment api", f"{POD}/volumes/0/csi/readOnly", False),
        (GKE, "Deployment api", f"{API}/volumeMounts/0/mountPath", "/run/secrets/other"),
        (GKE, "SecretProviderClass api", PATH, replace("path: app\n", "path: password\n")),
        (GKE, "SecretProviderClass redis", PATH, replace("path: updater", "path: writer")),
    ],
    overlays.test_pods_mount_exactly_the_secrets_that_infra_grants: [
        (GKE, "SecretProviderClass api", PATH, replace("wrpi-redis-api", "wrpi-redis-updater")),
        (GKE, "SecretProviderClass api", PATH, replace("my-project", "other")),
        (GKE, "SecretProviderClass updater", "spec/provider", "gcp"),
        (GKE, "Deployment api", f"{POD}/volumes/0/csi/volumeAttributes/secretProviderClass", "redis"),
    ],
    overlays.test_every_value_is_used: [
        (GKE, "GCPBackendPolicy api", "spec/default/securityPolicy", GONE),
        (GKE, "Gateway wrpi", "metadata/annotations", {}),
        (GKE, "Gateway wrpi", "spec/addresses/0/value", "other"),
        (GKE, "HTTPRoute api", "spec/hostnames", ["www.example.com"]),
    ],
    overlays.test_the_gateway_uses_the_ssl_policy_and_sends_hsts_once: [
        (GKE, "GCPGatewayPolicy wrpi", "spec/default/sslPolicy", "other"),
        (GKE, "GCPGatewayPolicy wrpi", "spec/targetRef/name", "other"),
        (GKE, "HTTPRoute api", "spec/rules/0/filters", []),
    ],
    overlays.test_the_deployer_is_bound_only_to_its_role: [
        (GKE, "RoleBinding deployer", "roleRef", {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}),
        (GKE, "RoleBinding deployer", "subjects", append({"kind": "Group", "name": "system:authenticated"})),
    ],
    overlays.test_the_deployer_reads_no_secret_where_none_is_deployed: [
        (GKE, "Role wrpi-deployer", "rules", right("", "secrets", "get")),
    ],
    roles.test_roles_have_no_wildcards_and_only_prometheus_and_the_deployer_are_bound: [
        (BASE, "Role wrpi-deployer", "rules/0/verbs", ["*"]),
        (BASE, "Role wrpi-deployer", "rules", right("rbac.authorization.k8s.io", "roles", "escalate")),
        (BASE, "Role wrpi-viewer", "rules/0/resources", append("secrets")),
        (BASE, "Role wrpi-viewer", "rules", right("apps", "deployments", "patch")),
        (MONITORING, "Role scrape", "rules/0/resources", ["pods", "secrets"]),
        (MONITORING, "RoleBinding scrape", "subjects/0/namespace", "default"),
    ],
    roles.test_the_deployer_may_apply_every_object: [
        (BASE, "Role wrpi-deployer", "rules/0/verbs", ["get", "list", "watch"]),
        (BASE, "Role wrpi-deployer", "rules", right("networking.k8s.io", "networkpolicies", "patch")),
        (BASE, "Role wrpi-deployer", "rules", right("rbac.authorization.k8s.io", "rolebindings", "create")),
        (BASE, "Role wrpi-deployer", "rules", right("", "pods/exec", "create")),
    ],
    network.test_traffic_is_denied_by_default_in_both_directions: [
        (BASE, "NetworkPolicy default-deny", "spec/policyTypes", ["Ingress"]),
        (BASE, "NetworkPolicy default-deny", "spec/podSelector", {"matchLabels": {"app.kubernetes.io/component": "api"}}),
        (BASE, "NetworkPolicy dns", "spec/policyTypes", ["Ingress"]),
    ],
    network.test_only_the_public_port_is_open_to_everyone: [
        (GKE, "NetworkPolicy api", "spec/ingress/0/from", GONE),
        (GKE, "NetworkPolicy api", "spec/ingress/0/from/0/ipBlock/cidr", "0.0.0.0/0"),
        (BASE, "NetworkPolicy redis", "spec/ingress/0/from", GONE),
        (BASE, "NetworkPolicy redis", "spec/ingress", [{}]),
        (BASE, "NetworkPolicy api", "spec/ingress/0/ports", append({"port": 9090, "protocol": "TCP"})),
    ],
    network.test_only_prometheus_reaches_the_admin_port: [
        (MONITORING, "NetworkPolicy scrape", "spec/ingress/0/from/0/podSelector", GONE),
        (MONITORING, "NetworkPolicy scrape", "spec/ingress/0/from/0/namespaceSelector", {}),
        (GKE, "NetworkPolicy scrape", "spec/podSelector", {}),
    ],
    network.test_redis_accepts_only_its_clients_and_connects_nowhere: [
        (BASE, "NetworkPolicy redis", "spec/ingress/0/from/0/podSelector", {}),
        (BASE, "NetworkPolicy redis-clients", "spec/podSelector", {}),
    ],
    network.test_the_services_connect_only_to_redis_and_dns: [
        (EXTERNAL, "NetworkPolicy redis-clients", "spec/egress/0/to/0/ipBlock/cidr", "0.0.0.0/0"),
        (BASE, "NetworkPolicy redis-clients", "spec/egress/0/to", GONE),
        (BASE, "NetworkPolicy redis-clients", "spec/egress/0/ports/0/port", 6380),
        (BASE, "NetworkPolicy redis-clients", "spec/egress/0/to/0/podSelector", {}),
        (BASE, "NetworkPolicy dns", "spec/egress/0/to/0/podSelector", GONE),
        (BASE, "NetworkPolicy dns", "spec/egress/0/to", append({"ipBlock": {"cidr": "0.0.0.0/0"}})),
    ],
    pods.test_the_namespace_enforces_the_restricted_standard: [
        (BASE, "Namespace wrpi", "metadata/labels", {"pod-security.kubernetes.io/enforce": "privileged"}),
    ],
    pods.test_every_pod_meets_the_restricted_standard: [
        (BASE, "Deployment api", f"{POD}/securityContext/runAsNonRoot", False),
        (BASE, "Deployment redis", f"{POD}/securityContext/seccompProfile/type", "Unconfined"),
        (BASE, "CronJob updater", f"{JOB}/securityContext/runAsUser", 0),
        (BASE, "Deployment api", f"{POD}/hostNetwork", True),
        (BASE, "Deployment redis", f"{POD}/volumes", append({"name": "host", "hostPath": {"path": "/"}})),
    ],
    pods.test_every_container_has_a_read_only_root_and_no_capabilities: [
        (BASE, "Deployment api", f"{API}/securityContext/readOnlyRootFilesystem", False),
        (BASE, "Deployment redis", f"{POD}/initContainers/0/securityContext/capabilities", GONE),
        (BASE, "CronJob updater", f"{JOB}/containers/0/securityContext/privileged", True),
        (BASE, "Deployment api", f"{API}/ports/0/hostPort", 8080),
    ],
    pods.test_every_container_has_requests_and_limits: [
        (BASE, "Deployment api", f"{API}/resources/limits", GONE),
        (BASE, "CronJob updater", f"{JOB}/containers/0/resources/requests/memory", GONE),
    ],
    pods.test_every_image_has_a_version_that_one_file_sets: [
        (BASE, "Deployment api", f"{API}/image", "wrpi-api:latest"),
        (GKE, "Deployment redis", f"{API}/image", "redis:7.4.7"),
        (BASE, "Deployment redis", f"{API}/imagePullPolicy", "Always"),
    ],
    pods.test_every_pod_has_its_own_service_account_without_a_token: [
        (BASE, "Deployment api", f"{POD}/automountServiceAccountToken", True),
        (BASE, "ServiceAccount redis", "automountServiceAccountToken", GONE),
        (BASE, "CronJob updater", f"{JOB}/serviceAccountName", "api"),
    ],
    pods.test_probes_use_only_the_admin_port: [
        (BASE, "Deployment api", f"{API}/livenessProbe/httpGet/port", "http"),
        (BASE, "Deployment api", f"{API}/livenessProbe/httpGet/path", "/readyz"),
        (BASE, "Deployment api", f"{API}/readinessProbe/httpGet/path", "/livez"),
        (BASE, "Deployment api", f"{API}/livenessProbe/failureThreshold", 1),
        (BASE, "Deployment api", f"{API}/env", setting("ADMIN_ADDR", "127.0.0.1:9090")),
    ],
    pods.test_the_grace_period_covers_the_whole_shutdown: [
        (BASE, "Deployment api", f"{POD}/terminationGracePeriodSeconds", 30),
        (BASE, "Deployment api", f"{API}/lifecycle/preStop/sleep/seconds", 1),
    ],
    pods.test_every_rollout_spreads_api_pods_over_nodes_and_prefers_other_zones: [
        (BASE, "Deployment api", f"{POD}/topologySpreadConstraints/0/whenUnsatisfiable", "DoNotSchedule"),
        (BASE, "Deployment api", f"{POD}/affinity", GONE),
    ],
    pods.test_pods_are_evicted_from_a_lost_node_after_30_seconds: [
        (BASE, "Deployment redis", f"{POD}/tolerations", []),
    ],
    pods.test_the_memory_limit_covers_max_connections_in_the_worst_case: [
        (BASE, "Deployment api", f"{API}/env", setting("MAX_CONNECTIONS", "50000")),
        (TLS, "Deployment api", f"{API}/resources/limits/memory", "512Mi"),
    ],
    pods.test_the_quota_allows_two_consecutive_rollouts_at_full_scale: [
        (BASE, "ResourceQuota ceiling", "spec/hard/pods", "10"),
        (BASE, "ResourceQuota ceiling", "spec/hard/requests.memory", "1Gi"),
        (BASE, "HorizontalPodAutoscaler api", "spec/maxReplicas", 1000),
    ],
    references.test_services_point_to_declared_ports_and_never_to_the_admin_port: [
        (BASE, "Service api", "spec/ports/0/targetPort", "admin"),
        (BASE, "Service redis", "spec/selector", {"app.kubernetes.io/component": "cache"}),
    ],
    references.test_prometheus_scrapes_the_admin_port_of_every_api_pod: [
        (MONITORING, "PodMonitor wrpi-api", "spec/podMetricsEndpoints/0/port", "http"),
        (MONITORING, "PodMonitor wrpi-api", "spec/podMetricsEndpoints/0/relabelings/0/replacement", "api"),
        (GKE, "PodMonitoring wrpi-api", "spec/selector/matchLabels", {"app.kubernetes.io/name": "other"}),
    ],
    references.test_the_api_is_the_only_public_service: [
        (BASE, "Service redis", "spec/type", "LoadBalancer"),
        (BASE, "Service redis", "spec/type", "NodePort"),
        (BASE, "Service redis", "spec/externalIPs", ["192.0.2.1"]),
        (BASE, "Service api", "spec/externalTrafficPolicy", "Cluster"),
        (GKE, "Service api", "spec/type", "LoadBalancer"),
        (GKE, "HTTPRoute api", "spec/rules/0/backendRefs/0/name", "redis"),
        (GKE, "HTTPRoute api", "spec/rules/0/backendRefs/0/port", 9090),
    ],
    references.test_both_services_read_the_address_of_redis_from_the_same_keys: [
        (BASE, "Deployment api", f"{API}/env/2/valueFrom/configMapKeyRef/key", "port"),
        (BASE, "CronJob updater", f"{JOB}/containers/0/env/3/valueFrom/configMapKeyRef/key", "api-user"),
    ],
    references.test_secrets_are_mounted_as_private_files: [
        (BASE, "Deployment api", f"{POD}/volumes/0/secret/defaultMode", 0o444),
        (BASE, "Deployment api", f"{POD}/volumes/0/secret/items", []),
        (BASE, "Deployment api", f"{API}/envFrom", [{"secretRef": {"name": "wrpi-secrets"}}]),
    ],
    references.test_every_password_file_of_the_api_is_mounted: [
        (BASE, "Deployment api", f"{POD}/volumes/0/secret/items/0/path", "password"),
    ],
    references.test_only_the_autoscaler_sets_the_number_of_api_pods: [
        (BASE, "HorizontalPodAutoscaler api", "spec/minReplicas", 1),
        (BASE, "HorizontalPodAutoscaler api", "spec/scaleTargetRef/name", "redis"),
        (BASE, "HorizontalPodAutoscaler api", "spec/metrics/0/resource/target/averageUtilization", 700),
        (BASE, "Deployment api", "spec/replicas", 1),
        (BASE, "Deployment api", "spec/strategy/rollingUpdate/maxUnavailable", 1),
    ],
    references.test_a_drain_evicts_one_api_pod_at_a_time: [
        (BASE, "PodDisruptionBudget api", "spec/maxUnavailable", "100%"),
        (BASE, "PodDisruptionBudget api", "spec/minAvailable", 0),
        (BASE, "PodDisruptionBudget api", "spec/selector/matchLabels", {"app.kubernetes.io/component": "redis"}),
        (BASE, "PodDisruptionBudget api", "spec/unhealthyPodEvictionPolicy", "IfHealthyBudget"),
    ],
    references.test_an_update_ends_before_the_next_begins: [
        (BASE, "CronJob updater", "spec/schedule", "0 * * * *"),
        (BASE, "CronJob updater", "spec/suspend", True),
        (BASE, "CronJob updater", "spec/startingDeadlineSeconds", 5),
        (BASE, "CronJob updater", "spec/jobTemplate/spec/activeDeadlineSeconds", 500),
    ],
    references.test_nothing_new_waits_for_a_pod_on_a_lost_node: [
        (BASE, "CronJob updater", "spec/concurrencyPolicy", "Forbid"),
        (BASE, "Deployment redis", "spec/strategy", {"type": "Recreate"}),
    ],
    references.test_redis_on_a_lost_node_is_replaced_and_gets_no_connections: [
        (BASE, "Deployment redis", "spec/replicas", 0),
        (BASE, "Service redis", "spec/publishNotReadyAddresses", True),
    ],
    tls.test_the_api_reads_the_certificate_from_the_secret: [
        (TLS, "Deployment api", f"{POD}/volumes/0/secret/secretName", "tls"),
        (TLS, "Deployment api", f"{API}/volumeMounts/0/subPath", "tls.crt"),
    ],
    tls.test_the_service_has_http_and_https: [
        (TLS, "Service api", "spec/ports/0/targetPort", "http"),
        (TLS, "Deployment api", f"{API}/env", setting("HTTPS_PORT", "8443")),
    ],
    tls.test_the_public_name_is_set_in_one_place: [
        (CERT_MANAGER, "Certificate api", "spec/secretName", "tls"),
        (CERT_MANAGER, "Certificate api", "spec/dnsNames", ["www.example.com"]),
        (CERT_MANAGER, "Certificate api", "spec/issuerRef/name", "staging"),
    ],
    tls.test_browsers_trust_the_issuer: [
        (CERT_MANAGER, "Issuer letsencrypt", "spec/acme/server", replace("acme-v02", "acme-staging-v02")),
    ],
    tls.test_the_client_address_comes_from_a_header_only_behind_a_known_proxy: [
        (GKE, "Deployment api", f"{API}/env", setting("CLIENT_IP_SOURCE", "x-forwarded-for:1")),
        (BASE, "Deployment api", f"{API}/env", append({"name": "CLIENT_IP_SOURCE", "value": "x-forwarded-for:1"})),
    ],
    tls.test_both_services_reach_a_managed_redis_over_tls: [
        (EXTERNAL, "ConfigMap redis", "data/tls", "false"),
        (EXTERNAL, "ConfigMap redis", "data/tls-any-name", "true"),
        (MEMORYSTORE, "ConfigMap redis-ca", "data", {}),
    ],
}


@pytest.fixture(scope="module")
def rendered(render):
    """Builds each combination once."""
    return functools.cache(lambda chosen: render(*chosen))


def check(rule, objects):
    known = {"values": values_of(K8S / "overlays/gke/values.env.example"), "host": "wrpi.example.com"}
    rule(*(known.get(name, objects) for name in inspect.signature(rule).parameters))


def plant(objects, name, path, value):
    kind, _, name = name.partition(" ")
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    place = objects.one(kind, name)
    for key in parents:
        place = place[key]
    if value is GONE:
        del place[last]
    else:
        place[last] = value(place[last]) if callable(value) else value


@pytest.mark.parametrize("rule", MUTANTS, ids=lambda rule: rule.__name__)
def test_each_planted_mistake_breaks_its_rule(rendered, rule):
    missed = []
    for chosen, name, path, value in MUTANTS[rule]:
        objects = copy.deepcopy(rendered(chosen))
        check(rule, objects)
        before = list(copy.deepcopy(objects))
        plant(objects, name, path, value)
        assert list(objects) != before, f"{name} {path} has this value already"
        with pytest.raises((AssertionError, KeyError, ValueError)):
            check(rule, objects)
            missed.append(f"{name} {path}")
            raise AssertionError
    assert not missed
