"""The overlays for Google Cloud: every value is used, and the overlays match infra/."""

import hashlib
import http.server
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import threading
import typing

import pytest
import yaml
from conftest import K8S, NEWEST, OVERLAYS, Objects, build, load, values_of

GKE, MEMORYSTORE = OVERLAYS
INFRA = K8S.parent / "infra"


@pytest.fixture(scope="module")
def values():
    """Unique values, to find them in the built objects."""
    names = values_of(K8S / "overlays/gke/values.env.example")
    return {name: f"{name}-{secrets.token_hex(4)}" for name in names}


@pytest.fixture(scope="module")
def gke(kubectls, tree, values):
    """The objects of overlays/gke with those values."""
    root = tree(GKE)
    (root / "values.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return Objects(GKE, {(GKE, NEWEST): build(kubectls[NEWEST], root)})


@pytest.mark.parametrize(("overlay", "file"), [
    (GKE, "values.env"), (MEMORYSTORE, "values/redis.env"), (MEMORYSTORE, "values/ca.pem"),
])
def test_the_build_fails_without_values(kubectls, tree, overlay, file):
    root = tree(overlay)
    (root / file).unlink()
    result = subprocess.run([kubectls[NEWEST], "kustomize", root], capture_output=True, text=True)
    assert result.returncode != 0 and file.rpartition("/")[2] in result.stderr
    assert result.stdout == ""


def test_every_value_is_used(gke, values):
    gateway = gke.one("Gateway", "wrpi")
    assert gateway["metadata"]["annotations"] == {"networking.gke.io/certmap": values["certificate-map"]}
    assert gateway["spec"]["addresses"] == [{"type": "NamedAddress", "value": values["address"]}]
    assert gke.one("GCPBackendPolicy", "api")["spec"]["default"]["securityPolicy"] == values["security-policy"]
    assert [route["spec"]["hostnames"] for route in gke.of("HTTPRoute")] == [[values["domain"]]] * 2
    rules = [rule for found in gke.of("Rules") for group in found["spec"]["groups"] for rule in group["rules"]]
    alerts = [rule["annotations"] for rule in rules if "alert" in rule]
    assert alerts
    for annotations in alerts:
        assert annotations["runbook_url"].startswith(f"{values['runbook']}#")
        assert annotations["dashboard_url"] == values["dashboard"]


def test_no_placeholder_is_left(gke):
    text = yaml.safe_dump_all(gke)
    assert not re.search(r"PROJECT_ID|example\.com|OWNER", text)
    assert not [found for found in gke.of("ConfigMap") if found["metadata"]["name"].startswith("values")]


def test_images_come_from_the_values(gke, values):
    images = {(name, container["image"]) for name, _, container in gke.containers()}
    assert images == {(name, values[f"{name}-image"]) for name in ("api", "updater", "redis")}


def test_the_gateway_uses_the_ssl_policy_and_sends_hsts_once(gke, values):
    assert gke.one("GCPGatewayPolicy", "wrpi")["spec"] == {
        "default": {"sslPolicy": values["ssl-policy"]},
        "targetRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "wrpi"},
    }
    (rule,) = gke.one("HTTPRoute", "api")["spec"]["rules"]
    (filter_,) = rule["filters"]
    assert filter_ == {"type": "ResponseHeaderModifier", "responseHeaderModifier": {
        "set": [{"name": "Strict-Transport-Security", "value": "max-age=31536000"}],
    }}


def test_pods_mount_exactly_the_secrets_that_infra_grants(gke, values):
    """Each SecretProviderClass has the name of the account that uses it."""
    body = re.search(r"^  readers = {\n(.*?)^  }", (INFRA / "secrets.tf").read_text(), re.MULTILINE | re.DOTALL)[1]
    readers = re.findall(r"^ +([\w-]+) += \[(.*)\]$", body, re.MULTILINE)
    used = set()
    for found in gke.of("SecretProviderClass"):
        assert found["spec"]["provider"] == "gke"
        for secret in load(found["spec"]["parameters"]["secrets"]):
            resource = re.fullmatch(r"projects/(.+)/secrets/wrpi-(.+)/versions/latest", secret["resourceName"])
            assert resource[1] == values["project"]
            used.add((resource[2], found["metadata"]["name"]))
    assert used == {(name, account) for name, accounts in readers for account in re.findall(r'"(\w+)"', accounts)}
    for name, template in gke.pods().items():
        (volume,) = (volume for volume in template["spec"]["volumes"] if "csi" in volume)
        assert volume["csi"]["volumeAttributes"] == {"secretProviderClass": template["spec"]["serviceAccountName"]} == {
            "secretProviderClass": name,
        }


def test_the_api_mounts_both_app_passwords_and_its_redis_password(gke):
    found = load(gke.one("SecretProviderClass", "api")["spec"]["parameters"]["secrets"])
    assert {secret["path"] for secret in found} == {"app", "app-previous", "redis"}


def test_the_deployer_is_bound_only_to_its_role(gke, values):
    (binding,) = gke.of("RoleBinding")
    assert not gke.of("ClusterRoleBinding")
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "wrpi-deployer"}
    deployer = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": values["deployer"]}
    assert binding["subjects"] == [deployer]


