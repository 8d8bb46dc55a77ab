"""Recording incidents and feedback: sound values are kept exactly, others leave nothing behind."""

from collections.abc import Callable
from datetime import date, timedelta
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.pilot import Pilot, Stage
from slo_daemon.core.pilot.records import IncidentChange, Severity
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import KeyReusedError, StoreError
from slo_daemon.workflows.record import (
    AHEAD,
    EARLIEST,
    Author,
    Recorder,
    RefusedError,
    UnknownIncidentError,
    UnknownPilotError,
)
from tests.telling import Told

NOW = 1_800_000_000.0
ME = Author("incidents")
PILOT = Pilot("search", "Search", Stage.CANARY, date(2027, 1, 1), timedelta(weeks=8), ())


class Desk:
    """A recorder with everything around it."""

    def __init__(self) -> None:
        self.time = NOW
        self.store = MemoryStore()
        self.told = Told()
        self.assessed: list[str] = []
        self.current = Snapshot(Specification((), (PILOT,), "h"), None, None, {})
        self.recorder = Recorder(self.store, self, lambda: self.current, self.told, self.assessed.append)

    def now(self) -> float:
        return self.time

    def incident(self, **fields: Any) -> Any:
        given: dict[str, Any] = {"title": "t", "severity": Severity.CRITICAL} | fields
        return self.recorder.add_incident("search", ME, **given).record

    def feedback(self, **fields: Any) -> Any:
        given: dict[str, Any] = {"user": "u", "rating": 3} | fields
        return self.recorder.add_feedback("search", ME, **given).record


@pytest.fixture
def desk() -> Desk:
    return Desk()


def refused(work: Callable[[], object]) -> list[str]:
    with pytest.raises(RefusedError) as caught:
        work()
    return [problem.field for problem in caught.value.problems]


def test_the_judges_are_told_after_each_record_and_only_then(desk: Desk) -> None:
    desk.incident()
    desk.recorder.change_incident("search", 1, IncidentChange(severity=Severity.INFO), ME)
    desk.feedback()
    assert desk.assessed == ["search"] * 3

    refused(lambda: desk.feedback(rating=0))
    desk.store.failure = StoreError("full", "no room")
    with pytest.raises(StoreError):
        desk.incident()
    assert desk.assessed == ["search"] * 3
    assert desk.told.named("store_failed") == [("full",)]


def test_a_repetition_is_told_to_nobody(desk: Desk) -> None:
    author = Author("incidents", "key", "content")
    for _ in range(3):
        desk.recorder.add_incident("search", author, title="t", severity=Severity.INFO)

    assert desk.assessed == ["search"]
    with pytest.raises(KeyReusedError):
        desk.recorder.add_incident(
            "search", Author("incidents", "key", "x"), title="t", severity=Severity.INFO
        )


def test_a_pilot_that_is_not_in_the_snapshot_is_unknown(desk: Desk) -> None:
    for work in (
        lambda: desk.recorder.add_incident("other", ME, title="t", severity=Severity.INFO),
        lambda: desk.recorder.add_feedback("other", ME, user="u", rating=3),
        lambda: desk.recorder.change_incident("other", 1, IncidentChange(description="x"), ME),
        lambda: desk.recorder.incidents("other", 10),
        lambda: desk.recorder.feedback("other", 10),
    ):
        with pytest.raises(UnknownPilotError) as caught:
            work()
        assert caught.value.known == ("search",)


def test_a_reload_that_takes_the_pilot_away_counts_at_once(desk: Desk) -> None:
    desk.incident()
    desk.current = Snapshot(Specification((), (), "h"), None, None, {})

    with pytest.raises(UnknownPilotError):
        desk.incident()


@pytest.mark.parametrize(
    ("at", "sound"),
    [
        (NOW, True),
        (NOW + AHEAD, True),
        (NOW + AHEAD + 0.001, False),
        (EARLIEST, True),
        (EARLIEST - 1, False),
        (nan, False),
        (inf, False),
        (-inf, False),
    ],
)
def test_a_time_lies_between_the_year_2000_and_five_minutes_from_now(
    desk: Desk, at: float, sound: bool
) -> None:
    works: list[tuple[Callable[[], Any], list[str]]] = [
        (lambda: desk.incident(started_at=at), ["started_at"]),
        (lambda: desk.feedback(given_at=at), ["given_at"]),
    ]
    for work, fields in works:
        if sound:
            work()
        else:
            assert refused(work) == fields


def test_all_problems_come_at_once(desk: Desk) -> None:
    fields = refused(
        lambda: desk.incident(title="", description="x" * 4_001, started_at=NOW + 1e6, resolution="\0")
    )

    assert fields == ["title", "description", "started_at", "resolution", "resolved_at"]


