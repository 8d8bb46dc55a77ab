"""What it costs to read a pilot's records for its assessment, and to take a file of ratings: on this machine, in SQLite."""

import random
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.core.pilot.records import (
    DAY,
    WEEK,
    NewFeedback,
    NewIncident,
    RecordsQuery,
    Severity,
    VoteCounting,
    VotesQuery,
)
from slo_daemon.ports import Act
from slo_daemon.ports.people import Row

FEEDBACK, INCIDENTS, USERS = 100_000, 10_000, 60_000
NOW, SPAN = 1_800_000_000.0, 56 * DAY
INCIDENT_WINDOWS = frozenset({DAY, WEEK, 2 * WEEK, 30 * DAY})
VOTE_WINDOWS = frozenset(
    {
        VotesQuery(),
        VotesQuery(WEEK),
        VotesQuery(2 * WEEK),
        VotesQuery(WEEK, "treatment"),
        VotesQuery(WEEK, "control"),
        VotesQuery(None, "mobile"),
    }
)
ROUNDS = 7
COMMENT = "x" * 100


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that something took; the median where it was done several times."""

    what: str
    seconds: float


def assess_costs(say: Callable[[str], object]) -> list[Cost]:
    """`say` is told what is being done."""
    some = random.Random(20261126)  # noqa: S311
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(DatabaseStore(SqliteFile(Path(folder) / "store.db"))) as store,
    ):
        say(f"storing {FEEDBACK:,} ratings and {INCIDENTS:,} incidents")
        ratings, incidents = _ratings(some), _incidents(some)
        act = Act("bench", NOW, "file", "file")
        costs = [
            _cost(
                f"import of {FEEDBACK:,} ratings with keys",
                lambda: store.import_feedback("shop", ratings, act),
            ),
            _cost("the same file again", lambda: store.import_feedback("shop", ratings, act)),
            _cost(
                f"import of {INCIDENTS:,} incidents",
                lambda: store.import_incidents("shop", incidents, act),
            ),
        ]
        say("reading them")
        for votes in VoteCounting:
            plain = RecordsQuery(NOW, votes=votes)
            full = RecordsQuery(NOW, INCIDENT_WINDOWS, VOTE_WINDOWS, votes)
            costs += [
                _cost(f"records, votes {votes.value}", partial(store.records, "shop", plain), ROUNDS),
                _cost(
                    f"records, votes {votes.value}, {len(VOTE_WINDOWS)} vote queries, {len(INCIDENT_WINDOWS)} windows",
                    partial(store.records, "shop", full),
                    ROUNDS,
                ),
            ]
    return costs


def _cost(what: str, work: Callable[[], object], rounds: int = 1) -> Cost:
    took = []
    for _ in range(rounds):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return Cost(what, median(took))


def _ratings(some: random.Random) -> list[Row[NewFeedback]]:
    return [
        Row(
            NewFeedback(
                "shop",
                f"user {some.randrange(USERS)}",
                some.randrange(1, 6),
                COMMENT,
                NOW - some.random() * SPAN,
                {"n": number},
                some.choice(["mobile", "power", None]),
                some.choice(["control", "treatment"]),
            ),
            f"row {number}",
        )
        for number in range(FEEDBACK)
    ]


def _incidents(some: random.Random) -> list[Row[NewIncident]]:
    severities = list(Severity)
    return [
        Row(
            NewIncident(
                "shop", f"incident {number}", some.choice(severities), COMMENT, NOW - some.random() * SPAN
            )
        )
        for number in range(INCIDENTS)
    ]
