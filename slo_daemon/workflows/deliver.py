"""Tell Alertmanagers what is true, directly: for those who cannot load rules into their Prometheus.

Driven by state, not by events: every `resend` seconds, and after each slot with a transition, each Alertmanager is told all
alerts that fire now, each with an end that lies four rounds ahead. So nothing is lost by an outage of either side, and what
the daemon stops telling ends by itself. Only an end that is known is told as such: for every fallen level there is an
outbox entry, kept until that Alertmanager has taken it. No error and no missing data ever resolves anything.

Every Alertmanager has a thread of its own: a frozen one delays nobody else.
"""

from collections.abc import Sequence
from threading import Event, Thread
from time import monotonic

import structlog

from slo_daemon.core.alert import (
    Alert,
    Links,
    firing,
    resolved,
    series_of,
    series_of_id,
    source_down,
)
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import AlertSink, Clock, Rejection, SinkError, Store, StoreError, Telemetry
from slo_daemon.workflows.board import Board

log = structlog.get_logger(__name__)
ROUNDS_AHEAD = 4  # how many rounds may fail before Alertmanager takes an alert for over
SOURCE_DOWN_FOR = 60.0  # seconds before the source counts as down; the rule waits as long
RETRY = 10.0  # seconds after a failure, if `resend` is not shorter
PAGE = 1_000  # outbox entries in one round
_NOWHERE = Links()


class Delivery:
    """What one Alertmanager is told. One thread at a time.

    `interval`: seconds between slots; `resend`: seconds between rounds.
    """

    def __init__(
        self,
        sink: AlertSink,
        store: Store,
        board: Board,
        clock: Clock,
        telemetry: Telemetry,
        *,
        interval: float,
        resend: float = 60.0,
        links: Links = _NOWHERE,
    ) -> None:
        self.sink = sink
        self._resend = resend
        self._store = store
        self._board = board
        self._clock = clock
        self._telemetry = telemetry
        self._ahead = ROUNDS_AHEAD * max(interval, resend)
        self._links = links
        self._series: dict[str, dict[str, str]] = {}  # labels of the SLOs that were told, by id
        self._down: Alert | None = None  # the alert about the source, as it was last told or is due
        self._refused: set[tuple[tuple[str, str], ...]] = set()
        self._outage = ""

    def round(self) -> float:
        """Tell everything once. Returns after how many seconds to do so again."""
        pending = self._undelivered()  # before the snapshot: what is read here, a later snapshot knows
        snapshot = self._board.current
        due = [transition for transition in pending if _known(transition, snapshot)]
        now = self._clock.now()
        alerts = self._alerts(snapshot, due, now)
        if alerts and not self._send(alerts):
            return self.retry
        if self._down is not None and self._down.ends_at <= now:
            self._down = None
        if not self._mark(due):
            return self.retry
        return 0.0 if due and len(pending) == PAGE else self._resend

    @property
    def retry(self) -> float:
        """Seconds to wait after a round that did not get through."""
        return min(self._resend, RETRY)

    def _alerts(self, snapshot: Snapshot, due: Sequence[Transition], now: float) -> list[Alert]:
        """Ends first: an end that came after a new beginning would undo it."""
        fires = firing(snapshot, now + self._ahead, self._links)
        fires_now = {alert.identity for alert in fires}
        ends: dict[tuple[tuple[str, str], ...], Alert] = {}
        for transition in due:
            for alert in resolved(transition, self._series_of(transition, snapshot)):
                if alert.identity not in fires_now:
                    ends[alert.identity] = alert
        self._series.update(
            (slo_id, series_of(view.instance)) for slo_id, view in snapshot.slos.items() if view.state.level
        )
        about_source = self._source_alert(snapshot, now)
        return [*ends.values(), *fires, *([about_source] if about_source else [])]

    def _series_of(self, transition: Transition, snapshot: Snapshot) -> dict[str, str]:
        """As it was told; else, after a restart, as the specification has it now."""
        told = self._series.get(transition.slo_id)
        return told if told is not None else series_of_id(transition.slo_id, snapshot.specification)

    def _source_alert(self, snapshot: Snapshot, now: float) -> Alert | None:
        """The one alert about the source: its start is the first slot that found it down."""
        source, slot, told = snapshot.source, snapshot.slot, self._down
        if source is None or slot is None:
            return None  # nobody has looked yet
        if source.up:
            self._down = source_down(source, told.starts_at, slot.time, self._links) if told else None
            return self._down
        since = told.starts_at if told and told.ends_at > now else slot.time
        self._down = source_down(source, since, now + self._ahead, self._links)
        return self._down if slot.time - since >= SOURCE_DOWN_FOR else None

    def _send(self, alerts: Sequence[Alert]) -> bool:
        try:
            rejections = self.sink.send(alerts)
        except SinkError as error:
            self._telemetry.alerts_failed(self.sink.name, len(alerts))
            if str(error) != self._outage:
                log.warning("alerts_not_sent", alertmanager=self.sink.name, detail=str(error))
            self._outage = str(error)
            return False
        if self._outage:
            log.info("alerts_sent_again", alertmanager=self.sink.name)
        self._outage = ""
        self._telemetry.alerts_sent(self.sink.name, len(alerts) - len(rejections))
        if rejections:
            self._telemetry.alerts_failed(self.sink.name, len(rejections))
            self._log_once(rejections)
        return True

    def _log_once(self, rejections: Sequence[Rejection]) -> None:
        for rejection in rejections:
            if rejection.alert.identity not in self._refused:
                labels = dict(rejection.alert.labels)
                log.error(
                    "alert_refused", alertmanager=self.sink.name, labels=labels, detail=rejection.detail
                )
        self._refused = {rejection.alert.identity for rejection in rejections}

    def _undelivered(self) -> tuple[Transition, ...]:
        try:
            return self._store.undelivered(self.sink.name, PAGE)
        except StoreError as error:  # what fires is told from memory all the same
            self._telemetry.store_failed(error.reason)
            return ()

    def _mark(self, due: Sequence[Transition]) -> bool:
        if not due:
            return True
        try:
            self._store.delivered(self.sink.name, due)
        except StoreError as error:  # they will be told again, which does no harm
            self._telemetry.store_failed(error.reason)
            return False
        for transition in due:
            if transition.after is Level.NONE:
                self._series.pop(transition.slo_id, None)
        return True


