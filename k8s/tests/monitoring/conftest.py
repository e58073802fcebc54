"""Fixtures: the rendered rules, and a check that all programs are installed."""

import shutil

import pytest
import yaml

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool", "redis-server", "openssl")
COMPONENTS = {
    "operator": ("components/monitoring",),
    "google": ("components/monitoring", "components/gke-monitoring"),
}


@pytest.fixture(scope="session", autouse=True)
def tools():
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    assert not missing, f"{missing} not found. `make monitoring-test` installs them."


@pytest.fixture(scope="session")
def monitored(render):
    """All objects with monitoring, for the Prometheus Operator and for Google's Prometheus."""
    return {name: render(*chosen) for name, chosen in COMPONENTS.items()}


@pytest.fixture(scope="session")
def groups(monitored):
    """The rule groups in the format of a Prometheus rule file."""
    return [group for found in monitored["operator"].of("PrometheusRule") for group in found["spec"]["groups"]]


@pytest.fixture(scope="session")
def alerts(groups):
    """The alerting rules, by name."""
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


@pytest.fixture(scope="session")
def rule_file(groups, tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": groups}))
    return path
