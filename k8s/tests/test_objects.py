"""References between the objects, secrets and rollouts, in each combination that is built."""

import base64
import re

import pytest
from conftest import K8S, NEWEST, OWN_SECRETS, UPDATER_DEPLOYMENT, Objects, build, load, load_all, port_of

CLIENTS = ("api", "updater")


def selects(selector, template):
    return selector.items() <= template["metadata"]["labels"].items()


def test_services_point_to_declared_ports_and_never_to_the_admin_port(objects):
    for service in objects.of("Service"):
        selected = [found for found in objects.pods().values() if selects(service["spec"]["selector"], found)]
        assert len(selected) == 1, service["metadata"]["name"]
        (container,) = selected[0]["spec"]["containers"]
        for port in service["spec"]["ports"]:
            assert port_of(container, port["targetPort"])["containerPort"] != 9090


def test_prometheus_scrapes_the_admin_port_of_every_api_pod(objects):
    for kind, field in (("PodMonitor", "podMetricsEndpoints"), ("PodMonitoring", "endpoints")):
        for monitor in objects.of(kind):
            selector = monitor["spec"]["selector"]["matchLabels"]
            (template,) = (found for found in objects.pods().values() if selects(selector, found))
            (container,) = template["spec"]["containers"]
            (endpoint,) = monitor["spec"][field]
            assert port_of(container, endpoint["port"])["containerPort"] == 9090
            # The job name in all rules: set by a relabeling, or on Google Cloud the name of the object.
            job = endpoint.get("relabelings", [{"targetLabel": "job", "replacement": monitor["metadata"]["name"]}])
            assert job == [{"targetLabel": "job", "replacement": "wrpi-api"}]


def test_the_api_is_the_only_public_service(objects):
    public = [found for found in objects.of("Service")
              if found["spec"].get("type", "ClusterIP") != "ClusterIP" or found["spec"].get("externalIPs")]
    assert not objects.of("Ingress")
    if "components/gke" in objects.chosen:
        assert not public
        port = 443 if "components/tls" in objects.chosen else 80
        for route in objects.of("HTTPRoute"):
            backends = [backend for rule in route["spec"]["rules"] for backend in rule.get("backendRefs", [])]
            assert all((backend["name"], backend["port"]) == ("api", port) for backend in backends)
        for service in objects.of("Service"):
            assert "externalTrafficPolicy" not in service["spec"]  # invalid for a ClusterIP Service
    else:
        (service,) = public
        assert (service["metadata"]["name"], service["spec"]["type"]) == ("api", "LoadBalancer")
        assert service["spec"]["externalTrafficPolicy"] == "Local"
        assert {80: "http"}.items() <= {port["port"]: port["targetPort"] for port in service["spec"]["ports"]}.items()


def test_both_services_read_the_address_of_redis_from_the_same_keys(objects):
    def sources(name):
        (container,) = objects.pods()[name]["spec"]["containers"]
        return {env["name"]: env.get("valueFrom", {}).get("configMapKeyRef") for env in container["env"]}

    config = objects.one("ConfigMap", "redis")
    api, updater = map(sources, CLIENTS)
    for variable, key in (("REDIS_HOST", "host"), ("REDIS_PORT", "port"), ("REDIS_DB", "db")):
        assert api[variable] == updater[variable] == {"name": config["metadata"]["name"], "key": key}
        assert config["data"][key]
    for name, found in (("api", api), ("updater", updater)):
        assert found["REDIS_USER"] == {"name": config["metadata"]["name"], "key": f"{name}-user"}
        assert f"{name}-user" in config["data"]


def test_the_address_of_redis_survives_pod_replacement(base):
    assert base.one("ConfigMap", "redis")["data"]["host"] == "redis"
    assert "clusterIP" not in base.one("Service", "redis")["spec"]


def test_redis_on_a_lost_node_is_replaced_and_gets_no_connections(base):
    """A StatefulSet would wait for the node. publishNotReadyAddresses would keep the lost pod as an endpoint."""
    spec = base.one("Deployment", "redis")["spec"]
    assert spec["replicas"] == 1
    # The old pod goes before the new one comes.
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert not base.of("StatefulSet")
    assert [found["metadata"]["name"] for found in base.of("Service")] == ["api", "redis"]
    assert "publishNotReadyAddresses" not in base.one("Service", "redis")["spec"]


