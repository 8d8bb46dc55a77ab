"""The composition root: settings become a wired daemon, started and stopped in the right order.

Start: specification, store, persisted levels on the board, web (so that levels are exported), and only then the first
query. Stop: no new slot, the slot under way is abandoned, what is owed is stored, connections are closed.
"""

import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import structlog
from fastapi import FastAPI

from slo_daemon import __version__
from slo_daemon.adapters import heap
from slo_daemon.adapters.alertmanager import AlertmanagerSink
from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.gauges import MetricsPage, SelfMetrics
from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.adapters.report_files import ReportFolder
from slo_daemon.adapters.scheduler import Scheduler
from slo_daemon.adapters.spec_files import fingerprint, read
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.alert import Links
from slo_daemon.core.explain import explain_json
from slo_daemon.core.report import SlotTally
from slo_daemon.core.slo.chunks import HOUR
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import Store, StoreError
from slo_daemon.settings import Settings
from slo_daemon.spec.load import Loaded, load
from slo_daemon.spec.problems import SpecError
from slo_daemon.web.app import create_web
from slo_daemon.web.parts import WebParts
from slo_daemon.web.security import Role
from slo_daemon.web.serve import bind, serve
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.backfill import Backfiller
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.courses import CourseReader
from slo_daemon.workflows.deliver import Deliverer, Delivery
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History
from slo_daemon.workflows.record import Recorder
from slo_daemon.workflows.report import Reporter
from slo_daemon.workflows.verify import Verifier

log = structlog.get_logger(__name__)
STUCK_SLOTS = 3  # intervals without a finished slot after which a restart would help
LOOK_AT_FILES = 5.0  # seconds between looks at the specification's files
CATCH_UP_SECONDS = 5.0  # that the first slot waits for what was counted before it
STOP_SECONDS = 9.0  # for the slot under way; the web has had its 8 before, and our promise is 20
NOTHING = Specification((), (), "")


def load_specification(settings: Settings) -> Loaded:
    """All pilots and SLOs that the settings name. Raises SpecError with every problem."""
    found = read(settings.specs)
    with heap.loading():
        return load(found.texts, scrape_interval=settings.prometheus.scrape_interval, problems=found.problems)


def open_store(settings: Settings) -> Store:
    """The store that the settings name. Raises StoreError."""
    return DatabaseStore(SqliteFile(Path(settings.store.url.removeprefix("sqlite:///"))))


def open_source(settings: Settings) -> PrometheusSource:
    """The Prometheus that the settings name. Raises SpecError and ValueError for settings that can never work."""
    prometheus = settings.prometheus
    return PrometheusSource(
        PrometheusSettings(
            url=prometheus.url,
            timeout=prometheus.timeout,
            concurrency=prometheus.concurrency,
            headers=prometheus.headers,
            parameters=prometheus.parameters,
            bearer_token=prometheus.bearer_token.reveal if prometheus.bearer_token else None,
            ca_file=prometheus.ca_file,
            stats=prometheus.stats,
        )
    )


class Daemon:
    """A wired daemon. `run` blocks until a signal; it may be called once.

    Raises SpecError, StoreError, SinkError (the folder for reports), OSError (the address is taken) and ValueError
    (settings that can never work).
    """

    def __init__(self, settings: Settings) -> None:
        heap.be_frugal()
        self._settings = settings
        self._clock = SystemClock()
        with ExitStack() as opened:  # closed again when a later step fails
            self._files = fingerprint(settings.specs)  # first: a change while they are read is seen later
            self._last_look = self._files
            self._loaded = load_specification(settings)
            self.listener: socket.socket = bind(settings.web.listen.host, settings.web.listen.port)
            opened.callback(self.listener.close)
            self._store = open_store(settings)
            opened.callback(self._store.close)
            self._source = open_source(settings)
            opened.callback(self._source.close)
            self._wire()
            self._opened = opened.pop_all()

    def _wire(self) -> None:
        settings = self._settings
        self._tokens = {
            role: settings.web.tokens[role.value].reveal()
            for role in Role
            if role.value in settings.web.tokens
        }
        sinks = [
            AlertmanagerSink(url, daemon_url=settings.web.external_url or "")
            for url in settings.alertmanager.urls
        ]
        names = [sink.name for sink in sinks]
        self._metrics = SelfMetrics(names)
        self.board = Board(Snapshot(NOTHING, None, None, {}))
        self._asker = Asker(
            self._source,
            self._metrics,
            concurrency=settings.prometheus.concurrency,
            timeout=settings.prometheus.timeout,
        )
        self._history = History(self._store, self._metrics, settings.evaluation.interval)
        self._evaluator = Evaluator(
            self._asker, self._history, self._store, self.board, self._clock, self._metrics, sinks=names
        )
        self._backfiller = Backfiller(
            self._asker, self._history, self._clock, self._metrics, lambda: self._evaluator.busy
        )
        self._verifier = Verifier(self._asker, self._history, self._metrics)
        self._assessor = Assessor(self._store, self.board, self._metrics)
        self._reports = ReportFolder(Path(settings.reports.folder), keep=settings.reports.keep)
        self._courses = courses = CourseReader(self._history, self._store, self._metrics)
        self._reporter = Reporter(self._assessor, self._store, self._metrics, self._reports, courses=courses)
        self._scheduler = Scheduler(self._clock, self._metrics)
        self._links = links = Links(
            daemon=settings.web.external_url or "",
            dashboard=settings.alertmanager.links.dashboard or "",
            runbooks=settings.alertmanager.links.runbooks or "",
            grafana=settings.alertmanager.links.grafana or "",
        )
        self._deliverer = Deliverer([self._delivery(sink, links) for sink in sinks])
        self._page = MetricsPage(self._metrics)
        self._reloading = threading.Lock()
        self._quiet = threading.Event()  # never set: something to wait on
        self._started = self._clock.now()
        self._last_slot = monotonic()
        self._reported = self._abandoned = False

    def _delivery(self, sink: AlertmanagerSink, links: Links) -> Delivery:
        return Delivery(
            sink,
            self._store,
            self.board,
            self._clock,
            self._metrics,
            interval=self._settings.evaluation.interval,
            resend=self._settings.alertmanager.resend,
            links=links,
        )

    @property
    def url(self) -> str:
        """Where the web listens, for people on this machine."""
        host, port = self.listener.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, on_hangup: Callable[[], object] | None = None) -> bool:
        """Serve and evaluate until SIGTERM or SIGINT, then drain and return. SIGHUP reloads, or calls `on_hangup`.

        False: a slot hangs in a question and was left behind; everything is stored and closed, but the interpreter would
        wait for its thread. Raises StoreError when the stored states cannot be read.
        """
        with self._opened:
            web = self._web()
            hangup = signal.signal(signal.SIGHUP, lambda *_: (on_hangup or self._reload_soon)())
            try:
                serve(web, self.listener, on_start=self._start, on_stop=self._stop)
            finally:
                signal.signal(signal.SIGHUP, hangup)
        return not self._abandoned

    def _web(self) -> FastAPI:
        return create_web(
            WebParts(
                clock=self._clock,
                telemetry=self._metrics,
                snapshot=lambda: self.board.current,
                recorder=Recorder(
                    self._store, self._clock, lambda: self.board.current, self._metrics, self._on_recorded
                ),
                reports=self._reports,
                history=self._store.transitions,
                points=self._store.budget_points,
                course=self._courses.one,
                metrics=lambda: self._page.render(self.board.current, self._clock.now()),
                stuck=self._stuck,
                unready=self._unready,
                reload=self.reload,
                explain=explain_json,
                version=__version__,
                tokens=self._tokens,
                links=self._links,
            )
        )

    def reload(self) -> Sequence[str]:
        """Parse all files, then swap; the last good specification stays when there is any problem. The problems."""
        with self._reloading:
            self._files = fingerprint(self._settings.specs)
            try:
                loaded = load_specification(self._settings)
            except SpecError as error:
                problems = [str(problem) for problem in error.problems]
                self._metrics.reload(ok=False, at=self._clock.now())
                log.error("reload_refused", problems=problems, kept=self.board.current.specification.hash)  # noqa: TRY400
                return problems
            self._loaded = loaded
            self._adopt()
            return []

    def _adopt(self, states: Mapping[str, SloState] | None = None) -> None:
        for problem in self._loaded.warnings:
            log.warning("specification_warning", problem=str(problem))
        specification = self._loaded.specification
        self._evaluator.adopt(specification, states)
        self._assessor.assess_all(self._clock.now())
        self._metrics.reload(ok=True, at=self._clock.now())
        self._deliverer.nudge()
        heap.settle()
        log.info(
            "specification_loaded",
            slos=len(specification.slos),
            pilots=len(specification.pilots),
            hash=specification.hash,
        )

    def _start(self) -> None:
        states = self._store.states()
        with self._reloading:  # a SIGHUP may come as early as this
            self._adopt(states)
        interval = self._settings.evaluation.interval
        self._scheduler.add_slots(interval, self._slot)
        self._scheduler.add_periodic("reports", self._settings.reports.every, self._report)
        if self._settings.evaluation.verify:
            self._scheduler.add_periodic("verify", self._settings.evaluation.verify, self._verify)
        self._scheduler.add_periodic("history", HOUR, self._tidy)
        self._scheduler.add_periodic("files", LOOK_AT_FILES, self._look_at_files)
        self._last_slot = monotonic()
        self._scheduler.start()
        self._backfiller.start()
        self._deliverer.start()
        log.info(
            "started",
            version=__version__,
            url=self.url,
            source=self._source.url,
            interval=interval,
            states=len(states),
        )

    def _stop(self) -> None:
        self._asker.stop()
        stopper = threading.Thread(target=self._scheduler.stop, name="stopper", daemon=True)
        stopper.start()
        stopper.join(STOP_SECONDS)
        self._abandoned = stopper.is_alive()
        self._deliverer.stop(1.0)
        self._backfiller.stop(1.0)
        self._evaluator.settle()
        if not self._abandoned:
            self._asker.close()
        log.info("stopped", abandoned=self._abandoned)

    def _slot(self, slot: Slot) -> None:
        if self.board.current.slot is None:  # the first values should not stand on half a window
            self._backfiller.caught_up.wait(min(CATCH_UP_SECONDS, slot.interval / 2))
        self._evaluator.run_slot(slot)
        self._page.let_go()
        self._assessor.assess_all(self._clock.now())
        self._deliverer.nudge()
        self._last_slot = monotonic()
        self._page.render(self.board.current, self._clock.now())  # so that no scrape has to wait for it
        heap.give_back()
        if not self._reported:
            self._report()

    def _report(self) -> None:
        if self.board.current.slot is None:
            return  # the first slot writes the first report
        self._reported = True
        evaluated, missed = self._scheduler.counted
        self._reporter.report_all(self._clock.now(), SlotTally(self._started, evaluated, missed))

    def _verify(self) -> None:
        while self._evaluator.busy and not self._asker.stopping:
            self._quiet.wait(0.1)
        if self._backfiller.idle:  # what is still being fetched would be called a difference
            self._verifier.once(self.board.current)

    def _tidy(self) -> None:
        now = self.board.current
        if (
            now.slot is not None and now.source is not None and now.source.up
        ):  # a clock ahead would delete everything
            self._history.prune(now.slot.time)
        self._history.compact()

    def _on_recorded(self, _pilot: str) -> None:
        self._assessor.assess_all(self._clock.now())

    def _reload_soon(self) -> None:
        threading.Thread(target=self.reload, name="reload", daemon=True).start()

    def _look_at_files(self) -> None:
        """Files that are being written are left until two looks agree: half a file may be a good one with fewer SLOs."""
        seen = fingerprint(self._settings.specs)
        if seen != self._files and seen == self._last_look:
            self.reload()
        self._last_look = seen

    def _stuck(self) -> str:
        age = monotonic() - self._last_slot
        longest = STUCK_SLOTS * self._settings.evaluation.interval
        return f"no slot was finished for {age:.0f} s; the limit is {longest:.0f} s" if age > longest else ""

    def _unready(self) -> Sequence[str]:
        try:
            self._store.check()
        except StoreError as error:
            return [f"the store cannot be written: {error}"]
        return []
