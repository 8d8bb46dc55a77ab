"""Pilot documents -> core values, and what must fit together: the ramp and its steps, experiments and variants."""

from dataclasses import replace
from datetime import timedelta

from slo_daemon.core.pilot.criteria.criterion import Compare, Criterion, Op
from slo_daemon.core.pilot.criteria.meaning import Kind, Meaning
from slo_daemon.core.pilot.criteria.vocabulary import Vocabulary
from slo_daemon.core.pilot.measures import parts_of
from slo_daemon.core.pilot.names import vocabulary_of
from slo_daemon.core.pilot.pilot import (
    Canary,
    Cohort,
    Contact,
    ExperimentMetric,
    FeedbackMetric,
    MeasuredMetric,
    Pilot,
    Ramp,
    RampStep,
    Role,
    SuccessMetric,
    TriggerPolicy,
)
from slo_daemon.core.pilot.records import VoteCounting
from slo_daemon.core.quantity import UNITS, show_duration
from slo_daemon.core.slo.query import Labels
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from slo_daemon.spec import leaves
from slo_daemon.spec.criteria import read_criteria
from slo_daemon.spec.experiments import read_experiment, warn_if_unreachable, warn_of_objective
from slo_daemon.spec.indicators import kind_of, read_indicator
from slo_daemon.spec.objectives import read_objective
from slo_daemon.spec.pilot_shape import PilotShape, RampShape, RolloutShape, TriggersShape
from slo_daemon.spec.shape import Place
from slo_daemon.spec.slos import unique

METRIC_WINDOW = 7 * 86_400  # seconds
_SOURCES = ("sli", "experiment", "feedback")
_WEEK = 7 * 86_400  # seconds
_PERCENT = UNITS["%"]


def read_pilot(root: Place, labels: Labels, slos: tuple[Slo, ...]) -> Pilot | None:
    """The pilot of a document, as far as it can be understood, with its labels and SLOs as they were read."""
    spec = root.at("spec")
    unique((item.at("name") for item in spec.at("cohorts").items()), "cohort")
    unique(spec.at("variants").items(), "variant")
    _check_segments(spec)
    _check_ramp(spec)
    metrics = _read_success_metrics(spec)
    document = root.read(PilotShape.model_validate)
    pilot = None if document is None else _pilot(document, labels, slos, metrics)
    vocabulary = None
    if pilot is not None and _complete(spec, pilot):
        vocabulary = vocabulary_of(pilot)
    go_live = read_criteria(spec.at("go_live_criteria"), Role.GO_LIVE, vocabulary)
    rollback = read_criteria(spec.at("rollback_triggers"), Role.ROLLBACK, vocabulary)
    for metric in pilot.success_metrics if pilot is not None else ():
        if pilot is not None and isinstance(metric.source, ExperimentMetric):
            place = spec.at("success_metrics", metric.name)
            warn_of_objective(place, metric.source, metric.objective, pilot)
    if pilot is not None and vocabulary is not None:
        for item, written in zip(spec.at("go_live_criteria").items(), go_live, strict=False):
            _warn_of_lifts(item, written.criterion, vocabulary, pilot)
    return pilot and replace(pilot, go_live_criteria=go_live, rollback_triggers=rollback)


def _warn_of_lifts(place: Place, criterion: Criterion, vocabulary: Vocabulary, pilot: Pilot) -> None:
    """Say where a criterion asks for a lift that the pilot will not have users enough to show."""
    experiments = {m.name: m.source for m in pilot.success_metrics if isinstance(m.source, ExperimentMetric)}
    for part in parts_of(criterion):
        meaning = vocabulary.meaning(part.operand) if isinstance(part, Compare) else None
        if isinstance(part, Compare) and isinstance(meaning, Meaning) and meaning.kind is Kind.LIFT:
            above = part.op in (Op.MORE, Op.AT_LEAST)
            warn_if_unreachable(place, experiments[meaning.subject], pilot, part.literal.base, above=above)


def _pilot(
    document: PilotShape, labels: Labels, slos: tuple[Slo, ...], metrics: tuple[SuccessMetric, ...]
) -> Pilot:
    shape, metadata = document.spec, document.metadata
    return Pilot(
        name=metadata.name,
        title=metadata.title or metadata.name,
        stage=shape.stage,
        start=shape.start,
        duration=timedelta(seconds=shape.duration),
        slos=slos,
        labels=labels,
        cohorts=tuple(Cohort(c.name, c.criteria) for c in shape.cohorts or ()),
        ramp=_ramp(shape.ramp),
        features=shape.features,
        variants=tuple(shape.variants or ()),
        success_metrics=metrics,
        contacts=tuple(Contact(c.name, c.role, c.contact) for c in shape.escalation_contacts or ()),
        votes=shape.feedback.votes if shape.feedback else VoteCounting.NEWEST,
        canary=_canary(shape.rollout),
        triggers=_triggers(shape.triggers),
    )


