"""A metric source that answers from a script: for tests of what stands on a source, and for trying things out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.ports import Reply, SourceError

Answer = Reply | SourceError | Iterable[Sample]
"""A whole reply, its rows, or the failure to raise."""

Script = Mapping[str, Answer] | Callable[[str, float], Answer]
"""Answers by PromQL text (what is not in it selects nothing), or by a function of the text and the time asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query that the source was asked, answered or not."""

    promql: str
    at: float
    deadline: float


class ScriptedSource:
    """Answers by `script`; both may be changed at any time, from any thread.

    `asked` holds the queries in the order in which they came. `clock` is the time it says it has. While `outage` is set,
    everything fails with it.
    """

    def __init__(self, script: Script | None = None, *, clock: float = 0.0) -> None:
        self.script: Script = script if script is not None else {}
        self.clock = clock
        self.outage: SourceError | None = None
        self.asked: list[Asked] = []
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
        script = self.script
        answer = script(promql, at) if callable(script) else script.get(promql, ())
        match answer:
            case SourceError():
                raise _again(answer)
            case Reply():
                return answer
            case rows:
                return Reply(tuple(rows))

    def server_time(self, deadline: float) -> float:
        """The clock that was set. Raises SourceError during an outage."""
        self._check(deadline)
        return self.clock

    def close(self) -> None:
        """From now on every call raises SourceError."""
        self._closed = True

    def _check(self, deadline: float) -> None:
        if self._closed:
            raise SourceError(FailReason.CONNECT, "the source was closed")
        if deadline <= 0:
            raise SourceError(FailReason.TIMEOUT, "there was no time left to ask")
        outage = self.outage
        if outage is not None:
            raise _again(outage)


def _again(error: SourceError) -> SourceError:
    """A fresh copy: an exception keeps the traceback of every time it was raised."""
    return SourceError(error.reason, error.detail, permanent=error.permanent)
