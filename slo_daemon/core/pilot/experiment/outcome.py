"""What an experiment comes to: the lift, unless something stands against trusting it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from slo_daemon.core.pilot.experiment.feasibility import ALPHA
from slo_daemon.core.pilot.experiment.lift import Lift, LiftReason, lift, series
from slo_daemon.core.pilot.experiment.mismatch import Mismatch, mismatch
from slo_daemon.core.pilot.experiment.strata import Stratum, comparable
from slo_daemon.core.pilot.pilot import CountedUnit, ExperimentMetric


@dataclass(frozen=True, slots=True)
class Outcome:
    """`lift` with its reason where it cannot be told. `mismatch`: None where no split is planned, or it cannot be tested.

    `by_day`: the lift as it stood at the end of each day that counts. `left_out`: days on which the split changed.
    """

    lift: Lift
    mismatch: Mismatch | None
    by_day: tuple[tuple[date, Lift], ...]
    left_out: tuple[date, ...]


def judge(
    metric: ExperimentMetric,
    strata: Sequence[Stratum],
    *,
    alpha: float = ALPHA,
    left_out: Collection[date] = (),
    with_series: bool = True,
) -> Outcome:
    """The outcome of the counts so far. `left_out`: days that are not compared, see `left_out_days`.

    Requests of one user are alike: an interval that takes them for independent is far too narrow. So nothing is told
    from request counters without hash buckets, unless their author declares them independent.
    """
    used = comparable(strata, left_out)
    skipped = tuple(sorted({s.day for s in strata if s.day in left_out}))
    repeated = (
        metric.unit is CountedUnit.REQUESTS
        and not metric.independent
        and not (used and all(s.buckets for s in used))
    )
    tested = None if repeated else mismatch([s for s in strata if s.day not in left_out])
    found = _trusted(lift(used, alpha, metric.expected_users), tested, repeated=repeated)
    by_day: tuple[tuple[date, Lift], ...] = ()
    if with_series and not repeated:
        by_day = tuple(series(used, alpha, metric.expected_users))
    return Outcome(found, tested, by_day, skipped)


def _trusted(found: Lift, tested: Mismatch | None, *, repeated: bool) -> Lift:
    if tested is not None and tested.flagged:
        return found.withheld(LiftReason.SAMPLE_RATIO_MISMATCH, str(tested))
    if repeated and found.reason is not LiftReason.NO_USERS:
        return found.withheld(
            LiftReason.NOT_INDEPENDENT,
            "requests of one user are not independent of each other: count users, or count by hash bucket (`bucket`), "
            "or declare `independent: true` and say why",
        )
    return found
