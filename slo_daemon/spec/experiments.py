"""Experiments -> core values, and what must fit together: variants and labels, units and buckets, users and margins."""

from slo_daemon.core.pilot.experiment.feasibility import Outlook, Question, outlook, planned_days
from slo_daemon.core.pilot.pilot import (
    EXPECTED_USERS,
    CountedUnit,
    ExperimentMetric,
    Pilot,
    Split,
    SplitKind,
)
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.spelling import did_you_mean
from slo_daemon.spec import leaves
from slo_daemon.spec.pilot_shape import ExperimentShape
from slo_daemon.spec.shape import Place
from slo_daemon.spec.slos import RESERVED_LABELS, check_label_name
from slo_daemon.spec.splits import split as read_split

_RECKONED = ("base_rate", "users_per_day", "expected_lift")
_BUCKET = frozenset({"bucket"})  # reserved where series are exported; here it is only read


def read_experiment(place: Place, spec: Place) -> ExperimentMetric | None:
    """The experiment of a success metric; `spec`: the pilot's, with its variants and its ramp."""
    variants = {text for item in spec.at("variants").items() if (text := item.read(leaves.text)) is not None}
    by = check_label_name(place.at("by"), RESERVED_LABELS)
    bucket = check_label_name(place.at("bucket"), RESERVED_LABELS - _BUCKET)
    for key in ("control", "treatment"):
        _check_variant(place.at(key), variants)
    for key in ("exposed", "converted"):
        selector = place.at(key).read(leaves.selector)
        labels = {matcher.label for matcher in selector.matchers} if selector else set()
        for label, meaning in ((by, "must name the variant"), (bucket, "must tell the buckets apart")):
            if label is not None and label in labels:
                place.at(key).report(
                    f"the selector fixes the label {label!r}, which {meaning}", "remove that matcher"
                )
    if bucket is not None and bucket == by:
        place.at("bucket").report("the label of the buckets is that of the variants", "name another label")
    planned = _split(place.at("split"), spec)
    _check_units(place)
    _check_reckoned(place)
    shape = place.read(ExperimentShape.model_validate)
    if shape is None:
        return None
    if shape.control == shape.treatment:
        place.at("treatment").report("control and treatment are the same variant")
    return ExperimentMetric(
        shape.exposed,
        shape.converted,
        shape.by,
        shape.control,
        shape.treatment,
        unit=shape.unit or CountedUnit.USERS,
        bucket=shape.bucket or "",
        independent=shape.because or "" if shape.independent else "",
        split=planned,
        expected_users=shape.expected_users or EXPECTED_USERS,
        base_rate=shape.base_rate,
        users_per_day=shape.users_per_day,
        expected_lift=shape.expected_lift,
    )


def reckoned(metric: ExperimentMetric, pilot: Pilot, margin: float, *, above: bool = True) -> Outlook | None:
    """Whether the users that the author reckons with show a lift past `margin`; None where he does not say enough."""
    rate, users, expected = metric.base_rate, metric.users_per_day, metric.expected_lift
    if rate is None or users is None or expected is None:
        return None
    question = Question(margin, rate, expected, above=above, expected_users=metric.expected_users)
    days = list(planned_days(metric, pilot, users))
    return outlook(question, days) if days else None


def warn_if_unreachable(
    place: Place, metric: ExperimentMetric, pilot: Pilot, margin: float, *, above: bool = True
) -> None:
    """Say at `place`, where a lift past `margin` is asked for, that the pilot will not have users enough to show it."""
    found = reckoned(metric, pilot, margin, above=above)
    if found is not None and found.answered is None:
        remedy = "ask for less, run the pilot longer, or give the treatment more users"
        if not found.question.answerable:
            remedy = "ask for less: the interval of the lift must lie past it, not only the lift"
        place.warn(f"this cannot be shown: {found}", remedy)


def warn_of_objective(place: Place, metric: ExperimentMetric, objective: Objective, pilot: Pilot) -> None:
    """The same for the objective of a success metric, `place`."""
    direction = objective.direction
    target = place.at("objective", direction.value)
    above = direction is Direction.AT_LEAST
    warn_if_unreachable(target, metric, pilot, objective.target.base, above=above)


def _check_variant(place: Place, variants: set[str]) -> None:
    variant = place.read(leaves.text)
    if variant is not None and variant not in variants:
        known = sorted(variants)
        remedy = did_you_mean(variant, known, "variants") if known else "list them under spec.variants"
        place.report(f"{variant!r} is not one of the variants", remedy)


def _split(place: Place, spec: Place) -> Split:
    """As planned by the ramp where there is one and nothing else is said."""
    ramped = "ramp" in spec
    found = place.read(read_split)
    if found is None:
        return Split(SplitKind.RAMP if ramped else SplitKind.EQUAL)
    if found.kind is SplitKind.RAMP and not ramped:
        place.report(
            "the pilot has no ramp", "add spec.ramp, or write equal or {control: 50%, treatment: 50%}"
        )
    return found


def _check_units(place: Place) -> None:
    """Requests of one user are alike: who counts them says how that is dealt with."""
    unit = place.at("unit").read(leaves.choice(CountedUnit)) or CountedUnit.USERS
    declared = place.at("independent").read(leaves.truth)
    if declared and "because" not in place:
        place.at("independent").report(
            "units are declared independent, and nobody says why", "say it under `because`"
        )
    if not declared and "because" in place:
        place.at("because").report("`because` belongs to `independent: true`", "remove the key")
    if declared and unit is CountedUnit.USERS:
        place.at("independent").warn("users that are counted once are independent anyway", "remove the key")
    if unit is CountedUnit.REQUESTS and not declared and "bucket" not in place:
        place.at("unit").warn(
            "requests of one user are not independent, so no lift is ever told from them",
            "count each user once, or give the label of hash buckets under `bucket`",
        )


def _check_reckoned(place: Place) -> None:
    """What the author reckons with is of use together only."""
    given = [key for key in _RECKONED if key in place]
    missing = [key for key in _RECKONED if key not in place]
    if given and missing:
        place.at(given[0]).warn(
            f"without {' and '.join(missing)} nobody can tell whether there will be users enough",
            f"give {', '.join(_RECKONED[:-1])} and {_RECKONED[-1]}",
        )
