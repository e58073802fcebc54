"""The rules and the dashboard on the running system, with Prometheus and Alertmanager."""

import json
import math
import re
import subprocess

import pytest
import requests
from processes import eventually
from stack import PODS, Stack, with_short_intervals


@pytest.fixture(scope="module")
def stack(monitored, groups, tmp_path_factory):
    objects = monitored["operator"]
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start(groups, objects.one("PodMonitor", "wrpi-api"))
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def queries(monitored):
    """Every query of the dashboard, with its panel's title, as Grafana would send it."""
    dashboard = json.loads(monitored["operator"].one("ConfigMap", "dashboard")["data"]["wrpi.json"])
    variables = {"$namespace": "wrpi", "$__rate_interval": "1m"}
    return [
        (panel["title"], re.sub(r"\$\w+", lambda found: variables[found[0]], target["expr"]))
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def metrics_in(expr):
    """The metrics in an expression: what remains without strings, labels, ranges, functions and keywords."""
    bare = re.sub(r'"[^"]*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|on|ignoring|without)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()", re.sub(r"\b\d[\w.]*", " ", bare))
    return set(names) - {"and", "bool", "or", "unless"}


def test_metrics_in_finds_the_metrics_of_an_expression():
    expr = '1 - sum by (pod) (rate(a_total{x="y and z"}[5m])) / on (namespace) (b:c:d > bool 2) unless absent(e) or f'
    assert metrics_in(expr) == {"a_total", "b:c:d", "e", "f"}


def test_rules_with_short_intervals_differ_from_the_deployed_ones_only_in_intervals(groups):
    def timeless(groups):
        return [
            [rule | {"for": None, "expr": re.sub(r"\[\w+:\w+\]", "[]", rule["expr"])} for rule in group["rules"]]
            for group in groups
        ]

    quick = with_short_intervals(groups)
    assert timeless(quick) == timeless(groups)
    changed = [rule["alert"] for group, fast in zip(groups, quick)
               for rule, now in zip(group["rules"], fast["rules"]) if rule["expr"] != now["expr"]]
    assert changed == ["WrpiIndexStale"]


def test_promtool_accepts_the_metrics(stack):
    for listener in stack.listeners:
        text = requests.get(f"http://{listener['admin']}/metrics", timeout=5).text
        result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert result.returncode == 0 and result.stderr == "", result.stderr


def test_rules_and_dashboard_use_only_metrics_that_the_api_exports(stack, groups, queries):
    text = requests.get(f"http://{stack.listeners[0]['admin']}/metrics", timeout=5).text
    exported = set(re.findall(r"^([a-z_]+)(?:\{.*\})? ", text, re.MULTILINE))
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    named = set().union(*(metrics_in(expr) for expr in [rule["expr"] for rule in rules] + [expr for _, expr in queries]))
    assert named - exported - recorded == {"up"}


def test_every_query_of_the_dashboard_returns_data(stack, queries):
    for title, expr in queries:
        found = eventually(f"{title}: {expr}", lambda expr=expr: [v for v in stack.query(expr) if not math.isnan(v)])
        assert found


def test_prometheus_evaluates_every_rule(stack, groups):
    def evaluated():
        found = requests.get(f"{stack.prometheus}/api/v1/rules", timeout=5).json()["data"]["groups"]
        return found and all(rule["health"] != "unknown" for group in found for rule in group["rules"]) and found

    found = eventually("every rule has been evaluated", evaluated)
    assert sum(len(group["rules"]) for group in found) == sum(len(group["rules"]) for group in groups)
    assert not [rule["lastError"] for group in found for rule in group["rules"] if rule["health"] != "ok"]


def test_one_cause_sends_one_page_and_its_resolution(stack):
    receiver = stack.receiver
    receiver.wait_for("watchdog", "WrpiWatchdog")
    eventually("two pods serve", lambda: stack.query("count(wrpi_value) == 2"))
    assert {sent[1] for sent in receiver.notifications} == {"WrpiWatchdog"}, "a healthy system sends no alert"

    # The updater stopped 240 seconds ago: early enough for the ticket, and too late for the page, which would inhibit it.
    stack.processes["updater"].kill()
    stack.age_reading(240)
    receiver.wait_for("tickets", "WrpiUpdaterFailing")
    stack.age_reading(290)
    description = receiver.wait_for("pages", "WrpiIndexStale")
    assert re.match(r"Users see a reading that is 5m \d+s old; a new one is due every minute\.", description)
    eventually("the page inhibits the ticket", lambda: stack.alerts().get("WrpiUpdaterFailing") == {"WrpiIndexStale"})
    stack.processes["updater"].start()
    receiver.wait_for("pages", "WrpiIndexStale", "resolved")

    # Redis stops, and the reading grows old.
    before = len(receiver.notifications)
    stack.processes["updater"].kill()
    stack.age_reading(275)
    eventually("a pod serves it", lambda: stack.query("max(time() - wrpi_last_calculation_timestamp_seconds) > 200"))
    stack.processes["redis"].kill()
    receiver.wait_for("pages", "WrpiStoreDown", after=before)
    eventually("the cause inhibits the effect", lambda: stack.alerts().get("WrpiIndexStale") == {"WrpiStoreDown"})
    lasted = "min_over_time(max(wrpi_store_up)[3m:15s]) == 0"
    eventually("the outage covers the rules' window", lambda: stack.query(lasted))
    stack.processes["redis"].start()
    receiver.wait_for("pages", "WrpiStoreDown", "resolved", after=before)
    eventually("the effect is resolved", lambda: "WrpiIndexStale" not in stack.alerts())
    stack.processes["updater"].start()
    eventually("readings are fresh", lambda: stack.query("max(time() - wrpi_last_calculation_timestamp_seconds) < 10"))
    assert [sent for sent in receiver.notifications[before:] if sent[0] == "pages" and sent[1] != "WrpiStoreDown"] == []
    assert stack.statuses == {200}, "a user's request failed"

    # Both API processes are killed.
    for pod in PODS:
        stack.processes[pod].kill()
    assert receiver.wait_for("pages", "WrpiApiDown").startswith("API pods that Prometheus knows: 2. None of them answers.")
