"""HTTPS to the API and TLS to a managed Redis, in each built combination that has them."""

import re

import pytest
from conftest import COMBINATIONS, K8S, port_of, short

SETTINGS = "\n".join(
    file.read_text()
    for crate in ("updater", "wrpi-api", "wrpi-core")
    for file in (K8S.parent / "crates" / crate).glob("src/**/*.rs")
)


def environment(objects, name):
    (container,) = objects.pods()[name]["spec"]["containers"]
    return {env["name"]: env for env in container["env"]}


def mounted(objects, name, path):
    """The volume that is mounted at `path`."""
    spec = objects.pods()[name]["spec"]
    (mount,) = (mount for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"] == path)
    assert mount["readOnly"] is True and "subPath" not in mount  # a subPath mount is never updated
    (volume,) = (volume for volume in spec["volumes"] if volume["name"] == mount["name"])
    return volume


def only_with(component):
    chosen = [chosen for chosen in COMBINATIONS if component in chosen]
    return pytest.mark.parametrize("objects", chosen, indirect=True, ids=lambda chosen: "+".join(map(short, chosen)))


@pytest.fixture(scope="module")
def host():
    return re.fullmatch(r"host=(\S+)\n", (K8S / "components/tls/name.env").read_text())[1]


def test_every_variable_is_a_setting_of_the_services(objects):
    for name in ("api", "updater"):
        for variable in environment(objects, name):
            assert re.search(rf'"{variable.removesuffix("_FILE")}(_FILE)?"', SETTINGS), variable


@only_with("components/tls")
def test_the_api_reads_the_certificate_from_the_secret(objects):
    env = environment(objects, "api")
    assert env["TLS_CERT_FILE"]["value"] == "/run/secrets/tls/tls.crt"
    assert env["TLS_KEY_FILE"]["value"] == "/run/secrets/tls/tls.key"
    secret = mounted(objects, "api", "/run/secrets/tls")["secret"]
    assert secret["secretName"] == "wrpi-tls" and not secret.get("optional")
    assert [(item["key"], item["path"]) for item in secret["items"]] == [("tls.crt",) * 2, ("tls.key",) * 2]


@only_with("components/tls")
def test_the_service_has_http_and_https(objects):
    ports = {port["port"]: port["targetPort"] for port in objects.one("Service", "api")["spec"]["ports"]}
    assert ports == {80: "http", 443: "https"}
    assert port_of(objects.pods()["api"]["spec"]["containers"][0], "https")["containerPort"] == 8443
    assert environment(objects, "api")["HTTPS_PORT"]["value"] == "443"


@only_with("components/tls")
def test_the_public_name_is_set_in_one_place(objects, host):
    assert objects.one("Service", "api")["metadata"]["annotations"] == {"external-dns.alpha.kubernetes.io/hostname": host}
    for certificate in objects.of("Certificate"):
        assert certificate["spec"]["dnsNames"] == [host]
        assert certificate["spec"]["secretName"] == "wrpi-tls"
        assert certificate["spec"]["privateKey"]["rotationPolicy"] == "Always"
        assert ("Issuer", certificate["spec"]["issuerRef"]["name"]) in {
            (found["kind"], found["metadata"]["name"]) for found in objects
        }
    for route in objects.of("HTTPRoute"):
        if route["metadata"]["name"] == "api":
            assert route["spec"]["hostnames"] == [host]
    assert not [found for found in objects.of("ConfigMap") if found["metadata"]["name"].startswith("public-name")]
    places = [file for file in (K8S / "components").rglob("*.yaml") if host in file.read_text()]
    assert places == []


@only_with("components/tls-cert-manager")
def test_browsers_trust_the_issuer(objects):
    (issuer,) = objects.of("Issuer")
    acme = issuer["spec"]["acme"]
    assert acme["server"] == "https://acme-v02.api.letsencrypt.org/directory"  # not staging
    assert [solver.keys() for solver in acme["solvers"]] == [{"dns01"}]  # the network policy opens no port for HTTP-01


@only_with("components/gke")
def test_google_s_load_balancer_uses_the_protocol_of_the_pods(objects):
    check = objects.one("HealthCheckPolicy", "api")["spec"]["default"]["config"]
    protocols = {port["port"]: port.get("appProtocol") for port in objects.one("Service", "api")["spec"]["ports"]}
    if "components/tls" in objects.chosen:
        assert check["type"] == "HTTPS" and check.keys() == {"type", "httpsHealthCheck"}
        assert protocols == {80: None, 443: "HTTPS"}
    else:
        assert check["type"] == "HTTP" and check.keys() == {"type", "httpHealthCheck"}
        assert protocols == {80: None}


def test_the_client_address_comes_from_a_header_only_behind_a_known_proxy(objects):
    env = environment(objects, "api")
    if "components/gke" in objects.chosen:
        assert env["CLIENT_IP_SOURCE"]["value"] == "x-forwarded-for:2"
    else:
        assert "CLIENT_IP_SOURCE" not in env


def test_both_services_reach_a_managed_redis_over_tls(objects):
    config = objects.one("ConfigMap", "redis")
    for name in ("api", "updater"):
        env = environment(objects, name)
        if "components/external-redis" not in objects.chosen:
            assert not [variable for variable in env if re.match("REDIS_(TLS|CA)", variable)]
            continue
        source = {"name": config["metadata"]["name"]}
        assert env["REDIS_TLS"]["valueFrom"]["configMapKeyRef"] == source | {"key": "tls"}
        assert env["REDIS_TLS_ANY_NAME"]["valueFrom"]["configMapKeyRef"] == source | {"key": "tls-any-name"}
        assert env["REDIS_CA_FILE"]["valueFrom"]["configMapKeyRef"] == source | {"key": "ca-file", "optional": True}
        any_name = "true" if "overlays/gke-memorystore" in objects.chosen else "false"
        assert (config["data"]["tls"], config["data"]["tls-any-name"]) == ("true", any_name)
        assert config["data"]["ca-file"] == "/etc/redis-ca/ca.pem"
        ca = mounted(objects, name, "/etc/redis-ca")["configMap"]["name"]
        assert objects.one("ConfigMap", "redis-ca")["metadata"]["name"] == ca
        assert objects.one("ConfigMap", "redis-ca")["data"].keys() == {"ca.pem"}
