"""The committed dashboards: what the generator writes, names of the daemon's own table, and nothing that looks good by default."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.generator.__main__ import FOLDER, dashboards
from grafana.generator.names import ADDED, series
from grafana.generator.words import GOOD, UNKNOWN
from slo_daemon.adapters.gauges.table import FAMILIES, Kind
from slo_daemon.core.alert import PANELS, Links, dashboard_of
from slo_daemon.web.security import PUBLIC
from tests.documents import DOCS, ROOT, codes, rows, text_of
from tests.grafana.boards import FILES, Asked, Json, asked, board_of, boards, panels, substituted

UIDS = ["slo-daemon-health", "slo-daemon-overview", "slo-daemon-pilot", "slo-daemon-slo"]
every_board = pytest.mark.parametrize("board", boards().values(), ids=lambda board: board["uid"])

# What the panel that an alert leads to must show.
SHOWN = {
    "SLOWarning": {"slo_sli_value", "slo_objective_value"},
    "SLOCritical": {"slo_sli_value", "slo_objective_value"},
    "SLOBudgetExhausted": {"slo_error_budget_remaining_ratio"},
    "SLODataMissing": {"slo_data_state"},
    "PilotRollbackTriggered": {"pilot_rollback_triggered"},
    "PilotTriggerBlind": {"pilot_trigger_blind"},
    "SLOBackendDown": {"slo_daemon_query_failures_total"},
    "SLODaemonStalled": {"slo_daemon_heartbeat_timestamp_seconds"},
    "SLODaemonDown": {"slo_daemon_heartbeat_timestamp_seconds"},
    "SLOReportStale": {"slo_daemon_report_last_success_timestamp_seconds"},
    "SLOConfigInvalid": {"slo_daemon_config_last_reload_successful"},
    "SLOStoreDown": {"slo_daemon_store_up"},
    "SLOWindowDrift": {"slo_daemon_window_drift_ratio"},
    "SLOBackfillStuck": {"slo_daemon_backfill_missing_chunks"},
    "SLOWatchdog": {"slo_daemon_heartbeat_timestamp_seconds"},
}


def metric_of(selector: str) -> str:
    """The family of a selector's name."""
    name = re.match(r"[a-z_]+", selector)
    assert name is not None
    found = name[0]
    base = re.sub(r"_(bucket|sum|count)$", "", found)
    return base if base in FAMILIES and FAMILIES[base].kind is Kind.HISTOGRAM else found


def parsed(question: str) -> Any:
    return promql_parser.parse(substituted(question, {"__rate_interval": "1m"}))


def selectors(node: Any) -> Iterator[Any]:
    """Every selector of a parsed expression."""
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield from selectors(node.vector_selector)
        case promql_parser.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql_parser.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            yield from selectors(node.expr)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:
            raise AssertionError(f"a kind of expression that this test does not know: {node!r}")


def metrics(panel: Json) -> set[str]:
    return {metric_of(one.name) for target in panel["targets"] for one in selectors(parsed(target["expr"]))}


def test_the_committed_dashboards_are_what_the_generator_writes() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert committed == dashboards(), "write them anew: .venv/bin/python -m grafana.generator"


def test_there_are_four_with_uids_that_stay() -> None:
    assert sorted(boards()) == UIDS
    assert [file.stem for file in FILES] == UIDS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_goes_through_grafanas_own_models_unchanged(file: Any) -> None:
    register_default_plugins()
    board = board_of(file.name)
    again = Dashboard.from_json(board).to_json()
    assert as_json(again) == board


