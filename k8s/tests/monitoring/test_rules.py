"""The rules: promtool accepts them, and each alert fires or stays silent in the cases of alerts.yaml and
objectives.yaml."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

CASES = [
    case
    for name in ("objectives", "alerts")
    for case in yaml.safe_load(Path(__file__).with_name(f"{name}.yaml").read_text())
]
GOOGLE = {"cluster": "c", "location": "l", "namespace": "wrpi", "project_id": "p"}


def matchers(labels):
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def promtool(*arguments):
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_promtool_accepts_the_rules(rule_file):
    promtool("check", "rules", "--lint=all", "--lint-fatal", rule_file)


def test_the_rules_for_google_are_the_same(monitored, groups):
    assert [group for found in monitored["google"].of("Rules") for group in found["spec"]["groups"]] == groups
    assert not monitored["google"].of("PrometheusRule")
    known = {"alert", "annotations", "expr", "for", "labels", "record"}  # Google's Rules have no other field
    for group in groups:
        assert group.keys() == {"interval", "name", "rules"}
        for rule in group["rules"]:
            assert rule.keys() <= known
            assert "namespace" not in rule.get("labels", {}) and "namespace=" not in rule["expr"]  # Google rejects these


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent(alerts):
    for name in alerts:
        fires = {"value" in case for case in CASES if case.get("alert") == name}
        assert fires == ({True} if name == "WrpiWatchdog" else {True, False}), name


def scoped(groups):
    """The rules as Google's operator rewrites them: it adds project, location, cluster and namespace to every selector
    and result."""
    for group in groups:
        rules = []
        for rule in group["rules"]:
            expr = rule["expr"].replace('job="wrpi-api"', f'job="wrpi-api",{matchers(GOOGLE)}')
            expr = re.sub(r"namespace:\w+:\w+", lambda found: f"{found[0]}{{{matchers(GOOGLE)}}}", expr)
            rules.append(rule | {"expr": expr, "labels": rule.get("labels", {}) | GOOGLE})
        yield group | {"rules": rules}


@pytest.fixture(scope="module", params=["operator", "google"])
def evaluated(request, groups, tmp_path_factory):
    """The rule file, and the labels of every sample and result."""
    path = tmp_path_factory.mktemp(request.param) / "rules.yaml"
    google = request.param == "google"
    path.write_text(yaml.safe_dump({"groups": list(scoped(groups)) if google else groups}))
    labels = GOOGLE if google else {"namespace": "wrpi"}
    return path, labels


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.get('alert', case.get('expr'))}: {case['case']}")
def test_rule(case, evaluated, groups, alerts, tmp_path):
    rule_file, labels = evaluated
    test = {
        "interval": case.get("every", "1m"),
        "input_series": [
            {"series": series.replace("{", f"{{{matchers({'job': 'wrpi-api'} | labels)},"), "values": values}
            for series, values in case["series"].items()
        ],
    }
    result_labels = {name: value for name, value in labels.items() if case.get("without") != name or len(labels) > 1}
    if "alert" in case:
        rule = alerts[case["alert"]]
        firing = {
            "exp_labels": rule["labels"] | result_labels | case.get("labels", {}),
            "exp_annotations": rule["annotations"] | {
                "description": re.sub(r"\{\{ \$value.*?\}\}", case.get("value", ""), rule["annotations"]["description"]),
            },
        }
        test["alert_rule_test"] = [{
            "alertname": case["alert"], "eval_time": case["at"], "exp_alerts": [firing] if "value" in case else [],
        }]
    else:
        name = f"{case['expr']}{{{matchers(result_labels)}}}"
        test["promql_expr_test"] = [{
            "expr": case["expr"], "eval_time": case["at"], "exp_samples": [{"labels": name, "value": case["is"]}],
        }]
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({
        "rule_files": [str(rule_file)],
        "group_eval_order": [group["name"] for group in groups],
        "evaluation_interval": test["interval"],
        "tests": [test],
    }))
    promtool("test", "rules", path)