def test_the_deployer_reads_no_secret_where_none_is_deployed(gke):
    for rule in gke.one("Role", "wrpi-deployer")["rules"]:
        assert "secrets" not in rule["resources"]


# Rules for what the load balancer serves.

def test_only_https_reaches_the_api(gke):
    assert gke.one("Gateway", "wrpi")["spec"]["gatewayClassName"] == "gke-l7-global-external-managed"  # the only one with Armor and a certificate map
    listeners = {listener["name"]: (listener["protocol"], listener["port"]) for listener in gke.one("Gateway", "wrpi")["spec"]["listeners"]}
    assert listeners == {"http": ("HTTP", 80), "https": ("HTTPS", 443)}
    for route in gke.of("HTTPRoute"):
        (parent,) = route["spec"]["parentRefs"]
        backends = [backend for rule in route["spec"]["rules"] for backend in rule.get("backendRefs", [])]
        redirects = [filter_["requestRedirect"] for rule in route["spec"]["rules"] for filter_ in rule["filters"]
                     if filter_["type"] == "RequestRedirect"]
        assert parent["name"] == "wrpi"
        if parent.get("sectionName") == "https":
            assert backends and not redirects
        else:  # a route without a section serves both listeners
            assert parent.get("sectionName") == "http" and not backends
            assert [redirect["scheme"] for redirect in redirects] == ["https"] and "port" not in redirects[0]


def test_the_health_check_asks_a_path_without_a_password_at_the_served_port(gke):
    for kind in ("HealthCheckPolicy", "GCPBackendPolicy"):
        (policy,) = gke.of(kind)
        assert policy["spec"]["targetRef"] == {"group": "", "kind": "Service", "name": "api"}
    spec = gke.one("HealthCheckPolicy", "api")["spec"]["default"]
    assert spec["config"]["type"] == "HTTP"
    check = spec["config"]["httpHealthCheck"]
    # Every other public path needs a password or is not there, and the network policy opens no other port.
    assert check == {"portSpecification": "USE_SERVING_PORT", "requestPath": "/"}
    # Of an unhealthy pod, the load balancer must know before the pod's own probe replaces it.
    assert spec["timeoutSec"] <= spec["checkIntervalSec"] and spec["checkIntervalSec"] * spec["unhealthyThreshold"] <= 30


def test_the_load_balancer_cuts_no_stream_and_no_idle_connection_of_a_client(gke):
    default = gke.one("GCPBackendPolicy", "api")["spec"]["default"]
    (container,) = gke.pods()["api"]["spec"]["containers"]
    (idle,) = (env["value"] for env in container["env"] if env["name"] == "IDLE_TIMEOUT")
    assert default["timeoutSec"] >= 3600 and int(idle.removesuffix("s")) > 600  # Google keeps idle connections for 600 s
    assert default["connectionDraining"]["drainingTimeoutSec"] <= container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert default["logging"]["enabled"] and default["logging"]["sampleRate"] > 0


def test_passwords_come_from_googles_driver_at_the_paths_that_the_pods_read(gke):
    for name, template in gke.pods().items():
        (volume,) = (volume for volume in template["spec"]["volumes"] if "csi" in volume)
        assert (volume["csi"]["driver"], volume["csi"]["readOnly"]) == ("secrets-store-gke.csi.k8s.io", True), name
        mounts = {mount["mountPath"] for container in template["spec"]["containers"] + template["spec"].get("initContainers", [])
                  for mount in container.get("volumeMounts", []) if mount["name"] == volume["name"]}
        assert len(mounts) == 1, name
        (path,) = mounts
        provider = gke.one("SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"])
        mounted = {secret["path"] for secret in load(provider["spec"]["parameters"]["secrets"])}
        if name == "redis":  # its script reads a file for each user of the ACL
            read = set(re.findall(r"#@(\w+)@", gke.one("ConfigMap", "redis-config")["data"]["users.acl"]))
        else:
            read = set(re.findall(rf"{path}/([\w-]+)", json.dumps(template)))
        assert mounted == read, name


