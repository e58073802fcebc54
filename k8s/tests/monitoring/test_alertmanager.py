"""The example configuration of Alertmanager: routing and inhibition."""

import itertools
import re
import subprocess

import pytest
import yaml
from stack import EXAMPLE


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load(EXAMPLE.read_text())


def amtool(*arguments):
    result = subprocess.run(["amtool", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


def matched(alerts, matchers):
    """The names in `alerts` that satisfy all `matchers`."""
    names = list(alerts)
    for matcher in matchers:
        operator, value = re.fullmatch(r'alertname (=~|!=|=) "?([^"]+)"?', matcher).groups()
        if operator == "=~":
            names = [name for name in names if re.fullmatch(value, name)]
        else:
            assert value in alerts, f"there is no alert {value}"
            names = [name for name in names if (name == value) == (operator == "=")]
    assert names, f"{matchers} match no alert"
    return names


def test_amtool_accepts_the_example():
    amtool("check-config", EXAMPLE)


def test_the_severity_decides_the_receiver(alerts):
    receivers = {"page": "pages", "ticket": "tickets", "none": "watchdog"}
    for name, rule in alerts.items():
        severity = rule["labels"]["severity"]
        routed = amtool("config", "routes", "test", f"--config.file={EXAMPLE}", f"alertname={name}", f"severity={severity}")
        assert routed == receivers[severity], name


def test_only_a_page_inhibits_a_page(config, alerts):
    def severities(names):
        return {alerts[name]["labels"]["severity"] for name in names}

    for rule in config["inhibit_rules"]:
        sources, targets = (matched(alerts, rule[f"{side}_matchers"]) for side in ("source", "target"))
        assert not set(sources) & set(targets)
        assert "none" not in severities(targets)
        if "page" in severities(targets):
            assert severities(sources) == {"page"}
        assert rule["equal"] == ["cluster", "namespace"]


def test_no_two_alerts_inhibit_each_other(config, alerts):
    inhibited = {
        pair for rule in config["inhibit_rules"]
        for pair in itertools.product(*(matched(alerts, rule[f"{side}_matchers"]) for side in ("source", "target")))
    }
    assert not {(target, source) for source, target in inhibited} & inhibited


def test_a_failure_of_redis_or_the_api_inhibits_the_stale_index(config, alerts, groups):
    causes = {
        source for rule in config["inhibit_rules"] for source in matched(alerts, rule["source_matchers"])
        if "WrpiIndexStale" in matched(alerts, rule["target_matchers"])
    }
    assert causes == {"WrpiApiDown", "WrpiStoreDown", "WrpiStoreUnreachableFromSomePods"}
    # WrpiIndexStale stands before its causes in one group, so it is resolved first and never notifies in between.
    (group,) = (group for group in groups if any(rule.get("alert") == "WrpiIndexStale" for rule in group["rules"]))
    names = [rule["alert"] for rule in group["rules"]]
    assert all(names.index("WrpiIndexStale") < names.index(cause) for cause in causes)
