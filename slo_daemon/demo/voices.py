"""What people of the pilot have told: the incidents and ratings that the demo records through the daemon's API."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from slo_daemon.adapters.record_files import feedback_of, incident_of
from slo_daemon.backtesting.past import PastRecords

HOUR = 3600.0
VOTES = 237
_FIRST_VOTE = 29.7 * 24  # hours ago
_COHORTS = ("power_users", "mobile_users", "")  # of the example pilot; the last: nobody knows
_VARIANTS = ("treatment", "control", "")


@dataclass(frozen=True, slots=True)
class Told:
    """One record, `hours_ago` from the moment it is told. `hours`: between one of its times and the next."""

    hours_ago: float
    values: dict[str, object]
    times: tuple[str, ...] = field(default=("given_at",))
    hours: float = 0.5

    def fields(self, now: float) -> dict[str, object]:
        """The request's fields; `now` in Unix seconds."""
        at = now - self.hours_ago * HOUR
        return {
            **self.values,
            **{name: at + HOUR * self.hours * number for number, name in enumerate(self.times)},
        }


INCIDENTS = (
    Told(
        9.6 * 24.0,
        {
            "title": "Slow searches for hours",
            "severity": "critical",
            "description": "a compaction of the vector database ran in the middle of the day",
            "resolution": "compactions run at night, one shard at a time",
        },
        ("started_at", "resolved_at"),
        3.75,
    ),
    Told(
        53.0,
        {
            "title": "Slow vector database",
            "severity": "warning",
            "description": "p99 stood at 180 ms for five minutes while an index was rebuilt",
            "resolution": "more replicas, and the cache is warmed before a switch",
        },
        ("started_at", "resolved_at"),
    ),
)

_SAID = (
    (5, "Found the headphones I meant at the first try.", {"query": "wireless headphones for running"}),
    (4, "Better than before, a few odd results further down.", {"query": "laptop case 15 inch"}),
    (3, "Feels a bit slower than the old search.", {"latency_ms": 120}),
)


def ratings(seed: int) -> Iterator[Told]:
    """Votes of as many users: mostly content ones, and more of them in the first days, when the search was new."""
    random = np.random.default_rng(seed)
    marks = random.choice([5, 4, 3, 2], size=VOTES, p=[0.48, 0.36, 0.12, 0.04])
    cohorts = random.choice(len(_COHORTS), size=VOTES, p=[0.3, 0.35, 0.35])
    variants = random.choice(len(_VARIANTS), size=VOTES, p=[0.55, 0.2, 0.25])
    for number, mark in enumerate(marks):
        values: dict[str, object] = {"user": f"user-{number:03d}", "rating": int(mark)}
        values |= _if_known(cohort=_COHORTS[cohorts[number]], variant=_VARIANTS[variants[number]])
        yield Told(_FIRST_VOTE * (1.0 - number / VOTES) ** 0.8, values)
    for number, (mark, text, context) in enumerate(_SAID):
        values = {"user": f"shopper-{number}", "rating": mark, "text": text, "context": context}
        yield Told(0.1 * (len(_SAID) - number), values)


def ratings_file(seed: int, now: float) -> bytes:
    """All ratings as one JSON file, as an import takes it. `now` in Unix seconds."""
    return json.dumps({"feedback": [rating.fields(now) for rating in ratings(seed)]}).encode()


def past_records(seed: int, pilot: str, now: float) -> PastRecords:
    """The same for a replay of the past."""
    return PastRecords(
        tuple(incident_of(one.fields(now), n, "demo", pilot) for n, one in enumerate(INCIDENTS, 1)),
        tuple(feedback_of(one.fields(now), n, "demo", pilot) for n, one in enumerate(ratings(seed), 1)),
    )


def _if_known(**values: str) -> dict[str, object]:
    return {name: value for name, value in values.items() if value}
