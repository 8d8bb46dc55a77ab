"""The demo: everything real and small on this machine, from 30 days of history to a verdict, until Ctrl-C.

A simulated search service, a Prometheus that scrapes it and evaluates the shipped rules, an Alertmanager that notifies a
webhook, and the daemon on the example pilot. All of it lives in one temporary folder and ends with this process.
"""

import fcntl
import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import IO

import yaml

from slo_daemon.adapters import logs
from slo_daemon.adapters.daemon_api import DaemonApi
from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_text
from slo_daemon.app import Daemon
from slo_daemon.backfilled import backfill_store
from slo_daemon.core.alert import Links
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.demo.changes import Standing, standing
from slo_daemon.demo.history import Progress, generate_history
from slo_daemon.demo.incidents import Incident, outage_among
from slo_daemon.demo.replay import Replayed, replay_outage
from slo_daemon.demo.servers import AlertmanagerServer, PrometheusServer, free_port
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import Traffic
from slo_daemon.demo.voices import INCIDENTS, past_records, ratings_file
from slo_daemon.demo.webhook import WebhookReceiver
from slo_daemon.settings import read_settings
from slo_daemon.spec.settings_shape import Listen
from slo_daemon.workflows.backfill import Progress as Done

DAY = 86_400.0
INTERVAL = 5  # seconds between scrapes and between slots
FOLDER = "slo-daemon-demo-"
PILOT = "ecommerce-semantic-search"
_START = re.compile(r"^(\s*start:\s*)(\d{4}-\d{2}-\d{2})", re.MULTILINE)
_ALERTMANAGER = """
route:
  receiver: demo
  group_by: [alertname, pilot, slo]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 4h
  routes: [{{receiver: nobody, matchers: [alertname="SLOWatchdog"]}}]
inhibit_rules:
  - {{source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [pilot, slo, slo_group]}}
  - {{source_matchers: [alertname="SLOBackendDown"], target_matchers: [alertname=~"SLOWarning|SLOCritical|SLODataMissing"]}}
receivers:
  - {{name: nobody}}
  - {{name: demo, webhook_configs: [{{url: "{webhook}", send_resolved: true}}]}}
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to look at the demo, and the file with the token by which it may be told something."""

    daemon: str
    prometheus: str
    alertmanager: str
    service: str
    pilot: str
    token_file: str