class Deliverer:
    """Runs one thread for each Alertmanager."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._stopping = Event()
        self._loops = [(delivery, Event()) for delivery in deliveries]
        self._threads = [
            Thread(target=self._run, args=loop, name=f"deliver-{loop[0].sink.name}", daemon=True)
            for loop in self._loops
        ]

    def start(self) -> None:
        """Begin; the first round is at once, so that a restart leaves no gap."""
        for thread in self._threads:
            thread.start()

    def nudge(self) -> None:
        """There is news: do not wait for the next round."""
        for _, wake in self._loops:
            wake.set()

    def stop(self, timeout: float) -> None:
        """Begin no more rounds, and wait up to `timeout` seconds for those under way. Nothing is told as over."""
        end = monotonic() + timeout
        self._stopping.set()
        self.nudge()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - monotonic()))

    def _run(self, delivery: Delivery, wake: Event) -> None:
        while True:
            wake.clear()
            if self._stopping.is_set():
                return
            try:
                pause = delivery.round()
            except Exception:  # a bug must not end the thread: what fires has to be told again and again
                log.exception("delivery_crashed", alertmanager=delivery.sink.name)
                pause = delivery.retry
            wake.wait(pause)


def _known(transition: Transition, snapshot: Snapshot) -> bool:
    """Whether the snapshot is of a time after the transition; a slot is stored a moment before it is shown."""
    view = snapshot.slos.get(transition.slo_id)
    if view is None:
        return True
    if transition.reason is TransitionReason.REMOVED:
        return view.state.since > transition.slot  # else it is the removed one, still shown
    return view.state.last_slot is not None and transition.slot <= view.state.last_slot
