"""The charts of a report: its values put into the shape that each chart takes, with a caption."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from math import inf

from slo_daemon.core.courses import Served, counted_of, planned_of, with_gaps
from slo_daemon.core.html import Html, Node, el
from slo_daemon.core.pilot.pilot import FeedbackMetric, Pilot
from slo_daemon.core.pilot.records import Incident, Records, Severity
from slo_daemon.core.pilot.satisfaction import HIGHEST, LOWEST
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.plots.burn_down import BurnDown, burn_down
from slo_daemon.core.plots.burn_rates import burn_rates
from slo_daemon.core.plots.calendar import DayCell, DayState, calendar
from slo_daemon.core.plots.frame import Mark, Point, known
from slo_daemon.core.plots.intervals import Estimate, Level, band
from slo_daemon.core.plots.latency import Latencies, Threshold, latency
from slo_daemon.core.plots.ramp import RampCourse, ramp
from slo_daemon.core.plots.ratings import distribution
from slo_daemon.core.plots.sparkline import sparkline
from slo_daemon.core.quantity import UNITS
from slo_daemon.core.report import Report
from slo_daemon.core.slo.budget import FULL_COVERAGE
from slo_daemon.core.slo.course import Course, DaySeen
from slo_daemon.core.slo.objective import Objective
from slo_daemon.core.slo.phrases import say_count, say_left, say_name, say_share, say_value
from slo_daemon.core.slo.query import Absent, Failed
from slo_daemon.core.slo.sli import LatencyShare, Quantile
from slo_daemon.core.slo.sli.histogram import Buckets, read_buckets
from slo_daemon.core.snapshot import SloView

DAY = 86_400
_GRAVE = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_NO_COURSE = Course()
_SHORT = 9 * 7  # days


def marks_of(report: Report) -> tuple[Mark, ...]:
    """Incidents, for the axes of time."""
    return marks_for(report.courses.incidents)


def marks_for(incidents: Iterable[Incident]) -> tuple[Mark, ...]:
    """Incidents as marks on an axis of time."""
    return tuple(Mark(one.started_at, one.resolved_at, _GRAVE[one.severity], one.title) for one in incidents)


def sparkline_of(report: Report, place: int, view: SloView) -> Node:
    """The value by hour over the last week, for the table. `place`: of the SLO in the report, for ids."""
    return value_chart(f"spark-{place}", view, _course(report, view)) or "no history yet"


def value_chart(key: str, view: SloView, course: Course) -> Html | None:
    """The value by hour over the last week, small; None while there is none."""
    objective = view.instance.slo.objective
    points = [Point(one.end, one.value, one.coverage >= FULL_COVERAGE) for one in course.hours]
    if not known(points):
        return None
    title = f"{say_name(view.instance)}: value by hour, last 7 days"
    target = objective.target.base
    return Html(sparkline(key, title, points, partial(_say, objective), target=target))


def budget_charts(report: Report) -> list[Html]:
    """A burn-down for each budget."""
    marks = marks_of(report)
    found = [
        budget_chart(f"budget-{place}", view, _course(report, view), marks)
        for place, view in enumerate(report.views)
    ]
    return [chart for chart in found if chart is not None]


def budget_chart(key: str, view: SloView, course: Course, marks: Sequence[Mark] = ()) -> Html | None:
    """How the present window's budget went; None without a budget."""
    evaluation = view.evaluation
    if evaluation is None or (budget := evaluation.budget) is None:
        return None
    at = evaluation.slot.time
    return _figure(
        f"{say_name(view.instance)}, left of {budget.policy.window}: {say_left(budget)}",
        burn_down(
            key,
            f"{say_name(view.instance)}: error budget",
            BurnDown(
                [Point(one.at, one.left, one.sure) for one in course.spent],
                budget.policy.window.start(at),
                at,
                budget.exhausted_at,
            ),
            marks,
        ),
    )


def day_charts(report: Report) -> list[Html]:
    """A calendar for each SLO of which a day was seen."""
    found = [
        day_chart(f"days-{place}", view, _course(report, view)) for place, view in enumerate(report.views)
    ]
    return [chart for chart in found if chart is not None]


