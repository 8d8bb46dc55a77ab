"""The status page: what is true of every pilot and SLO, for people. Rendered here, no script, nothing from elsewhere."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from fastapi import FastAPI, Response
from jinja2 import DictLoader, Environment, StrictUndefined

from slo_daemon.core.pilot.pilot import Pilot, Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import Incident, Records
from slo_daemon.core.pilot.slo_facts import LONGEST_SLOT_AGE
from slo_daemon.core.pilot.verdict import Assessment, Effect, Finding, Verdict
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report import (
    ADVICE_WORDS,
    EFFECT_SYMBOLS,
    LEVEL_WORDS,
    MET_SYMBOLS,
    SPENT_SYMBOLS,
    VERDICT_WORDS,
)
from slo_daemon.core.slo.budget import Budget, BudgetState, spent_out
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_basis,
    say_cause,
    say_evaluation,
    say_forecast,
    say_measured,
    say_minute,
    say_name,
    say_objective,
    say_share,
    say_time,
    visible,
)
from slo_daemon.core.snapshot import SloView, Snapshot
from slo_daemon.ports import SinkError
from slo_daemon.web.parts import Rooms, WebParts

MOST_ROWS = 500  # of one table; with more SLOs the highest levels are shown

Mark = tuple[str, str, str]  # tone (for the colour), symbol, word: a colour never speaks alone


def _mark(tone: str, said: str) -> Mark:
    """From the words that reports use: `✓ met`."""
    symbol, _, word = said.partition(" ")
    return tone, symbol, word


VERDICTS = {
    Verdict.READY: _mark("good", VERDICT_WORDS[Verdict.READY]),
    Verdict.NOT_READY: _mark("bad", VERDICT_WORDS[Verdict.NOT_READY]),
    Verdict.INCONCLUSIVE: _mark("open", VERDICT_WORDS[Verdict.INCONCLUSIVE]),
}
LEVELS = {
    Level.NONE: _mark("good", f"● {LEVEL_WORDS[Level.NONE]}"),
    Level.WARNING: _mark("warn", LEVEL_WORDS[Level.WARNING]),
    Level.CRITICAL: _mark("bad", LEVEL_WORDS[Level.CRITICAL]),
}
MET = {
    True: _mark("good", MET_SYMBOLS[True]),
    False: _mark("bad", MET_SYMBOLS[False]),
    None: _mark("open", MET_SYMBOLS[None]),
}
EFFECTS = {
    Effect.PASS: ("good", EFFECT_SYMBOLS[Effect.PASS], "fine"),
    Effect.BLOCK: ("bad", EFFECT_SYMBOLS[Effect.BLOCK], "blocks"),
    Effect.FIRE: ("bad", EFFECT_SYMBOLS[Effect.FIRE], "fired"),
    Effect.OPEN: ("open", EFFECT_SYMBOLS[Effect.OPEN], "open"),
}
DATA = {
    DataState.OK: ("good", "✓", "ok"),
    DataState.NO_TRAFFIC: ("open", "–", "no traffic"),
    DataState.NO_DATA: ("warn", "∅", "no data"),
    DataState.STALE: ("warn", "◷", "stale"),
    DataState.ERROR: ("bad", "✗", "error"),
    DataState.UNKNOWN: ("open", "?", "unknown"),
}
BUDGETS = {  # of an error budget: proven not spent, proven spent, neither
    False: ("good", SPENT_SYMBOLS[False]),
    True: ("bad", SPENT_SYMBOLS[True]),
    None: ("open", SPENT_SYMBOLS[None]),
}
NO_BUDGET = ("", "", "–")
ROLES = {
    Role.DEFAULT: "every pilot",
    Role.GO_LIVE: "go-live criterion",
    Role.SUCCESS: "success metric",
    Role.ROLLBACK: "rollback trigger",
}
UNASSESSED = ("open", "…", "not assessed yet")


@dataclass(frozen=True, slots=True)
class SloRow:
    """One line of an SLO table."""

    id: str
    name: str
    value: str
    objective: str
    met: Mark
    level: Mark
    since: str
    burning: str
    data: Mark
    detail: str
    budget: Mark
    budget_notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One criterion."""

    mark: Mark
    role: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Section:
    """One pilot, or one plain set of SLOs (then `pilot` is None)."""

    name: str
    pilot: Pilot | None
    verdict: Mark
    advice: str
    assessment: Assessment | None
    findings: tuple[FindingRow, ...]
    slos: tuple[SloRow, ...]
    hidden: int  # SLOs that are not shown because they are too many
    incidents: tuple[Incident, ...]
    reports: tuple[str, ...]


