"""A metric source that answers from a script: for tests of what stands on a source, and for trying things out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

from slo_daemon.core.slo.query import FailReason, Labels, Sample
from slo_daemon.ports import RangeReply, RangeRow, Reply, SourceError, range_times

Answer = Reply | SourceError | Iterable[Sample]
"""A whole reply, its rows, or the failure to raise."""

Script = Mapping[str, Answer] | Callable[[str, float], Answer]
"""Answers by PromQL text (what is not in it selects nothing), or by a function of the text and the time asked for."""

RangeAnswer = RangeReply | SourceError | Iterable[RangeRow]

RangeScript = Mapping[str, RangeAnswer] | Callable[[str, float, float, float], RangeAnswer | None]
"""Answers by PromQL text, or by a function of text, start, end and step. What has none is asked of the Script at each step."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query that the source was asked, answered or not."""

    promql: str
    at: float
    deadline: float


@dataclass(frozen=True, slots=True)
class AskedRange:
    """One range query that the source was asked, answered or not."""

    promql: str
    start: float
    end: float
    step: float
    deadline: float


class ScriptedSource:
    """Answers by `script`, and range queries by `ranges` first; all may be changed at any time, from any thread.

    `asked` and `asked_ranges` hold the queries in the order in which they came. `clock` is the time it says it has.
    While `outage` is set, everything fails with it.
    """

    def __init__(
        self, script: Script | None = None, *, ranges: RangeScript | None = None, clock: float = 0.0
    ) -> None:
        self.script: Script = script if script is not None else {}
        self.ranges: RangeScript = ranges if ranges is not None else {}
        self.clock = clock
        self.outage: SourceError | None = None
        self.asked: list[Asked] = []
        self.asked_ranges: list[AskedRange] = []
        self._closed = False
        self._lock = Lock()

    @property
    def url(self) -> str:
        """Not an address that anybody could open."""
        return "scripted://source"

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        """The script's answer. Raises SourceError where it says so."""
        with self._lock:
            self.asked.append(Asked(promql, at, deadline))
        self._check(deadline)
        return self._scripted(promql, at)

    def query_range(self, promql: str, start: float, end: float, step: float, deadline: float) -> RangeReply:
        """The answer of `ranges`, or else what the script says at each step. Raises SourceError where they say so."""
        with self._lock:
            self.asked_ranges.append(AskedRange(promql, start, end, step, deadline))
        times = range_times(start, end, step)
        self._check(deadline)
        ranges = self.ranges
        answer = ranges(promql, start, end, step) if callable(ranges) else ranges.get(promql)
        match answer:
            case None:
                return _through_time([(at, self._scripted(promql, at)) for at in times])
            case SourceError():
                raise _again(answer)
            case RangeReply():
                return answer
            case rows:
                return RangeReply(tuple(rows))

    def server_time(self, deadline: float) -> float:
        """The clock that was set. Raises SourceError during an outage."""
        self._check(deadline)
        return self.clock

    def close(self) -> None:
        """From now on every call raises SourceError."""
        self._closed = True

    def _scripted(self, promql: str, at: float) -> Reply:
        script = self.script
        answer = script(promql, at) if callable(script) else script.get(promql, ())
        match answer:
            case SourceError():
                raise _again(answer)
            case Reply():
                return answer
            case rows:
                return Reply(tuple(rows))

    def _check(self, deadline: float) -> None:
        if self._closed:
            raise SourceError(FailReason.CONNECT, "the source was closed")
        if deadline <= 0:
            raise SourceError(FailReason.TIMEOUT, "there was no time left to ask")
        outage = self.outage
        if outage is not None:
            raise _again(outage)


def _through_time(replies: Iterable[tuple[float, Reply]]) -> RangeReply:
    """The answers to one question at ascending times, by row."""
    points: dict[Labels, dict[float, float]] = {}
    samples: int | None = None
    for at, reply in replies:
        samples = samples if reply.samples is None else (samples or 0) + reply.samples
        for row in reply.rows:
            by_time = points.setdefault(row.labels, {})
            if at in by_time:
                raise SourceError(FailReason.SHAPE, "two rows of the answer have the same labels")
            by_time[at] = row.value
    rows = (RangeRow(labels, tuple(by_time), tuple(by_time.values())) for labels, by_time in points.items())
    return RangeReply(tuple(rows), samples)


def _again(error: SourceError) -> SourceError:
    """A fresh copy: an exception keeps the traceback of every time it was raised."""
    return SourceError(error.reason, error.detail, permanent=error.permanent)
