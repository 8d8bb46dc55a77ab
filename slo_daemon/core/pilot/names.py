"""Pilot -> the names that its criteria may use."""

from typing import assert_never

from slo_daemon.core.pilot.criteria.meaning import Kind
from slo_daemon.core.pilot.criteria.vocabulary import Subject, Vocabulary
from slo_daemon.core.pilot.pilot import ExperimentMetric, FeedbackMetric, MeasuredMetric, Pilot, SuccessMetric
from slo_daemon.core.quantity import Dimension
from slo_daemon.core.slo.sli import Gauge, Indicator, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.slo import Slo

_INFINITE = float("inf")


def vocabulary_of(pilot: Pilot) -> Vocabulary:
    """The vocabulary of one pilot's criteria."""
    return Vocabulary(
        slos=tuple(map(_slo, pilot.slos)),
        metrics=tuple(map(_metric, pilot.success_metrics)),
        cohorts=tuple(cohort.name for cohort in pilot.cohorts),
        variants=pilot.variants,
        ramp=pilot.ramp is not None,
        observed=pilot.ramp is not None and bool(pilot.ramp.observed),
    )


def aliases_of(indicator: Indicator) -> tuple[str, ...]:
    """Names that stand for the only SLO with such an indicator."""
    match indicator:
        case Ratio(as_good=True):
            return ("availability", "success_rate")
        case Ratio():
            return ("error_rate",)
        case Quantile(q=q):
            quantile = f"p{100 * q:.10g}".replace(".", "_")
            return (f"latency_{quantile}", f"{quantile}_latency", "latency")
        case LatencyShare():
            return ("latency_share",)
        case Throughput():
            return ("throughput",)
        case Gauge() | Raw():
            return ()
        case _:
            assert_never(indicator)


def _slo(slo: Slo) -> Subject:
    lowest, highest = _bounds(slo.indicator)
    return Subject(
        slo.name,
        Kind.SLO_VALUE,
        slo.objective.dimension,
        slo.objective.direction,
        aliases_of(slo.indicator),
        lowest,
        highest,
        has_budget=slo.budget is not None,
    )


def _metric(metric: SuccessMetric) -> Subject:
    direction = metric.objective.direction
    match metric.source:
        case MeasuredMetric(indicator=indicator):
            lowest, highest = _bounds(indicator)
            dimension = metric.objective.dimension
            return Subject(
                metric.name, Kind.SUCCESS_METRIC, dimension, direction, lowest=lowest, highest=highest
            )
        case ExperimentMetric(control=control):
            return Subject(
                metric.name,
                Kind.LIFT,
                Dimension.RATIO,
                direction,
                lowest=-1.0,  # nobody converts any more
                sliced=False,
                control=control,
            )
        case FeedbackMetric():
            return Subject(metric.name, Kind.SATISFACTION, Dimension.RATING, direction, sliced=False)
        case _:
            assert_never(metric.source)


def _bounds(indicator: Indicator) -> tuple[float, float]:
    """Beyond these (base unit) no value can lie; what is exposed as a gauge or computed by an expression can be anything."""
    match indicator:
        case Ratio() | LatencyShare():
            return 0.0, 1.0
        case Quantile() | Throughput():
            return 0.0, _INFINITE
        case Gauge() | Raw():
            return -_INFINITE, _INFINITE
        case _:
            assert_never(indicator)
