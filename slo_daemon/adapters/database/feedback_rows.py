"""Statements for users' ratings and the votes that they come to. Each runs in its connection's transaction."""

from collections import defaultdict
from math import inf

from sqlalchemy import ColumnElement, Connection, func, select

from slo_daemon.adapters.database.tables import feedback, feedback_of
from slo_daemon.adapters.database.written_rows import added, columns, noted, replayed
from slo_daemon.core.pilot.records import (
    ALL_VOTES,
    Feedback,
    NewFeedback,
    RecordsQuery,
    VoteCounting,
    Votes,
    VotesQuery,
)
from slo_daemon.ports import Act, Recorded, WriteKind

Counts = dict[int, tuple[int, ...]]  # by rating, for each window


def add_feedback(connection: Connection, new: NewFeedback, act: Act) -> Recorded[Feedback]:
    """Store, or find what the same key has stored."""
    found = replayed(connection, WriteKind.RECORD_FEEDBACK, new.pilot, act, new)
    if found is None:
        values = columns(new) | {"context": dict(new.context), "recorded_at": act.at}
        values["username"] = values.pop("user")
        record_id = added(connection, feedback, values)
        noted(connection, WriteKind.RECORD_FEEDBACK, new.pilot, record_id, act, new)
    else:
        record_id = found
    row = connection.execute(select(feedback).where(feedback.c.id == record_id)).mappings().one()
    return Recorded(feedback_of(row), created=found is None)


def read_feedback(connection: Connection, pilot: str, limit: int, at: float = inf) -> tuple[Feedback, ...]:
    """The latest by time given, newest first, up to `at`."""
    f = feedback.c
    query = select(feedback).where(f.pilot == pilot)
    if at < inf:
        query = query.where(f.given_at <= at)
    query = query.order_by(f.given_at.desc(), f.id.desc()).limit(limit)
    return tuple(feedback_of(row) for row in connection.execute(query).mappings())


def count_votes(connection: Connection, pilot: str, query: RecordsQuery) -> dict[VotesQuery, Votes]:
    """The votes of every query, and all of everybody. One pass for each segment, whatever its windows are."""
    windows: defaultdict[str, set[float | None]] = defaultdict(set)
    for asked in (ALL_VOTES, *query.vote_windows):
        windows[asked.segment].add(asked.seconds)
    found = {}
    for segment, spans in windows.items():
        seconds = list(spans)
        counts = _counts(connection, pilot, segment, seconds, query)
        for place, span in enumerate(seconds):
            one, two, three, four, five = (counts[rating][place] for rating in range(1, 6))
            found[VotesQuery(span, segment)] = Votes((one, two, three, four, five))
    return found


def _counts(
    connection: Connection, pilot: str, segment: str, seconds: list[float | None], query: RecordsQuery
) -> Counts:
    """In the index of the segment's kind; a name that is both a cohort and a variant is asked for as both."""
    f = feedback.c
    if not segment:
        return _passed(connection, [f.pilot == pilot], seconds, query)
    cohort = [f.pilot == pilot, f.cohort == segment]
    variant = [f.pilot == pilot, f.variant == segment]
    in_cohort = select(f.id).where(*cohort).limit(1)
    in_variant = select(f.id).where(*variant).limit(1)
    if connection.execute(in_variant).first() is None:
        return _passed(connection, cohort, seconds, query)
    if connection.execute(in_cohort).first() is None:
        return _passed(connection, variant, seconds, query)
    return _passed(
        connection, [f.pilot == pilot, (f.cohort == segment) | (f.variant == segment)], seconds, query
    )


def _passed(
    connection: Connection,
    rows: list[ColumnElement[bool]],
    seconds: list[float | None],
    query: RecordsQuery,
) -> Counts:
    """Ratings later than `at` are left out where votes are counted: as a condition it would lead SQLite to another index."""
    f, at = feedback.c, query.at
    if query.votes is VoteCounting.NEWEST:
        follower = func.lead(f.id).over(partition_by=f.username, order_by=(f.given_at, f.id))
        rated = select(f.rating, f.given_at, follower.label("follower")).where(*rows, f.given_at <= at)
        inner = rated.subquery()
        votes = select(inner.c.rating, inner.c.given_at).where(inner.c.follower.is_(None)).subquery().c
    else:
        votes = select(f.rating, f.given_at).where(*rows).subquery().c
    since = (-inf if span is None else at - span for span in seconds)
    counted = select(
        votes.rating,
        *(func.count().filter(votes.given_at.between(first, at)) for first in since),
    ).group_by(votes.rating)
    found = dict.fromkeys(range(1, 6), (0,) * len(seconds))
    for rating, *counts in connection.execute(counted):
        found[rating] = tuple(counts)
    return found