def test_memorystore_replaces_redis(manifests):
    objects = Objects(MEMORYSTORE, manifests)
    given = values_of(K8S / "tests/memorystore.env")
    config = objects.one("ConfigMap", "redis")["data"]
    assert given.items() <= config.items() and config["tls"] == "true"
    (rule,) = objects.one("NetworkPolicy", "redis-clients")["spec"]["egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": f"{given['host']}/32"}}]
    assert {found["metadata"]["name"] for found in objects.of("SecretProviderClass")} == {"api", "updater"}


# make gke-values, with a fake registry over TLS

# `docker push` makes the second or the fourth kind, a release the first.
KINDS = ("application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
         "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json")
TOKEN = secrets.token_hex(16)


def manifest(kind):
    return json.dumps({"schemaVersion": 2, "mediaType": kind}).encode()


class Registry(http.server.BaseHTTPRequestHandler):
    server: typing.Any  # has the attributes that `registry` sets

    def do_GET(self):
        self.server.asked.append(self.path)
        known = self.headers["Authorization"] == f"Bearer {TOKEN}" and "/unknown/" not in self.path
        self.send_response(200 if known else 404)
        # A registry converts a manifest of a kind that is not accepted.
        kind = self.server.kind if self.server.kind in self.headers.get_all("Accept") else "converted"
        if self.server.announces:
            self.send_header("Docker-Content-Digest", f"sha256:{self.server.announces(manifest(self.server.kind))}")
        self.end_headers()
        self.wfile.write(manifest(kind) if known else b"")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def registry(tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    server: typing.Any
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        server.asked, server.kind, server.announces = [], KINDS[0], lambda text: hashlib.sha256(text).hexdigest()
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def outputs(registry):
    """Every output that infra/ declares, in the format of `terraform output -json`."""
    names = re.findall(r'^output "(\w+)"', (INFRA / "outputs.tf").read_text(), re.MULTILINE)
    found = {name: {"sensitive": False, "type": "string", "value": f"{name}-{secrets.token_hex(4)}"} for name in names}
    place = f"localhost:{registry.server_address[1]}/my-project"
    found["releases"]["value"], found["docker_hub"]["value"] = f"{place}/ghcr/owner/name", f"{place}/docker-hub/library"
    found["redis"]["value"] = None
    return found


@pytest.fixture
def make_values(tree, tmp_path):
    """Runs the script in a copy, with a fake `gcloud` that prints the registry's token."""
    overlays = tree(GKE).parent
    (overlays / "gke/values.env").unlink()
    gcloud = tmp_path / "bin/gcloud"
    gcloud.parent.mkdir()

    def run(outputs, logged_in=True, path=os.environ["PATH"], **environment):
        echo = "echo" if logged_in else "! echo"
        gcloud.write_text(f'#!/bin/sh\n[ "$*" = "auth print-access-token" ] && {echo} {TOKEN}\n')
        gcloud.chmod(0o755)
        environment = os.environ | {
            "PATH": f"{gcloud.parent}:{path}",
            "CURL_CA_BUNDLE": str(tmp_path / "ca.pem"),
            "VERSION": "1.2.3",
        } | environment
        result = subprocess.run(
            [overlays / "make-gke-values.sh"],
            input=json.dumps(outputs), env=environment, capture_output=True, text=True,
        )
        return overlays, result

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_make_gke_values_writes_the_outputs_and_the_image_digests(make_values, outputs, registry, kind):
    registry.kind = kind
    overlays, result = make_values(outputs)
    assert result.returncode == 0, result.stderr
    values = values_of(overlays / "gke/values.env")
    assert values.keys() == values_of(K8S / "overlays/gke/values.env.example").keys()
    for name in ("project", "domain", "address", "certificate_map", "ssl_policy", "security_policy", "deployer",
                 "dashboard"):
        assert values[name.replace("_", "-")] == outputs[name]["value"]
    digest = hashlib.sha256(manifest(kind)).hexdigest()
    assert values["api-image"] == f"{outputs['releases']['value']}/wrpi-api@sha256:{digest}"
    assert values["redis-image"] == f"{outputs['docker_hub']['value']}/redis@sha256:{digest}"
    images = load((K8S / "kustomization.yaml").read_text())["images"]
    (redis,) = (image["newTag"] for image in images if image["name"] == "redis")
    assert registry.asked == [
        "/v2/my-project/ghcr/owner/name/wrpi-api/manifests/1.2.3",
        "/v2/my-project/ghcr/owner/name/wrpi-updater/manifests/1.2.3",
        f"/v2/my-project/docker-hub/library/redis/manifests/{redis}",
    ]
    assert not (overlays / "gke-memorystore/values/redis.env").exists()


def test_make_gke_values_writes_the_values_of_memorystore(make_values, outputs):
    outputs["redis"]["value"] = {"host": "10.0.0.3", "port": 6378, "ca": "one\ntwo"}
    overlays, result = make_values(outputs)
    assert result.returncode == 0, result.stderr
    values = overlays / "gke-memorystore/values"
    assert values_of(values / "redis.env") == {"host": "10.0.0.3", "port": "6378", "tls-any-name": "true"}
    assert (values / "ca.pem").read_text() == "one\ntwo\n"


def test_make_gke_values_removes_the_values_of_a_memorystore_that_is_gone(make_values, outputs):
    overlays, _ = make_values(outputs | {"redis": {"value": {"host": "10.0.0.3", "port": 6378, "ca": "one"}}})
    assert (overlays / "gke-memorystore/values/redis.env").exists()
    overlays, result = make_values(outputs)
    assert result.returncode == 0, result.stderr
    assert not (overlays / "gke-memorystore/values/redis.env").exists()


@pytest.fixture
def without_sha256sum(tmp_path):
    """A PATH without sha256sum, as on macOS."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for program in ("bash", "cat", "curl", "cut", "dirname", "env", "jq", "mktemp", "mv", "rm", "sed", "sh", "tail", "tr"):
        (directory / program).symlink_to(shutil.which(program))
    return directory


def test_make_gke_values_works_without_sha256sum(make_values, outputs, without_sha256sum):
    (without_sha256sum / "shasum").write_text(
        f'#!/bin/sh\n[ "$1 $2" = "-a 256" ] && exec {shutil.which("sha256sum")} "$3"\n')
    (without_sha256sum / "shasum").chmod(0o755)
    overlays, result = make_values(outputs, path=str(without_sha256sum))
    assert result.returncode == 0, result.stderr
    digest = hashlib.sha256(manifest(KINDS[0])).hexdigest()
    assert values_of(overlays / "gke/values.env")["api-image"].endswith(f"@sha256:{digest}")


@pytest.mark.parametrize("program", ["none", "prints nothing", "prints words"])
def test_make_gke_values_writes_nothing_without_a_sha256(make_values, outputs, without_sha256sum, program):
    if program != "none":
        (without_sha256sum / "sha256sum").write_text("#!/bin/sh\n" + "echo usage: sha256sum FILE\n" * (program == "prints words"))
        (without_sha256sum / "sha256sum").chmod(0o755)
    overlays, result = make_values(outputs, path=str(without_sha256sum))
    assert result.returncode != 0 and "SHA-256" in result.stderr
    assert not (overlays / "gke/values.env").exists()


@pytest.mark.parametrize("announces", [None, lambda text: "0" * 64], ids=["no digest", "another digest"])
def test_make_gke_values_writes_nothing_if_the_registry_announces_something_else(make_values, outputs, registry, announces):
    registry.announces = announces
    overlays, result = make_values(outputs)
    assert result.returncode != 0 and "but the registry says" in result.stderr
    assert not (overlays / "gke/values.env").exists()


@pytest.mark.parametrize("damage", ["output", "image", "login"])
def test_make_gke_values_writes_nothing_if_an_input_is_missing(make_values, outputs, damage):
    options = {"logged_in": damage != "login"}
    if damage == "output":
        del outputs["certificate_map"]
    if damage == "image":
        options["IMAGES"] = outputs["releases"]["value"].replace("ghcr", "unknown")
    overlays, result = make_values(outputs, **options)
    assert result.returncode != 0 and "make gke-values: " in result.stderr
    assert not (overlays / "gke/values.env").exists()
