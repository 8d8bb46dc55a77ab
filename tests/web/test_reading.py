"""SLOs, readiness and reports over HTTP, and the document that describes it all."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from slo_daemon.core.report_style import policy_of
from slo_daemon.core.shapes import assessment_json, evaluation_json
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.ports import StoreError
from slo_daemon.web.security import ASSETS, GUARDED, PAGES, PUBLIC, Role
from tests.web.house import (
    FEEDBACK,
    INCIDENTS,
    NOW,
    OVERRIDES,
    PILOT,
    House,
    Visitor,
    bearer,
    feedback,
    incident,
    with_segments,
)

REPORTS = f"/api/v1/pilots/{PILOT}/reports"
READINESS = f"/api/v1/pilots/{PILOT}/readiness"


def test_all_slos_are_told_in_the_shape_of_the_commands(house: House, visitor: Visitor) -> None:
    answer = visitor.get("/api/v1/slos")

    assert answer.json() == json.loads(json.dumps(evaluation_json(house.current)))
    assert [slo["id"] for slo in answer.json()["slos"]][:2] == ["search/availability", "search/checkout"]


def test_before_the_first_slot_the_persisted_levels_are_told(house: House) -> None:
    views = {key: replace(view, evaluation=None) for key, view in house.current.slos.items()}
    house.current = replace(house.current, slot=None, source=None, slos=views)
    with house.open() as visitor:
        answer = visitor.get("/api/v1/slos").json()

    assert answer["slot"] is None
    levels = {slo["id"]: slo["level"] for slo in answer["slos"]}
    assert levels["search/checkout"] == Level.CRITICAL
    assert all(slo["value"] is None and slo["met"] is None for slo in answer["slos"])


def test_an_slo_is_explained_with_its_history(house: House, visitor: Visitor) -> None:
    change = Transition(
        "search/checkout", 1, NOW, Level.NONE, Level.CRITICAL, TransitionReason.THRESHOLD, "99.1 %", 0.991
    )
    house.store.commit_slot([], [change], [])

    answer = visitor.get("/api/v1/slos/search/checkout")

    assert answer.json() == {"id": "search/checkout", "history": [1]}


def test_what_was_left_of_a_budget_is_told_from_the_oldest_point_on(house: House, visitor: Visitor) -> None:
    day = 86_400.0
    house.store.save_budget_points(
        [
            BudgetPoint("search/checkout", NOW - age, remaining, 1.0, "complete")
            for age, remaining in ((40 * day, 0.9), (2 * day, 0.5), (day, None))
        ]
    )

    answer = visitor.get("/api/v1/budgets/search/checkout").json()
    longer = visitor.get("/api/v1/budgets/search/checkout?days=60").json()

    assert [point["remaining"] for point in answer["points"]] == [0.5, None]
    assert [point["remaining"] for point in longer["points"]] == [0.9, 0.5, None]
    assert visitor.get("/api/v1/budgets/search/nope").json()["reason"] == "unknown_slo"
    assert visitor.get("/api/v1/budgets/search/checkout?days=0").status_code == 422


@pytest.mark.parametrize("written", ['search/availability-by-region{region="eu"}', None])
def test_a_group_is_found_by_its_id_however_it_is_quoted(visitor: Visitor, written: str | None) -> None:
    path = written or quote('search/availability-by-region{region="eu"}', safe="")

    assert visitor.get(f"/api/v1/slos/{path}").json()["id"] == 'search/availability-by-region{region="eu"}'


def test_a_grouped_slo_names_its_groups(visitor: Visitor) -> None:
    answer = visitor.get("/api/v1/slos/search/availability-by-region")

    assert (answer.status_code, answer.json()["reason"]) == (404, "grouped_slo")
    assert answer.json()["groups"] == [
        'search/availability-by-region{region="eu"}',
        'search/availability-by-region{region="us"}',
    ]


@pytest.mark.parametrize(
    "slo", ["search/nope", "search", "", "search/availability/", "../slos", "search//availability"]
)
def test_an_unknown_slo_is_not_found(visitor: Visitor, slo: str) -> None:
    answer = visitor.get(f"/api/v1/slos/{quote(slo, safe='')}")

    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_slo")


def test_while_the_store_is_down_slos_and_readiness_are_still_told(house: House, visitor: Visitor) -> None:
    house.assess(PILOT)
    house.store.failure = StoreError("io", "gone")

    assert visitor.get("/api/v1/slos").status_code == 200
    assert visitor.get(READINESS).status_code == 200
    assert visitor.get("/").status_code == 200
    assert visitor.get("/api/v1/slos/search/checkout").json()["reason"] == "store_unavailable"


def test_readiness_is_told_in_the_shape_of_the_commands(house: House, visitor: Visitor) -> None:
    house.assess(PILOT)

    answer = visitor.get(READINESS)

    assert answer.json() == json.loads(json.dumps(assessment_json(house.current.assessments[PILOT])))
    assert answer.json()["verdict"] == "NOT_READY"


def test_before_the_first_assessment_there_is_no_verdict_rather_than_a_guess(visitor: Visitor) -> None:
    answer = visitor.get(READINESS)

    assert (answer.status_code, answer.json()["reason"]) == (404, "not_assessed_yet")


@pytest.fixture
def reported(house: House, visitor: Visitor) -> Visitor:
    for day in ("14", "15"):
        page = f"<!doctype html><style>p {{}}</style><p>Day {day}"
        texts = {"md": f"# Day {day}\n\n\u2713 <b>", "html": page, "json": f'{{"day": {day}}}'}
        house.shelf.write(PILOT, f"2027-01-{day}T08-00-00Z", texts)
    return visitor


def test_reports_are_listed_newest_first(reported: Visitor) -> None:
    assert reported.get(REPORTS).json() == {"reports": ["2027-01-15T08-00-00Z", "2027-01-14T08-00-00Z"]}


def test_a_pilot_without_reports_has_an_empty_list(visitor: Visitor) -> None:
    assert visitor.get(REPORTS).json() == {"reports": []}


@pytest.mark.parametrize(
    ("query", "accept", "media", "start"),
    [
        ("", "*/*", "application/json", '{"day"'),
        ("", "application/json", "application/json", '{"day"'),
        ("", "text/markdown", "text/markdown; charset=utf-8", "# Day"),
        ("?format=md", "*/*", "text/markdown; charset=utf-8", "# Day"),
        ("?format=json", "text/markdown", "application/json", '{"day"'),
        ("?format=md", "text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; charset=utf-8", "# Day"),
        ("", "text/html,*/*", "text/html; charset=utf-8", "<!doctype html>"),
        ("?format=html", "*/*", "text/html; charset=utf-8", "<!doctype html>"),
        ("?format=json", "text/html,*/*", "application/json", '{"day"'),
    ],
)
def test_a_report_comes_in_the_format_that_was_asked_for(
    reported: Visitor, query: str, accept: str, media: str, start: str
) -> None:
    for name, day in (("latest", "15"), ("2027-01-14T08-00-00Z", "14")):
        answer = reported.get(f"{REPORTS}/{name}{query}", headers={"Accept": accept})

        assert answer.headers["Content-Type"] == media
        assert answer.text.startswith(start)
        assert day in answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_of_a_report_may_use_its_own_style_sheet_and_nothing_else(reported: Visitor) -> None:
    policy = reported.get(f"{REPORTS}/latest?format=html").headers["Content-Security-Policy"]

    assert policy == policy_of("p {}")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_a_browser_gets_json_of_a_report_that_was_kept_without_a_page(house: House, visitor: Visitor) -> None:
    house.shelf.write(PILOT, "2027-01-13T08-00-00Z", {"md": "# Old", "json": '{"day": 13}'})

    answer = visitor.get(f"{REPORTS}/latest", headers={"Accept": "text/html,*/*"})

    assert answer.headers["Content-Type"] == "application/json"
    assert visitor.get(f"{REPORTS}/latest?format=html").status_code == 404


@pytest.mark.parametrize("form", ["HTML", "MD", "", "../md", "md%00"])
def test_another_format_is_refused(reported: Visitor, form: str) -> None:
    assert reported.get(f"{REPORTS}/latest?format={form}").status_code == 422


@pytest.mark.parametrize(
    "name",
    [
        "2027-01-13T08-00-00Z",
        "..",
        ".",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "latest%00",
        "latest%0a",
        "LATEST.md",
        "latest.json",
        "-rf",
        "_x",
        "a" * 65,
        "a%20b",
        "caf%C3%A9",
        "%D9%A1",
        "~root",
        "C:",
        "a\\b",
    ],
)
def test_a_report_id_is_a_name_and_never_a_path(house: House, reported: Visitor, name: str) -> None:
    answer = reported.get(f"{REPORTS}/{name}")

    assert answer.status_code == 404
    assert house.shelf.asked in ([], [name])
    if house.shelf.asked:
        assert name == "2027-01-13T08-00-00Z"


def test_unreadable_reports_are_told_as_such(house: House, reported: Visitor) -> None:
    house.shelf.broken = True

    for path in (REPORTS, f"{REPORTS}/latest"):
        answer = reported.get(path)
        assert (answer.status_code, answer.json()["reason"]) == (503, "reports_unavailable")
        assert answer.headers["Retry-After"]


def test_the_openapi_document_describes_every_route_but_the_pages(visitor: Visitor) -> None:
    document = visitor.get("/openapi.json").json()

    described = {
        (method.upper(), path) for path, operations in document["paths"].items() for method in operations
    }
    assert described == {
        (method, path.replace(":path}", "}"))
        for method, path in [*PUBLIC, *GUARDED]
        if path not in {*PAGES, ASSETS, "/openapi.json"}
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            assert operation["tags"], path
            guarded = (method.upper(), path) in GUARDED
            assert ("security" in operation) is guarded, path
            assert ("401" in operation["responses"]) is guarded, path


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


def test_the_openapi_document_refers_to_nothing_that_is_not_there(visitor: Visitor) -> None:
    document = visitor.get("/openapi.json").json()

    assert references(document)
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_the_examples_of_the_openapi_document_are_accepted(house: House, visitor: Visitor) -> None:
    schemas = visitor.get("/openapi.json").json()["components"]["schemas"]
    sent = {
        "OverrideBody": ("POST", OVERRIDES),  # before the first assessment knows the criteria
        "IncidentBody": ("POST", INCIDENTS),
        "IncidentChangeBody": ("PATCH", f"{INCIDENTS}/1"),
        "FeedbackBody": ("POST", FEEDBACK),
        "IncidentRow": ("POST", f"{INCIDENTS}/import"),
        "FeedbackRow": ("POST", f"{FEEDBACK}/import"),
    }
    with_segments(house, ("mobile_users",), ("control", "treatment"))
    house.clock.at = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()

    for name, (method, path) in sent.items():
        (example,) = schemas[name]["examples"]
        body = [example] if name.endswith("Row") else example
        answer = visitor.request(method, path, json=body, headers=bearer(Role.ADMIN))
        assert answer.status_code in (200, 201), answer.text


@pytest.mark.parametrize(
    ("name", "body", "fits"),
    [
        ("IncidentBody", incident(started_at=NOW), True),
        ("IncidentBody", incident(started_at="2027-01-15T07:30:00Z"), True),
        ("IncidentBody", incident(colour="red"), False),
        ("IncidentBody", incident(severity="fatal"), False),
        ("FeedbackBody", feedback(rating=6), False),
        ("FeedbackBody", feedback(), True),
    ],
)
def test_the_described_shapes_say_what_is_taken(
    visitor: Visitor, name: str, body: dict[str, Any], fits: bool
) -> None:
    document = visitor.get("/openapi.json").json()
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}

    assert jsonschema.Draft202012Validator(schema).is_valid(body) is fits
    path = INCIDENTS if name == "IncidentBody" else FEEDBACK
    assert (visitor.post(path, json=body, headers=bearer(Role.ADMIN)).status_code == 201) is fits


def test_there_are_no_pages_that_load_scripts_from_elsewhere(visitor: Visitor) -> None:
    assert visitor.get("/docs").status_code == 404
    assert visitor.get("/redoc").status_code == 404
