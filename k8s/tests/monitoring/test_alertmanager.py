"""The example of Alertmanager's configuration: who is called, and what keeps silent for what."""

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
    """The alerts of `alerts` whose names all `matchers` let through."""
    names = list(alerts)
    for matcher in matchers:
        operator, value = re.fullmatch(r'alertname (=~|!=|=) "?([^"]+)"?', matcher).groups()
        if operator == "=~":
            names = [name for name in names if re.fullmatch(value, name)]
        else:
            assert value in alerts, f"{value} is no alert"
            names = [name for name in names if (name == value) == (operator == "=")]
    assert names, f"{matchers} match no alert"
    return names


def test_amtool_accepts_the_example():
    amtool("check-config", EXAMPLE)


def test_every_alert_goes_where_its_severity_says(alerts):
    receivers = {"page": "pages", "ticket": "tickets", "none": "watchdog"}
    for name, rule in alerts.items():
        severity = rule["labels"]["severity"]
        routed = amtool("config", "routes", "test", f"--config.file={EXAMPLE}", f"alertname={name}", f"severity={severity}")
        assert routed == receivers[severity], name


def test_only_a_page_silences_a_page(config, alerts):
    def severities(names):
        return {alerts[name]["labels"]["severity"] for name in names}

    for rule in config["inhibit_rules"]:
        sources, targets = (matched(alerts, rule[f"{side}_matchers"]) for side in ("source", "target"))
        assert not set(sources) & set(targets)
        assert "none" not in severities(targets)
        if "page" in severities(targets):
            assert severities(sources) == {"page"}
        assert rule["equal"] == ["cluster", "namespace"]


def test_no_two_alerts_silence_each_other(config, alerts):
    silenced = {
        pair for rule in config["inhibit_rules"]
        for pair in itertools.product(*(matched(alerts, rule[f"{side}_matchers"]) for side in ("source", "target")))
    }
    assert not {(target, source) for source, target in silenced} & silenced


def test_a_stale_index_is_silent_while_redis_is_to_blame(config, alerts, groups):
    causes = {
        source for rule in config["inhibit_rules"] for source in matched(alerts, rule["source_matchers"])
        if "WrpiIndexStale" in matched(alerts, rule["target_matchers"])
    }
    assert causes == {"WrpiApiDown", "WrpiStoreDown", "WrpiStoreUnreachableFromSomePods"}
    # In one group, and before them: so its end is told first, and it does not call in between.
    (group,) = (group for group in groups if any(rule.get("alert") == "WrpiIndexStale" for rule in group["rules"]))
    names = [rule["alert"] for rule in group["rules"]]
    assert all(names.index("WrpiIndexStale") < names.index(cause) for cause in causes)
