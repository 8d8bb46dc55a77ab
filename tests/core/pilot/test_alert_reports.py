"""Alerts as incidents: whatever is repeated, late or restarted, each outage is one incident."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.alert_reports import (
    AlertOutcome,
    AlertReport,
    alert_source,
    decide,
    is_own,
    severity_of,
)
from slo_daemon.core.pilot.records import Incident, Severity

LATER = 10_000.0
Span = tuple[float, float | None]


def firing(start: float = 100.0, **fields: Any) -> AlertReport:
    values = {"severity": Severity.WARNING, "title": "down"} | fields
    return AlertReport("f1", start, None, **values)


def resolved(start: float = 100.0, end: float = 200.0, **fields: Any) -> AlertReport:
    return replace(firing(start, **fields), ends_at=end)


class Book:
    """Incidents of one fingerprint, as a store keeps them."""

    def __init__(self) -> None:
        self.kept: list[Incident] = []

    def take(self, *reports: AlertReport, at: float = LATER) -> list[AlertOutcome]:
        outcomes = []
        for report in reports:
            decision = decide("shop", report, self.kept, at)
            outcomes.append(decision.outcome)
            if decision.new is not None:
                new = decision.new
                self.kept.append(
                    Incident(
                        id=len(self.kept) + 1,
                        pilot=new.pilot,
                        title=new.title,
                        severity=new.severity,
                        description=new.description,
                        started_at=new.started_at,
                        recorded_at=at,
                        resolution=new.resolution,
                        resolved_at=new.resolved_at,
                        **alert_source(report),  # type: ignore[arg-type]
                    )
                )
            elif decision.changed is not None:
                self.kept[decision.changed.id - 1] = decision.changed
        return outcomes

    def change(self, **fields: Any) -> None:
        """What a person does to the last one."""
        self.kept[-1] = replace(self.kept[-1], **fields)

    @property
    def spans(self) -> list[Span]:
        return sorted((one.started_at, one.resolved_at) for one in self.kept)


def test_an_outage_is_opened_merged_and_resolved() -> None:
    book = Book()
    told = book.take(firing(), firing(), resolved(), resolved(), firing())
    assert told == [
        AlertOutcome.OPENED,
        AlertOutcome.MERGED,
        AlertOutcome.RESOLVED,
        AlertOutcome.KNOWN,
        AlertOutcome.LATE,
    ]
    assert book.spans == [(100.0, 200.0)]


def test_a_restarted_alertmanager_that_moves_the_start_makes_no_second_incident() -> None:
    book = Book()
    book.take(firing(100.0), firing(150.0), resolved(150.0, 200.0), firing(150.0), resolved(100.0, 200.0))
    assert book.spans == [(100.0, 200.0)]


def test_the_next_outage_of_the_same_alert_is_a_new_incident() -> None:
    book = Book()
    book.take(firing(100.0), resolved(100.0, 200.0), firing(300.0))
    assert book.spans == [(100.0, 200.0), (300.0, None)]


def test_an_outage_of_which_only_the_end_was_told_is_recorded_as_over() -> None:
    book = Book()
    assert book.take(resolved(), firing(300.0), resolved(50.0, 60.0)) == [
        AlertOutcome.RECORDED,
        AlertOutcome.OPENED,
        AlertOutcome.RECORDED,
    ]
    assert book.spans == [(50.0, 60.0), (100.0, 200.0), (300.0, None)]


def test_the_end_of_an_older_outage_does_not_resolve_a_newer_one() -> None:
    book = Book()
    book.take(firing(300.0), resolved(100.0, 200.0))
    assert book.spans == [(100.0, 200.0), (300.0, None)]


def test_a_resolution_by_a_person_stays_until_the_alert_starts_anew() -> None:
    book = Book()
    book.take(firing(100.0))
    book.change(resolved_at=150.0, resolution="rolled back")
    assert book.take(firing(100.0), firing(120.0), resolved(100.0, 200.0)) == [
        AlertOutcome.LATE,
        AlertOutcome.LATE,
        AlertOutcome.KNOWN,
    ]
    assert book.spans == [(100.0, 150.0)]
    assert book.kept[0].resolution == "rolled back"
    book.take(firing(300.0))
    assert book.spans == [(100.0, 150.0), (300.0, None)]


def test_a_higher_severity_is_taken_over_but_what_a_person_has_set_stays() -> None:
    book = Book()
    book.take(firing(severity=Severity.INFO), firing(severity=Severity.WARNING))
    assert book.kept[0].severity is Severity.WARNING
    book.take(firing(severity=Severity.INFO))
    assert book.kept[0].severity is Severity.WARNING
    book.change(severity=Severity.INFO)
    book.take(firing(severity=Severity.WARNING))
    assert book.kept[0].severity is Severity.INFO
    book.take(firing(severity=Severity.CRITICAL))
    assert book.kept[0].severity is Severity.CRITICAL


def test_a_description_is_filled_in_and_never_overwritten() -> None:
    book = Book()
    book.take(firing(), firing(description="5xx"), firing(description="other"))
    assert book.kept[0].description == "5xx"


@pytest.mark.parametrize("end", [LATER + 1e9, inf])
def test_an_end_in_the_future_is_now_so_that_it_hides_no_later_outage(end: float) -> None:
    book = Book()
    book.take(firing(), resolved(end=end), at=500.0)
    assert book.spans == [(100.0, 500.0)]
    book.take(firing(600.0))
    assert book.spans == [(100.0, 500.0), (600.0, None)]


def test_an_end_before_the_start_is_the_start() -> None:
    book = Book()
    book.take(resolved(100.0, 50.0), firing(100.0))
    assert book.spans == [(100.0, 100.0)]


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("Page", Severity.CRITICAL),
        ("warning", Severity.WARNING),
        ("info", Severity.INFO),
        ("none", Severity.INFO),
        ("", Severity.WARNING),
        ("high", Severity.WARNING),
    ],
)
def test_the_label_severity_is_read(label: str, severity: Severity) -> None:
    assert severity_of(label) is severity


def test_own_alerts_are_known_by_their_label() -> None:
    assert is_own({"alertname": "SLOCritical", "slo_daemon": "true"})
    assert not is_own({"alertname": "SLOCritical"})
    assert not is_own({"slo_daemon": "false"})


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Span], list[AlertReport]]:
    """Outages of one alert, and reports of them as they may arrive.

    Those of one outage in any order, again and again; late ones of earlier outages between those of later ones. The end of
    an outage is told before the end of the next. The last outage may go on; it is told again at the end, as repetitions are.
    """
    count = draw(st.integers(1, 4))
    outages: list[Span] = [(100.0 * n, 100.0 * n + draw(st.integers(1, 99))) for n in range(1, count + 1)]
    if draw(st.booleans()):
        outages[-1] = (outages[-1][0], None)
    arrived: list[AlertReport] = []
    before: list[AlertReport] = []
    for start, end in outages:
        mine = [firing(start)] if end is None else [firing(start), resolved(start, end)]
        again = draw(st.lists(st.sampled_from(mine + before), max_size=6))
        order = draw(st.permutations([*again, mine[-1]]))
        arrived += order
        before += mine
    late = draw(st.lists(st.sampled_from(before), max_size=4))
    return outages, [*arrived, *late]


@given(histories())
def test_any_order_and_repetition_gives_one_incident_for_each_outage(
    history: tuple[list[Span], list[AlertReport]],
) -> None:
    outages, reports = history
    book = Book()
    book.take(*reports)
    assert book.spans == outages


@given(histories(), st.data())
def test_moved_starts_change_neither_the_number_of_incidents_nor_their_ends(
    history: tuple[list[Span], list[AlertReport]], data: st.DataObject
) -> None:
    outages, reports = history
    ends = dict(outages)
    book = Book()
    for report in reports:
        end = ends[report.starts_at]
        moved = data.draw(st.floats(report.starts_at, report.starts_at + 99 if end is None else end))
        book.take(replace(report, starts_at=moved))
    assert [end for _, end in book.spans] == [end for _, end in outages]
    for (start, _), (begin, end) in zip(book.spans, outages, strict=True):
        assert begin <= start <= (inf if end is None else end)


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=12))
def test_whatever_arrives_at_most_one_incident_is_open_and_none_overlap(
    pairs: Sequence[tuple[int, int | None]],
) -> None:
    book = Book()
    book.take(*(firing(float(s)) if e is None else resolved(float(s), float(e)) for s, e in pairs))
    over = sorted((one.started_at, one.resolved_at) for one in book.kept if one.resolved_at is not None)
    assert sum(not one.resolved for one in book.kept) <= 1
    assert len({one.started_at for one in book.kept}) == len(book.kept)
    for (_, end), (start, _) in pairwise(over):
        assert end < start