def _check_segments(spec: Place) -> None:
    """Criteria name a cohort or a variant by its name alone."""
    variants = {item.read(leaves.text) for item in spec.at("variants").items()}
    for item in spec.at("cohorts").items():
        name = item.at("name").read(leaves.text)
        if name is not None and name in variants:
            item.at("name").warn(f"{name!r} is a variant too: ratings of both are counted under this name")


def _triggers(shape: TriggersShape | None) -> TriggerPolicy:
    usual = TriggerPolicy()
    if shape is None:
        return usual
    return TriggerPolicy(shape.clear_for or usual.clear_for, shape.blind_for or usual.blind_for)


def _canary(shape: RolloutShape | None) -> Canary | None:
    return None if shape is None else Canary(shape.flagger.name, shape.flagger.namespace)


def _complete(spec: Place, pilot: Pilot) -> bool:
    """Whether every name of the document is known: else an unknown one in a criterion may be no slip of its own."""
    slos = [slo.name for slo in pilot.slos]
    whole = len(slos) == len(list(spec.at("slos").items()))
    return (
        whole
        and len(slos) == len(set(slos))
        and len(pilot.success_metrics) == len(list(spec.at("success_metrics").keys_with_marks()))
    )


def _ramp(shape: RampShape | None) -> Ramp | None:
    if shape is None:
        return None
    steps = tuple(RampStep(step.week, step.percentage) for step in shape.steps or ())
    return Ramp(shape.initial, shape.max, steps, shape.observed or "")


def _check_ramp(spec: Place) -> None:
    ramp = spec.at("ramp")
    largest = ramp.at("max").read(leaves.share)
    length = spec.at("duration").read(leaves.duration)
    week, reached = 0, _share_within(ramp.at("initial"), largest)
    for step in ramp.at("steps").items():
        week = _check_week(step.at("week"), week, length)
        percentage = _share_within(step.at("percentage"), largest)
        if percentage is not None and reached is not None and percentage < reached:
            step.at("percentage").report(
                f"{_PERCENT.show(percentage)} is less than the {_PERCENT.show(reached)} before",
                "a ramp only rises",
            )
        else:
            reached = percentage or reached


def _check_week(place: Place, before: int, length: int | None) -> int:
    """The week of a step, which must come after the one before and should lie within the pilot's length (s)."""
    week = place.read(leaves.count)
    if week is None:
        return before
    if week <= before:
        place.report(f"week {week} does not come after week {before}", "list the steps in order")
    elif length is not None and (week - 1) * _WEEK >= length:
        place.warn(f"week {week} begins after the pilot's end: it lasts {show_duration(length)}")
    return max(week, before)


def _share_within(place: Place, largest: float | None) -> float | None:
    share = place.read(leaves.share)
    if share is None or largest is None or share <= largest:
        return share
    place.report(f"{_PERCENT.show(share)} is more than ramp.max", "raise ramp.max, or write less")
    return None


def _read_success_metrics(spec: Place) -> tuple[SuccessMetric, ...]:
    place = spec.at("success_metrics")
    found = []
    for name, mark in place.keys_with_marks():
        problem = leaves.metric_key_problem(name)
        if problem:
            place.at(name).report(*problem, mark=mark)
        metric = _read_success_metric(place.at(name), name, spec)
        if metric is not None:
            found.append(metric)
    return tuple(found)


def _read_success_metric(place: Place, name: str, spec: Place) -> SuccessMetric | None:
    given = [key for key in _SOURCES if key in place]
    if len(given) != 1:
        if place.node is not None:
            said = f"{' and '.join(given)} are given" if given else "no source is given"
            place.report(said, "a success metric has one source: sli, experiment or feedback")
        return None
    source = given[0]
    if source != "sli" and "window" in place:
        place.at("window").report(f"`window` belongs to sli, not to {source}", "remove the key")
    kind = kind_of(place.at("sli")) if source == "sli" else source
    objective = read_objective(place.at("objective"), kind, place.at("sli"), alerts=False)
    if source == "feedback":
        return SuccessMetric(name, FeedbackMetric(), objective) if objective else None
    if source == "experiment":
        experiment = read_experiment(place.at("experiment"), spec)
        return SuccessMetric(name, experiment, objective) if experiment and objective else None
    indicator = read_indicator(place.at("sli"), kind, objective)
    window = place.at("window").read(leaves.duration) or METRIC_WINDOW
    if indicator is None or objective is None:
        return None
    return SuccessMetric(name, MeasuredMetric(indicator, Window(window)), objective)
