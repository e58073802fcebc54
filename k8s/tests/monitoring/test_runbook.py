"""The texts of the alerts, and the runbook that they link to."""

import re

import pytest
from stack import ROOT

PARTS = ["Users", "Causes", "Fix", "Over when"]


@pytest.fixture(scope="module")
def runbook():
    """The text of each section, by its heading."""
    text = (ROOT / "docs/runbook.md").read_text()
    sections = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], sections[1::2]))


def test_every_alert_has_a_summary_a_value_a_severity_and_links(alerts):
    for name, rule in alerts.items():
        annotations = rule["annotations"]
        assert annotations.keys() == {"summary", "description", "dashboard_url", "runbook_url"}, name
        assert "{{ $value" in annotations["description"] and "{{" not in annotations["summary"], name
        assert annotations["description"].endswith(f" Runbook: {name}."), name
        assert rule["labels"].keys() == {"severity"} and rule["labels"]["severity"] in ("page", "ticket", "none"), name
        assert re.fullmatch(rf"https://\S+/docs/runbook\.md#{name.lower()}", annotations["runbook_url"]), name


def test_the_runbook_has_one_section_per_alert(alerts, runbook):
    assert sorted(runbook) == sorted(alerts)


def test_every_section_has_all_parts_and_three_commands(runbook):
    for name, section in runbook.items():
        assert re.findall(r"^\*\*(.+?):\*\* .", section, re.MULTILINE) == PARTS, name
        (commands,) = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        assert len(commands.splitlines()) == 3, name


def test_links_within_the_runbook_point_to_its_sections(runbook):
    text = (ROOT / "docs/runbook.md").read_text()
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^##+ (.*)$", text, re.MULTILINE)}
    for name, section in runbook.items():
        for anchor in re.findall(r"\]\(#(.*?)\)", section):
            assert anchor in anchors, (name, anchor)


def test_commands_name_deployed_objects(monitored, runbook):
    objects = monitored["operator"]
    known = {(found["kind"].lower(), found["metadata"]["name"]) for found in objects}
    components = set(objects.pods())
    for name, section in runbook.items():
        for kind, found in re.findall(r"(deployment|cronjob|horizontalpodautoscaler)[/ ]([a-z]+)", section):
            assert (kind, found) in known, (name, kind, found)
        for component in re.findall(r"app\.kubernetes\.io/component=(\w+)", section):
            assert component in components, (name, component)


def test_quoted_messages_exist_in_the_source(runbook):
    source = "\n".join(file.read_text() for file in ROOT.glob("crates/*/src/**/*.rs"))
    for name, section in runbook.items():
        for message in re.findall(r"grep '\"(.+?)\"?'", section):
            assert f'"{message}' in source, (name, message)


def test_quoted_panels_exist_on_the_dashboard(monitored, runbook):
    dashboard = monitored["operator"].one("ConfigMap", "dashboard")["data"]["wrpi.json"]
    for name, section in runbook.items():
        for title in re.findall(r'"([A-Z][^"]+)"', section):
            assert f'"title": "{title}"' in dashboard, (name, title)
