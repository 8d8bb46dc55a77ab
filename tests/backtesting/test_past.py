"""The store of a replay: it knows what had happened by then, and nothing of what came later."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.backtesting.past import PastRecords, PastStore, ReplayClock
from slo_daemon.core.pilot.records import Feedback, Incident, NewFeedback, NewIncident, Severity
from slo_daemon.ports import Act, StoreError

P = "p"


def incident(
    number: int, start: float, end: float | None, severity: Severity = Severity.CRITICAL
) -> Incident:
    done = "restarted" if end is not None else None
    return Incident(number, P, f"i{number}", severity, "", start, start, done, end)


def rating(number: int, at: float, user: str, stars: int) -> Feedback:
    return Feedback(number, P, user, stars, "", at, at, {})


def store(
    at: float, *incidents: Incident, feedback: tuple[Feedback, ...] = ()
) -> tuple[ReplayClock, PastStore]:
    clock = ReplayClock(at)
    return clock, PastStore(clock, PastRecords(incidents, feedback))


def test_an_incident_is_open_from_its_start_until_it_was_resolved() -> None:
    clock, past = store(0.0, incident(1, 100.0, 200.0))
    told = []
    for at in (99.0, 100.0, 199.0, 200.0):
        clock.at = at
        found = past.records(P, since=0.0).incidents
        told.append(
            (
                found.total,
                found.open_by_severity[Severity.CRITICAL],
                found.resolved_by_severity[Severity.CRITICAL],
            )
        )

    assert told == [(0, 0, 0), (1, 1, 0), (1, 1, 0), (1, 0, 1)]
    clock.at = 150.0
    (seen,) = past.incidents(P)
    assert (seen.resolved, seen.resolution) == (False, None), "how it ended was not known yet"


def test_ratings_count_from_the_time_they_were_given_and_the_newest_of_a_user_counts() -> None:
    ratings = (rating(1, 10.0, "a", 2), rating(2, 20.0, "b", 4), rating(3, 30.0, "a", 5))
    clock, past = store(0.0, feedback=ratings)
    told = []
    for at in (5.0, 10.0, 25.0, 30.0):
        clock.at = at
        found = past.records(P, since=0.0).ratings
        told.append((found.count, found.total))

    assert told == [(0, 0), (1, 2), (2, 6), (2, 9)]


def test_where_nobody_was_asked_the_store_says_so() -> None:
    past = PastStore(ReplayClock(0.0), PastRecords())
    with pytest.raises(StoreError, match="given no incidents"):
        past.records(P, since=0.0)


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
    clock, past = store(0.0, *incidents, feedback=feedback)

    for at in times:  # in any order: the clock may go back between two replays
        clock.at = at
        since = at - 30.0
        found, expected = past.records(P, since), told_until(at, incidents, feedback).records(P, since)
        assert found.ratings.count == expected.ratings.count
        assert found.ratings.total == expected.ratings.total
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
