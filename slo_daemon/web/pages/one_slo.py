"""One SLO: what is wanted, what is true, why, what is left, and how all that came about."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Response

from slo_daemon.core.alert import ALERT_NAMES, Links, dashboard_of, runbook_of
from slo_daemon.core.explain import explain_blocks
from slo_daemon.core.plots.frame import Mark as IncidentMark
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report_charts import budget_chart, burn_chart, day_chart, latency_chart, value_chart
from slo_daemon.core.slo.burn_rate import BurnRate
from slo_daemon.core.slo.course import Course
from slo_daemon.core.slo.evaluation import Evaluation, WindowValue, windows
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_evaluation,
    say_name,
    say_rate,
    say_share,
    say_threshold,
    say_value,
    with_unit,
)
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import Transition
from slo_daemon.core.snapshot import SloView
from slo_daemon.web.pages.marks import FIRING, LEVELS, Mark
from slo_daemon.web.pages.rows import SloRow, incident_marks, path_of, row_of
from slo_daemon.web.pages.shell import Shell, Visit
from slo_daemon.web.problems import ProblemError

MOST_GROUPS = 500  # of a grouped SLO, on one page
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window: how much of it was seen, and what came out."""

    window: str
    seen: str
    good: str
    total: str
    value: str


@dataclass(frozen=True, slots=True)
class BurnRow:
    """One pair of burn rates."""

    level: Mark
    long: str
    long_rate: str
    short: str
    short_rate: str
    threshold: str
    firing: Mark


@dataclass(frozen=True, slots=True)
class Change:
    """One transition."""

    at: float
    before: Mark
    after: Mark
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Past:
    """What is kept of an SLO. `lost`: why its transitions cannot be told, "" when they can."""

    transitions: Sequence[Transition] = ()
    course: Course | None = None
    lost: str = ""


def one_slo(shell: Shell, visit: Visit, slo_id: str, past: Past, links: Links) -> Response:
    """/slos/{slo_id}: of a grouped SLO the list of its groups. Raises ProblemError."""
    view = visit.snapshot.slos.get(slo_id)
    if view is None:
        return _groups(shell, visit, slo_id)
    slo, evaluation, row = view.instance.slo, view.evaluation, row_of(view)
    pilots = {pilot.name for pilot in visit.snapshot.specification.pilots}
    return shell.page(
        "slo.html",
        visit,
        f"{say_name(view.instance)}, {slo.pilot}",
        headline=f"alert level {row.level[2]}, {row.met[2]}",
        slo=slo,
        row=row,
        id=view.instance.id,
        api=f"/api/v1{row.path}",
        budget_api=f"/api/v1/budgets{row.path.removeprefix('/slos')}",
        is_pilot=slo.pilot in pilots,
        group=view.instance.group,
        said=say_evaluation(evaluation),
        cause=say_cause(evaluation),
        thresholds=_thresholds(slo),
        state=view.state,
        reason=view.state.reason.value.replace("_", " ") if view.state.reason else "",
        missing=_missing(view),
        windows=_windows(slo, evaluation),
        charts=_charts(view, past.course or Course(), incident_marks(visit.assessment(slo.pilot))),
        burn=_burn(evaluation),
        burn_alerts=slo.burn.alerts if slo.burn is not None else True,
        blocks=explain_blocks(view),
        changes=[_change(t) for t in past.transitions],
        lost=past.lost,
        runbook=slo.runbook or runbook_of(links, view.state.level),
        dashboard=dashboard_of(
            links, ALERT_NAMES.get(view.state.level, ALERT_NAMES[Level.WARNING]), slo.pilot, slo.name
        ),
    )


def _charts(view: SloView, course: Course, marks: Sequence[IncidentMark]) -> dict[str, str]:
    """SVG by what it shows; "" where there is nothing to show."""
    charts = {
        "budget": budget_chart("budget", view, course, marks),
        "burn": burn_chart("burn-rates", view, "Burn rates against those that are too fast"),
        "days": day_chart("days", view, course, "Days in UTC, today as far as it has come"),
        "value": value_chart("value", view, course),
        "latency": latency_chart("latency", view),
    }
    return {name: chart.markup if chart is not None else "" for name, chart in charts.items()}


def _groups(shell: Shell, visit: Visit, slo_id: str) -> Response:
    views = [view for view in visit.snapshot.slos.values() if view.instance.slo.id == slo_id]
    if not views:
        raise ProblemError(
            404, "unknown_slo", "there is no such SLO; the list of SLOs has all that there are"
        )
    rows: list[SloRow] = [row_of(view) for view in views[:MOST_GROUPS]]
    return shell.page(
        "slo_groups.html",
        visit,
        slo_id,
        slo=views[0].instance.slo,
        path=path_of(slo_id),
        rows=rows,
        total=len(views),
    )


def _thresholds(slo: Slo) -> list[tuple[Mark, str]]:
    return [
        (LEVELS[level], with_unit(format(threshold.amount, "f"), threshold.unit))
        for level in (Level.WARNING, Level.CRITICAL)
        if (threshold := slo.objective.threshold(level)) is not None
    ]


def _missing(view: SloView) -> str:
    state = view.state
    if not state.missing_slots:
        return ""
    return f"nothing was seen for {show_duration(state.missing_seconds)}; the level is held"


def _windows(slo: Slo, evaluation: Evaluation | None) -> list[WindowRow]:
    return [_window(slo, window) for window in windows(evaluation)] if evaluation is not None else []


def _window(slo: Slo, window: WindowValue) -> WindowRow:
    objective = slo.objective
    points = [q.base for q in (objective.target, objective.warning, objective.critical) if q is not None]
    nothing_seen = window.coverage == 0.0
    return WindowRow(
        window=window.window,
        seen=NOTHING if window.coverage is None else say_share(window.coverage),
        good=NOTHING if nothing_seen else _count(window.good),
        total=NOTHING if nothing_seen else _count(window.total),
        value=NOTHING if window.value is None else say_value(window.value, objective.unit, points),
    )


def _count(events: float | None) -> str:
    if events is None:
        return NOTHING
    return f"{events:,.0f}" if events >= 100 or events == int(events) else f"{events:,.2f}"


def _burn(evaluation: Evaluation | None) -> list[BurnRow]:
    return [_burn_row(rate) for rate in evaluation.burn_rates] if evaluation is not None else []


def _burn_row(rate: BurnRate) -> BurnRow:
    return BurnRow(
        level=LEVELS[rate.pair.severity],
        long=show_duration(rate.pair.long),
        long_rate=say_rate(rate.long_rate, rate.threshold),
        short=show_duration(rate.pair.short),
        short_rate=say_rate(rate.short_rate, rate.threshold),
        threshold=say_threshold(rate.threshold),
        firing=FIRING[rate.firing],
    )


def _change(transition: Transition) -> Change:
    return Change(
        transition.slot,
        LEVELS[transition.before],
        LEVELS[transition.after],
        transition.reason.value.replace("_", " "),
        transition.detail,
    )
