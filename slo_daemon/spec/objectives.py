"""Objectives: one direction, a target, thresholds beyond each other, all in a unit that the indicator can have."""

from decimal import Decimal

from slo_daemon.core.quantity import Dimension, Quantity
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.spec import leaves
from slo_daemon.spec.shape import Place

_OF_KIND = {
    "ratio": Dimension.RATIO,
    "latency": Dimension.RATIO,
    "quantile": Dimension.TIME,
    "throughput": Dimension.RATE,
    "experiment": Dimension.RATIO,
    "feedback": Dimension.RATING,
}  # gauge and raw have the dimension of their unit
_SHARES = ("ratio", "latency")
_HALF = Decimal("0.5")


def read_objective(
    place: Place, kind: str | None, source: Place, *, alerts: bool, burns: bool = False
) -> Objective | None:
    """The objective of an indicator of this kind, as far as it can be understood. None for no kind: any unit may be right.

    `source`: where the indicator stands. `alerts`: whether thresholds make sense, and their absence is worth a word.
    `burns`: burn rates of the budget alert too, so that no value misses the target for long without an alert.
    """
    directions = [direction for direction in Direction if direction.value in place]
    if place.node is not None and len(directions) != 1:
        said = "two directions" if directions else "no direction"
        place.report(f"the objective has {said}", "give either at_most or at_least")
    keys = [*(direction.value for direction in directions), "warning", "critical"]
    quantities = {key: place.at(key).read(leaves.quantity) for key in keys}
    wanted = _OF_KIND.get(kind or "")
    who = kind if kind in ("experiment", "feedback") else f"sli.{kind}"
    unit = source.at(kind, "unit").read(leaves.unit) if kind in ("gauge", "raw") else None
    if unit is not None:
        wanted, who = unit.dimension, f"unit: {unit.symbol}"
    target = quantities[directions[0].value] if len(directions) == 1 else None
    if wanted is None and target is not None:
        wanted, who = target.dimension, f"the target {target}"
    fitting = {
        key: quantity
        for key, quantity in quantities.items()
        if quantity is not None and _fits(place.at(key), quantity, wanted, who, kind)
    }
    if target is None:
        return None
    objective = Objective(directions[0], target, fitting.get("warning"), fitting.get("critical"))
    if fitting.get(directions[0].value) is None:
        return None
    in_order = _critical_beyond_warning(place, objective)
    if kind in _SHARES and _amount(target) == (1 if directions[0] is Direction.AT_LEAST else 0):
        place.at(directions[0].value).warn(
            f"a target of {target} leaves no error budget: one bad event misses it"
        )
    if kind == "ratio" and directions[0] is Direction.AT_MOST and _amount(target) > _HALF:
        place.at("at_most").warn("more than half of the events may be bad", "did you mean at_least?")
    if alerts and in_order and len(fitting) == sum(key in place for key in keys):
        _warn_of_gaps(place, objective, burns=burns)
    return objective


def _amount(quantity: Quantity) -> Decimal:
    return quantity.amount * quantity.unit.factor


def _fits(place: Place, quantity: Quantity, wanted: Dimension | None, who: str, kind: str | None) -> bool:
    if wanted is None:
        return True
    if quantity.dimension is not wanted:
        place.report(*leaves.unfit(quantity, wanted, who))
        return False
    problem = _range_problem(_amount(quantity), wanted, kind)
    if problem:
        place.report(f"{quantity} is out of range", problem)
    return not problem


def _range_problem(amount: Decimal, dimension: Dimension, kind: str | None) -> str:
    if dimension is Dimension.RATIO and kind != "experiment" and not 0 <= amount <= 1:
        return "a ratio lies between 0% and 100%"
    if dimension is Dimension.RATING and not 1 <= amount <= 5:
        return "a rating lies between 1/5 and 5/5"
    if kind == "quantile" and amount <= 0:
        return "a time is longer than 0s"
    if kind == "throughput" and amount < 0:
        return "a rate is not negative"
    return ""


def _critical_beyond_warning(place: Place, objective: Objective) -> bool:
    warning, critical = objective.warning, objective.critical
    if warning is None or critical is None:
        return True
    at_most = objective.direction is Direction.AT_MOST
    if _amount(critical) > _amount(warning) if at_most else _amount(critical) < _amount(warning):
        return True
    place.at("critical").report(
        f"critical {critical} does not lie beyond warning {warning}",
        f"with {objective.direction.value}, critical is {'above' if at_most else 'below'} warning",
    )
    return False


def _warn_of_gaps(place: Place, objective: Objective, *, burns: bool) -> None:
    """What the author may not have meant: values that miss the target silently, or that page while it is met."""
    first = objective.warning or objective.critical
    if first is None:
        if not burns:
            place.warn("no value raises an alert", "give warning and critical")
        return
    at_most = objective.direction is Direction.AT_MOST
    key = "warning" if objective.warning else "critical"
    behind = (
        _amount(first) > _amount(objective.target) if at_most else _amount(first) < _amount(objective.target)
    )
    if behind and not burns:
        low, high = (objective.target, first) if at_most else (first, objective.target)
        place.at(key).warn(
            f"a value between {low} and {high} misses the target without any alert",
            f"write {key}: {objective.target}, or leave it if that is meant",
        )
    critical = objective.critical
    if critical is not None and (
        _amount(critical) < _amount(objective.target)
        if at_most
        else _amount(critical) > _amount(objective.target)
    ):
        place.at("critical").warn(
            f"critical {critical} alerts while the target {objective.target} is still met"
        )
