"""The store of a replay: it knows what had happened by then, and nothing of what came later."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.backtesting.past import PastRecords, PastStore
from slo_daemon.core.pilot.records import (
    WEEK,
    Feedback,
    Incident,
    NewFeedback,
    NewIncident,
    Records,
    RecordsQuery,
    Severity,
)
from slo_daemon.ports import Act, StoreError

P = "p"


def incident(
    number: int, start: float, end: float | None, severity: Severity = Severity.CRITICAL
) -> Incident:
    done = "restarted" if end is not None else None
    return Incident(number, P, f"i{number}", severity, "", start, start, done, end)


def rating(number: int, at: float, user: str, stars: int) -> Feedback:
    return Feedback(number, P, user, stars, "", at, at, {})


def store(*incidents: Incident, feedback: tuple[Feedback, ...] = ()) -> PastStore:
    return PastStore(PastRecords(incidents, feedback))


def records(past: PastStore, at: float) -> Records:
    """What it tells as of a time."""
    return past.records(P, RecordsQuery(at, frozenset({WEEK, 30.0})))


def test_an_incident_is_open_from_its_start_until_it_was_resolved() -> None:
    past = store(incident(1, 100.0, 200.0))
    told = []
    for at in (99.0, 100.0, 199.0, 200.0):
        found = records(past, at).incidents
        told.append(
            (
                found.total,
                found.open_by_severity[Severity.CRITICAL],
                found.resolved_by_severity[Severity.CRITICAL],
            )
        )

    assert told == [(0, 0, 0), (1, 1, 0), (1, 1, 0), (1, 0, 1)]
    (seen,) = records(past, 150.0).incidents.recent
    assert (seen.resolved, seen.resolution) == (False, None), "how it ended was not known yet"


def test_ratings_count_from_the_time_they_were_given_and_the_newest_of_a_user_counts() -> None:
    past = store(feedback=(rating(1, 10.0, "a", 2), rating(2, 20.0, "b", 4), rating(3, 30.0, "a", 5)))
    told = [
        (found.count, found.total) for at in (5.0, 10.0, 25.0, 30.0) for found in [records(past, at).ratings]
    ]

    assert told == [(0, 0), (1, 2), (2, 6), (2, 9)]


def test_where_nobody_was_asked_the_store_says_so() -> None:
    with pytest.raises(StoreError, match="given no incidents"):
        records(PastStore(PastRecords()), 0.0)


@given(
    spans=st.lists(
        st.tuples(st.integers(0, 50), st.one_of(st.none(), st.integers(0, 50)), st.sampled_from(Severity)),
        max_size=8,
    ),
    given_at=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abc"), st.integers(1, 5)), max_size=8),
    times=st.lists(st.integers(0, 110), min_size=1, max_size=6),
)
def test_at_every_time_it_tells_what_a_store_would_that_was_told_until_then(
    spans: list[tuple[int, int | None, Severity]], given_at: list[tuple[int, str, int]], times: list[int]
) -> None:
    incidents = tuple(
        incident(n, start, None if length is None else start + length, severity)
        for n, (start, length, severity) in enumerate(spans, 1)
    )
    feedback = tuple(rating(n, at, user, stars) for n, (at, user, stars) in enumerate(given_at, 1))
    past = store(*incidents, feedback=feedback)

    for at in times:  # in any order
        query = RecordsQuery(at, frozenset({WEEK, 30.0}))
        found, expected = records(past, at), told_until(at, incidents, feedback).records(P, query)
        assert found.ratings.votes == expected.ratings.votes
        assert replace(found.incidents, recent=()) == replace(expected.incidents, recent=())


def told_until(at: float, incidents: tuple[Incident, ...], feedback: tuple[Feedback, ...]) -> MemoryStore:
    plain = MemoryStore()
    for one in incidents:
        if one.started_at <= at:
            ended = one.resolved_at is not None and one.resolved_at <= at
            new = NewIncident(
                P, one.title, one.severity, "", one.started_at, one.resolution if ended else None, one.resolved_at if ended else None
            )  # fmt: skip
            plain.record_incident(new, Act("me", at))
    for vote in feedback:
        if vote.given_at <= at:
            plain.record_feedback(
                NewFeedback(P, vote.user, vote.rating, "", vote.given_at, {}), Act("me", at)
            )
    return plain