def as_json(value: Any) -> Any:
    if hasattr(value, "to_json"):
        return as_json(value.to_json())
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    return [as_json(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("question", list(asked()), ids=str)
def test_every_metric_and_label_of_an_expression_is_of_the_daemons_table(question: Asked) -> None:
    found = list(selectors(parsed(question.expression)))
    assert found
    for one in found:
        family = FAMILIES[metric_of(one.name)]
        labels = {matcher.name for matcher in one.matchers.matchers}
        assert labels <= {*family.labels, *ADDED}, one.name


def test_labels_that_are_grouped_by_or_shown_are_of_the_metrics_of_the_query() -> None:
    for board in boards().values():
        for panel in panels(board):
            for target in panel["targets"]:
                used = {label for name in metrics({"targets": [target]}) for label in FAMILIES[name].labels}
                known = {*used, *ADDED, "le", "line"}
                named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                grouped = {
                    label.strip()
                    for labels in re.findall(r"\b(?:by|without) \(([^)]*)\)", target["expr"])
                    for label in labels.split(",")
                }
                assert named | grouped <= known, (board["uid"], panel["title"], named | grouped - known)


def test_the_generator_refuses_a_name_that_the_daemon_does_not_export() -> None:
    with pytest.raises(KeyError):
        series("slo_sli_valeu")
    with pytest.raises(ValueError, match="slo_met has no label for window"):
        series("slo_met", 'window="5m"')
    with pytest.raises(ValueError, match="histogram"):
        series("slo_daemon_query_duration_seconds")


@every_board
def test_panels_fill_the_grid_without_overlap_and_their_ids_are_unique(board: Json) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for place in places:
        assert place["w"] > 0
        assert place["h"] > 0
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    for top in {place["y"] for place in places}:
        assert sum(place["w"] for place in places if place["y"] == top) == 24
    assert sum(place["w"] * place["h"] for place in places) == 24 * max(p["y"] + p["h"] for p in places)


@every_board
def test_every_panel_asks_something_and_says_what_it_shows(board: Json) -> None:
    for panel in panels(board):
        assert panel["targets"], panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
    assert len({panel["title"] for panel in panels(board)}) == len(list(panels(board)))


@every_board
def test_what_is_missing_is_grey_and_called_so(board: Json) -> None:
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["noValue"], panel["title"]
        assert defaults["thresholds"]["steps"][0] == {"value": None, "color": UNKNOWN}
        if panel["type"] != "timeseries":
            (missing,) = [one for one in defaults["mappings"] if one["type"] == "special"]
            assert missing["options"]["result"]["color"] == UNKNOWN
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                if one["id"] == "thresholds":
                    assert one["value"]["steps"][0] == {"value": None, "color": UNKNOWN}
                if one["id"] == "mappings":
                    (missing,) = [part for part in one["value"] if part["type"] == "special"]
                    assert missing["options"]["result"]["color"] == UNKNOWN


@every_board
def test_no_colour_stands_without_a_word_and_no_gap_is_bridged(board: Json) -> None:
    for panel in panels(board):
        for one in panel["fieldConfig"]["defaults"].get("mappings", []):
            results = one["options"].values() if one["type"] == "value" else [one["options"]["result"]]
            assert all(result["text"] and result["color"] for result in results)
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        assert not custom.get("spanNulls", False)
        if panel["type"] == "state-timeline":
            assert panel["options"]["showValue"] == "auto"
    unknown = re.compile("unknown|not known|no data|inconclusive", re.IGNORECASE)
    texts = [
        result for panel in panels(board) for result in results_of(panel) if unknown.search(result["text"])
    ]
    assert GOOD not in {result["color"] for result in texts}


def results_of(panel: Json) -> Iterator[Json]:
    defaults = panel["fieldConfig"]["defaults"].get("mappings", [])
    overrides = (
        p["value"]
        for o in panel["fieldConfig"]["overrides"]
        for p in o["properties"]
        if p["id"] == "mappings"
    )
    for one in (mapping for mappings in (defaults, *overrides) for mapping in mappings):
        yield from one["options"].values() if one["type"] == "value" else [one["options"]["result"]]


@every_board
def test_a_dashboard_can_be_provisioned_as_it_is(board: Json) -> None:
    assert not {"__inputs", "__requires", "id"} & set(board)
    first = board["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    source = {"type": "prometheus", "uid": "${datasource}"}
    askers = [*panels(board), *board["annotations"].get("list", [])]
    askers += [target for panel in panels(board) for target in panel["targets"]]
    askers += [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert all(asker["datasource"] == source for asker in askers)
    known = {variable["name"] for variable in board["templating"]["list"]}
    used = set(
        re.findall(r"\$\{?(\w+)", str([target["expr"] for p in panels(board) for target in p["targets"]]))
    )
    assert used <= known | {"__rate_interval"}


@every_board
def test_where_replicas_disagree_the_worse_answer_is_shown(board: Json) -> None:
    """Of values of which less is worse. To count series, any of them will do."""
    rising = {"slo_met", "pilot_ready", "pilot_gate_verdict", "slo_error_budget_remaining_ratio", "slo_sli_ratio",
              "slo_coverage_ratio", "slo_daemon_store_up", "slo_daemon_source_up"}  # fmt: skip
    shown = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    found = [
        match
        for one in shown
        for match in re.findall(r"(count\()?(max|min) (?:without|by) \([^)]*\) \((\w+)", one)
    ]
    assert {how for counted, how, name in found if name in rising and not counted} <= {"min"}


@every_board
def test_what_is_left_of_budgets_stands_beside_what_it_stands_on(board: Json) -> None:
    """A partial budget looks healthy by itself."""
    left, basis = "slo_error_budget_remaining_ratio", "slo_error_budget_state"
    for panel in panels(board):
        if panel["type"] == "table" and left in metrics(panel):
            assert basis in metrics(panel)
    if board["uid"] == "slo-daemon-slo":
        here = {panel["title"]: panel for panel in panels(board) if panel["type"] == "stat"}
        one, other = here["Budget left"]["gridPos"], here["Stands on"]["gridPos"]
        assert (one["x"] + one["w"], one["y"]) == (other["x"], other["y"])


def links_of(board: Json) -> Iterator[str]:
    yield from (link["url"] for link in board["links"])
    for panel in panels(board):
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                if one["id"] == "links":
                    yield from (link["url"] for link in one["value"])


@every_board
def test_links_lead_to_dashboards_that_there_are_with_variables_that_they_have(board: Json) -> None:
    own = {variable["name"] for variable in board["templating"]["list"]}
    urls = list(links_of(board))
    inside = [urlsplit(url) for url in urls if url.startswith("/d/")]
    assert {url.path.removeprefix("/d/") for url in inside} == set(boards()) - {board["uid"]}
    for url in inside:
        there = {v["name"] for v in boards()[url.path.removeprefix("/d/")]["templating"]["list"]}
        given = {name.removeprefix("var-") for name in parse_qs(url.query) if name.startswith("var-")}
        assert given <= there, url
    for url in map(str, urls):
        assert set(re.findall(r"\$\{(\w+)\}", url)) <= own | {"__url_time_range"}
    outside = [url for url in urls if not url.startswith("/d/")]
    assert outside
    routes = [
        re.sub(r"\\{\w+(:path)?\\}", ".+", re.escape(path)) for method, path in PUBLIC if method == "GET"
    ]
    for url in outside:
        path = re.sub(r"\$\{[^}]*\}", "x", url.removeprefix("${daemon_url}"))
        assert any(re.fullmatch(route, path) for route in routes), url


def test_rows_of_the_overview_lead_to_the_slo_that_they_show() -> None:
    (table,) = [panel for panel in panels(boards()["slo-daemon-overview"]) if panel["title"] == "SLOs"]
    links = {
        override["matcher"]["options"]: one["value"][0]["url"]
        for override in table["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "links"
    }
    query = parse_qs(urlsplit(links["slo"]).query)
    assert links["slo"].startswith("/d/slo-daemon-slo?")
    assert query["var-pilot"] == ["${__data.fields.pilot}"]
    assert query["var-slo"] == ["${__data.fields.slo}"]


@pytest.mark.parametrize("alert", PANELS)
def test_an_alerts_link_opens_the_panel_that_shows_what_it_is_about(alert: str) -> None:
    about_slo = PANELS[alert].dashboard == "slo-daemon-slo"
    about_pilot = about_slo or PANELS[alert].dashboard == "slo-daemon-pilot"
    link = dashboard_of(
        Links(grafana="https://grafana.example.org"),
        alert,
        "new-search" if about_pilot else "",
        "availability" if about_slo else "",
    )
    url = urlsplit(link)
    board = boards()[url.path.removeprefix("/d/")]
    query = parse_qs(url.query)
    (panel,) = [panel for panel in panels(board) if [str(panel["id"])] == query["viewPanel"]]
    assert metrics(panel) == SHOWN[alert]
    chosen = {name.removeprefix("var-") for name in query if name.startswith("var-")}
    offered = {variable["name"] for variable in board["templating"]["list"]}
    assert chosen == {"pilot", "slo"} & offered


@every_board
def test_the_document_has_a_line_for_every_panel(board: Json) -> None:
    """Panel, meaning and metrics, as they are."""
    told = {row[0]: (row[1], set(codes(row[2]))) for row in document_rows(board["title"])}
    assert told == {panel["title"]: (panel["description"], metrics(panel)) for panel in panels(board)}


def document_rows(title: str) -> list[list[str]]:
    page = text_of(DOCS / "grafana.md")
    _, _, after = page.partition(f"### {title.removeprefix('slo-daemon / ')}\n")
    part, _, _ = after.partition("\n### ")
    return rows(part, "panel")


def test_the_provisioning_files_say_where_the_dashboards_and_prometheus_are() -> None:
    folder = ROOT / "grafana" / "provisioning"
    (sources,) = (folder / "datasources").glob("*.yaml")
    (providers,) = (folder / "dashboards").glob("*.yaml")
    (source,) = yaml.safe_load(sources.read_text())["datasources"]
    assert (source["type"], source["access"], source["url"]) == (
        "prometheus",
        "proxy",
        "http://prometheus:9090",
    )
    (provider,) = yaml.safe_load(providers.read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/var/lib/grafana/dashboards")
