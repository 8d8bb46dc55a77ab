"""What is measured: exactly one kind of indicator, and for shares the one direction that makes sense."""

from slo_daemon.core.quantity import BASE_UNITS
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.selector import parse_raw
from slo_daemon.core.slo.sli import Gauge, Indicator, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.spec.nodes import Table
from slo_daemon.spec.shape import Place
from slo_daemon.spec.slo_shape import KINDS, Counted, RatioShape, SliShape

SHARE_KINDS = ("ratio", "latency")  # their budget counts events
EVENT_KINDS = ("ratio", "latency", "quantile")  # few events make them unsure
_WORDS = ", ".join(KINDS)


def kind_of(place: Place) -> str | None:
    """The one kind that is given."""
    given = [kind for kind in KINDS if kind in place]
    if len(given) == 1:
        return given[0]
    if given:
        place.report(
            f"one SLO measures one thing, but {' and '.join(given)} are given", "make two SLOs of it"
        )
    elif isinstance(place.node, Table) and place.node.entries.keys() <= {
        "as"
    }:  # else an unknown key was meant as a kind
        place.report("no kind of indicator is given", f"give one of {_WORDS}")
    return None


def read_indicator(place: Place, kind: str | None, objective: Objective | None) -> Indicator | None:
    """The indicator, as far as it can be understood."""
    if kind == "ratio":
        _check_ratio(place, objective)
    elif kind is not None and "as" in place:
        place.at("as").report(f"`as` belongs to ratio, not to {kind}", "remove the key")
    if kind == "latency" and objective is not None and objective.direction is Direction.AT_MOST:
        place.at(kind).report(
            "the share of requests within the threshold is wanted at_least, not at_most", "write at_least"
        )
    shape = place.read(SliShape.model_validate)
    if kind is None or shape is None or objective is None:
        return None
    return _build(shape, objective)


def _check_ratio(place: Place, objective: Objective | None) -> None:
    ratio = place.at("ratio")
    given = [name for name in ("good", "bad") if name in ratio]
    if len(given) != 1 and ratio.node is not None:
        said = "both good and bad are given" if given else "neither good nor bad is given"
        ratio.report(said, "count one of them; the other follows from the total")
    shown = place.at("as").read(lambda value: SliShape.model_validate({"as": value}).as_)
    if shown is None or objective is None:
        return
    wanted = Direction.AT_LEAST if shown is Counted.GOOD else Direction.AT_MOST
    if objective.direction is not wanted:
        place.at("as").report(
            f"a share of {shown.value} events is wanted {wanted.value}, but the objective says {objective.direction.value}",
            f"write as: {'bad' if shown is Counted.GOOD else 'good'}, or turn the objective round",
        )


def _build(shape: SliShape, objective: Objective) -> Indicator | None:
    unit = BASE_UNITS[objective.dimension]
    if shape.ratio is not None:
        return _ratio(shape.ratio, shape.as_, objective)
    if shape.latency is not None:
        return LatencyShare(shape.latency.histogram, shape.latency.threshold.base, shape.latency.native)
    if shape.quantile is not None:
        return Quantile(shape.quantile.histogram, shape.quantile.quantile, shape.quantile.native)
    if shape.gauge is not None:
        return Gauge(shape.gauge.metric, shape.gauge.aggregate, shape.gauge.unit or unit)
    if shape.throughput is not None:
        return Throughput(shape.throughput.counter)
    if shape.raw is not None:
        fresh = tuple(shape.raw.fresh) if shape.raw.fresh else parse_raw(shape.raw.query)
        return Raw(shape.raw.query, shape.raw.unit or unit, fresh)
    return None


def _ratio(shape: RatioShape, shown: Counted | None, objective: Objective) -> Ratio | None:
    counted = shape.good or shape.bad
    if counted is None:
        return None
    as_good = shown is Counted.GOOD if shown else objective.direction is Direction.AT_LEAST
    return Ratio(counted, shape.total, counts_good=shape.good is not None, as_good=as_good)
