"""Answers kubectl from a list of objects, as an API server does whose kubelets partly do not answer.

A real kubectl talks to it, so what kubectl does with an error of one pod is real. It knows discovery, get, list with labels
and fields, and logs; it changes nothing."""

import http.server
import json
import re
import threading
import typing
import urllib.parse

# Kinds, by group and version, then by the name of the resource.
KINDS = {
    "v1": {"pods": "Pod", "nodes": "Node", "events": "Event", "configmaps": "ConfigMap", "secrets": "Secret"},
    "apps/v1": {"deployments": "Deployment", "replicasets": "ReplicaSet"},
    "batch/v1": {"cronjobs": "CronJob", "jobs": "Job"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "metrics.k8s.io/v1beta1": {"pods": "PodMetrics"},
    "cert-manager.io/v1": {"certificates": "Certificate", "certificaterequests": "CertificateRequest"},
    "monitoring.coreos.com/v1": {"prometheusrules": "PrometheusRule", "podmonitors": "PodMonitor"},
}


class ApiServer:
    """`logs` has the text of each (pod, container), or a pair of status and message if it cannot be read."""

    def __init__(self, objects, logs):
        self.objects, self.logs = objects, logs
        handler = type("Handler", (Handler,), {"api": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def kubeconfig(self):
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": ""}}],
        })

    def answer(self, path, query):
        """(status, JSON or text)"""
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(name) for name in KINDS if "/" in name]}
        if found := re.fullmatch(r"/apis?/(.+)", path):
            if found[1] in KINDS:
                return 200, resources(found[1])
        if found := re.fullmatch(r"/api/v1/namespaces/wrpi/pods/([^/]+)/log", path):
            return self.log(found[1], query)
        pattern = r"/apis?/(?P<version>v1|[^/]+/[^/]+)(/namespaces/wrpi)?/(?P<resource>[a-z]+)(/(?P<name>[^/]+))?"
        found = re.fullmatch(pattern, path)
        if not found or found["resource"] not in KINDS.get(found["version"], {}):
            return failure(404, f"no such path: {path}")
        kind = KINDS[found["version"]][found["resource"]]
        items = [item for item in self.objects if (item["apiVersion"], item["kind"]) == (found["version"], kind)]
        if not found["name"]:
            items = [item for item in items if selected(item, query)]
            return 200, {"apiVersion": found["version"], "kind": f"{kind}List", "metadata": {}, "items": items}
        named = [item for item in items if item["metadata"]["name"] == found["name"]]
        return (200, named[0]) if named else failure(404, f"{found['name']} not found")

    def log(self, pod, query):
        (found,) = (item for item in self.objects if item["kind"] == "Pod" and item["metadata"]["name"] == pod)
        container = query.get("container") or found["spec"]["containers"][0]["name"]
        text = self.logs.get((pod, container), "")
        return (200, text) if isinstance(text, str) else failure(*text)


def selected(item, query):
    labels = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
    fields = dict(pair.split("=") for pair in query.get("fieldSelector", "").split(",") if pair)
    wanted = fields.get("involvedObject.name", item.get("involvedObject", {}).get("name"))
    return labels.items() <= item["metadata"].get("labels", {}).items() and wanted == item.get("involvedObject", {}).get("name")


def group(name):
    version = {"groupVersion": name, "version": name.partition("/")[2]}
    return {"name": name.partition("/")[0], "versions": [version], "preferredVersion": version}


def resources(version):
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [
        {"name": name, "singularName": kind.lower(), "namespaced": kind != "Node", "kind": kind, "verbs": ["get", "list"]}
        for name, kind in KINDS[version].items()
    ]}


def failure(status, message):
    return status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": message}


class Handler(http.server.BaseHTTPRequestHandler):
    api: typing.Any  # the server's class sets it

    def do_GET(self):
        path, _, query = self.path.partition("?")
        status, body = self.api.answer(path, dict(urllib.parse.parse_qsl(query)))
        kind, text = ("text/plain", body) if isinstance(body, str) else ("application/json", json.dumps(body))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass
