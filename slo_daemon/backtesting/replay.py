"""The machinery of a replay, wired in one place: what judges the past is what judges the present."""

from collections.abc import Iterator

from slo_daemon.adapters.gauges import NoTelemetry
from slo_daemon.adapters.recorded_source import Question
from slo_daemon.app import NOTHING
from slo_daemon.backtesting.past import PastRecords, PastStore, ReplayClock
from slo_daemon.core.slo.book import wanted
from slo_daemon.core.slo.chunks import CELL, HOUR, SETTLE, Reach, floor
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import MetricSource
from slo_daemon.settings import Settings
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.backfill import Backfiller
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History

PHASE_SPAN = (
    HOUR  # windows up to here are exact, longer ones begin with whole hours: as in the running daemon
)


class Replay:
    """One specification over past time, from one wiring. `step`: seconds between slots, a multiple of 5 minutes.

    `close` it at the end.
    """

    def __init__(
        self,
        specification: Specification,
        source: MetricSource,
        clock: ReplayClock,
        past: PastRecords,
        settings: Settings,
        step: int,
    ) -> None:
        telemetry, store = NoTelemetry(), PastStore(past)
        self._clock = clock
        self._step = step
        self.board = Board(Snapshot(NOTHING, None, None, {}))
        self._asker = Asker(source, telemetry, concurrency=1, timeout=settings.prometheus.timeout)
        self.history = History(store, telemetry, CELL, PHASE_SPAN)
        self._backfiller = Backfiller(self._asker, self.history, clock, telemetry)
        self._evaluator = Evaluator(self._asker, self.history, store, self.board, clock, telemetry)
        self._assessor = Assessor(store, self.board, telemetry)
        self._evaluator.adopt(specification, {})
        self._filled = False

    def slot(self, at: int) -> Snapshot:
        """What the daemon would have known and judged at a time. Times must ascend. Raises SourceError."""
        self._clock.at = at
        alone = not self._filled or self._step > CELL  # the slots of 5 minutes before it were not evaluated
        if alone:
            self._backfiller.fill_phase(at, PHASE_SPAN)
        if alone or (at - SETTLE) % HOUR == 0:  # else nothing has closed since the slot before
            while self._backfiller.once(at):
                pass
            self._filled = True
        self._evaluator.run_slot(Slot(at, self._step))
        return self._assessor.assess_all(at)

    def close(self) -> None:
        """Stop asking."""
        self._asker.close()


def slot_times(first: float, last: float, step: int) -> range:
    """The slots of a replay: multiples of `step` from the first at or after `first` to the last at or before `last`."""
    return range(-int(-first // step) * step, floor(last, step) + 1, step)


def questions(history: History, slots: range) -> Iterator[Question]:
    """What a replay of these slots will ask, as far as it is known before: cells, closed hours, and direct questions."""
    reaches = {key: want.reach for key, want in wanted(history.entries.values()).items()}
    sliced = {key for entry in history.sliced for key in entry.keys.values()}
    first, last = slots[0], slots[-1]
    slices_of = max((reaches[entry.slices].hours for entry in history.sliced), default=0)
    for feed in history.feeds:
        own = [reaches[key] for key in feed.keys]
        reach = Reach(max(one.cells for one in own), max(one.hours for one in own))
        cells = reach.cells if sliced.isdisjoint(feed.keys) else max(reach.cells, slices_of + HOUR)
        yield Question(feed.promql, CELL, floor(first - cells, CELL), floor(last, CELL))
        if reach.hours:
            closed = floor(last - SETTLE, HOUR)
            yield Question(
                feed.query.promql_over(HOUR), HOUR, floor(first - SETTLE, HOUR) - reach.hours, closed
            )
    for query in history.direct.queries:
        yield Question(query.promql, slots.step, first, last)
