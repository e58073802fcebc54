"""The traffic that all network policies together allow."""

import re

import pytest
from conftest import K8S, NEWEST, Objects, build


def selected_by(policy, template):
    labels = template["metadata"]["labels"]
    selector = policy["spec"]["podSelector"]
    matches = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        matches = matches and labels.get(expression["key"]) in expression["values"]
    return matches


def rules(objects, name, direction):
    """All rules of `direction` (ingress or egress) for a pod, as (peers, ports). peers is None if everyone is allowed."""
    peers = "from" if direction == "ingress" else "to"
    return [
        (rule.get(peers), {port["port"] for port in rule["ports"]})
        for policy in objects.of("NetworkPolicy")
        if selected_by(policy, objects.pods()[name])
        for rule in policy["spec"].get(direction, [])
    ]


def redis_port(objects):
    return int(objects.one("ConfigMap", "redis")["data"]["port"])


def test_traffic_is_denied_by_default_in_both_directions(objects):
    policy = objects.one("NetworkPolicy", "default-deny")["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in objects.of("NetworkPolicy"):
        spec = policy["spec"]
        for direction in ("ingress", "egress"):
            assert direction not in spec or direction.capitalize() in spec["policyTypes"], policy["metadata"]["name"]


def test_only_the_public_port_is_open_to_everyone(objects):
    for name in objects.pods():
        open_ports = {port for peers, ports in rules(objects, name, "ingress") if peers is None for port in ports}
        assert open_ports <= {8080, 8443} if name == "api" else not open_ports, name
    ((peers, ports),) = (rule for rule in rules(objects, "api", "ingress") if 8080 in rule[1])
    assert ports == ({8080, 8443} if "components/tls" in objects.chosen else {8080})
    google = [{"ipBlock": {"cidr": "35.191.0.0/16"}}, {"ipBlock": {"cidr": "130.211.0.0/22"}}]
    assert peers == (google if "components/gke" in objects.chosen else None)


def test_only_prometheus_reaches_the_admin_port(objects):
    open_to = [peers for name in objects.pods() for peers, ports in rules(objects, name, "ingress") if 9090 in ports]
    if "components/monitoring" not in objects.chosen:
        assert open_to == []
        return
    ((peer,),) = open_to
    if "components/gke-monitoring" in objects.chosen:
        assert peer == {"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["gke-gmp-system", "gmp-system"]},
        ]}}
    else:
        assert peer == {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
        }
    assert objects.one("NetworkPolicy", "scrape")["spec"]["podSelector"] == {
        "matchLabels": {"app.kubernetes.io/component": "api"},
    }


def test_redis_accepts_only_its_clients_and_connects_nowhere(objects):
    if "components/external-redis" in objects.chosen:
        assert "redis" not in objects.pods()
        assert not [found for found in objects if found["metadata"]["labels"].get("app.kubernetes.io/component") == "redis"]
        return
    ((peers, ports),) = rules(objects, "redis", "ingress")
    assert ports == {6379} == {redis_port(objects)}
    assert peers == [{"podSelector": {"matchExpressions": [
        {"key": "app.kubernetes.io/component", "operator": "In", "values": ["api", "updater"]},
    ]}}]
    assert rules(objects, "redis", "egress") == []


def test_the_services_connect_only_to_redis_and_dns(objects):
    for client in ("api", "updater"):
        to_redis, dns = [], []
        for peers, ports in rules(objects, client, "egress"):
            assert peers
            (dns if ports == {53} else to_redis).append((peers, ports))
        ((peers, ports),) = to_redis
        assert ports == {redis_port(objects)}
        if "components/external-redis" in objects.chosen:
            assert [peer.keys() for peer in peers] == [{"ipBlock"}] and peers[0]["ipBlock"]["cidr"].endswith("/32")
        else:
            assert peers == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "redis"}}}]
        ((peers, _),) = dns
        assert peers == [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchExpressions": [
                    {"key": "k8s-app", "operator": "In", "values": ["kube-dns", "coredns", "node-local-dns"]},
                ]},
            },
            {"ipBlock": {"cidr": "169.254.20.10/32"}},
            {"ipBlock": {"cidr": "169.254.169.254/32"}},
        ]
        for port in objects.one("NetworkPolicy", "dns")["spec"]["egress"][0]["ports"]:
            assert port["protocol"] in ("UDP", "TCP") and port["port"] == 53


@pytest.fixture(scope="module")
def documented(kubectls, tree):
    """Builds the base with each patch that docs/kubernetes.md has for a DNS elsewhere."""
    text = (K8S.parent / "docs/kubernetes.md").read_text()
    section = text[text.index("### If the cluster's DNS is elsewhere"):text.index("## Call the API")]
    found = []
    for patch in re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        root = tree(())
        with (root / "kustomization.yaml").open("a") as file:
            file.write(patch)
        found.append(Objects((), {((), NEWEST): build(kubectls[NEWEST], root)}))
    return found


def test_the_documented_patches_allow_another_dns_and_nothing_else(documented, base):
    openshift, node_local = documented
    (rule,) = openshift.one("NetworkPolicy", "dns")["spec"]["egress"]
    assert rule == {
        "to": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}},
            "podSelector": {"matchLabels": {"dns.operator.openshift.io/daemonset-dns": "default"}},
        }],
        "ports": [{"protocol": "UDP", "port": 5353}, {"protocol": "TCP", "port": 5353}],
    }
    (rule,), (before,) = (found.one("NetworkPolicy", "dns")["spec"]["egress"] for found in (node_local, base))
    assert rule["to"][1]["ipBlock"]["cidr"] not in str(before)
    for changed, ports in ((openshift, 5353), (node_local, 53)):
        for policy in base.of("NetworkPolicy"):
            if policy["metadata"]["name"] != "dns":
                assert policy in changed
        assert {port["port"] for port in changed.one("NetworkPolicy", "dns")["spec"]["egress"][0]["ports"]} == {ports}


def test_nothing_can_connect_to_the_updater(objects):
    assert rules(objects, "updater", "ingress") == []
