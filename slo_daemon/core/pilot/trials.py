"""Experiments as they stand: the days of their counters as strata, and what these come to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from slo_daemon.core.pilot.experiment.feasibility import ALPHA, Outlook, outlook_so_far
from slo_daemon.core.pilot.experiment.outcome import Outcome, judge
from slo_daemon.core.pilot.experiment.strata import (
    Arm,
    Stratum,
    bucket_stratum,
    left_out_days,
    planned_share,
)
from slo_daemon.core.pilot.measures import experiment_name
from slo_daemon.core.pilot.pilot import ExperimentMetric, Pilot, SuccessMetric
from slo_daemon.core.slo.measure import Day, Watched


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment. `pilot`: whose plan it was judged by; with the days in `watched` it tells whether to judge again.

    `watched`: its counters at the latest slot; empty when nobody has looked yet.
    """

    pilot: Pilot
    metric: SuccessMetric
    experiment: ExperimentMetric
    watched: tuple[Watched, ...]
    strata: tuple[Stratum, ...]
    outcome: Outcome


def trials_of(
    pilot: Pilot, watched: Iterable[Watched], known: Mapping[str, Trial] | None = None
) -> dict[str, Trial]:
    """Every experiment of a pilot, by the metric's name. `known`: of an earlier slot, used again while nothing was counted."""
    by_name: dict[str, list[Watched]] = defaultdict(list)
    for one in watched:
        by_name[one.instance.slo.name].append(one)
    found = {}
    for metric in pilot.success_metrics:
        if isinstance(metric.source, ExperimentMetric):
            own = tuple(by_name[experiment_name(metric.name)])
            before = (known or {}).get(metric.name)
            if before is None or before.pilot != pilot or _days(before.watched) != _days(own):
                strata = strata_of(metric.source, pilot, own)
                outcome = judge(metric.source, strata, left_out=left_out_days(metric.source, pilot))
                found[metric.name] = Trial(pilot, metric, metric.source, own, strata, outcome)
            else:
                found[metric.name] = Trial(pilot, metric, metric.source, own, before.strata, before.outcome)
    return found


def outcome_at(trial: Trial, pilot: Pilot, alpha: float) -> Outcome:
    """The outcome for another alpha than the usual one; without its course over time."""
    if alpha == ALPHA:
        return trial.outcome
    left_out = left_out_days(trial.experiment, pilot)
    return judge(trial.experiment, trial.strata, alpha=alpha, left_out=left_out, with_series=False)


def strata_of(experiment: ExperimentMetric, pilot: Pilot, watched: Iterable[Watched]) -> tuple[Stratum, ...]:
    """What was counted, day by day; days on which nothing was seen are left out.

    A hash bucket has its place on all days: on those without a user in it, its counts are 0.
    """
    counted: dict[date, dict[str, dict[str, Arm]]] = defaultdict(lambda: defaultdict(dict))
    for one in watched:
        labels = dict(one.instance.group)
        variant, bucket = labels.get(experiment.by, ""), labels.get(experiment.bucket, "")
        for seen in one.days:
            if seen.tally.coverage > 0.0:
                counted[_date(seen)][variant][bucket] = Arm(seen.tally.total, seen.tally.good)
    arms = (experiment.treatment, experiment.control)
    buckets = sorted({bucket for variants in counted.values() for arm in arms for bucket in variants[arm]})
    found, none = [], Arm(0.0, 0.0)
    for day, variants in sorted(counted.items()):
        share = planned_share(experiment, pilot, day)
        treatment, control = variants[experiment.treatment], variants[experiment.control]
        if experiment.bucket:
            of_treatment = [treatment.get(bucket, none) for bucket in buckets]
            found.append(bucket_stratum(day, of_treatment, [control.get(b, none) for b in buckets], share))
        else:
            found.append(Stratum(day, treatment.get("", none), control.get("", none), share))
    return tuple(found)


def outlook_of(trial: Trial, pilot: Pilot, margin: float, *, above: bool) -> Outlook | None:
    """Whether the pilot will have users enough to show a lift past `margin`; None while nothing can be told.

    More users do not help where the split does not work.
    """
    if trial.outcome.mismatch is not None and trial.outcome.mismatch.flagged:
        return None
    return outlook_so_far(trial.experiment, pilot, trial.strata, margin, above=above)


def _days(watched: Iterable[Watched]) -> list[tuple[object, object]]:
    return [(one.instance.group, one.days) for one in watched]


def _date(day: Day) -> date:
    return datetime.fromtimestamp(day.start, UTC).date()
