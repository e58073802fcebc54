"""The dashboard's JSON. test_live.py runs its queries."""

import itertools
import json
import re

import pytest

QUESTIONS = ["Are users fine?", "Is the index fresh?", "Is the store fine?", "What are the pods doing?"]
UNITS = {"bytes", "cps", "none", "percentunit", "reqps", "s", "suffix: ×"}


@pytest.fixture(scope="module")
def dashboard(monitored):
    found = monitored["operator"].one("ConfigMap", "dashboard")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"  # what Grafana's sidecar looks for
    assert found["metadata"]["name"] == "dashboard"  # with a hash, Grafana would load old copies too
    return json.loads(found["data"]["wrpi.json"])


@pytest.fixture(scope="module")
def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_rows_are_the_four_questions_in_order(dashboard):
    rows = sorted((panel for panel in dashboard["panels"] if panel["type"] == "row"), key=lambda row: row["gridPos"]["y"])
    assert [row["title"] for row in rows] == QUESTIONS


def test_every_panel_has_a_description_a_unit_and_a_text_for_no_data(panels):
    for panel in panels:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        assert defaults["unit"] in UNITS, panel["title"]
        assert defaults["noValue"] not in ("", "-", "N/A", "0"), panel["title"]
        assert panel["targets"], panel["title"]
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_every_query_uses_the_selected_namespace_and_data_source(dashboard, panels):
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "namespace"}
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert target["expr"].count("{") == target["expr"].count('namespace="$namespace"'), target["expr"]


def test_the_memory_panel_shows_the_limit_of_the_container(monitored, panels):
    (container,) = monitored["operator"].pods()["api"]["spec"]["containers"]
    limit = int(re.fullmatch(r"(\d+)Mi", container["resources"]["limits"]["memory"])[1])
    (panel,) = (panel for panel in panels if panel["title"] == "Memory")
    assert f"The limit is {limit} MiB." in panel["description"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == limit * 2**20


def test_no_two_panels_overlap(dashboard):
    def cells(panel):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        return set(itertools.product(columns, lines))

    for one, other in itertools.combinations(dashboard["panels"], 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
        assert one["id"] != other["id"]


def test_every_alert_links_to_the_dashboard(dashboard, alerts):
    for name, rule in alerts.items():
        assert rule["annotations"]["dashboard_url"].endswith(f"/d/{dashboard['uid']}"), name
