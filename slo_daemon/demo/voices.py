"""What people of the pilot have told: the incidents and ratings that the demo records through the daemon's API."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

HOUR = 3600.0
VOTES = 237


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
    """Votes of as many users: mostly content ones."""
    random = np.random.default_rng(seed)
    marks = random.choice([5, 4, 3, 2], size=VOTES, p=[0.48, 0.36, 0.12, 0.04])
    for number, mark in enumerate(marks):
        values: dict[str, object] = {"user": f"user-{number:03d}", "rating": int(mark), "text": ""}
        yield Told(1.0 + 2.5 * (VOTES - number), values)
    for number, (mark, text, context) in enumerate(_SAID):
        values = {"user": f"shopper-{number}", "rating": mark, "text": text, "context": context}
        yield Told(0.1 * (len(_SAID) - number), values)
