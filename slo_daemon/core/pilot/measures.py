"""What a pilot must have measured beside its SLOs: success metrics, other windows, streaks, and experiments by day.

All of it is made of chunks that SLOs have, wherever it can be.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import assert_never

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Operand
from slo_daemon.core.pilot.criteria.meaning import Kind, Meaning
from slo_daemon.core.pilot.criteria.vocabulary import Vocabulary
from slo_daemon.core.pilot.names import vocabulary_of
from slo_daemon.core.pilot.pilot import ExperimentMetric, MeasuredMetric, Pilot
from slo_daemon.core.pilot.records import ALL_VOTES, WEEK, RecordsQuery, VotesQuery
from slo_daemon.core.quantity import UNITS, parse_quantity
from slo_daemon.core.slo.budget import LONGEST_BUDGET, BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.measure import MARK, Measure, Purpose
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.selector import parse_expression
from slo_daemon.core.slo.sli import Ratio, Raw
from slo_daemon.core.slo.slo import DEFAULT_SCRAPE_INTERVAL, Slo
from slo_daemon.core.slo.streak import GOOD_SLICES
from slo_daemon.core.slo.window import Window

OBSERVED = f"ramp{MARK}observed"
_AFTERWARDS = 14 * 86_400  # seconds that an experiment can be read for after the pilot's planned end


def metric_name(metric: str) -> str:
    """The measure of a success metric that is measured like an SLO."""
    return f"metric{MARK}{metric}"


def experiment_name(metric: str) -> str:
    """The measure of an experiment's counters."""
    return f"experiment{MARK}{metric}"


def value_name(slo: str, window: int) -> str:
    """The measure of an SLO's indicator over another window (seconds)."""
    return f"value{MARK}{slo}{MARK}{window}"


def burn_name(slo: str, window: int) -> str:
    """The measure of how many slices of time an SLO missed over a window (seconds)."""
    return f"burn{MARK}{slo}{MARK}{window}"


def met_name(name: str, duration: int, *, strictly: bool) -> str:
    """The measure of how long an SLO or a success metric has been met, of `duration` (seconds)."""
    return f"met{MARK}{name}{MARK}{duration}{f'{MARK}strictly' if strictly else ''}"


def measures_of(pilot: Pilot) -> tuple[Measure, ...]:
    """Everything that the pilot's criteria, metrics and ramp need; each once."""
    found: dict[str, Measure] = {}
    for measure in (*_of_metrics(pilot), *_of_ramp(pilot), *_of_criteria(pilot)):
        found.setdefault(measure.slo.name, measure)
    return tuple(found.values())


def measured_slo(pilot: Pilot, name: str) -> Slo | None:
    """The SLO of this name, or a success metric as one; None for another name."""
    slo = next((slo for slo in pilot.slos if slo.name == name), None)
    if slo is not None:
        return slo
    for metric in pilot.success_metrics:
        if metric.name == name and isinstance(metric.source, MeasuredMetric):
            return Slo(
                pilot=pilot.name,
                name=metric_name(name),
                indicator=metric.source.indicator,
                objective=metric.objective,
                window=metric.source.window,
                scrape_interval=_scrape_interval(pilot),
            )
    return None


def counts_slices(slo: Slo) -> bool:
    """Whether the SLO's budget counts slices of time, so that its burn rate cannot be told from its value."""
    return slo.budget is not None and slo.budget.method is BudgetMethod.TIMESLICES


def first_midnight(pilot: Pilot) -> float:
    """When the pilot's first day begins (Unix seconds, UTC)."""
    return datetime.combine(pilot.start, time(), UTC).timestamp()


def records_asked(pilot: Pilot, at: float) -> RecordsQuery:
    """What the criteria must know of incidents and votes, as of `at` (Unix seconds)."""
    vocabulary = vocabulary_of(pilot)
    windows, votes = {WEEK}, set()
    for written in (*pilot.go_live_criteria, *pilot.rollback_triggers):
        for part in parts_of(written.criterion):
            meaning = vocabulary.meaning(part.operand) if isinstance(part, Compare) else None
            if not isinstance(part, Compare) or not isinstance(meaning, Meaning):
                continue
            window = None if part.operand.window is None else float(part.operand.window)
            if meaning.kind is Kind.INCIDENTS and window is not None:
                windows.add(window)
            elif meaning.kind in (Kind.SATISFACTION, Kind.SATISFIED_SHARE, Kind.RESPONSES):
                votes.add(VotesQuery(window, meaning.subject))
    return RecordsQuery(at, frozenset(windows), frozenset(votes) - {ALL_VOTES}, pilot.votes)


def _of_metrics(pilot: Pilot) -> Iterator[Measure]:
    for metric in pilot.success_metrics:
        match metric.source:
            case MeasuredMetric():
                slo = measured_slo(pilot, metric.name)
                if slo is not None:
                    yield Measure(slo)
            case ExperimentMetric() as experiment:
                yield _of_experiment(pilot, metric.name, experiment)
            case _:
                pass


def _of_experiment(pilot: Pilot, name: str, experiment: ExperimentMetric) -> Measure:
    """Both counters by variant (and hash bucket), kept for as long as the pilot lasts."""
    whole = int(pilot.duration.total_seconds()) + _AFTERWARDS
    slo = Slo(
        pilot=pilot.name,
        name=experiment_name(name),
        indicator=Ratio(experiment.converted, experiment.exposed, counts_good=True, as_good=True),
        objective=Objective(Direction.AT_LEAST, parse_quantity("0%")),
        window=Window(HOUR),
        budget=BudgetPolicy(Window(min(whole, LONGEST_BUDGET)), BudgetMethod.OCCURRENCES, 0.5),
        group_by=(experiment.by, *([experiment.bucket] if experiment.bucket else [])),
        scrape_interval=_scrape_interval(pilot),
    )
    return Measure(slo, Purpose.DAYS, first_midnight(pilot))


def _of_ramp(pilot: Pilot) -> Iterator[Measure]:
    if pilot.ramp is not None and pilot.ramp.observed:
        expression = pilot.ramp.observed
        indicator = Raw(expression, UNITS["ratio"], parse_expression(expression))
        objective = Objective(Direction.AT_MOST, parse_quantity("100%"))
        yield Measure(Slo(pilot.name, OBSERVED, indicator, objective, Window(CELL)))


def _of_criteria(pilot: Pilot) -> Iterator[Measure]:
    vocabulary = vocabulary_of(pilot)
    for written in (*pilot.go_live_criteria, *pilot.rollback_triggers):
        for part in parts_of(written.criterion):
            match part:
                case Compare(operand=operand):
                    yield from _of_operand(pilot, vocabulary, operand)
                case Met(duration=duration) if duration:
                    yield from _of_met(pilot, part)
                case Met():
                    pass
                case _:
                    assert_never(part)


def parts_of(criterion: Criterion) -> Iterator[Compare | Met]:
    """The comparisons and quantifiers in a criterion, from left to right."""
    match criterion:
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from parts_of(part)
        case Not(part=inner):
            yield from parts_of(inner)
        case _:
            yield criterion


def _of_operand(pilot: Pilot, vocabulary: Vocabulary, operand: Operand) -> Iterator[Measure]:
    meaning = vocabulary.meaning(operand)
    if not isinstance(meaning, Meaning) or operand.window is None:
        return
    if meaning.kind not in (Kind.SLO_VALUE, Kind.BURN_RATE, Kind.SUCCESS_METRIC):
        return
    slo = measured_slo(pilot, meaning.subject)
    if slo is None:
        return
    if meaning.kind is Kind.BURN_RATE and slo.budget is not None and counts_slices(slo):
        policy = BudgetPolicy(Window(operand.window), BudgetMethod.TIMESLICES, slo.budget.target)
        name = burn_name(meaning.subject, operand.window)
        yield Measure(replace(slo, name=name, budget=policy, burn=None), of=slo.id)
        return
    if operand.window == slo.window.seconds:
        return
    name = value_name(meaning.subject, operand.window)
    window = Window(operand.window)
    yield Measure(replace(slo, name=name, window=window, budget=None, burn=None), of=slo.id)


def _of_met(pilot: Pilot, met: Met) -> Iterator[Measure]:
    for name in met.names or tuple(slo.name for slo in pilot.slos):
        slo = measured_slo(pilot, name)
        if slo is not None:
            target = 1.0 if met.strictly else GOOD_SLICES
            policy = BudgetPolicy(Window(met.duration), BudgetMethod.TIMESLICES, target, proven=True)
            own = met_name(name, met.duration, strictly=met.strictly)
            yield Measure(replace(slo, name=own, budget=policy, burn=None), Purpose.STREAK, of=slo.id)


def _scrape_interval(pilot: Pilot) -> int:
    return pilot.slos[0].scrape_interval if pilot.slos else DEFAULT_SCRAPE_INTERVAL
