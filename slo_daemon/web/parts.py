"""What the web needs of the rest of the daemon, and the threads it works on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from slo_daemon.core.alert import Links
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.course import Course
from slo_daemon.core.slo.state import Transition
from slo_daemon.core.snapshot import SloView, Snapshot
from slo_daemon.ports import Clock, ReportSink, Telemetry
from slo_daemon.web.limits import Workers
from slo_daemon.web.security import Role
from slo_daemon.workflows.record import Recorder
from slo_daemon.workflows.rollouts import RolloutEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """Everything behind the pages. `stuck` and `snapshot` are called on the event loop: they must be quick.

    `metrics`: the exposition, complete; it may raise. `stuck`: why the evaluation loop needs a restart, "" while it does
    not. `unready`: why the process is not ready, empty when it is. `reload`: the problems of the new specification, each
    a line for people; empty when it is in force. `history`: the latest transitions of an SLO, newest first; it may raise
    StoreError, as may `points`: what was left of an SLO's budget since a time (Unix seconds). `course`: how an SLO
    came to where it is at a time (Unix seconds), for charts. `explain`: an SLO with them, for any JSON encoder. `rollouts`: what deployment tools told. `tokens`: by role; a role without one cannot be used.
    `links`: to dashboards and runbooks.
    """

    clock: Clock
    telemetry: Telemetry
    snapshot: Callable[[], Snapshot]
    recorder: Recorder
    reports: ReportSink
    history: Callable[[str], Sequence[Transition]]
    points: Callable[[str, float], Sequence[BudgetPoint]]
    course: Callable[[SloView, float], Course | None]
    metrics: Callable[[], bytes]
    stuck: Callable[[], str]
    unready: Callable[[], Sequence[str]]
    reload: Callable[[], Sequence[str]]
    explain: Callable[[SloView, Sequence[Transition]], object]
    version: str
    tokens: Mapping[Role, str]
    rollouts: RolloutEvents = field(default_factory=RolloutEvents)
    links: Links = field(default_factory=Links)


class Rooms:
    """Threads for what may block, apart from each other: a slow store must not make a scrape slow."""

    def __init__(self) -> None:
        self.metrics = Workers("web-metrics", threads=1, queue=16)
        self.store = Workers("web-store", threads=4, queue=128)
        self.pages = Workers("web-pages", threads=1, queue=64)
        self.reload = Workers("web-reload", threads=1, queue=1)
        self.imports = Workers("web-import", threads=1, queue=1)  # a file may take seconds, and memory

    def close(self) -> None:
        """Wait for what has begun."""
        for workers in (self.reload, self.imports, self.store, self.pages, self.metrics):
            workers.close()
