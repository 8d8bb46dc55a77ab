"""The past fetched into the store, without a daemon."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import monotonic

from slo_daemon.adapters.gauges import CountingTelemetry
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.app import load_specification, open_source, open_store
from slo_daemon.settings import Settings
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.backfill import Backfiller, Progress
from slo_daemon.workflows.history import History


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What was fetched: hours of questions, the range queries for them, and the samples they touched (None: not told).

    `refused`: what Prometheus would not answer: queries, and questions of SLOs.
    """

    wanted: int
    fetched: int
    queries: int
    samples: int | None
    refused: tuple[str, ...]


def backfill_store(settings: Settings, share: float, shown: Callable[[Progress], object]) -> Backfilled:
    """Fetch all that is missing now. `share`: of the time in which the source is asked.

    Raises SpecError, ValueError, StoreError (a daemon holds it) and SourceError.
    """
    loaded = load_specification(settings)
    clock, counting = SystemClock(), CountingTelemetry()
    store, source = open_store(settings), open_source(settings)
    asker = Asker(
        source, counting, concurrency=settings.prometheus.concurrency, timeout=settings.prometheus.timeout
    )
    try:
        history = History(store, counting, settings.evaluation.interval)
        at = clock.now()
        history.adopt(loaded.specification.watched, at)
        backfiller = Backfiller(asker, history, clock, counting)
        backfiller.check_clock()
        first = backfiller.progress(at)
        pace, started = Event(), [monotonic()]

        def paced(done: Progress) -> None:
            shown(done)
            pace.wait((monotonic() - started.pop()) * (1.0 / share - 1.0))
            started.append(monotonic())

        backfiller.fill(at, paced)
        last = backfiller.progress(at)
    finally:
        asker.close()
        source.close()
        store.close()
    return Backfilled(
        last.wanted, last.there - first.there, counting.queries, counting.samples, backfiller.refused
    )