class Demo:
    """Starts everything, runs the daemon in the calling (main) thread, and ends everything with it.

    `progress`: told of each step of the preparation. `now`: Unix seconds. `days`: of history.
    """

    def __init__(
        self, progress: Progress, now: Callable[[], float], *, days: float = 30.0, seed: int = 7
    ) -> None:
        self._progress = progress
        self._now = now
        self._days = days
        self._seed = seed
        self._ending = Event()
        self._told = Event()
        self._failure: Exception | None = None
        self._outage: Incident | None = None

    def run(self, watch: Callable[["Demo", Daemon, WebhookReceiver, Addresses], None]) -> None:
        """`watch` runs in its own thread once the daemon serves; it looks at the board until `ending` is set.

        Raises what `watch` raised, ServerError, OSError, and KeyboardInterrupt for a signal during the preparation.
        """
        with ExitStack() as stack:
            stack.enter_context(_signals_interrupt())
            _sweep(Path(tempfile.gettempdir()))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=FOLDER)))
            stack.enter_context(_claimed(folder) or nullcontext())
            webhook = stack.enter_context(WebhookReceiver())
            logs.configure("json", "info", stack.enter_context((folder / "slo-daemon.log").open("w")))
            stack.callback(logs.silence)
            daemon, addresses = self._build(stack, folder, webhook)
            watcher = Thread(
                target=self._watch, args=(watch, daemon, webhook, addresses), name="demo-watch", daemon=True
            )
            watcher.start()
            try:
                daemon.run(on_hangup=self.end)  # a closed terminal ends the demo
            finally:
                self._ending.set()
                watcher.join(10.0)
            if self._failure is not None:
                raise self._failure

    @property
    def ending(self) -> Event:
        """Set when the daemon has stopped."""
        return self._ending

    def end(self) -> None:
        """Stop the daemon, and so the demo, as Ctrl-C does."""
        os.kill(os.getpid(), signal.SIGTERM)

    def first_verdict(self, daemon: Daemon, deadline: float) -> tuple[Snapshot, Assessment] | None:
        """The board once every SLO was evaluated and people's records are in; None when the demo ends before."""
        for _ in range(int(deadline * 10)):
            snapshot = daemon.board.current
            assessment = snapshot.assessments.get(PILOT)
            if (
                assessment is not None
                and assessment.slot is not None
                and assessment.slot == snapshot.slot  # a slot is on the board a moment before it is judged
                and self._told.is_set()
            ):
                return snapshot, assessment
            if self._ending.wait(0.1):
                return None
        return None

    def standing(self, snapshot: Snapshot) -> Standing:
        """How the pilot stands on the board now, with its gates."""
        return standing(snapshot, PILOT, self._now(), INTERVAL)

    def replay_outage(self) -> Replayed | None:
        """What the daemon would have said in the outage of the past; None when the history does not reach back to it.

        Raises SourceError.
        """
        if self._outage is None:
            return None
        return replay_outage(
            self._settings, PILOT, self._outage, past_records(self._seed, PILOT, self._now())
        )

    def _build(self, stack: ExitStack, folder: Path, webhook: WebhookReceiver) -> tuple[Daemon, Addresses]:
        traffic = Traffic(self._seed, pilot_start=self._now() - 30 * DAY)
        service = SearchService(self._now, traffic)
        stack.callback(service.stop)
        self._progress(0.0, "starting Alertmanager")
        alertmanager = AlertmanagerServer(folder / "alertmanager", _ALERTMANAGER.format(webhook=webhook.url))
        stack.enter_context(alertmanager)
        port = free_port()
        address = f"127.0.0.1:{port}"
        rules = folder / "slo-daemon.rules.yaml"
        rules.write_text(rule_text(RuleOptions(interval=INTERVAL, links=Links(daemon=f"http://{address}"))))
        prometheus = PrometheusServer(
            folder / "prometheus",
            targets={"search": service.address, "slo-daemon": address},
            scrape_interval=INTERVAL,
            evaluation_interval=INTERVAL,
            rule_files=[rules],
            alertmanagers=[alertmanager.address],
            flags=["--rules.alert.resend-delay=5s"],
        )
        history = generate_history(
            prometheus.data_folder,
            traffic=traffic,
            now=self._now(),
            labels={"job": "search", "instance": service.address},
            days=self._days,
            fine_interval=INTERVAL,
            progress=self._progress,
        )
        self._outage = outage_among(history.incidents)
        service.continue_from(history.totals, history.end)
        service.start()
        self._progress(0.96, "starting Prometheus")
        stack.enter_context(prometheus)
        daemon = self._daemon(folder, prometheus.url, address)
        self._progress(1.0, "starting slo-daemon")
        return daemon, Addresses(
            daemon.url, prometheus.url, alertmanager.url, service.url, PILOT, str(folder / "token")
        )

    def _daemon(self, folder: Path, prometheus: str, address: str) -> Daemon:
        pilot = folder / "pilot.yaml"
        start = datetime.fromtimestamp(self._now() - 30 * DAY, UTC).date()
        pilot.write_text(_START.sub(rf"\g<1>{start}", example_pilot().read_text(), count=1))
        self._token = secrets.token_urlsafe(24)
        token = folder / "token"
        token.write_text(self._token)
        document = {
            "apiVersion": "slo-daemon/v1",
            "kind": "Settings",
            "specs": [str(pilot)],
            "prometheus": {"url": prometheus, "scrape_interval": f"{INTERVAL}s", "timeout": "2s"},
            "evaluation": {"interval": f"{INTERVAL}s"},
            "store": {"url": f"sqlite:///{folder / 'state.db'}"},
            "web": {
                "listen": address,
                "external_url": f"http://{address}",
                "tokens": {"admin": {"file": str(token)}},
            },
            "reports": {"folder": str(folder / "reports"), "every": "1m"},
        }
        settings = folder / "settings.yaml"
        settings.write_text(yaml.safe_dump(document))
        self._settings = read_settings(settings, {}).settings
        backfill_store(self._settings, 1.0, self._show_backfill)  # as one would before a first start
        return Daemon(self._settings)

    def _show_backfill(self, done: Done) -> None:
        self._progress(0.97 + 0.03 * done.there / max(1, done.wanted), "fetching what was counted before")

    def _watch(
        self,
        watch: Callable[["Demo", Daemon, WebhookReceiver, Addresses], None],
        daemon: Daemon,
        webhook: WebhookReceiver,
        addresses: Addresses,
    ) -> None:
        try:
            self._tell_records(addresses)
            watch(self, daemon, webhook, addresses)
        except Exception as error:  # noqa: BLE001 - `run` raises it again
            self._failure = error
        finally:
            if not self._ending.is_set():
                self.end()

    def _tell_records(self, addresses: Addresses) -> None:
        """What people of the pilot would have told, by the daemon's own API: each incident as it came, the ratings as a file."""
        api = DaemonApi(addresses.daemon, self._token)
        now = self._now()
        try:
            for incident in INCIDENTS:
                api.add_incident(addresses.pilot, incident.fields(now))
            file = ratings_file(self._seed, now)
            api.import_file(
                addresses.pilot, "feedback", file, "application/json", f"file-{sha256(file).hexdigest()}"
            )
        finally:
            api.close()
        self._told.set()


def _claimed(folder: Path) -> IO[bytes] | None:
    """The lock of a demo's folder, held until it is closed; None while another process holds it."""
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _sweep(place: Path) -> None:
    """Remove what demos left behind that were killed before they could."""
    for folder in place.glob(f"{FOLDER}*"):
        if (folder / "lock").exists():
            with suppress(OSError), _claimed(folder) or nullcontext() as lock:
                if lock is not None:
                    shutil.rmtree(folder, ignore_errors=True)


def run_service(
    listen: Listen, now: Callable[[], float], seed: int, started: Callable[[str], object]
) -> None:
    """Only the simulated service, until SIGTERM, SIGHUP or Ctrl-C. `started` is told its address.

    Its ramp is the example pilot's, from the day on that stands there. Raises OSError when the address is taken.
    """
    start = datetime.fromisoformat(_START.findall(example_pilot().read_text())[0][1]).replace(tzinfo=UTC)
    service = SearchService(
        now, Traffic(seed, pilot_start=start.timestamp()), host=listen.host, port=listen.port
    )
    with _signals_interrupt(), suppress(KeyboardInterrupt), service:
        started(service.address)
        Event().wait()


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP during the preparation are like Ctrl-C: what was started is stopped, the folder is removed."""
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def example_pilot() -> Path:
    """The example pilot: beside the package in a checkout, inside it when installed."""
    here = Path(__file__).parent
    installed = here / "ecommerce-search.yaml"
    return (
        installed if installed.exists() else here.parents[1] / "config" / "pilots" / "ecommerce-search.yaml"
    )
