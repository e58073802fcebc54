"""Changes of passwords, versions and components under load, as docs/kubernetes.md describes them."""

import os
import secrets

import pytest
from cluster import API, MARK, REDIS, decoded, eventually

pytestmark = pytest.mark.usefixtures("settled")

IN_USE = "jsonpath={.spec.template.spec.volumes[?(@.name=='secrets')].secret.secretName}"


def secret_in_use(cluster):
    name = cluster.in_wrpi("get", "deployment/api", f"--output={IN_USE}")
    return name, decoded(cluster.get(f"secret/{name}", "--namespace=wrpi"))


def test_both_passwords_work_while_the_password_is_changed(cluster, tree, apply, load):
    before, after = tree.password, secrets.token_urlsafe(18)
    lines = (tree.k8s / "secrets.env").read_text()
    moved = lines.replace(f"APP_PASSWORD={before}\nAPP_PASSWORD_PREVIOUS=\n",
                          f"APP_PASSWORD={after}\nAPP_PASSWORD_PREVIOUS={before}\n")
    assert moved != lines
    (tree.k8s / "secrets.env").write_text(moved)
    with load(before, rate=20):
        apply()
        cluster.settle()
    with load(before, rate=20), load(after, rate=20):
        cluster.in_wrpi("rollout", "restart", "deployment/api")
        cluster.settle()
    tree.password = after
    (tree.k8s / "secrets.env").write_text(moved.replace(f"_PREVIOUS={before}\n", "_PREVIOUS=\n"))
    with load(rate=20):
        apply()
        cluster.settle()
    status, _ = cluster.execute("load", "ask.py", input=f"{before}\n")
    assert status == 401


def test_no_request_fails_while_the_redis_passwords_change(cluster, tree, apply, load):
    _, before = secret_in_use(cluster)
    tree.make_secrets(FORCE="1")
    with load():
        apply()
        cluster.settle()
        cluster.in_wrpi("rollout", "status", "deployment/redis", "--timeout=5m")
    _, after = secret_in_use(cluster)
    assert before["REDIS_API_PASSWORD"] != after["REDIS_API_PASSWORD"]
    assert before["APP_PASSWORD"] == after["APP_PASSWORD"]


def test_the_documented_clean_up_keeps_only_the_secret_in_use(cluster, tree):
    in_use, _ = secret_in_use(cluster)
    result = cluster.shell(tree.documented("remove all Secrets but the one in use"), tree.root)
    assert result.returncode == 0, result.stderr
    left = cluster.get("secrets", "--namespace=wrpi", "--selector=app.kubernetes.io/part-of=wrpi")["items"]
    assert [found["metadata"]["name"] for found in left] == [in_use]


def test_no_request_fails_during_an_upgrade_and_a_rollback(cluster, tree, apply, load, row):
    next_tag = os.environ.get("CLUSTER_NEXT_TAG")
    if not next_tag:
        pytest.skip("CLUSTER_NEXT_TAG is not set to a second tag of the images")
    place, tag = tree.image("wrpi-api")

    def image():
        (container,) = cluster.get("deployment/api", "--namespace=wrpi")["spec"]["template"]["spec"]["containers"]
        return container["image"]

    with load():
        with tree.changed("kustomization.yaml", (f"newTag: {tag}\n", f"newTag: {next_tag}\n")):
            apply()
            cluster.settle()
            assert image() == f"{place}:{next_tag}"
        said = undo(cluster)
        cluster.settle()
        assert image() == f"{place}:{tag}"
    row["note"] = f"to {next_tag}; kubectl: {said}" if said else f"to {next_tag}"


def undo(cluster):
    """Rolls the API back. Returns the warnings of kubectl."""
    result = cluster.attempt("--namespace=wrpi", "rollout", "undo", "deployment/api")
    assert result.returncode == 0, result.stderr
    return result.stderr.strip()