def page_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/"""
    page = Page(parts.version)

    @app.get("/", include_in_schema=False)
    async def status() -> Response:
        snapshot = parts.snapshot()

        def work() -> Response:
            reports, trouble = _reports(parts, snapshot)
            text = page.render(snapshot, parts.clock.now(), reports, [*trouble, *_stuck(parts)])
            return Response(
                text,
                media_type="text/html; charset=utf-8",
                headers={"content-security-policy": page.policy},
            )

        return await rooms.store.run(work)


class Page:
    """The template with its style sheet, read once."""

    def __init__(self, version: str) -> None:
        folder = files("slo_daemon.web") / "templates"
        style = (folder / "status.css").read_text(encoding="utf-8")
        environment = Environment(
            loader=DictLoader({"status.html": (folder / "status.html").read_text(encoding="utf-8")}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"minute": say_minute, "visible": visible}
        self._template = environment.get_template("status.html")
        self._style = style
        self._version = version
        digest = b64encode(sha256(style.encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'none'"
        )

    def render(
        self, snapshot: Snapshot, now: float, reports: dict[str, tuple[str, ...]], trouble: Sequence[str]
    ) -> str:
        """The page. `reports`: ids by pilot, newest first; `trouble`: sentences to show on top."""
        return self._template.render(
            style=self._style,
            version=self._version,
            trouble=[*trouble, *_source_trouble(snapshot, now)],
            slot=None if snapshot.slot is None else say_time(snapshot.slot.time),
            rendered=say_time(now),
            sections=sections(snapshot, reports, old=_age(snapshot, now) is not None),
            hash=snapshot.specification.hash,
        )


def sections(snapshot: Snapshot, reports: dict[str, tuple[str, ...]], *, old: bool) -> list[Section]:
    """Pilots in the order of the specification, then plain sets of SLOs. `old`: the snapshot is not the present."""
    pilots = {pilot.name: pilot for pilot in snapshot.specification.pilots}
    names = list(dict.fromkeys([*pilots, *(slo.pilot for slo in snapshot.specification.slos)]))
    return [_section(snapshot, name, pilots.get(name), reports.get(name, ()), old) for name in names]


def _section(
    snapshot: Snapshot, name: str, pilot: Pilot | None, reports: tuple[str, ...], old: bool
) -> Section:
    assessment = snapshot.assessments.get(name)
    records = assessment.records if assessment is not None else None
    views = snapshot.of_pilot(name)
    shown = (
        views if len(views) <= MOST_ROWS else sorted(views, key=lambda view: -view.state.level)[:MOST_ROWS]
    )
    return Section(
        name=name,
        pilot=pilot,
        verdict=_verdict(assessment, old),
        advice=ADVICE_WORDS[Advice.HOLD if old else assessment.advice] if assessment is not None else "",
        assessment=assessment,
        findings=tuple(_finding(finding) for finding in assessment.findings)
        if assessment is not None
        else (),
        slos=tuple(_row(view) for view in shown),
        hidden=len(views) - len(shown),
        incidents=records.incidents.recent if isinstance(records, Records) else (),
        reports=reports,
    )


def _verdict(assessment: Assessment | None, old: bool) -> Mark:
    if assessment is None:
        return UNASSESSED
    mark = VERDICTS[assessment.verdict]
    return ("open", "◷", f"was {mark[2]}") if old else mark


def _finding(finding: Finding) -> FindingRow:
    return FindingRow(EFFECTS[finding.effect], ROLES[finding.role], finding.text, finding.detail)


def _row(view: SloView) -> SloRow:
    evaluation, state, objective = view.evaluation, view.state, view.instance.slo.objective
    measurement = evaluation.measurement if evaluation is not None else None
    budget = evaluation.budget if evaluation is not None else None
    return SloRow(
        id=view.instance.id,
        name=say_name(view.instance),
        value=say_measured(measurement, objective) if isinstance(measurement, Measured) else "–",
        objective=say_objective(objective),
        met=MET[evaluation.met if evaluation is not None else None],
        level=LEVELS[state.level],
        since=say_minute(state.since) if state.level else "",
        burning=say_cause(evaluation),
        data=DATA[view.data_state],
        detail=say_evaluation(evaluation),
        budget=NO_BUDGET if budget is None else _budget(budget),
        budget_notes=() if budget is None else _budget_notes(budget),
    )


def _budget(budget: Budget) -> Mark:
    """What is left; while history is being fetched there is no number that could look healthy."""
    spent = spent_out(budget)
    tone, symbol = BUDGETS[spent]
    if budget.remaining is None:
        return tone, symbol, "nothing counted"
    if budget.state is BudgetState.BACKFILLING:
        return tone, symbol, "spent" if spent else "not known yet"
    return tone, symbol, say_share(budget.remaining)


def _budget_notes(budget: Budget) -> tuple[str, ...]:
    basis = f"of {budget.policy.window}" if budget.state is BudgetState.COMPLETE else say_basis(budget)
    forecast = say_forecast(budget)
    return (basis, forecast) if forecast else (basis,)


def _age(snapshot: Snapshot, now: float) -> float | None:
    """Seconds since the latest evaluation when they are too many for it to be the present."""
    if snapshot.slot is None:
        return None
    age = now - snapshot.slot.time
    return age if age > max(LONGEST_SLOT_AGE, 3 * snapshot.slot.interval) else None


def _source_trouble(snapshot: Snapshot, now: float) -> list[str]:
    trouble = []
    age = _age(snapshot, now)
    if snapshot.slot is None:
        trouble.append("Nothing was evaluated yet since the start: levels are those of before.")
    elif age is not None:
        trouble.append(
            f"The last evaluation is {show_duration(age)} old. What is shown here is not the present."
        )
    if snapshot.source is not None and not snapshot.source.up:
        trouble.append(
            f"Prometheus cannot be asked ({snapshot.source.reason}: {visible(snapshot.source.detail)}). "
            "Alert levels are held until it answers."
        )
    return trouble


def _stuck(parts: WebParts) -> list[str]:
    stuck = parts.stuck()
    return [f"The evaluation loop is stuck: {stuck}"] if stuck else []


def _reports(parts: WebParts, snapshot: Snapshot) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    found: dict[str, tuple[str, ...]] = {}
    for pilot in snapshot.specification.pilots:
        try:
            found[pilot.name] = tuple(parts.reports.reports(pilot.name))
        except SinkError as error:
            return found, [f"Reports cannot be read: {error}"]
    return found, []
