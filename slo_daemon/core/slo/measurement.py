"""What one SLI's readings come to. Absence is a case of its own, never a number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from slo_daemon.core.slo.query import FailReason

NO_BUCKET_EDGE = "no_bucket_edge"  # why a value has a range: between two bucket edges
TOO_FEW_EVENTS = "too_few_events"  # the events claim no more than this range
INCOMPLETE = "incomplete_window"  # some of the window was not seen


class DataState(StrEnum):
    """Could we look? The value of the label `state` on `slo_data_state`."""

    OK = "ok"
    NO_TRAFFIC = "no_traffic"
    NO_DATA = "no_data"
    STALE = "stale"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value in the base unit, and the range in which the true value surely lies (`low` <= value <= `high`).

    The range is a point for counted events. It is wider where the data cannot tell: between two bucket edges, with too few
    events to claim anything (then it is the exact 95 % binomial interval), or where some of the window was not seen (then
    it holds what the rest could make of it); `limit` names which. An infinite value lies beyond the last bucket. `good` and `total`: events in the window, for the kinds that count events.
    """

    value: float
    low: float
    high: float
    good: float | None = None
    total: float | None = None
    limit: str = ""  # "", NO_BUCKET_EDGE, TOO_FEW_EVENTS or INCOMPLETE
    working: tuple[str, ...] = ()  # the arithmetic, for people
    facts: Mapping[str, float] = field(default_factory=dict)  # for machines: bucket edges and the like
    uncounted: str = ""  # what no series was there of, so that it was taken as 0


@dataclass(frozen=True, slots=True)
class NoTraffic:
    """Fresh data, and nothing happened."""

    working: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoData:
    """The metric does not exist."""

    detail: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The newest sample is too old to speak of the present. `age` in seconds, None when it is not known."""

    age: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Could not ask, or cannot trust the answer."""

    reason: FailReason
    detail: str


Measurement = Measured | NoTraffic | NoData | Stale | Unavailable