def day_chart(key: str, view: SloView, course: Course, caption: str = "") -> Html | None:
    """The days on which the objective was met or missed; None while no day was seen. `caption`: else the SLO's name."""
    if not course.days:
        return None
    cells = [_cell(view.instance.slo.objective, day) for day in course.days]
    name = say_name(view.instance)
    return _figure(caption or name, calendar(key, f"{name}: days", cells))


def are_short(report: Report) -> bool:
    """Whether all calendars are small enough for more of them beside each other."""
    return all(len(one.days) <= _SHORT for one in report.courses.slos.values())


def _cell(objective: Objective, day: DaySeen) -> DayCell:
    if day.met is not None:
        state = DayState.MET if day.met else DayState.MISSED
    elif day.coverage <= 0.0:
        state = DayState.UNSEEN
    elif day.total == 0.0 and day.coverage >= FULL_COVERAGE:
        state = DayState.IDLE
    else:
        state = DayState.UNKNOWN
    told = [
        "" if day.value is None else _say(objective, day.value),
        "" if day.total is None else say_count(day.total, "event"),
        f"{say_share(day.coverage)} of its time seen" if 0.0 < day.coverage < 1.0 else "",
    ]
    return DayCell(_date(day.start), state, ", ".join(filter(None, told)))


def burn_charts(report: Report) -> list[Html]:
    """The pairs of each SLO that has some."""
    found = [burn_chart(f"burn-{place}", view) for place, view in enumerate(report.views)]
    return [chart for chart in found if chart is not None]


def burn_chart(key: str, view: SloView, caption: str = "") -> Html | None:
    """The pairs of burn rates against what is too fast; None where there are none. `caption`: else the SLO's name."""
    burn = view.instance.slo.burn
    if view.evaluation is None or burn is None or not burn.pairs:
        return None
    name = say_name(view.instance)
    svg = burn_rates(key, f"{name}: burn rates", view.evaluation.burn_rates, alerts=burn.alerts)
    return _figure(caption or name, svg)


def latency_charts(report: Report) -> list[Html]:
    """Buckets and thresholds of each SLO that stands on a histogram."""
    found = [latency_chart(f"latency-{place}", view) for place, view in enumerate(report.views)]
    return [chart for chart in found if chart is not None]


def latency_chart(key: str, view: SloView) -> Html | None:
    """Buckets and thresholds; None where the SLO stands on no histogram, or none was seen."""
    indicator, evaluation = view.instance.slo.indicator, view.evaluation
    if not isinstance(indicator, LatencyShare | Quantile) or evaluation is None:
        return None
    reading = evaluation.readings.get("buckets")
    if reading is None or isinstance(reading, Failed | Absent):
        return None
    buckets = read_buckets(reading)
    if not isinstance(buckets, Buckets):
        return None
    name = say_name(view.instance)
    seen, objective = _latencies(view, indicator, buckets), view.instance.slo.objective
    unit = objective.unit if isinstance(indicator, Quantile) else UNITS["ms"]
    svg = latency(key, f"{name}: latency by bucket", seen, partial(say_value, unit=unit))
    return _figure(f"{name}: {say_count(buckets.total, 'request')} in {view.instance.slo.window}", svg)


def _latencies(view: SloView, indicator: LatencyShare | Quantile, buckets: Buckets) -> Latencies:
    if isinstance(indicator, LatencyShare):
        return Latencies(buckets.edges, buckets.counts, [Threshold("threshold", indicator.threshold, 0)])
    objective = view.instance.slo.objective
    lines = [
        Threshold(name, quantity.base, grave)
        for grave, (name, quantity) in enumerate(
            (("target", objective.target), ("warning", objective.warning), ("critical", objective.critical))
        )
        if quantity is not None
    ]
    _, lower, upper = buckets.quantile(indicator.q)
    return Latencies(buckets.edges, buckets.counts, lines, (f"p{indicator.q * 100:g}", lower, upper))


