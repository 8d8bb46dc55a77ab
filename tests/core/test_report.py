"""The report: every section there, the same bytes for the same inputs, and what has changed since the last one."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from slo_daemon.core.pilot.criteria.criterion import Met
from slo_daemon.core.pilot.pilot import Cohort, Contact, CriterionText, Role
from slo_daemon.core.pilot.records import RecordsUnavailable, Severity
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.report import (
    PreviousReport,
    Report,
    Transitions,
    Unreadable,
    changes,
    compose,
    report_id,
)
from slo_daemon.core.report_html import report_html
from slo_daemon.core.report_json import previous_report, report_json
from slo_daemon.core.report_markdown import report_markdown
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SourceView
from slo_daemon.workflows.report import json_text
from tests.core.scenarios import YESTERDAY, bad_day_report, healthy_report, rich_report
from tests.core.test_markdown import PAYLOADS
from tests.factories import (
    DAY,
    NOW,
    PILOT,
    SLOT,
    START,
    all_readings,
    healthy_readings,
    incident,
    one_number,
    plain_pilot,
    ratings_of,
    records_of,
    seed_pilot,
    snapshot_of,
    view,
)

GOLDEN = Path(__file__).parent / "golden"
SECTIONS = [
    "Verdict", "Overview", "SLO compliance", "Ramp", "Go-live criteria", "Rollback triggers", "Success metrics", "Experiment",
    "Decisions of people",
    "Incidents", "User feedback", "What changed", "Contacts", "Data coverage",
]  # fmt: skip
REPORTS = {"healthy": healthy_report, "bad_day": bad_day_report, "rich": rich_report}
RENDERED = {"md": report_markdown, "html": report_html, "json": json_text}
NO_TRANSITIONS = Transitions(())


def section(report: Report, heading: str) -> str:
    """The body of one section of the Markdown."""
    return report_markdown(report).split(f"\n## {heading}\n\n")[1].split("\n\n## ")[0]


@pytest.mark.parametrize("form", RENDERED)
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_what_it_was(name: str, form: str) -> None:
    """After a wanted change: WRITE_GOLDEN=1 pytest tests/core/test_report.py, and read the difference."""
    report = REPORTS[name]()
    text = RENDERED[form](report)
    file = GOLDEN / f"{name}.{form}"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPORTS)
def test_the_same_inputs_give_the_same_bytes(name: str) -> None:
    first, second = REPORTS[name](), REPORTS[name]()
    for render in RENDERED.values():
        assert render(first) == render(second)


@pytest.mark.parametrize("name", REPORTS)
def test_every_section_is_there_once_and_in_order(name: str) -> None:
    lines = report_markdown(REPORTS[name]()).splitlines()
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == SECTIONS
    assert lines[0] == "# Pilot report: E-commerce Semantic Search Pilot"


def test_the_healthy_example_says_every_slo_met_in_its_own_unit() -> None:
    compliance = section(healthy_report(), "SLO compliance")
    lines = compliance.split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:7]] for line in lines]
    assert rows == [
        ["query-latency-p95", "42 ms", "at most 50 ms", "✓ met", "none", "ok"],
        ["query-latency-p99", "95 ms", "at most 100 ms", "✓ met", "none", "ok"],
        ["availability", "99.95 %", "at least 99.9 %", "✓ met", "none", "ok"],
        ["error-rate", "0.08 %", "at most 0.1 %", "✓ met", "none", "ok"],
    ]


def test_a_missed_and_an_unseen_slo_are_explained_below_the_table() -> None:
    compliance = section(bad_day_report(), "SLO compliance")
    assert (
        "- **error-rate**: 2.4 % against at most 0.1 %; level critical since 2026-11-22 10:00:00 UTC"
        in compliance
    )
    assert "- **availability**: timeout: no answer within 5 s; level critical since" in compliance


def test_no_markdown_line_is_broken_by_what_people_wrote() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(report_markdown(bad_day_report()))
    kinds = {child.type for token in tokens for child in token.children or []}
    assert (
        kinds == {"text", "text_special", "strong_open", "strong_close", "code_inline", "softbreak"} & kinds
    )
    assert not {"html_block", "fence", "code_block"} & {token.type for token in tokens}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_anywhere_in_a_report_stays_text(payload: str) -> None:
    pilot = replace(
        seed_pilot(),
        title=payload,
        cohorts=(Cohort(payload, payload),),
        features={payload: True},
        variants=(payload,),
        labels=((payload, payload),),
        go_live_criteria=(CriterionText(payload, Role.GO_LIVE, Met()),),
        rollback_triggers=(CriterionText(payload, Role.ROLLBACK, Met()),),
        contacts=(Contact(payload, payload, payload),),
    )
    told = records_of(
        [incident(1, Severity.CRITICAL, title=payload, description=payload, resolution=payload)],
        ratings_of(1, 2, texts=(payload, payload)),
    )
    group = (("region", payload),)
    views = [view(pilot.slos[0], healthy_readings(pilot.slos[0]), group=group)]
    snapshot = snapshot_of(pilot, views, told, source=SourceView(False, "http", payload, None))
    name = f"{PILOT}/availability"
    transitions = Transitions(
        (Transition(name, 1, NOW, Level.NONE, Level.WARNING, TransitionReason.THRESHOLD, payload, None),)
    )
    report = compose(pilot, snapshot, NOW, transitions=transitions, previous=Unreadable(payload))
    text = report_markdown(report)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "code_inline", "softbreak"}
    headings = [
        tokens[i + 1].content
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]
    assert headings == SECTIONS
    assert not {"html_block", "fence", "code_block", "ordered_list_open"} & {token.type for token in tokens}
    assert "\x1b" not in text
    assert "\u202e" not in text
    json.loads(json_text(report))
    text.encode()


def test_an_unavailable_store_is_said_in_every_section_that_needs_it() -> None:
    pilot = seed_pilot()
    views = [view(slo, healthy_readings(slo)) for slo in pilot.slos]
    unavailable = RecordsUnavailable("store_unavailable", "the store cannot be read: disk gone")
    snapshot = snapshot_of(pilot, views, unavailable)
    report = compose(pilot, snapshot, NOW, transitions=Unreadable("the store cannot be read: disk gone"))
    for heading in ("Incidents", "User feedback", "What changed"):
        assert "Not known: the store cannot be read: disk gone" in section(report, heading)
    shape = report_json(report)
    assert (shape["incidents"], shape["recent_incidents"], shape["recent_feedback"]) == (None, None, None)
    assert shape["changes"]["transitions"] is None


def test_an_empty_pilot_says_that_there_is_nothing() -> None:
    pilot = replace(plain_pilot(), slos=())
    report = compose(
        pilot, snapshot_of(pilot, [], records_of(), None, source=None), NOW, transitions=NO_TRANSITIONS
    )
    text = report_markdown(report)
    for said in (
        "The pilot has no SLO.", "There are no rollback triggers.", "There is no experiment.",
        "No incidents were recorded.", "Nobody has rated yet.", "No contacts are configured.", "not asked yet",
        "Slots: not counted", "There is no earlier report to compare with.", "None is planned.", "that has not taken place yet",
    ):  # fmt: skip
        assert said in text, said
    assert "every SLO is met now" in section(report, "Go-live criteria")


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-3, "starts in 3 days, takes 56 days"),
        (-1, "starts in 1 day, takes 56 days"),
        (0, "day 1 of 56"),
        (30, "day 31 of 56"),
        (55, "day 56 of 56"),
        (56, "over since 2026-12-18, took 56 days"),
    ],
)
def test_the_overview_tells_the_day_of_the_pilot(days: int, said: str) -> None:
    report = replace(healthy_report(), at=NOW + (days - 30) * DAY)
    assert report.today == START + timedelta(days=days)
    assert report.progress == said


def test_ids_sort_by_time_and_fit_into_a_file_name() -> None:
    assert report_id(NOW) == "2026-11-22T10-00-00Z"
    assert report_id(NOW) < report_id(NOW + 1) < report_id(NOW + DAY)


def test_nothing_changes_between_two_equal_reports() -> None:
    first = healthy_report(YESTERDAY)
    second = replace(healthy_report(), previous=previous_report(report_json(first)))
    assert changes(second) == ()
    assert "nothing but time" in section(second, "What changed")


def test_changes_are_told_against_the_previous_report() -> None:
    told = changes(bad_day_report())
    assert told == (
        "query-latency-p95: met -> missed",
        "query-latency-p99: met -> missed",
        "availability: met -> unknown",
        "error-rate: met -> missed",
        "every SLO is met now: true -> false",
        "no error budget is spent: true -> false",
        "no critical incident is unresolved: true -> false",
        "user satisfaction is at least 3.5/5: unknown -> false",
        "user_satisfaction: at least 4.0/5 (ratings): unknown -> false",
        "Zero critical incidents in last week: true -> false",
        "User satisfaction > 4.0: unknown -> false",
        "Availability < 99.5%: false -> unknown",
        "p99 latency > 200ms: false -> true",
        "Error rate > 1%: false -> true",
        "advice: hold -> rollback",
        "6 incidents more, 7 in total",
        "31 votes more, 34 in total",
    )


def test_new_and_removed_slos_and_a_new_configuration_are_changes() -> None:
    before = previous_report(report_json(healthy_report(YESTERDAY)))
    pilot = replace(seed_pilot(), slos=seed_pilot().slos[:3])
    added = view(
        replace(pilot.slos[2], name="checkout"),
        all_readings(pilot.slos[2], {"bad": one_number(0), "total": one_number(10_000)}),
    )
    views = [*(view(slo, healthy_readings(slo)) for slo in pilot.slos), added]
    snapshot = snapshot_of(pilot, views, records_of())
    report = compose(
        pilot, snapshot, NOW, previous=replace(before, configuration="other"), transitions=NO_TRANSITIONS
    )
    told = changes(report)
    assert told[:4] == (
        "verdict: NOT_READY -> INCONCLUSIVE",
        "the configuration was changed",
        "checkout: new, met",
        "error-rate: no longer there",
    )
    assert "1 incident fewer, 0 in total" in told


def test_only_level_changes_since_the_previous_report_are_told() -> None:
    table = section(bad_day_report(), "What changed").split("### Level changes\n\n")[1].splitlines()
    assert [line.split("|")[2].strip() for line in table[2:]] == [
        "query-latency-p95",
        "availability",
        "error-rate",
    ]


def test_a_first_report_tells_the_latest_level_changes_of_its_own_pilot() -> None:
    moves = tuple(
        Transition(
            f"{pilot}/availability", i, NOW - i, Level.NONE, Level.WARNING, TransitionReason.THRESHOLD, "d"
        )
        for i in range(12)
        for pilot in (PILOT, "another")
    )  # fmt: skip
    pilot = seed_pilot()
    snapshot = snapshot_of(pilot, [], records_of())
    report = compose(pilot, snapshot, NOW, transitions=Transitions(moves))
    assert isinstance(report.transitions, Transitions)
    assert [t.slot for t in report.transitions.latest] == [NOW - i for i in range(10)]
    assert {t.slo_id for t in report.transitions.latest} == {f"{PILOT}/availability"}
    assert "There were more; these are the latest." in section(report, "What changed")


def test_cut_level_changes_are_complete_when_they_reach_back_far_enough() -> None:
    before = previous_report(report_json(healthy_report(Slot(NOW - 100, 30.0))))
    pilot = seed_pilot()
    snapshot = snapshot_of(pilot, [], records_of())

    def composed(oldest: float) -> Report:
        move = Transition(
            f"{PILOT}/availability", 1, oldest, Level.NONE, Level.WARNING, TransitionReason.THRESHOLD, "d"
        )
        cut = Transitions((move,), complete=False)
        return compose(pilot, snapshot, NOW, previous=before, transitions=cut)

    reaching, short = composed(NOW - 200).transitions, composed(NOW - 50).transitions
    assert isinstance(reaching, Transitions)
    assert isinstance(short, Transitions)
    assert (reaching.complete, len(reaching.latest)) == (True, 0)
    assert (short.complete, len(short.latest)) == (False, 1)


@pytest.mark.parametrize("name", REPORTS)
def test_what_a_report_said_is_read_back(name: str) -> None:
    report = REPORTS[name]()
    facts = previous_report(json.loads(json_text(report)))
    assert isinstance(facts, PreviousReport)
    assert (facts.id, facts.at, facts.slot) == (report.id, report.at, SLOT.time)
    assert facts.verdict is report.assessment.verdict
    assert {key: (f.met, f.level) for key, f in facts.slos.items()} == {
        v.instance.id: (v.evaluation.met if v.evaluation else None, v.state.level) for v in report.views
    }
    assert facts.configuration == report.configuration


@pytest.mark.parametrize(
    "broken",
    [
        {}, {"report": None}, {"verdict": "MAYBE"}, {"slos": [{"id": "x", "met": "yes", "level": 0}]},
        {"slos": [{"id": "x", "met": True, "level": 7}]}, {"criteria": 5}, {"incidents": {"total": "many"}},
        {"slot": "noon"},
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(broken: dict[str, object]) -> None:
    content = report_json(healthy_report()) | broken if broken else {}
    with pytest.raises((KeyError, TypeError, ValueError)):
        previous_report(content)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(report_json(healthy_report()))), JSON_VALUES, max_size=3))
def test_any_content_is_a_report_or_refused_in_a_known_way(damage: dict[str, object]) -> None:
    try:
        facts = previous_report(report_json(healthy_report()) | damage)
    except (KeyError, TypeError, ValueError, OverflowError):
        return
    assert isinstance(facts, PreviousReport)


@given(st.floats(min_value=0, max_value=4e9))
def test_a_report_of_any_time_is_rendered(at: float) -> None:
    report = replace(healthy_report(), at=at)
    assert report_markdown(report).startswith("# Pilot report")
    assert json.loads(json_text(report))["verdict"] == Verdict.NOT_READY.value
