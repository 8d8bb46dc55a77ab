"""Error budgets: over which window, of what, against which target, and which burn rates alert."""

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import (
    DEFAULT_MIN_FAILURES,
    BurnPair,
    BurnPolicy,
    default_pairs,
    lint_pairs,
)
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.window import BudgetWindow, CalendarUnit, CalendarWindow, Window
from slo_daemon.spec import leaves, spans
from slo_daemon.spec.indicators import SHARE_KINDS
from slo_daemon.spec.nodes import Table
from slo_daemon.spec.shape import Place
from slo_daemon.spec.slo_shape import BudgetShape, BurnPairShape

_HOUR = 3_600


def read_budget(
    place: Place, kind: str | None, objective: Objective | None, window: int | None
) -> tuple[BudgetPolicy | None, BurnPolicy | None]:
    """The budget and its burn rates, as far as they can be understood. `window`: the SLO's own, in seconds."""
    if place.node is None:
        return None, None
    budget_window = _read_window(place, window)
    method = _read_method(place, kind)
    target = _read_target(place, kind, objective, method)
    given = _read_pairs(place.at("burn_rates", "pairs"))
    if budget_window is None or method is None or target is None or given is None:
        return None, None
    policy = BudgetPolicy(budget_window, method, target)
    return policy, _burn_policy(place, policy, given, alerts=burn_rates_alert(place, kind))


def burn_rates_alert(place: Place, kind: str | None) -> bool:
    """Whether burn rates of the budget that stands here raise the alert level."""
    if place.node is None:
        return False
    alert = place.at("burn_rates", "alert").read(leaves.truth)
    return _method(place, kind) is BudgetMethod.OCCURRENCES if alert is None else alert


def _read_window(place: Place, own: int | None) -> BudgetWindow | None:
    given = [key for key in ("window", "calendar") if key in place]
    if len(given) == 2:
        place.report("the budget has two windows", "give either window or calendar")
        return None
    if "zone" in place and given == ["window"]:
        place.at("zone").report("a rolling window is the same in every time zone", "remove the key")
    if (
        not given
        and isinstance(place.node, Table)
        and place.node.entries.keys() <= {*BudgetShape.model_fields}
    ):
        place.report("the budget has no window", "give for example window: 30d, or calendar: month")
    if given == ["window"]:
        return _rolling(place.at("window"), own)
    return _calendar(place, own) if given else None


def _rolling(place: Place, own: int | None) -> Window | None:
    length = place.read(spans.span)
    if length is not None and own is not None and length < own:
        place.report(
            f"the budget's window {show_duration(length)} is shorter than the SLO's own, {show_duration(own)}",
            "write for example 30d",
        )
    return None if length is None else Window(length)


def _calendar(place: Place, own: int | None) -> CalendarWindow | None:
    unit = place.at("calendar").read(leaves.choice(CalendarUnit))
    zone = place.at("zone").read(spans.zone) if "zone" in place else "UTC"
    if unit is None or zone is None:
        return None
    window = CalendarWindow(unit, zone)
    if own is not None and window.seconds - _HOUR < own:
        place.at("calendar").report(
            f"a {unit.value} is not longer than the SLO's own window, {show_duration(own)}",
            "write for example month",
        )
    return window


def _method(place: Place, kind: str | None) -> BudgetMethod | None:
    """What is counted: as it is said, or as the kind has it. None: nobody can tell."""
    if "method" in place:
        return place.at("method").read(leaves.choice(BudgetMethod))
    if kind is None:
        return None
    return BudgetMethod.OCCURRENCES if kind in SHARE_KINDS else BudgetMethod.TIMESLICES


def _read_method(place: Place, kind: str | None) -> BudgetMethod | None:
    method = _method(place, kind)
    if method is BudgetMethod.OCCURRENCES and kind is not None and kind not in SHARE_KINDS:
        place.at("method").report(
            f"a {kind} has no good and bad events to count",
            "remove the key: its budget counts slices of time that missed",
        )
        return BudgetMethod.TIMESLICES
    return method


def _read_target(
    place: Place, kind: str | None, objective: Objective | None, method: BudgetMethod | None
) -> float | None:
    """The ratio that must be good: of events it is the objective's, of slices it stands here."""
    given, target = place.at("target"), place.at("target").read(leaves.share)
    if kind is None or objective is None or method is None:
        return None
    if method is BudgetMethod.OCCURRENCES:
        if "target" in place:
            given.report(
                f"the budget of a {kind} follows from the objective ({objective})",
                "remove the key, or write method: timeslices to count slices of time",
            )
        return _good_share(objective)
    if "target" not in place:
        who = f"the budget of a {kind}" if kind not in SHARE_KINDS else "a budget of time slices"
        place.report(
            f"{who} needs a target",
            "say which share of time slices must meet the objective, for example target: 99%",
        )
    elif target is not None and target <= 0:
        given.report("a target of 0% asks for nothing", "write for example 99%")
    elif target == 1:
        given.warn("a target of 100% leaves no error budget")
    return target


def _good_share(objective: Objective) -> float:
    target = objective.target.amount * objective.target.unit.factor
    return float(target if objective.direction is Direction.AT_LEAST else 1 - target)


def _read_pairs(place: Place) -> tuple[BurnPair, ...] | None:
    """The pairs that are given, none if none are; None if one of them cannot be understood."""
    pairs: list[BurnPair] = []
    for item in place.items():
        shape = item.read(BurnPairShape.model_validate)
        if shape is None:
            return None
        if shape.share <= 0:
            item.at("share").report("0% of the budget is always spent", "write for example 2%")
            return None
        pairs.append(BurnPair(Level[shape.severity.name], shape.share, shape.long, shape.short))
    return tuple(pairs)


def _burn_policy(
    place: Place, budget: BudgetPolicy, given: tuple[BurnPair, ...], *, alerts: bool
) -> BurnPolicy:
    seconds = budget.window.seconds
    pairs, left_out = (given, ()) if given else default_pairs(budget.allowed, seconds)
    least = place.at("burn_rates", "min_failures").read(leaves.count)
    policy = BurnPolicy(pairs, DEFAULT_MIN_FAILURES if least is None else float(least), alerts)
    if given:
        for doubt in lint_pairs(policy, budget.allowed, seconds):
            place.at("burn_rates", "pairs", doubt.index, doubt.key).warn(doubt.message, doubt.remedy)
    elif alerts and not pairs:
        place.warn(
            f"no default pair of lookbacks fits a budget of {budget.window}: no burn rate alerts",
            "give burn_rates.pairs of your own, or alert: false",
        )
    elif alerts:
        for said in left_out:
            place.warn(said, "give burn_rates.pairs of your own, or leave it if that is enough")
    return policy