def ramp_charts(report: Report) -> list[Html]:
    """The ramp as planned and as served."""
    trials = [trial for _, trial in report.assessment.trials]
    chart = ramp_chart(report.pilot, trials, with_gaps(report.served, report.at), report.at, marks_of(report))
    return [] if chart is None else [chart]


def ramp_chart(
    pilot: Pilot, trials: Sequence[Trial], served: Sequence[Served], at: float, marks: Sequence[Mark] = ()
) -> Html | None:
    """The ramp as planned and as served up to `at` (Unix seconds); None without a plan. `trials`: the first one counts."""
    planned = planned_of(pilot)
    if not planned:
        return None
    start = planned[0][0]
    course = RampCourse(
        planned,
        [Point(one.at, one.share) for one in served],
        start,
        max(start + pilot.duration.total_seconds(), start + DAY),
        at,
        [Point(min(one.at, at), one.share) for trial in trials[:1] for one in counted_of(trial)],
    )
    return _figure("Share of users over the pilot", ramp("ramp", "Share of users", course, marks))


def lift_chart(place: int, trial: Trial, at: float, marks: Sequence[Mark] = ()) -> list[Html]:
    """The lift as it stood at the end of each day, and `at` (Unix seconds), before today's end."""
    estimates = [
        Estimate(
            min(at, datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + DAY),
            one.point,
            one.interval,
        )
        for day, one in trial.outcome.by_day
    ]
    levels = [Level("no lift", 0.0, "plot-axis"), Level("target", trial.metric.objective.target.base)]
    say = partial(_say_change, target=trial.metric.objective.target.base)
    svg = band(f"lift-{place}", f"{trial.metric.name}: lift", estimates, say, levels, marks)
    sure = f"{100 * (1 - trial.outcome.lift.alpha):g} %"
    return [_figure(f"{trial.metric.name}: lift with its always-valid {sure} interval", svg)]


def rating_charts(report: Report) -> list[Html]:
    """The mean of all ratings as it stood, and how many there are of each."""
    records = report.assessment.records
    if not isinstance(records, Records) or not records.ratings.count:
        return []
    wanted = [
        Level("wanted", metric.objective.target.base)
        for metric in report.pilot.success_metrics
        if isinstance(metric.source, FeedbackMetric)
    ]
    estimates = [
        Estimate(
            one.at,
            one.satisfaction.mean,
            one.satisfaction.interval,
            say_count(one.satisfaction.votes, "vote"),
        )
        for one in report.courses.opinions
    ]
    say = partial(say_value, unit=UNITS[""], landmarks=[level.at for level in wanted])
    over_time = band("satisfaction", "Mean rating over time", estimates, say, wanted, marks_of(report))
    votes = distribution("votes", "Votes by rating", records.ratings.votes.counts)
    return [
        _figure("Mean of all votes so far, with its 95 % interval", over_time),
        _figure(f"Votes from {LOWEST:.0f} to {HIGHEST:.0f}", votes),
    ]


def _figure(caption: Node, svg: str) -> Html:
    return el("figure", el("figcaption", caption), Html(svg))


def grid(figures: Sequence[Html], kind: str = "") -> Html | None:
    """Figures beside each other, as many as there is room for. `kind`: a class of the style sheet."""
    return el("div", figures, class_=f"charts {kind}".strip()) if figures else None


def _course(report: Report, view: SloView) -> Course:
    return report.courses.slos.get(view.instance.id, _NO_COURSE)


def _say(objective: Objective, value: float) -> str:
    if value == inf:
        return "beyond the last bucket edge"
    points = (objective.target, objective.warning, objective.critical)
    return say_value(value, objective.unit, [point.base for point in points if point is not None])


def _say_change(value: float, target: float) -> str:
    """`+14.2 %`, on its side of the target; `unbounded` where there is no end."""
    if abs(value) == inf:
        return "unbounded"
    return f"{'+' if value > 0.0 else ''}{say_value(value, UNITS['%'], [target])}"


def _date(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