def test_pods_refer_to_existing_objects(objects):
    known = {(found["kind"], found["metadata"]["name"]) for found in objects}
    keys = {found["metadata"]["name"]: found["data"].keys() for found in objects.of("Secret")}
    for name, template in objects.pods().items():
        spec = template["spec"]
        assert ("ServiceAccount", spec["serviceAccountName"]) in known
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in known, name
            if "csi" in volume:
                found = volume["csi"]["volumeAttributes"]["secretProviderClass"]
                assert ("SecretProviderClass", found) in known, name
            if "secret" in volume and not volume["secret"].get("optional"):
                if volume["secret"]["secretName"] in keys:
                    wanted = {item["key"] for item in volume["secret"]["items"]}
                    assert wanted <= keys[volume["secret"]["secretName"]], name
                else:
                    assert not volume["secret"]["secretName"].startswith("wrpi-secrets"), name


def test_secrets_are_mounted_as_private_files(objects):
    for name, spec, container in objects.containers():
        for env in container.get("env", []):
            assert "secretKeyRef" not in env.get("valueFrom", {}), (name, env)
        assert "envFrom" not in container, name
    for name, template in objects.pods().items():
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440, name
                assert volume["secret"]["items"], f"{name} mounts every key"


def test_a_new_password_rolls_the_pods(objects):
    names = [found["metadata"]["name"] for found in objects.of("Secret")]
    if OWN_SECRETS & set(objects.chosen):
        assert names == []
    else:
        assert len(names) == 1 and re.fullmatch(r"wrpi-secrets-[a-z0-9]{10}", names[0])


@pytest.mark.parametrize("line", ["absent", "empty", "set"])
def test_the_file_of_the_previous_password_exists_and_may_be_empty(kubectls, tree, passwords, line):
    """The API does not start if the file is missing, so a wrong mount is noticed."""
    lines = passwords | {"APP_PASSWORD_PREVIOUS": "before" if line == "set" else ""}
    if line == "absent":  # as in a secrets.env from an older version
        del lines["APP_PASSWORD_PREVIOUS"]
    found = Objects((), {((), NEWEST): build(kubectls[NEWEST], tree((), lines))})
    value = found.one("Secret", "wrpi-secrets")["data"]["APP_PASSWORD_PREVIOUS"]
    assert base64.b64decode(value).decode() == lines.get("APP_PASSWORD_PREVIOUS", "")
    (container,) = found.pods()["api"]["spec"]["containers"]
    (path,) = (env["value"] for env in container["env"] if env["name"] == "APP_PASSWORD_PREVIOUS_FILE")
    (mount,) = container["volumeMounts"]
    (volume,) = (volume for volume in found.pods()["api"]["spec"]["volumes"] if volume["name"] == mount["name"])
    assert {item["key"]: f"{mount['mountPath']}/{item['path']}" for item in volume["secret"]["items"]}[
        "APP_PASSWORD_PREVIOUS"
    ] == path


def test_every_password_file_of_the_api_is_mounted(objects):
    (container,) = objects.pods()["api"]["spec"]["containers"]
    configured = {env["value"] for env in container["env"] if re.search("PASS.*_FILE$", env["name"])}
    (mount,) = (mount for mount in container["volumeMounts"] if mount["name"] == "secrets")
    (volume,) = (volume for volume in objects.pods()["api"]["spec"]["volumes"] if volume["name"] == "secrets")
    if "csi" in volume:
        provider = objects.one("SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"])
        items = load(provider["spec"]["parameters"]["secrets"])
    else:
        items = volume["secret"]["items"]
    assert configured == {f"{mount['mountPath']}/{item['path']}" for item in items}


def test_no_file_contains_a_secret():
    for file in K8S.rglob("*.yaml"):
        for document in load_all(file.read_text()):
            if isinstance(document, list):  # a JSON patch
                continue
            assert document.get("kind") != "Secret", file
            for generator in document.get("secretGenerator", []):
                assert generator.get("envs", ["secrets.env"]) == ["secrets.env"], file
                assert all(literal.endswith("=") for literal in generator.get("literals", [])), file
    lines = (K8S / "secrets.env.example").read_text().splitlines()
    assert all(line.startswith("#") or line.endswith("=") for line in lines)


