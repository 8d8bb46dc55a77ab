"""What the workflows need of the world, as protocols, and the errors that each may raise.

Adapters implement these; every adapter and its shipped fake pass the same contract tests. Times are Unix seconds.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from slo_daemon.core.alert import Alert
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.chunks import ChunkBlock
from slo_daemon.core.slo.query import FailReason, Labels, Sample
from slo_daemon.core.slo.state import SloState, Transition
from slo_daemon.ports.people import (
    Act,
    AlreadyResolvedError,
    AuditEntry,
    Imported,
    KeyReusedError,
    PeopleStore,
    Recorded,
    RowConflictError,
    WriteKind,
)

__all__ = [
    "MOST_POINTS",
    "Act",
    "AlertSink",
    "AlreadyResolvedError",
    "AuditEntry",
    "Clock",
    "Imported",
    "KeyReusedError",
    "MetricSource",
    "PeopleStore",
    "RangeReply",
    "RangeRow",
    "Recorded",
    "Rejection",
    "Reply",
    "ReportFiles",
    "ReportSink",
    "RowConflictError",
    "SinkError",
    "SourceError",
    "Store",
    "StoreError",
    "Telemetry",
    "WriteKind",
    "range_times",
]


class SourceError(Exception):
    """The metric source could not be asked, or its answer cannot be trusted.

    `permanent`: asking the same again will not help (a bad query), so it is not tried again in this slot.
    """

    def __init__(self, reason: FailReason, detail: str, *, permanent: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.permanent = permanent


class StoreError(Exception):
    """The store cannot be read or written. `reason`: full, readonly, locked, corrupt, newer_schema, closed or io."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SinkError(Exception):
    """A receiver did not take what was sent. `permanent`: it never will."""

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Reply:
    """A source's answer: its rows, and how many samples it touched for them where it tells."""

    rows: tuple[Sample, ...]
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class RangeRow:
    """One series of a range query's answer. `times`: Unix seconds, ascending, each a step of the range; `values` beside them.

    A step without a value is left out, as nothing was there. NaN and infinities are handed on as they are.
    """

    labels: Labels
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RangeReply:
    """A source's answer to a range query: its rows, each with other labels, and how many samples it touched."""

    rows: tuple[RangeRow, ...]
    samples: int | None = None


MOST_POINTS = 11_000  # steps of one range query; Prometheus refuses more


def range_times(start: float, end: float, step: float) -> tuple[float, ...]:
    """The times of a range query's answer: start, start + step, and so on up to `end`, in whole milliseconds.

    Raises SourceError (permanent) for a range that no source answers: one without a step, or with too many of them.
    """
    if not all(map(isfinite, (start, end, step))) or step < 0.001 or end < start:
        detail = (
            f"a range from {start:g} to {end:g} in steps of {step:g} s has no step: end it after its start"
        )
        raise SourceError(FailReason.BAD_QUERY, detail, permanent=True)
    first, stride = round(start * 1000), round(step * 1000)
    count = (round(end * 1000) - first) // stride + 1
    if count > MOST_POINTS:
        detail = (
            f"a range of {count:,} steps exceeds Prometheus' limit of {MOST_POINTS:,}: ask for it in parts"
        )
        raise SourceError(FailReason.BAD_QUERY, detail, permanent=True)
    return tuple((first + number * stride) / 1000 for number in range(count))


class MetricSource(Protocol):
    """A Prometheus-compatible query API. Safe to call from several threads."""

    @property
    def url(self) -> str:
        """Where it is, without credentials; for people."""

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        """An instant query at time `at`; at most `deadline` seconds in total. Raises SourceError."""

    def query_range(self, promql: str, start: float, end: float, step: float, deadline: float) -> RangeReply:
        """What `query` says at each of `range_times(start, end, step)`, as one question. Raises SourceError.

        For work in the background: one is under way at a time, and it takes no turn away from `query`.
        """

    def server_time(self, deadline: float) -> float:
        """The source's own clock. Raises SourceError."""

    def close(self) -> None:
        """Give the connections back."""


