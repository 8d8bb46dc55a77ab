"""A whole web with everything behind it: a real snapshot, the store in memory, reports on a shelf, a clock that stands."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import requests
from fastapi import FastAPI

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.alert import Links
from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.pilot import Cohort, Pilot, Ramp, RampStep, Stage
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.records import RecordsQuery
from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.course import Course
from slo_daemon.core.slo.grouping import split
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import Failed, FailReason, Labels, Reading, Sample, Samples
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState, Transition
from slo_daemon.core.slo.step import step
from slo_daemon.core.slo.window import Slot, Window
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.ports import ReportFiles, SinkError
from slo_daemon.web.app import create_web
from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.parts import WebParts
from slo_daemon.web.security import Role
from slo_daemon.web.serve import Patience, WebServer, bind
from slo_daemon.web.sessions import Sessions
from slo_daemon.workflows.record import Recorder
from tests.factories import all_readings, evaluated
from tests.telling import Told

NOW = 1_800_000_000.0
PILOT = "search"
INCIDENTS = f"/api/v1/pilots/{PILOT}/incidents"
FEEDBACK = f"/api/v1/pilots/{PILOT}/feedback"
OVERRIDES = f"/api/v1/pilots/{PILOT}/overrides"
HOOK = f"/hooks/alertmanager/{PILOT}"
TOKENS = {role: f"{role.value}-token-for-tests" for role in Role}


class StandingClock:
    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


class Shelf:
    """A ReportSink in memory. While `broken`, it raises."""

    def __init__(self) -> None:
        self.broken = False
        self.asked: list[str] = []
        self._kept: dict[str, dict[str, Mapping[str, str]]] = {}

    def write(self, pilot: str, report_id: str, texts: Mapping[str, str]) -> ReportFiles:
        self._kept.setdefault(pilot, {})[report_id] = texts
        return ReportFiles(report_id, {form: f"{report_id}.{form}" for form in texts})

    def reports(self, pilot: str) -> tuple[str, ...]:
        self._work()
        return tuple(sorted(self._kept.get(pilot, {}), reverse=True))

    def read(self, pilot: str, report_id: str, form: str) -> str | None:
        self._work()
        self.asked.append(report_id)
        known = self.reports(pilot)
        name = known[0] if report_id == "latest" and known else report_id
        return self._kept.get(pilot, {}).get(name, {}).get(form)

    def _work(self) -> None:
        if self.broken:
            raise SinkError("the folder is gone")


def ratio_slo(name: str, *, pilot: str = PILOT, group_by: tuple[str, ...] = ()) -> Slo:
    return Slo(
        pilot=pilot,
        name=name,
        indicator=Ratio(
            parse_selector('requests_total{code=~"5.."}'),
            parse_selector("requests_total"),
            counts_good=False,
            as_good=True,
        ),
        objective=Objective(
            Direction.AT_LEAST, parse_quantity("99.9%"), parse_quantity("99.8%"), parse_quantity("99.5%")
        ),
        window=Window(3600),
        group_by=group_by,
    )


def events(bad: float, total: float, labels: Labels = ()) -> dict[str, Reading]:
    return {name: Samples("q", (Sample(labels, value),)) for name, value in (("bad", bad), ("total", total))}


def viewed(
    slo: Slo, parts: Mapping[str, Reading] | None, *, group: Labels = (), at: float = NOW, slots: int = 1
) -> SloView:
    """An SLO after `slots` slots of the same readings; without readings the source refused the connection."""
    instance = SloInstance(slo, group)
    failed: Reading = Failed("q", FailReason.CONNECT, "refused")
    readings = all_readings(slo, parts or {})
    if not parts:
        readings = dict.fromkeys(readings, failed)
    readings = split(readings, slo.group_by, [group])[group]
    state: SloState | None = None
    for number in range(slots):
        slot = Slot(at - 60.0 * (slots - 1 - number), 60.0)
        outcome = step(evaluated(slo, readings, slot, group), state)
        state = outcome.state
    return SloView(instance, outcome.state, outcome.evaluation)


def pilot(slos: Sequence[Slo], *, name: str = PILOT, title: str = "Semantic Search Pilot") -> Pilot:
    return Pilot(
        name=name,
        title=title,
        stage=Stage.CANARY,
        start=date(2026, 12, 20),
        duration=timedelta(weeks=8),
        slos=tuple(slos),
        ramp=Ramp(0.05, 0.20, (RampStep(1, 0.05), RampStep(2, 0.10))),
    )


def snapshot(views: Sequence[SloView], pilots: Sequence[Pilot]) -> Snapshot:
    slos = tuple({view.instance.slo.id: view.instance.slo for view in views}.values())
    return Snapshot(
        specification=Specification(slos, tuple(pilots), "c0ffee" * 8),
        slot=Slot(NOW, 60.0),
        source=SourceView(True, "", "", 0.01),
        slos={view.instance.id: view for view in views},
        queries=4,
        samples=120,
    )


def usual_snapshot() -> Snapshot:
    regional = ratio_slo("availability-by-region", group_by=("region",))
    views = [
        viewed(ratio_slo("availability"), events(5, 10_000)),
        viewed(ratio_slo("checkout"), events(90, 10_000), slots=3),
        *(
            viewed(regional, events(1, 9_000, group), group=group)
            for group in ((("region", "eu"),), (("region", "us"),))
        ),
        viewed(ratio_slo("indexing"), None),
        viewed(ratio_slo("plain", pilot="platform"), events(0, 10_000)),
    ]
    return snapshot(views, [pilot([view.instance.slo for view in views if view.instance.slo.pilot == PILOT])])


@dataclass
class House:
    """The web and everything it touches, open for tests to look at and to break."""

    current: Snapshot = field(default_factory=usual_snapshot)
    store: Any = field(default_factory=MemoryStore)
    clock: StandingClock = field(default_factory=StandingClock)
    shelf: Shelf = field(default_factory=Shelf)
    told: Told = field(default_factory=Told)
    tokens: Mapping[Role, str] = field(default_factory=lambda: dict(TOKENS))
    payload: bytes = b"# HELP slo_alert_level x\n"
    metrics_error: Exception | None = None
    stuck: str = ""
    unready: list[str] = field(default_factory=list)
    reload_problems: list[str] = field(default_factory=list)
    reloads: int = 0
    assessed: list[str] = field(default_factory=list)
    uses: TokenBuckets = field(default_factory=lambda: TokenBuckets(1_000, 10_000))
    refusals: TokenBuckets = field(default_factory=lambda: TokenBuckets(1_000, 10_000))
    links: Links = field(default_factory=Links)
    courses: dict[str, Course] = field(default_factory=dict)
    session_time: float = 0.0  # by which sessions end
    sessions: Sessions | None = None  # others than those

    def assess(self, name: str) -> None:
        """What the daemon does when something was recorded."""
        self.assessed.append(name)
        now = self.current
        judged = [Judged(v.instance, v.state, v.evaluation) for v in now.of_pilot(name)]
        (one,) = [p for p in now.specification.pilots if p.name == name]
        found, _ = assess(
            one, now.slot, self.clock.now(), judged, self.store.records(name, RecordsQuery(self.clock.now()))
        )
        self.current = replace(now, assessments={**now.assessments, name: found})

    def metrics(self) -> bytes:
        if self.metrics_error is not None:
            raise self.metrics_error
        return self.payload

    def reload(self) -> list[str]:
        self.reloads += 1
        return self.reload_problems

    def explain(self, view: SloView, history: Sequence[Transition]) -> object:
        return {"id": view.instance.id, "history": [t.sequence for t in history]}

    def app(self) -> FastAPI:
        recorder = Recorder(
            self.store,
            self.clock,
            snapshot=lambda: self.current,
            telemetry=self.told,
            on_recorded=self.assess,
        )
        parts = WebParts(
            clock=self.clock,
            telemetry=self.told,
            snapshot=lambda: self.current,
            recorder=recorder,
            reports=self.shelf,
            history=self.store.transitions,
            points=self.store.budget_points,
            course=lambda view, _at: self.courses.get(view.instance.id),
            metrics=self.metrics,
            stuck=lambda: self.stuck,
            unready=lambda: self.unready,
            reload=self.reload,
            explain=self.explain,
            version="1.2.3",
            tokens=self.tokens,
            links=self.links,
        )
        sessions = self.sessions or Sessions(clock=lambda: self.session_time)
        return create_web(parts, uses=self.uses, refusals=self.refusals, sessions=sessions)

    @contextmanager
    def open(self, patience: Patience | None = None) -> Iterator["Visitor"]:
        """Serve on a real socket, from a thread, until the end of the block."""
        listener = bind("127.0.0.1", 0)
        server = WebServer(self.app(), [listener], patience)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        host, port = listener.getsockname()
        try:
            with Visitor(f"http://{host}:{port}", (host, port)) as visitor:
                yield visitor
        finally:
            server.stop()
            thread.join(20)
            assert not thread.is_alive()


class Visitor(requests.Session):
    """A client of one server: paths instead of URLs."""

    def __init__(self, url: str, address: tuple[str, int]) -> None:
        super().__init__()
        self.trust_env = False
        self.url = url
        self.address = address

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 20)
        return super().request(method, f"{self.url}{url}", *args, **kwargs)


def bearer(role: Role, key: str | None = None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {TOKENS[role]}"}
    return headers if key is None else headers | {"Idempotency-Key": key}


def incident(**fields: Any) -> dict[str, Any]:
    return {"title": "Search answers with errors", "severity": "critical"} | fields


def override(**fields: Any) -> dict[str, Any]:
    """A hold, for an hour."""
    return {"kind": "hold", "by": "ada", "reason": "a sale is on", "expires_at": NOW + 3_600} | fields


def feedback(**fields: Any) -> dict[str, Any]:
    return {"user": "u-1", "rating": 4, "text": "good"} | fields


def with_segments(house: House, cohorts: Sequence[str], variants: Sequence[str]) -> None:
    """Give the pilot cohorts and variants."""
    (pilot,) = house.current.specification.pilots
    known = replace(pilot, cohorts=tuple(Cohort(name, name) for name in cohorts), variants=tuple(variants))
    specification = replace(house.current.specification, pilots=(known,))
    house.current = replace(house.current, specification=specification)
