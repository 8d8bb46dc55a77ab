"""One evaluation at one instant, without a store and without a daemon: for commands that ask once and go."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from slo_daemon.adapters.gauges import CountingTelemetry
from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.app import NOTHING, load_specification, open_source
from slo_daemon.core.pilot.records import Records
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot, slot_at
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import SourceError, StoreError
from slo_daemon.settings import Settings
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.backfill import Backfiller, Progress
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.courses import CourseReader
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History
from slo_daemon.workflows.report import Reporter, WrittenReport

PHASE_SPAN = 6 * HOUR  # windows up to here are exact at any moment, not only on the 5-minute grid
ONCE_SECONDS = 60.0  # of the slot of a one-shot command, however short the daemon's are


@dataclass(frozen=True, slots=True)
class Once:
    """What one look came to. `reports`: one for each pilot; `url`: of Prometheus, without credentials."""

    snapshot: Snapshot
    reports: Sequence[WrittenReport]
    url: str


def evaluate_once(
    settings: Settings,
    at: float | None,
    shown: Callable[[Progress], object] = lambda _: None,
    only: str | None = None,
    *,
    judging: bool = True,
) -> Once:
    """Evaluate everything once at `at` (Unix seconds; None: the latest slot). Raises SpecError and ValueError.

    `only`: the name or id of one SLO. Without `judging` what only pilots' criteria need is not asked.

    There is no memory, so a level is what this one look proves, whatever `alerting.for` says; incidents and feedback
    are not known, and the reports say so.
    """
    loaded = load_specification(settings)
    clock, telemetry = SystemClock(), CountingTelemetry()
    interval = settings.evaluation.interval
    if at is None:
        at = slot_at(clock.now(), interval).time
    slot = Slot(at, max(interval, ONCE_SECONDS))
    source = open_source(settings)
    store, board = _NoRecords(), Board(Snapshot(NOTHING, None, None, {}))
    asker = Asker(
        source, telemetry, concurrency=settings.prometheus.concurrency, timeout=settings.prometheus.timeout
    )
    try:
        history = History(store, telemetry, CELL, PHASE_SPAN)
        backfiller = Backfiller(asker, history, clock, telemetry)
        evaluator = Evaluator(asker, history, store, board, clock, telemetry)
        specification = _only(loaded.specification, only)
        if not judging:
            specification = replace(specification, measures=())
        evaluator.adopt(_without_memory(specification), {})
        with suppress(SourceError):  # the slot itself says what is wrong with the source
            backfiller.fill_phase(at, PHASE_SPAN)
        with suppress(SourceError):
            backfiller.fill(at, shown)
        evaluator.run_slot(slot)
        board.change(lambda now: replace(now, queries=telemetry.queries, samples=telemetry.samples))
        courses = CourseReader(history, store, telemetry)
        reporter = Reporter(Assessor(store, board, telemetry), store, telemetry, courses=courses)
        reports = reporter.report_all(slot.time)
    finally:
        asker.close()
        source.close()
    return Once(board.current, reports, source.url)


class _NoRecords(MemoryStore):
    """Remembers nothing, and does not pretend that nobody has reported an incident."""

    def records(self, *_: object, **__: object) -> Records:
        """Raises StoreError: nobody was asked."""
        raise StoreError("not_asked", "a single look has no store; ask the running daemon")


def _only(specification: Specification, name: str | None) -> Specification:
    """Just the SLOs of a name or id: the history of the others need not be fetched. All, where there is none such."""
    slos = tuple(slo for slo in specification.slos if name in (slo.name, slo.id))
    return replace(specification, slos=slos, pilots=(), measures=()) if slos else specification


def _without_memory(specification: Specification) -> Specification:
    def at_once(slo: Slo) -> Slo:
        return replace(slo, alerting=replace(slo.alerting, raise_for=0))

    return replace(specification, slos=tuple(at_once(slo) for slo in specification.slos))
