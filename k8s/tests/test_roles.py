"""Rights: what the roles allow and who is bound to them, in each combination that is built."""

import re


def test_roles_have_no_wildcards_and_only_prometheus_and_the_deployer_are_bound(objects):
    bindings = [found for found in objects if found["kind"].endswith("Binding")]
    if "components/monitoring" in objects.chosen and "components/gke-monitoring" not in objects.chosen:
        (binding,) = bindings
        assert binding["kind"] == "RoleBinding" and binding["roleRef"]["name"] == "scrape"
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "prometheus-k8s", "namespace": "monitoring"}]
        (rule,) = objects.one("Role", "scrape")["rules"]
        assert rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    elif "overlays/gke" in objects.chosen:
        (binding,) = bindings
        assert binding["kind"] == "RoleBinding" and binding["roleRef"]["name"] == "wrpi-deployer"
        assert [subject["kind"] for subject in binding["subjects"]] == ["User"]
    else:
        assert bindings == [] and len(objects.of("Role")) == 2
    for role in objects.of("Role"):
        for rule in role["rules"]:
            assert "*" not in "".join(rule["apiGroups"] + rule["resources"] + rule["verbs"])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
    for rule in objects.one("Role", "wrpi-viewer")["rules"]:
        assert "secrets" not in rule["resources"]
        assert set(rule["verbs"]) <= {"get", "list", "watch"}


def allowed(objects, role, group, resource):
    rules = objects.one("Role", role)["rules"]
    return {verb for rule in rules if group in rule["apiGroups"] and resource in rule["resources"]
            for verb in rule["verbs"]}


def test_the_deployer_may_apply_every_object(objects):
    only_read = {"Namespace", "LimitRange", "ResourceQuota", "NetworkPolicy", "Role", "RoleBinding"}
    for found in objects:
        group = found["apiVersion"].rpartition("/")[0]
        resource = plural(found["kind"].lower())
        needed = {"get"} if found["kind"] in only_read else {"get", "create", "patch"}
        assert needed <= allowed(objects, "wrpi-deployer", group, resource), f"{group} {resource}"
    for rule in objects.one("Role", "wrpi-deployer")["rules"]:
        resources = set(rule["resources"])
        if resources & {plural(kind.lower()) for kind in only_read}:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}, f"changes {resources}"
        assert not resources & {"pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers",
                                "serviceaccounts/token"}


def test_the_viewer_reads_everything_except_secrets_and_the_deployer_deletes_pods(objects):
    for found in objects:
        group = found["apiVersion"].rpartition("/")[0]
        resource = plural(found["kind"].lower())
        if found["kind"] not in ("Namespace", "Secret"):
            assert allowed(objects, "wrpi-viewer", group, resource) == {"get", "list", "watch"}, f"{group} {resource}"
    for group, resource in (("", "pods"), ("", "pods/log"), ("", "events"), ("metrics.k8s.io", "pods")):
        assert {"get", "list"} <= allowed(objects, "wrpi-viewer", group, resource), f"{group} {resource}"
    if "components/tls-cert-manager" in objects.chosen:
        assert allowed(objects, "wrpi-viewer", "cert-manager.io", "certificaterequests") == {"get", "list", "watch"}
    assert "delete" in allowed(objects, "wrpi-deployer", "", "pods")


def plural(kind):
    if kind.endswith("s"):
        return kind if kind.endswith("es") else kind + "es"
    return re.sub("(?<![aeiou])y$", "ie", kind) + "s"
