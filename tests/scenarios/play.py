"""A story played: a real Prometheus with its series, a real store, and the daemon's own machinery, slot by slot."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from logging import CRITICAL
from pathlib import Path

import structlog

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.gauges import NoTelemetry
from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.adapters.recorded_source import Question, RecordedSource
from slo_daemon.app import NOTHING
from slo_daemon.backtesting.past import ReplayClock
from slo_daemon.core.pilot.gates import Gate, GateVerdict, decide
from slo_daemon.core.pilot.records import IncidentChange, NewFeedback, NewIncident, NewOverride, OverrideKind
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.slo.book import wanted
from slo_daemon.core.slo.chunks import CELL, HOUR, SETTLE, floor
from slo_daemon.core.slo.query import FailReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.servers import PrometheusServer
from slo_daemon.ports import Act, MetricSource, RangeReply, Reply, SourceError, Store
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.backfill import Backfiller
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History
from tests.scenarios.read import PILOT, Story
from tests.scenarios.shape import Happening, RecordShape

DEADLINE = 10.0  # seconds of one query
RETENTION = "3650d"
_FINE = 2 * 86_400  # seconds of the past that are recorded as finely as slots come


@dataclass(frozen=True)
class Shown:
    """What the daemon says at one slot."""

    at: float
    snapshot: Snapshot
    assessment: Assessment
    gates: dict[Gate, GateVerdict]
    gate_reasons: dict[Gate, tuple[str, ...]]


@dataclass
class Outages:
    """A source that cannot be reached at times, in front of the real one. `down`: [from, to) in Unix seconds."""

    source: MetricSource
    clock: ReplayClock
    down: list[tuple[float, float]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.source.url

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        self._check()
        return self.source.query(promql, at, deadline)

    def query_range(self, promql: str, start: float, end: float, step: float, deadline: float) -> RangeReply:
        self._check()
        return self.source.query_range(promql, start, end, step, deadline)

    def server_time(self, deadline: float) -> float:
        self._check()
        return self.source.server_time(deadline)

    def close(self) -> None:
        self.source.close()

    def _check(self) -> None:
        if any(start <= self.clock.at < end for start, end in self.down):
            raise SourceError(FailReason.CONNECT, "the story says that Prometheus is down")


class Process:
    """One life of the daemon, wired as `app.Daemon` wires it, without web, schedule and threads."""

    def __init__(self, story: Story, source: MetricSource, store: Store, clock: ReplayClock) -> None:
        telemetry, interval = NoTelemetry(), story.told.interval
        self._interval = interval
        self.board = Board(Snapshot(NOTHING, None, None, {}))
        self._asker = Asker(source, telemetry, concurrency=1, timeout=DEADLINE)
        self.history = History(store, telemetry, interval)
        self._backfiller = Backfiller(self._asker, self.history, clock, telemetry)
        self._evaluator = Evaluator(self._asker, self.history, store, self.board, clock, telemetry)
        self._assessor = Assessor(store, self.board, telemetry)
        self._evaluator.adopt(story.specification, store.states())
        self._assessor.assess_all(clock.now())
        self._filled = -1.0

    def slot(self, at: float) -> Snapshot:
        """What the daemon knows after a slot."""
        if at - self._filled > CELL or at % CELL == 0 or (at - SETTLE) % HOUR == 0:
            self._fill(at)
        self._evaluator.run_slot(Slot(at, self._interval))
        return self._assessor.assess_all(at)

    def _fill(self, at: float) -> None:
        """In the daemon a thread does this between slots."""
        try:
            while self._backfiller.once(at):
                pass
            self._filled = at
        except SourceError:
            pass  # the daemon tries again later

    def stop(self) -> None:
        """As at a SIGTERM."""
        self._asker.stop()
        self._evaluator.settle()
        self._asker.close()


class People:
    """What people tell, told when its time has come."""

    def __init__(self, story: Story) -> None:
        self._start = story.start
        told = [(one.at, number, one, False) for number, one in enumerate(story.told.records)]
        resolved = [
            (one.resolved, number, one, True)
            for number, one in enumerate(story.told.records)
            if one.resolved is not None
        ]
        self._waiting = sorted([*told, *resolved], key=lambda item: (item[0], item[3], item[1]))
        self._ids: dict[int, int] = {}
        self._users = 0

    def tell(self, store: Store, at: float) -> None:
        """Everything up to `at` that was not told before."""
        while self._waiting and self._start + self._waiting[0][0] <= at:
            when, number, record, resolving = self._waiting.pop(0)
            act = Act(record.by, self._start + when)
            if resolving:
                change = IncidentChange(resolution="mended", resolved_at=act.at)
                store.change_incident(PILOT, self._ids[number], change, act)
            else:
                self._tell(store, number, record, act)

    def _tell(self, store: Store, number: int, record: RecordShape, act: Act) -> None:
        if record.incident is not None:
            new = NewIncident(PILOT, record.title or "", record.incident, "", act.at)
            self._ids[number] = store.record_incident(new, act).record.id
        elif record.hold is not None or record.waive is not None:
            kind = OverrideKind.HOLD if record.hold is not None else OverrideKind.WAIVE
            until = self._start + (record.until or 0.0)
            reason = record.hold or record.because
            store.record_override(NewOverride(PILOT, kind, record.waive or "", record.by, reason, until), act)
        for rating in record.ratings or ():
            self._users += 1
            user = f"user-{self._users}"
            store.record_feedback(
                NewFeedback(PILOT, user, rating, "", act.at, {}, record.cohort, record.variant), act
            )


def play(story: Story, folder: Path) -> Iterator[Shown]:
    """What the daemon says at every slot of the story, from the first to the last."""
    server = PrometheusServer(folder / "prometheus", retention=RETENTION)
    if any(one.times.size for one in story.series):
        write_blocks(story.series, server.data_folder)
    with ExitStack() as stack:
        stack.enter_context(_silence())
        stack.enter_context(server)
        clock = ReplayClock(story.start + story.told.begin)
        recorded = RecordedSource(PrometheusSource(PrometheusSettings(server.url)), clock.now)
        recorded.slots(int(story.end), story.told.interval)
        source = Outages(recorded, clock, _times_of(story, Happening.PROMETHEUS_DOWN))
        yield from _lives(story, recorded, source, clock, folder / "daemon.db")


def _lives(
    story: Story, recorded: RecordedSource, source: Outages, clock: ReplayClock, file: Path
) -> Iterator[Shown]:
    interval, people = story.told.interval, People(story)
    down = _times_of(story, Happening.DAEMON_DOWN)
    restarts = sorted(
        story.start + one.at for one in story.told.events if one.what is Happening.DAEMON_RESTARTS
    )
    process: Process | None = None
    store: DatabaseStore | None = None
    try:
        for at in range(int(clock.at), int(story.end) + 1, interval):
            clock.at = at
            restarting = bool(restarts) and restarts[0] <= at
            is_down = any(start <= at < end for start, end in down)
            if process is not None and store is not None and (restarting or is_down):
                process.stop()
                store.close()
                process = store = None
                restarts = [one for one in restarts if one > at]
            if is_down:
                continue
            if process is None or store is None:
                store = DatabaseStore(SqliteFile(file))
                people.tell(store, at)
                process = Process(story, source, store, clock)
                recorded.record(_questions(process.history, at, int(story.end), interval), DEADLINE)
            people.tell(store, at)
            snapshot = process.slot(at)
            assessment = snapshot.assessments[PILOT]
            decisions = {gate: decide(gate, assessment, at, interval) for gate in Gate}
            verdicts = {gate: one.verdict for gate, one in decisions.items()}
            yield Shown(
                at, snapshot, assessment, verdicts, {gate: one.reasons for gate, one in decisions.items()}
            )
    finally:
        if process is not None and store is not None:
            process.stop()
            store.close()


def _times_of(story: Story, what: Happening) -> list[tuple[float, float]]:
    return [
        (story.start + one.at, story.start + one.at + (one.lasts or 0))
        for one in story.told.events
        if one.what is what
    ]


def _questions(history: History, first: int, last: int, interval: int) -> Iterator[Question]:
    """What the slots from `first` to `last` will ask: see backtesting.replay.questions, which has longer slots."""
    reaches = {key: want.reach for key, want in wanted(history.entries.values()).items()}
    for feed in history.feeds:
        own = [reaches[key] for key in feed.keys]
        cells = max(HOUR, *(one.cells for one in own))
        hours = max(one.hours for one in own)
        step = (
            interval if cells <= _FINE and CELL % interval == 0 else CELL
        )  # slots in between are asked one by one
        yield Question(feed.promql, step, floor(first - cells, CELL), floor(last, step))
        if hours:
            closed = floor(last - SETTLE, HOUR)
            yield Question(feed.query.promql_over(HOUR), HOUR, floor(first - SETTLE, HOUR) - hours, closed)
    for query in history.direct.queries:
        yield Question(query.promql, interval, first, last)


@contextmanager
def _silence() -> Iterator[None]:
    """Thousands of slots would each log a line."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