@pytest.mark.parametrize("rating", [True, False, 0, 6, -1, 10**30])
def test_a_rating_is_a_whole_number_from_1_to_5(desk: Desk, rating: int) -> None:
    assert refused(lambda: desk.feedback(rating=rating)) == ["rating"]


@pytest.mark.parametrize(
    "context",
    [
        {"a": nan},
        {"a": inf},
        {"a": 2**63},
        {"a": "\0"},
        {"a": "\ud800"},
        {"\n": 1},
        {str(n): n for n in range(21)},
    ],
)
def test_a_context_that_cannot_be_kept_is_refused(desk: Desk, context: dict[str, Any]) -> None:
    assert refused(lambda: desk.feedback(context=context))[0].startswith("context")


def test_resolving_keeps_the_first_time(desk: Desk) -> None:
    desk.incident(started_at=NOW - 100)
    desk.time = NOW + 10
    first = desk.recorder.change_incident("search", 1, IncidentChange(resolution="a"), ME)
    desk.time = NOW + 20
    second = desk.recorder.change_incident("search", 1, IncidentChange(resolution="b", replaces=True), ME)
    later = IncidentChange(resolved_at=NOW + 15, replaces=True)
    third = desk.recorder.change_incident("search", 1, later, ME)

    assert (first.resolved_at, second.resolved_at, third.resolved_at) == (NOW + 10, NOW + 10, NOW + 15)
    assert third.resolution == "b"


def test_resolving_before_the_start_is_refused(desk: Desk) -> None:
    desk.incident(started_at=NOW - 100)

    assert refused(
        lambda: desk.recorder.change_incident("search", 1, IncidentChange(resolved_at=NOW - 101), ME)
    ) == ["resolved_at"]


def test_a_change_of_nothing_is_refused(desk: Desk) -> None:
    desk.incident()
    only_replace = IncidentChange(replaces=True)

    assert refused(lambda: desk.recorder.change_incident("search", 1, IncidentChange(), ME)) == [""]
    assert refused(lambda: desk.recorder.change_incident("search", 1, only_replace, ME)) == [""]


def test_an_incident_of_another_pilot_is_unknown(desk: Desk) -> None:
    desk.incident()
    other = Pilot("other", "Other", Stage.CANARY, date(2027, 1, 1), timedelta(weeks=8), ())
    desk.current = Snapshot(Specification((), (PILOT, other), "h"), None, None, {})

    with pytest.raises(UnknownIncidentError):
        desk.recorder.change_incident("other", 1, IncidentChange(description="x"), ME)


anything = st.text(st.characters(), max_size=40)
context_values = st.none() | st.booleans() | st.integers() | st.floats() | anything


@given(
    title=anything,
    description=anything,
    started_at=st.floats() | st.floats(NOW - 1e6, NOW + 400),
    resolution=st.none() | anything,
    resolved_at=st.none() | st.floats(NOW - 1e6, NOW + 400),
)
def test_an_incident_is_kept_exactly_or_not_at_all(
    title: str, description: str, started_at: float, resolution: str | None, resolved_at: float | None
) -> None:
    desk = Desk()
    try:
        desk.incident(
            title=title,
            description=description,
            started_at=started_at,
            resolution=resolution,
            resolved_at=resolved_at,
        )
    except RefusedError as error:
        fields = {problem.field for problem in error.problems}
        stored = desk.store.audit()
    else:
        fields = set()
        stored = desk.store.audit()
        (kept,) = desk.store.incidents("search")
        assert (kept.title, kept.description, kept.started_at) == (title, description, started_at)
        assert kept.resolution == resolution
        assert kept.resolved == (resolution is not None or resolved_at is not None)
        assert kept.resolved_at is None or kept.resolved_at >= kept.started_at
        (kept.title + kept.description + (kept.resolution or "")).encode()
    assert bool(fields) != bool(stored)


@given(
    user=anything,
    rating=st.integers(-1, 7) | st.booleans(),
    text=anything,
    context=st.dictionaries(anything, context_values, max_size=25),
)
def test_feedback_is_kept_exactly_or_not_at_all(
    user: str, rating: int, text: str, context: dict[str, Any]
) -> None:
    desk = Desk()
    try:
        desk.feedback(user=user, rating=rating, text=text, context=context)
    except RefusedError as error:
        fields = {problem.field for problem in error.problems}
        stored = desk.store.audit()
    else:
        fields = set()
        stored = desk.store.audit()
        (kept,) = desk.store.feedback("search")
        assert (kept.user, kept.rating, kept.text, dict(kept.context)) == (user, rating, text, context)
        assert 1 <= kept.rating <= 5
    assert bool(fields) != bool(stored)
