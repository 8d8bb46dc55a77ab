"""When the simulated service misbehaves: pure schedules, fixed by a seed and a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from slo_daemon.demo.openmetrics import FloatArray

_MINUTE = 60.0
_HOUR = 3600.0
_DAY = 86400.0


class IncidentKind(StrEnum):
    """What rises in treatment: 5xx answers, slow answers, or both; in an outage nearly every answer is a 5xx."""

    ERRORS = "errors"
    LATENCY = "latency"
    OVERLOAD = "overload"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Incident:
    """Times are unix seconds. The shares say how many of treatment's requests fail, and how many are slow."""

    kind: IncidentKind
    start: float
    end: float
    error_share: float
    slow_share: float

    @classmethod
    def of(cls, kind: IncidentKind, start: float, seconds: float, *, severity: float = 1.0) -> "Incident":
        """An incident of 3 % errors, 30 % slow answers, or both, times `severity`; an outage has 90 % errors.

        At severity 1 a five minute window passes the pilot's critical thresholds (1 % errors; p95 60 ms, p99 150 ms)
        after less than two minutes.
        """
        fails = kind in (IncidentKind.ERRORS, IncidentKind.OVERLOAD)
        slow = kind in (IncidentKind.LATENCY, IncidentKind.OVERLOAD)
        failing = 0.9 if kind is IncidentKind.OUTAGE else min(0.9, 0.03 * severity) * fails
        return cls(kind, start, start + seconds, failing, min(0.9, 0.30 * severity) * slow)

    def overlap(self, begin: FloatArray, end: FloatArray) -> FloatArray:
        """Share of each step [begin, end) that lies inside the incident, 0 to 1."""
        inside = np.minimum(end, self.end) - np.maximum(begin, self.start)
        return np.asarray(np.clip(inside, 0.0, None) / (end - begin))


@dataclass(frozen=True, slots=True)
class LiveSchedule:
    """An overload of 3 to 4 minutes every 20 to 30 minutes, for as long as the service runs.

    The first one begins between `first_after` and `first_after` + 5 minutes after `since`.
    """

    seed: int
    since: float
    first_after: float = 4 * _MINUTE
    cycle: float = 25 * _MINUTE
    jitter: float = 5 * _MINUTE

    def between(self, start: float, end: float) -> list[Incident]:
        """The incidents that touch [start, end)."""
        first = max(0, int((start - self.since - self.first_after) // self.cycle) - 1)
        last = int((end - self.since - self.first_after) // self.cycle)
        nearby = (self._incident(number) for number in range(first, last + 1))
        return [incident for incident in nearby if incident.start < end and incident.end > start]

    def _incident(self, number: int) -> Incident:
        delay, length = np.random.default_rng((self.seed, number)).random(2).tolist()
        start = self.since + self.first_after + number * self.cycle + delay * self.jitter
        return Incident.of(IncidentKind.OVERLOAD, start, (3 + length) * _MINUTE)


def past_incidents(seed: int, end: float, days: float) -> Sequence[Incident]:
    """What went wrong in the `days` before `end`, oldest first.

    A small incident about every 56 hours (mostly latency, every fourth an overload), none in the last three hours; a big
    outage about 26 days back, long before the two weeks that a go-live decision looks at; and hours of slowness nine and a
    half days back, which end the streak of days that the decision waits for.
    """
    small = []
    for number in range(int(days * _DAY / (56 * _HOUR)) + 1):
        delay, length = np.random.default_rng((seed, 1, number)).random(2).tolist()
        kind = IncidentKind.OVERLOAD if number % 4 == 2 else IncidentKind.LATENCY
        start = end - 4 * _HOUR - number * 56 * _HOUR - delay * 36 * _HOUR
        small.append(Incident.of(kind, start, (3 + length) * _MINUTE))
    big = [
        Incident.of(IncidentKind.OVERLOAD, end - 26.3 * _DAY, 60 * _MINUTE, severity=6),
        Incident.of(IncidentKind.LATENCY, end - 9.6 * _DAY, 3.75 * _HOUR),
    ]
    known = [incident for incident in (*small, *big) if incident.start >= end - days * _DAY]
    return sorted(known, key=lambda incident: incident.start)


def outage_among(incidents: Sequence[Incident]) -> Incident | None:
    """The big outage: the longest of those that last longer than small ones, and make requests fail; None without one."""
    big = [one for one in incidents if one.error_share > 0.0 and one.end - one.start > 10 * _MINUTE]
    return max(big, key=lambda one: one.end - one.start, default=None)
