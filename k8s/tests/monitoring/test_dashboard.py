"""The dashboard, as it is written down; test_live.py asks its queries."""

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
    assert found["metadata"]["name"] == "dashboard"  # a hash would leave the old one beside the new
    return json.loads(found["data"]["wrpi.json"])


@pytest.fixture(scope="module")
def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_it_answers_the_four_questions_from_top_to_bottom(dashboard):
    rows = sorted((panel for panel in dashboard["panels"] if panel["type"] == "row"), key=lambda row: row["gridPos"]["y"])
    assert [row["title"] for row in rows] == QUESTIONS


def test_every_panel_says_what_it_shows_in_which_unit_and_what_it_means_if_empty(panels):
    for panel in panels:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        assert defaults["unit"] in UNITS, panel["title"]
        assert defaults["noValue"] not in ("", "-", "N/A", "0"), panel["title"]
        assert panel["targets"], panel["title"]
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_every_query_is_for_the_namespace_and_the_data_source_that_are_chosen(dashboard, panels):
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "namespace"}
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert target["expr"].count("{") == target["expr"].count('namespace="$namespace"'), target["expr"]


def test_the_memory_limit_is_the_pods_own(monitored, panels):
    (container,) = monitored["operator"].pods()["api"]["spec"]["containers"]
    limit = int(re.fullmatch(r"(\d+)Mi", container["resources"]["limits"]["memory"])[1])
    (panel,) = (panel for panel in panels if panel["title"] == "Memory")
    assert f"The limit is {limit} MiB." in panel["description"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == limit * 2**20


def test_no_panel_covers_another(dashboard):
    def cells(panel):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        return set(itertools.product(columns, lines))

    for one, other in itertools.combinations(dashboard["panels"], 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
        assert one["id"] != other["id"]


def test_the_alerts_lead_to_it(dashboard, alerts):
    for name, rule in alerts.items():
        assert rule["annotations"]["dashboard_url"].endswith(f"/d/{dashboard['uid']}"), name
