"""What is watched of a pilot beside its SLOs: success metrics, streaks, the share that is served, experiments by day."""

from datetime import UTC, datetime

from slo_daemon.core.pilot.measures import OBSERVED, first_midnight, measures_of
from slo_daemon.core.pilot.pilot import ExperimentMetric, Pilot
from slo_daemon.core.slo.measure import DAY, Day, Measure, Purpose, Watched
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.streak import Streak, StreakReason
from slo_daemon.core.slo.window import Slot, Tally
from tests.factories import SLOT, all_readings, evaluated, healthy_readings, one_number

GOOD_OF_A_THOUSAND = {"metric:search_success_rate": 820.0, "metric:zero_result_rate": 120.0}
USERS_A_DAY = 100_000.0
CONVERTED = {"control": 0.030, "treatment": 0.035}


def watched_of(pilot: Pilot, slot: Slot = SLOT, *, days_met: float = 14.0) -> list[Watched]:
    """Everything that the pilot wants watched, all of it well; its SLOs have been met for `days_met`."""
    return [one for measure in measures_of(pilot) for one in _watched(measure, pilot, slot, days_met)]


def _watched(measure: Measure, pilot: Pilot, slot: Slot, days_met: float) -> list[Watched]:
    slo = measure.slo
    match measure.purpose:
        case Purpose.DAYS:
            return [_arm(measure, pilot, variant, slot) for variant in CONVERTED]
        case Purpose.STREAK:
            instance = SloInstance(slo)
            return [
                Watched(
                    instance,
                    evaluated(slo, healthy_readings(slo), slot),
                    streak_of(slo_days(measure), days_met, slot),
                )
            ]
        case _:
            pass
    if slo.name == OBSERVED:
        readings = all_readings(slo, {"value": one_number(0.1)})
    elif slo.name in GOOD_OF_A_THOUSAND:
        counted = "good" if getattr(slo.indicator, "counts_good", True) else "bad"
        parts = {counted: one_number(GOOD_OF_A_THOUSAND[slo.name] * 100), "total": one_number(100_000.0)}
        readings = all_readings(slo, parts)
    else:
        readings = healthy_readings(slo)
    return [Watched(SloInstance(slo), evaluated(slo, readings, slot))]


def slo_days(measure: Measure) -> int:
    """The days that a streak is wanted for."""
    assert measure.slo.budget is not None
    return measure.slo.budget.window.longest // DAY


def streak_of(wanted: int, days_met: float, slot: Slot = SLOT, *, coverage: float = 1.0) -> Streak:
    """A streak of `days_met`, wanted for so many days; a missed one when it is too short."""
    met = days_met >= wanted
    slices = Tally(4_032.0 if met else 3_900.0, 4_032.0, coverage)
    reason = StreakReason.MET if met else StreakReason.SLICES_MISSED
    since = slot.time - min(days_met, wanted) * DAY
    return Streak(wanted * DAY, slot.time, met, reason, slices, None, since, since)


def _arm(measure: Measure, pilot: Pilot, variant: str, slot: Slot) -> Watched:
    (experiment,) = [m.source for m in pilot.success_metrics if isinstance(m.source, ExperimentMetric)]
    group = ((experiment.by, variant),)
    days = []
    start = first_midnight(pilot)
    while start < slot.time:
        share = (
            pilot.ramp.scheduled(pilot.start, datetime.fromtimestamp(start, UTC).date())
            if pilot.ramp
            else 0.5
        )
        users = USERS_A_DAY * (share if variant == experiment.treatment else 1.0 - share)
        part = min(1.0, (slot.time - start) / DAY)
        days.append(Day(start, Tally(users * part * CONVERTED[variant], users * part, 1.0)))
        start += DAY
    readings = all_readings(measure.slo, {})
    return Watched(
        SloInstance(measure.slo, group), evaluated(measure.slo, readings, slot, group), days=tuple(days)
    )
