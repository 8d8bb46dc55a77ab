"""SLO documents -> core values, and what must fit together: unit and indicator, threshold and direction, window and scrapes.

The shape has been checked before, and every piece is read on its own here, so that a slip in one hides nothing in another.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import LONGEST_BUDGET
from slo_daemon.core.slo.burn_rate import can_fire
from slo_daemon.core.slo.query import Labels
from slo_daemon.core.slo.slo import (
    DEFAULT_CLEAR_FOR,
    DEFAULT_CLEAR_MARGIN,
    DEFAULT_FORGET_AFTER,
    SHORTEST_FRESHNESS,
    AlertPolicy,
    MissingDataPolicy,
    Slo,
)
from slo_daemon.core.slo.window import Window
from slo_daemon.spec import leaves
from slo_daemon.spec.budgets import burn_rates_alert, read_budget
from slo_daemon.spec.indicators import EVENT_KINDS, kind_of, read_indicator
from slo_daemon.spec.objectives import read_objective
from slo_daemon.spec.problems import shorten
from slo_daemon.spec.shape import Place
from slo_daemon.spec.slo_shape import MissingDataShape

# What the exported metrics and alerts carry already, and what Prometheus adds when it scrapes them.
RESERVED_LABELS = frozenset(
    {
        "pilot", "slo", "window", "unit", "state", "lookback", "sli", "objective", "runbook", "severity", "alertname",
        "slo_group", "le", "quantile", "bucket", "slice", "slo_daemon", "slo_daemon_mark", "job", "instance",
    }
)  # fmt: skip
_GROUPABLE = frozenset({"job", "instance"})  # Prometheus renames them (exported_job) when it scrapes us
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
FRESHNESS_SCRAPES = 4


@dataclass(frozen=True, slots=True)
class Owner:
    """The document that SLOs stand in. `scrape_interval` in seconds."""

    name: str
    labels: Mapping[str, str]
    scrape_interval: int


def read_slos(place: Place, owner: Owner) -> tuple[Slo, ...]:
    """The SLOs of a list, as far as they can be understood."""
    unique((item.at("name") for item in place.items()), "SLO")
    return tuple(slo for item in place.items() if (slo := _read_slo(item, owner)) is not None)


def unique(places: Iterable[Place], what: str) -> None:
    """Report every text that an earlier one equals."""
    first: dict[str, Place] = {}
    for place in places:
        given = place.read(leaves.line)
        if given is not None and first.setdefault(given, place) is not place:
            place.report(
                f"the {what} {given!r} stands twice", f"the first is in line {first[given].mark.line}"
            )


def _read_slo(place: Place, owner: Owner) -> Slo | None:
    name = place.at("name").read(leaves.name)
    kind = kind_of(place.at("sli"))
    window = _read_window(place.at("window"), kind, owner.scrape_interval)
    burns = burn_rates_alert(place.at("budget"), kind)
    objective = read_objective(place.at("objective"), kind, place.at("sli"), alerts=True, burns=burns)
    indicator = read_indicator(place.at("sli"), kind, objective)
    budget, burn = read_budget(place.at("budget"), kind, objective, window)
    if burns and budget is not None and burn is not None and objective is not None:
        silent = not can_fire(burn, budget.allowed, budget.window.seconds)
        if silent and objective.warning is None and objective.critical is None:
            place.at("objective").warn(
                "no value raises an alert: there are no thresholds, and no pair of lookbacks can fire",
                "give warning and critical, or burn_rates.pairs that can",
            )
    labels = read_labels(place.at("labels"))
    group_by = _read_group_by(place.at("group_by"), {**owner.labels, **dict(labels)})
    missing_data = _read_missing_data(place.at("missing_data"))
    freshness = _read_freshness(place.at("freshness"), owner.scrape_interval)
    min_events = place.at("min_events").read(leaves.count)
    if min_events is not None and kind is not None and kind not in EVENT_KINDS:
        place.at("min_events").report(f"sli.{kind} counts no events", "remove the key")
    if name is None or window is None or objective is None or indicator is None:
        return None
    return Slo(
        pilot=owner.name,
        name=name,
        indicator=indicator,
        objective=objective,
        window=Window(window),
        budget=budget,
        burn=burn,
        alerting=_read_alerting(place.at("alerting")),
        missing_data=missing_data,
        min_events=min_events,
        freshness=freshness,
        group_by=group_by,
        forget_after=place.at("forget_after").read(leaves.duration) or DEFAULT_FORGET_AFTER,
        scrape_interval=owner.scrape_interval,
        labels=tuple(sorted({**owner.labels, **dict(labels)}.items())),
        description=place.at("description").read(leaves.long_text) or "",
        runbook=place.at("runbook").read(leaves.url) or "",
    )


def _read_window(place: Place, kind: str | None, scrape_interval: int) -> int | None:
    """The SLO's own window in seconds. Over less than 5 minutes, and by an expression of one's own, it is asked directly."""
    window = place.read(leaves.duration)
    if window is None or kind is None:
        return window
    if window > LONGEST_BUDGET:
        said = f"{show_duration(window)} is longer than {show_duration(LONGEST_BUDGET)}, the longest that can be measured"
        place.report(said, "write less")
    elif window < 2 * scrape_interval:
        _warn_of_short_time(place, window, scrape_interval)
    return window


def read_labels(place: Place) -> Labels:
    """Labels with legal names that slo-daemon does not set itself, sorted."""
    found = {}
    for name, mark in place.keys_with_marks():
        problem = _label_problem(name, RESERVED_LABELS)
        if problem:
            place.at(name).report(*problem, mark=mark)
        value = place.at(name).read(leaves.text)
        if value is not None:
            found[name] = value
    return tuple(sorted(found.items()))


def check_label_name(place: Place, reserved: Collection[str]) -> str | None:
    """The label that is named here, if it may be."""
    name = place.read(leaves.text)
    problem = _label_problem(name, reserved) if name is not None else None
    if problem:
        place.report(*problem)
    return None if problem else name


def _label_problem(name: str, reserved: Collection[str]) -> tuple[str, str] | None:
    if not _LABEL_NAME.fullmatch(name):
        return (
            f"{shorten(name)!r} is not a label name of Prometheus",
            "use letters, digits and underscores, no digit first",
        )
    if name in reserved or name.startswith("__"):
        return f"the label {name!r} is set by slo-daemon or Prometheus", "choose another name"
    return None


def _read_group_by(place: Place, labels: Mapping[str, str]) -> tuple[str, ...]:
    unique(place.items(), "label")
    names = []
    for item in place.items():
        name = check_label_name(item, RESERVED_LABELS - _GROUPABLE)
        if name is None:
            continue
        if name in labels:
            item.report(f"the label {name!r} has a fixed value under labels", "remove it from one of the two")
        names.append(name)
    return tuple(dict.fromkeys(names))


def _read_alerting(place: Place) -> AlertPolicy:
    clear_for = place.at("clear_for").read(leaves.duration_or_zero)
    margin = place.at("clear_margin").read(leaves.share)
    return AlertPolicy(
        raise_for=place.at("for").read(leaves.duration_or_zero) or 0,
        clear_for=DEFAULT_CLEAR_FOR if clear_for is None else clear_for,
        clear_margin=DEFAULT_CLEAR_MARGIN if margin is None else margin,
    )


def _read_missing_data(place: Place) -> MissingDataPolicy:
    shape = place.read(MissingDataShape.model_validate)
    if shape is None:
        return MissingDataPolicy()
    if not shape.escalate and shape.because is None:
        place.report(
            "missing data raises no alarm, and nobody says why",
            'add because: "the reason", or remove escalate: false',
        )
    return MissingDataPolicy(shape.escalate, shape.because or "")


def _read_freshness(place: Place, scrape_interval: int) -> int:
    given = place.read(leaves.duration)
    if given is None:
        return max(SHORTEST_FRESHNESS, FRESHNESS_SCRAPES * scrape_interval)
    if given < 2 * scrape_interval:
        _warn_of_short_time(place, given, scrape_interval)
    return given


def _warn_of_short_time(place: Place, seconds: int, scrape_interval: int) -> None:
    place.warn(
        f"{show_duration(seconds)} is shorter than two scrape intervals ({show_duration(scrape_interval)} each): "
        "one lost scrape leaves no data",
        f"write at least {show_duration(FRESHNESS_SCRAPES * scrape_interval)}",
    )