class Store(PeopleStore, Protocol):
    """What must survive a restart. A call that returns has committed; a call that raises has changed nothing.

    Safe to call from several threads. All methods raise StoreError.
    """

    def states(self) -> dict[str, SloState]:
        """The persisted state of every SLO instance, by id."""

    def commit_slot(
        self, states: Sequence[SloState], transitions: Sequence[Transition], sinks: Sequence[str]
    ) -> None:
        """States, transitions, and one outbox entry for each transition and sink, in ONE transaction.

        Committing the same transition again changes nothing, and a state with an older `last_slot` than the stored
        one is not written: a slot may be committed twice. A transition is known by its SLO and `sequence`; after a
        removal the numbers may begin anew.
        """

    def forget(self, removals: Sequence[Transition], sinks: Sequence[str]) -> None:
        """Delete the states of SLOs that were removed, with their last transitions and outbox entries, in one transaction."""

    def undelivered(self, sink: str, limit: int = 1000) -> tuple[Transition, ...]:
        """Transitions that `sink` has not taken, by slot, oldest first."""

    def delivered(self, sink: str, transitions: Sequence[Transition]) -> None:
        """Mark transitions as taken by `sink`. Called after success, so a crash in between sends again."""

    def transitions(self, slo_id: str | None = None, limit: int = 50) -> tuple[Transition, ...]:
        """The latest transitions, of one SLO or of all, newest first."""

    def save_chunks(self, blocks: Sequence[ChunkBlock]) -> None:
        """Store blocks, in ONE transaction. The same block again changes nothing.

        A later block wins, for every ask and time that it has, over those that were saved before, also by the columns
        that it does not have. Blocks without times are left out.
        """

    def chunks(self, asks: Collection[str], since: Mapping[int, float]) -> Iterator[ChunkBlock]:
        """The stored chunks of `asks` that end after `since[span]`; spans that are not in it are left out.

        In blocks that need not be those that were saved, but tell the same when a later one wins, for every ask and
        time that it has, over earlier ones. One consistent view, a block at a time: the store is being read until the
        iterator is at its end or let go. The arrays are not to be changed. StoreError may come with any block, and after
        the last one: `corrupt` when some were damaged and left out.
        """

    def prune_chunks(self, before: Mapping[int, float]) -> int:
        """Delete saved blocks of which every chunk ends at or before `before[span]`; how many there were.

        It also looks for asks and columns that no block has any more: half a second for ten thousand SLOs.
        """

    def save_budget_points(self, points: Sequence[BudgetPoint]) -> None:
        """Store points of burn-down plots; one of the same SLO and time is replaced.

        In the same transaction older points are thinned out, of every SLO, as `core.slo.budget_points` says; now is the
        newest of `points`. The points of an SLO that was removed stay until they are too old: if it comes back, its
        plot goes on.
        """

    def budget_points(self, slo_id: str, since: float) -> tuple[BudgetPoint, ...]:
        """The points of one SLO at `since` or later, oldest first."""

    def save_notes(self, pilot: str, content: str, at: float) -> None:
        """What the judges of a pilot remember from slot to slot; it replaces what was there. `at`: Unix seconds."""

    def notes(self) -> dict[str, str]:
        """What was saved last of every pilot."""

    def check(self) -> None:
        """Raises StoreError when nothing could be written now."""

    def close(self) -> None:
        """Release files and connections."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An alert that a receiver will never take as it is, and its own words why."""

    alert: Alert
    detail: str


class AlertSink(Protocol):
    """Somebody who is told about alerts: one Alertmanager."""

    @property
    def name(self) -> str:
        """Stable; outbox entries are kept under it."""

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        """All alerts but the returned ones were taken, in their order. Takes a bounded time.

        Raises SinkError when it cannot be told which ones were taken: send all of them again. That does no harm.
        """


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """One written report: file name (within the sink) by format (`md`, `json`), all of the same `id`."""

    id: str
    files: Mapping[str, str]


class ReportSink(Protocol):
    """Where reports go. Ids must sort by time. Raises SinkError."""

    def write(self, pilot: str, report_id: str, texts: Mapping[str, str]) -> ReportFiles:
        """Store all formats (`md`, `json`) of one report; readers see all of them or none.

        The same report may be written again; other texts under the same id raise a permanent SinkError.
        """

    def reports(self, pilot: str) -> tuple[str, ...]:
        """Ids of the kept reports, newest first."""

    def read(self, pilot: str, report_id: str, form: str) -> str | None:
        """One format of one report; None when there is none. `latest` is an id."""


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Unix seconds."""


class Telemetry(Protocol):
    """What the daemon tells about itself, named by what happened. Never raises; safe from several threads."""

    def query_done(self, seconds: float, samples: int | None) -> None:
        """A query was answered."""

    def query_failed(self, reason: FailReason) -> None:
        """A query was not answered, or not to be trusted."""

    def source_up(self, *, up: bool) -> None:
        """Whether the source answered at all in this slot."""

    def clock_skew(self, seconds: float) -> None:
        """The source's clock minus ours."""

    def slots(self, *, scheduled: int = 0, missed: int = 0, failed: int = 0) -> None:
        """Slots that were due, that were skipped, and SLO evaluations that crashed."""

    def evaluation_took(self, seconds: float) -> None:
        """A slot was evaluated, from the first question to the new snapshot."""

    def heartbeat(self, at: float) -> None:
        """A slot was finished at this time (Unix seconds)."""

    def backfill_missing(self, chunks: int) -> None:
        """So many hour chunks of asks are still to be asked for."""

    def verified(self, result: str) -> None:
        """A window was also asked directly: `agreed`, `drifted`, `failed` or `skipped`."""

    def window_drift(self, pilot: str, slo: str, ratio: float) -> None:
        """How far the sum of chunks was from the direct answer, in shares of the error budget."""

    def store_failed(self, reason: str) -> None:
        """The store refused a read or write."""

    def store_worked(self) -> None:
        """The store took a write."""

    def reload(self, *, ok: bool, at: float) -> None:
        """A configuration was loaded, or refused while the last good one stays."""

    def report_written(self, at: float) -> None:
        """A report was written."""

    def alerts_sent(self, alertmanager: str, count: int) -> None:
        """Alerts were taken by an Alertmanager."""

    def alerts_failed(self, alertmanager: str, count: int) -> None:
        """Alerts were not taken."""

    def request(self, route: str, code: int) -> None:
        """An HTTP request was answered."""