def test_no_request_fails_during_a_rollout_of_a_missing_image_and_a_rollback(cluster, tree, apply, load):
    _, tag = tree.image("wrpi-api")
    with load():
        with tree.changed("kustomization.yaml", (f"newName: wrpi-api\n    newTag: {tag}", "newName: wrpi-api\n    newTag: 0.0.0")):
            apply()
        eventually("the new pod cannot pull its image", lambda: [
            status for pod in cluster.pods(API) for status in pod["status"].get("containerStatuses", [])
            if status["state"].get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull")])
        undo(cluster)
        cluster.settle()
    said, _ = apply()
    assert "deployment.apps/api" in said


def test_no_request_fails_while_the_updater_becomes_a_deployment_and_a_cronjob_again(cluster, tree, apply, load):
    with load():
        with tree.with_component("updater-deployment"):
            apply()
            delete(cluster, tree, "`updater-deployment`: the CronJob")
            cluster.in_wrpi("rollout", "status", "deployment/updater", "--timeout=5m")
            eventually("the Deployment stores a reading", lambda: "reading stored" in cluster.in_wrpi("logs", "deployment/updater"))
        apply()
        cluster.in_wrpi("delete", "deployment/updater")
        eventually("a Job stores a reading", lambda: [
            job for job in cluster.get("jobs", "--namespace=wrpi")["items"] if job["status"].get("succeeded")])


def delete(cluster, tree, comment):
    result = cluster.shell(tree.documented(comment), tree.root)
    assert result.returncode == 0, result.stderr


def test_no_request_fails_during_a_move_to_another_redis_and_back(cluster, tree, apply, load):
    """The other Redis is in another namespace. The replaced objects are deleted as documented. The marks say when each
    rollout began and when it was complete, for the report of failed requests."""
    address = other_redis(cluster, tree)
    with load() as running:
        with (
            tree.changed("components/external-redis/redis.env", ("redis.invalid", address), ("port=6378", "port=6379"),
                         ("api-user=\n", "api-user=api\n"), ("updater-user=\n", "updater-user=updater\n"),
                         ("tls=true", "tls=false"), ("ca-file=/etc/redis-ca/ca.pem\n", "")),
            tree.changed("components/external-redis/network-policy.yaml", ("192.0.2.1/32", f"{address}/32"), ("6378", "6379")),
            tree.with_component("external-redis"),
        ):
            running.mark()
            apply()
            cluster.in_wrpi("rollout", "status", "deployment/api", "--timeout=10m")
            running.mark()
            delete(cluster, tree, "`external-redis`: the Redis in the cluster")
            assert cluster.pods(REDIS) == []
        running.mark()
        apply()
        cluster.settle()


def other_redis(cluster, tree):
    """Starts a Redis with the same users in the namespace of the tests, and returns its address."""
    place, tag = tree.image("redis")
    acl = "".join(
        f"user {user} on >{tree.secret(f'REDIS_{user.upper()}_PASSWORD')} ~* +@all\n" for user in ("api", "updater")
    )
    name = "wrpi-cluster-test"
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis", "namespace": name},
         "stringData": {"users.acl": f"user default off\n{acl}"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "redis", "namespace": name, "labels": {MARK: "redis"}},
         "spec": {
             "containers": [{
                 "name": "redis", "image": f"{place}:{tag}", "imagePullPolicy": "IfNotPresent",
                 "command": ["redis-server", "--save", "", "--aclfile", "/etc/acl/users.acl", "--protected-mode", "no"],
                 "readinessProbe": {"tcpSocket": {"port": 6379}},
                 "volumeMounts": [{"name": "acl", "mountPath": "/etc/acl"}],
             }],
             "volumes": [{"name": "acl", "secret": {"secretName": "redis"}}],
         }},
    )
    cluster.run("wait", f"--namespace={name}", "--for=condition=Ready", "pod/redis", "--timeout=5m")
    return cluster.get("pod/redis", f"--namespace={name}")["status"]["podIP"]


def test_the_documented_clean_up_deletes_old_config_maps(cluster, tree):
    delete(cluster, tree, "ConfigMaps whose names end in the hash of an earlier content")
    built = cluster.run("kustomize", tree.k8s)
    left = cluster.get("configmaps", "--namespace=wrpi", "--selector=app.kubernetes.io/part-of=wrpi")["items"]
    assert left and all(f"  name: {found['metadata']['name']}\n" in built for found in left)