def test_only_the_autoscaler_sets_the_number_of_api_pods(objects):
    (scaler,) = objects.of("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    assert 2 <= scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"] <= 10
    (metric,) = scaler["spec"]["metrics"]
    assert metric["resource"]["name"] == "cpu" and 50 <= metric["resource"]["target"]["averageUtilization"] <= 80
    deployment = objects.one("Deployment", "api")["spec"]
    assert "replicas" not in deployment
    assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_a_drain_evicts_one_api_pod_at_a_time(objects):
    (budget,) = objects.of("PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1 and "minAvailable" not in budget["spec"]
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["spec"]["selector"] == objects.one("Deployment", "api")["spec"]["selector"]


def environment(container):
    return {env["name"]: env.get("value") for env in container["env"]}


def test_an_update_ends_before_the_next_begins(objects):
    if UPDATER_DEPLOYMENT in objects.chosen:
        assert objects.of("CronJob") == []
        return
    spec = objects.one("CronJob", "updater")["spec"]
    assert spec["schedule"] == "* * * * *" and not spec.get("suspend")
    assert 10 <= spec["startingDeadlineSeconds"] < 60  # the controller checks every ten seconds
    job = spec["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    (deadline,) = (env["value"] for env in container["env"] if env["name"] == "UPDATE_DEADLINE")
    # UPDATE_DEADLINE limits the update, activeDeadlineSeconds limits the Job including scheduling and image pulls.
    assert int(deadline.removesuffix("s")) + pod["terminationGracePeriodSeconds"] < 60
    assert int(deadline.removesuffix("s")) < job["activeDeadlineSeconds"]
    assert job["activeDeadlineSeconds"] + pod["terminationGracePeriodSeconds"] < 60


def test_nothing_new_waits_for_a_pod_on_a_lost_node(objects):
    """Such a pod is deleted, but stays until its node returns. Forbid and Recreate wait for the end of the old pod, and a
    StatefulSet does not replace it at all. Nor does anything need a volume that only one node can attach."""
    for found in objects.of("CronJob"):
        assert found["spec"]["concurrencyPolicy"] == "Replace"
        assert "podReplacementPolicy" not in found["spec"]["jobTemplate"]["spec"]
    for found in objects.of("Deployment"):
        strategy = found["spec"]["strategy"]
        assert strategy["type"] == "RollingUpdate", found["metadata"]["name"]
        assert strategy["rollingUpdate"] in ({"maxSurge": 0, "maxUnavailable": 1}, {"maxSurge": 1, "maxUnavailable": 0})
    assert objects.of("StatefulSet") == objects.of("PersistentVolumeClaim") == []


def test_the_log_of_a_job_is_kept_for_minutes(objects):
    """A Job that is started by hand belongs to the CronJob too, and another one ends every minute."""
    for found in objects.of("CronJob"):
        spec = found["spec"]
        assert spec["successfulJobsHistoryLimit"] >= 5 and spec["failedJobsHistoryLimit"] >= 5
        assert spec["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] >= 300


def test_the_updater_deployment_runs_the_same_pod_as_the_job(render):
    others = ("components/gke-secret-manager", "components/external-redis")
    job = render(*others).pods()["updater"]
    deployment = render(*others, UPDATER_DEPLOYMENT).one("Deployment", "updater")["spec"]
    assert deployment["replicas"] == 1
    assert selects(deployment["selector"]["matchLabels"], job)
    pod = deployment["template"]
    (container,) = pod["spec"]["containers"]
    assert environment(container)["UPDATE_INTERVAL"] == "60s"
    # Restarts are at least ten minutes apart, because the kubelet resets its back-off after ten minutes. So the updater
    # never waits for a restart when Redis returns.
    assert container.pop("readinessProbe")["exec"]["command"] == ["/updater", "healthcheck"]
    probe = container.pop("livenessProbe")
    assert probe["exec"]["command"] == ["/updater", "healthcheck"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 600
    container["env"] = [env for env in container["env"] if env["name"] != "UPDATE_INTERVAL"]
    del pod["spec"]["tolerations"]
    assert pod["spec"].pop("restartPolicy") == "Always" and job["spec"].pop("restartPolicy") == "Never"
    assert pod == job
