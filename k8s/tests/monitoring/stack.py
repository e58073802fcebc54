"""The whole system with its monitoring, on loopback: Redis, the updater, two API processes, Prometheus with the rendered
rules, Alertmanager with the routes of the example, and a webhook receiver."""

import copy
import datetime
import http.server
import json
import os
import secrets
import signal
import subprocess
import threading
from pathlib import Path

import redis
import requests
import yaml
from processes import Process, eventually, free_port

ROOT = Path(__file__).parents[3]
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
EXAMPLE = ROOT / "k8s/components/monitoring/alertmanager.yaml"
PODS = ("api-0", "api-1")


def with_short_intervals(groups):
    """The same rules, evaluated every second and with a `for` of five seconds, so that one late scrape fires no alert.
    In WrpiIndexStale, an outage of Redis also counts after five seconds instead of three minutes."""
    quick = copy.deepcopy(groups)
    for group in quick:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "5s"
            rule["expr"] = rule["expr"].replace("[3m:15s])[3m:15s]", "[5s:1s])[3m:1s]")
    return quick


class Receiver:
    """A webhook receiver. `notifications` holds (receiver, alert name, firing or resolved, description)."""

    def __init__(self):
        self.notifications = notifications = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in message["alerts"]:
                    description = alert["annotations"]["description"]
                    notifications.append((self.path[1:], alert["labels"]["alertname"], alert["status"], description))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, receiver, alert, status="firing", after=0):
        """Waits for a notification, ignoring the first `after` ones, and returns the alert's description."""
        wanted = (receiver, alert, status)
        return eventually(
            f"{wanted} among {self.notifications[after:]}",
            lambda: next((sent[3] for sent in self.notifications[after:] if sent[:3] == wanted), None),
        )


class Stack:
    """All processes. The caller must sent `stop`, even if `start` fails."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = {}
        self.stopped = threading.Event()
        self.password = secrets.token_hex(16)
        self.statuses = set()
        self.receiver = Receiver()

    def start(self, groups, monitor):
        port = free_port()
        self.run("redis", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "")
        self.redis = redis.Redis(port=port)
        eventually("Redis answers", self.redis_answers)
        store = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": port, "REDIS_DB": 0}
        self.run("updater", BINARIES / "updater", **store, UPDATE_INTERVAL="1s")
        self.listeners = [self.run_api(pod, store) for pod in PODS]
        threading.Thread(target=self.ask, daemon=True).start()
        self.alertmanager = self.run_alertmanager()
        self.run_prometheus(groups, monitor)

    def run(self, name, *command, **environment):
        self.processes[name] = Process(self.directory, name, command, **environment)
        return self.processes[name]

    def redis_answers(self):
        try:
            return self.redis.ping()
        except redis.exceptions.ConnectionError:
            return False

    def run_api(self, pod, store):
        """Starts an API and returns the addresses of its listeners."""
        chain, key = self.directory / f"{pod}.pem", self.directory / f"{pod}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "90", "-subj", "/CN=localhost", "-keyout", key, "-out", chain], check=True, capture_output=True,
        )
        anywhere = "127.0.0.1:0"
        process = self.run(
            pod, BINARIES / "wrpi-api", **store, APP_PASSWORD=self.password, LISTEN_ADDR=anywhere, ADMIN_ADDR=anywhere,
            TLS_LISTEN_ADDR=anywhere, TLS_CERT_FILE=chain, TLS_KEY_FILE=key, PLAIN_HTTP="serve", LOG_FORMAT="json",
        )

        def listening(line):
            entry = json.loads(line)
            return entry if entry["message"] == "listening" else None

        return process.prints(listening)

    def ask(self):
        """Requests the reading from every pod continuously, as users do."""
        while not self.stopped.wait(0.1):
            for listener in self.listeners:
                try:
                    url = f"http://{listener['public']}/v0/wrpi"
                    self.statuses.add(requests.get(url, auth=("any", self.password), timeout=5).status_code)
                except requests.RequestException as error:
                    self.statuses.add(str(error))

    def run_alertmanager(self):
        config = yaml.safe_load(EXAMPLE.read_text())
        for route in (config["route"], *config["route"]["routes"]):
            route.update({name: "1s" for name in ("group_wait", "group_interval") if name in route})
        for receiver in config["receivers"]:
            for hook in receiver["webhook_configs"]:
                hook["url"] = f"{self.receiver.url}/{receiver['name']}"
        return self.run_server("prometheus-alertmanager", config, "--cluster.listen-address=")

    def run_prometheus(self, groups, monitor):
        """Starts a Prometheus that scrapes as the PodMonitor says, with a shorter interval and the operator's labels."""
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        (job,) = endpoint["relabelings"]
        scrape = {
            "job_name": "wrpi/wrpi-api",
            "static_configs": [
                {"targets": [listener[endpoint["port"]]], "labels": {"namespace": "wrpi", "pod": pod, "container": "api"}}
                for pod, listener in zip(PODS, self.listeners)
            ],
            "relabel_configs": [{"target_label": job["targetLabel"], "replacement": job["replacement"]}],
        }
        config = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [scrape],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager.removeprefix("http://")]}]}]},
        }
        # Discovery takes some seconds, so the rules are added afterwards. An alert that fires before Alertmanager is
        # discovered would be sent again only after a minute, and before the pods are discovered WrpiApiDown would fire.
        self.prometheus = self.run_server("prometheus", config, "--rules.alert.resend-delay=1s")
        eventually("pods are scraped", lambda: self.query("up") == [1, 1])
        (self.directory / "rules.yaml").write_text(yaml.safe_dump({"groups": with_short_intervals(groups)}))
        self.processes["prometheus"].process.send_signal(signal.SIGHUP)

    def run_server(self, name, config, *arguments):
        """Starts Prometheus or Alertmanager and returns its URL."""
        (self.directory / f"{name}.yaml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{free_port()}"
        self.run(
            name, name, f"--config.file={name}.yaml", f"--web.listen-address={address}",
            f"--storage.{'tsdb.' if name == 'prometheus' else ''}path={name}", *arguments,
        )
        eventually(f"{name} is ready", lambda: requests.get(f"http://{address}/-/ready", timeout=5).ok)
        return f"http://{address}"

    def query(self, expr):
        """The values of an instant query."""
        answer = requests.get(f"{self.prometheus}/api/v1/query", {"query": expr}, timeout=10).json()
        assert answer["status"] == "success", f"{expr}: {answer['error']}"
        return [float(sample["value"][1]) for sample in answer["data"]["result"]]

    def alerts(self):
        """The alerts that fire in Alertmanager: for each name, the names of the alerts that inhibit it."""
        alerts = requests.get(f"{self.alertmanager}/api/v2/alerts", timeout=10).json()
        names = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in alerts}
        return {
            alert["labels"]["alertname"]: {names.get(found) for found in alert["status"]["inhibitedBy"]} for alert in alerts
        }

    def age_reading(self, seconds):
        """Makes the stored reading `seconds` old, as if the updater had stopped then."""
        then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
        self.redis.mset({"wrpi-latest": "42.000", "wrpi-timestamp": f"{then:%Y-%m-%dT%H:%M:%S+0000}"})

    def stop(self):
        self.stopped.set()
        for process in self.processes.values():
            process.kill()
        self.receiver.server.shutdown()
