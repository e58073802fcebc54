"""Rules for all pods and containers, in each combination that is built."""

import re

from conftest import K8S, port_of

SOURCES = K8S.parent / "crates"
MEBIBYTES = {"Mi": 1, "Gi": 1024}


def millicores(quantity):
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


def mebibytes(quantity):
    return int(quantity[:-2]) * MEBIBYTES[quantity[-2:]]


def test_the_namespace_enforces_the_restricted_standard(objects):
    (namespace,) = objects.of("Namespace")
    for mode in ("enforce", "warn", "audit"):
        assert namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"


def test_every_pod_meets_the_restricted_standard(objects):
    allowed_volumes = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
                       "secret"}
    for name, template in objects.pods().items():
        spec = template["spec"]
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0 and security["runAsGroup"] > 0 and security["fsGroup"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC", "ephemeralContainers"} & spec.keys(), name
        for volume in spec.get("volumes", []):
            assert volume.keys() - {"name"} <= allowed_volumes, (name, volume)


def test_every_container_has_a_read_only_root_and_no_capabilities(objects):
    for name, _, container in objects.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert not any("hostPort" in port for port in container.get("ports", [])), name


def test_every_container_has_requests_and_limits(objects):
    for name, _, container in objects.containers():
        for kind in ("requests", "limits"):
            assert container["resources"][kind].keys() == {"cpu", "memory"}, name


def test_every_image_has_a_version_that_one_file_sets(objects):
    for name, _, container in objects.containers():
        pinned = r"@sha256:[0-9a-f]{64}" if "overlays/gke" in objects.chosen else r":\d+\.\d+\.\d+(-\w+)?"
        assert re.fullmatch(rf"[a-z0-9./:-]+{pinned}", container["image"]), name
        assert container["imagePullPolicy"] == "IfNotPresent", name
    for file in K8S.glob("base/**/*.yaml"):
        for image in re.findall(r"^ +image: (.*)$", file.read_text(), re.MULTILINE):
            assert ":" not in image, f"{file} sets a version"


def test_every_pod_has_its_own_service_account_without_a_token(objects):
    accounts = {found["metadata"]["name"]: found for found in objects.of("ServiceAccount")}
    used = [template["spec"]["serviceAccountName"] for template in objects.pods().values()]
    assert sorted(used) == sorted(accounts)
    for template in objects.pods().values():
        assert template["spec"]["automountServiceAccountToken"] is False
    for account in accounts.values():
        assert account["automountServiceAccountToken"] is False


def test_no_pod_gets_service_variables(objects):
    """The Service redis would set REDIS_PORT to tcp://…, which is not a port."""
    for name, template in objects.pods().items():
        assert template["spec"]["enableServiceLinks"] is False, name


def test_own_containers_log_in_the_format_of_the_platform(objects):
    """Cloud Logging would take every line of standard error for an error."""
    expected = "google" if "components/gke" in objects.chosen else None
    formats = {
        container["name"]: {env["name"]: env.get("value") for env in container["env"]}.get("LOG_FORMAT")
        for _, _, container in objects.containers() if re.search(r"(^|/)wrpi-[\w-]+[:@]", container["image"])
    }
    assert formats == {"api": expected, "updater": expected}


def test_every_object_is_labelled_and_in_the_namespace(objects):
    for found in objects:
        metadata = found["metadata"]
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "wrpi", metadata
        if found["kind"] != "Namespace":
            assert metadata["namespace"] == "wrpi", metadata
    for name, template in objects.pods().items():
        labels = template["metadata"]["labels"]
        assert labels["app.kubernetes.io/component"] == name
        assert {"app.kubernetes.io/name", "app.kubernetes.io/part-of"} <= labels.keys()


def test_probes_use_only_the_admin_port(objects):
    ((_, _, api),) = (found for found in objects.containers() if found[0] == "api")
    paths = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    for probe, path in paths.items():
        assert {"path": path, "port": "admin"}.items() <= api[probe]["httpGet"].items()
    assert {"name": "admin", "containerPort": 9090}.items() <= port_of(api, "admin").items()
    (address,) = (env["value"] for env in api["env"] if env["name"] == "ADMIN_ADDR")
    # A busy pod must not be restarted for one slow answer, and a pod without a reading must soon get no requests.
    liveness, readiness = api["livenessProbe"], api["readinessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 20 and liveness["timeoutSeconds"] >= 2
    assert readiness["periodSeconds"] * readiness["failureThreshold"] <= 10
    assert address == "0.0.0.0:9090"  # the kubelet and Prometheus cannot reach the default, on loopback


def test_the_grace_period_covers_the_whole_shutdown(base):
    source = "\n".join(file.read_text() for file in SOURCES.glob("wrpi-api/src/**/*.rs"))
    grace, drain = (
        int(re.search(rf"const {name}: Duration = Duration::from_secs\((\d+)\)", source)[1])
        for name in ("IDLE_GRACE", "DRAIN_TIMEOUT")
    )
    spec = base.pods()["api"]["spec"]
    sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep >= 24  # three checks of a load balancer, 8 s apart
    assert sleep + grace + drain + 5 <= spec["terminationGracePeriodSeconds"]


def test_every_rollout_spreads_api_pods_over_nodes_and_prefers_other_zones(objects):
    """One constraint, on a label that every node has: a node without the label of any constraint counts for none."""
    spec = objects.pods()["api"]["spec"]
    selector = objects.one("Deployment", "api")["spec"]["selector"]
    assert spec["topologySpreadConstraints"] == [{
        "topologyKey": "kubernetes.io/hostname",
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "nodeTaintsPolicy": "Honor",
        "labelSelector": selector,
        "matchLabelKeys": ["pod-template-hash"],
    }]
    (preference,) = spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preference["podAffinityTerm"] == {
        "topologyKey": "topology.kubernetes.io/zone", "labelSelector": selector, "matchLabelKeys": ["pod-template-hash"],
    }
    # A rule that must hold would prevent scaling, a rollout, or the replacement of a lost pod.
    assert spec["affinity"].keys() == {"podAntiAffinity"} and len(spec["affinity"]["podAntiAffinity"]) == 1


def test_a_lost_packet_costs_one_second_of_a_name_look_up(objects):
    """The first packets of a new pod can be lost. Redis looks up no name."""
    for name, template in objects.pods().items():
        options = {found["name"]: int(found["value"]) for found in template["spec"].get("dnsConfig", {}).get("options", [])}
        assert options == ({} if name == "redis" else {"timeout": 1, "attempts": 3}), name


def test_pods_are_evicted_from_a_lost_node_after_30_seconds(objects):
    for found in objects.of("Deployment"):
        assert found["spec"]["template"]["spec"]["tolerations"] == [
            {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}
            for state in ("not-ready", "unreachable")
        ], found["metadata"]["name"]


def test_no_emptydir_prevents_the_removal_of_a_node(objects):
    for name, template in objects.pods().items():
        if any("emptyDir" in volume for volume in template["spec"].get("volumes", [])):
            assert template["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "true", name


def test_the_memory_limit_covers_max_connections_in_the_worst_case(objects):
    """Worst case: every connection uses as much memory as it can. docs/kubernetes.md has the figures."""
    (container,) = objects.one("Deployment", "api")["spec"]["template"]["spec"]["containers"]
    settings = {variable["name"]: variable.get("value") for variable in container["env"]}
    most = int(settings["MAX_CONNECTIONS"])
    process, guesses, connection = 12, 24, (160 if "TLS_CERT_FILE" in settings else 96) / 1024
    assert process + guesses + most * connection <= mebibytes(container["resources"]["limits"]["memory"])


def test_the_quota_allows_two_consecutive_rollouts_at_full_scale(objects):
    """Three times the maximum of the API, because draining pods count, and its surge, Redis, and two updaters."""
    hard = objects.one("ResourceQuota", "ceiling")["spec"]["hard"]
    (scaler,) = objects.of("HorizontalPodAutoscaler")
    surge = objects.one("Deployment", "api")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    counts = {"api": 3 * scaler["spec"]["maxReplicas"] + surge, "updater": 2, "redis": 1}
    pods = objects.pods()
    assert sum(counts[name] for name in pods) <= int(hard["pods"])
    for kind in ("requests", "limits"):
        for resource, amount in (("cpu", millicores), ("memory", mebibytes)):
            needed = sum(
                counts[name] * sum(amount(container["resources"][kind][resource]) for container in spec["containers"])
                for name, spec in ((name, template["spec"]) for name, template in pods.items())
            )
            assert needed <= amount(hard[f"{kind}.{resource}"]), f"{kind}.{resource}"
