"""A world for direct posting: a store, a board, sinks, and slots that are told by hand."""

from collections.abc import Sequence
from dataclasses import replace

from slo_daemon.adapters.memory_sink import MemorySink
from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.alert import Alert
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.core.slo.step import removal
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.ports import AlertSink, Clock, Rejection, StoreError
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.deliver import ROUNDS_AHEAD, Delivery
from tests.factories import NOW, seed_slos
from tests.telling import Told

INTERVAL, RESEND = 30.0, 60.0
AHEAD = ROUNDS_AHEAD * RESEND
UP = SourceView(True, "", "", 0.0)
DOWN = SourceView(False, "connect", "connection refused", None)
AVAILABILITY = next(slo for slo in seed_slos() if slo.name == "availability")


class FixedClock:
    def __init__(self, time_: float = NOW) -> None:
        self.time = time_

    def now(self) -> float:
        return self.time


class Am(MemorySink):
    """Remembers which alerts were over when they were told; with `cut`, the store fails right after a sending."""

    def __init__(self, name: str = "am") -> None:
        super().__init__(name)
        self.world: World | None = None
        self.cut = False
        self.ends: list[str] = []

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        rejections = super().send(alerts)
        if self.world is not None:
            now = self.world.now()
            self.ends += [alert.labels["alertname"] for alert in alerts if alert.ends_at <= now]
            self.world.store.failure = StoreError("io", "as if the power went") if self.cut else None
        return rejections


class World:
    """A store, a board and sinks; slots are told by hand: `slot(level)` is one in which the SLO has that level."""

    def __init__(self, *sinks: AlertSink, clock: Clock | None = None, resend: float = RESEND) -> None:
        self.clock = FixedClock()
        self._real_clock = clock
        self.store = MemoryStore()
        self.told = Told()
        self.sinks = sinks
        self.resend = resend
        self.board = Board(Snapshot(Specification((AVAILABILITY,), (), "h"), None, None, {}))

    def now(self) -> float:
        return (self._real_clock or self.clock).now()

    def delivery(self, sink: AlertSink | None = None) -> Delivery:
        """A new one, as after a start of the daemon."""
        return Delivery(
            sink or self.sinks[0], self.store, self.board, self._real_clock or self.clock, self.told,
            interval=INTERVAL if self._real_clock is None else 1.0, resend=self.resend,
        )  # fmt: skip

    def slot(self, level: Level, slo: Slo = AVAILABILITY, source: SourceView = UP) -> None:
        """A slot passes; stored first, then shown."""
        views, transitions = self.decide(level, slo)
        self.commit([views], transitions)
        self.show([views], source)

    def decide(self, level: Level, slo: Slo = AVAILABILITY) -> tuple[SloView, list[Transition]]:
        self.clock.time += INTERVAL
        instance, now = SloInstance(slo), self.now()
        view = self.board.current.slos.get(instance.id)
        state = view.state if view else SloState(instance.id, since=now)
        transitions = []
        if level is not state.level:
            reason = TransitionReason.THRESHOLD if level > state.level else TransitionReason.RECOVERED
            transitions = [
                Transition(instance.id, state.sequence + 1, now, state.level, level, reason, "99.95 %")
            ]
            state = replace(state, level=level, since=now, sequence=state.sequence + 1)
        return SloView(instance, replace(state, last_slot=now), None), transitions

    def commit(self, views: Sequence[SloView], transitions: Sequence[Transition]) -> None:
        self.store.commit_slot([v.state for v in views], transitions, [sink.name for sink in self.sinks])

    def show(self, views: Sequence[SloView], source: SourceView = UP) -> None:
        self.board.change(
            lambda old: replace(
                old,
                slot=Slot(self.now(), INTERVAL),
                source=source,
                slos={**old.slos, **{v.instance.id: v for v in views}},
            )
        )

    def remove(self, slo: Slo = AVAILABILITY) -> None:
        instance = SloInstance(slo)
        state = self.board.current.slos[instance.id].state
        self.store.forget([removal(state, self.now())], [sink.name for sink in self.sinks])

    def unshow(self) -> None:
        self.board.change(lambda old: replace(old, specification=Specification((), (), "h2"), slos={}))

    def undelivered(self) -> int:
        return len(self.store.undelivered(self.sinks[0].name))


def names(alerts: Sequence[Alert]) -> list[str]:
    return sorted(alert.labels["alertname"] for alert in alerts)
