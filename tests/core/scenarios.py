"""Reports on the seed's pilot: the seed's healthy example, a bad day after it, and one with all of its past."""

from dataclasses import replace

from slo_daemon.core.courses import Courses, Opinion, Served
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.pilot.satisfaction import satisfaction
from slo_daemon.core.report import Report, SlotTally, Transitions, compose
from slo_daemon.core.report_json import previous_report, report_json
from slo_daemon.core.slo.course import Course, DaySeen, HourSeen, Spent
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Failed, FailReason
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
from tests.budgets import BURNING, CALM, slices, spending, with_budget
from tests.factories import (
    DAY,
    NOW,
    PILOT,
    SLOT,
    bad_readings,
    healthy_readings,
    incident,
    ratings_of,
    records_of,
    seed_pilot,
    seed_records,
    snapshot_of,
    view,
)
from tests.watching import watched_of

YESTERDAY = Slot(NOW - DAY, 30.0)


def budgeted_pilot() -> Pilot:
    """The seed's pilot, with a budget of slices for the first SLO and one of events for the third."""
    p95, p99, availability, error_rate = seed_pilot().slos
    return replace(seed_pilot(), slos=(slices(p95), p99, with_budget(availability), error_rate))


def healthy_report(slot: Slot = SLOT) -> Report:
    """Every SLO met, one resolved incident, three ratings; the first report."""
    pilot = budgeted_pilot()
    p95, p99, availability, error_rate = pilot.slos
    views = [
        spending(p95, 0.25, slot=slot),
        view(p99, healthy_readings(p99), slot),
        spending(availability, 0.377, burn=CALM | {86_400: 1.2}, slot=slot),
        view(error_rate, healthy_readings(error_rate), slot),
    ]
    watched = watched_of(pilot, slot, days_met=11.3)
    snapshot = snapshot_of(pilot, views, seed_records(), slot, slot.time, watched=watched)
    tally = SlotTally(slot.time - DAY, evaluated=2_878, missed=2)
    return compose(pilot, snapshot, slot.time, transitions=Transitions(()), tally=tally)


def bad_day_report() -> Report:
    """Slow, failing, one SLO that cannot be seen; open incidents, unhappy users; a healthy report the day before."""
    pilot = budgeted_pilot()
    p95, p99, availability, error_rate = pilot.slos
    before = view(availability, bad_readings(availability), Slot(NOW - 30, 30.0))
    unseen = {
        name: Failed(reading.promql, FailReason.TIMEOUT, "no answer within 5 s")
        for name, reading in bad_readings(availability).items()
    }
    views = [
        spending(p95, 1.34, burn=dict.fromkeys(CALM, 40.0), readings=bad_readings(p95)),
        view(p99, bad_readings(p99)),
        spending(
            availability,
            0.6,
            burn=BURNING,
            coverage=0.43,
            lookback_coverage=0.8,
            readings=unseen,
            previous=before.state,
        ),
        view(error_rate, bad_readings(error_rate)),
    ]
    incidents = [
        incident(1, resolution="Auto-scaled vector DB cluster, added cache warming"),
        *(
            incident(i, Severity.INFO, title=f"Deployment {i}", description="", resolution="done")
            for i in range(2, 7)
        ),
        incident(
            7,
            Severity.CRITICAL,
            title="Search <b>down</b> | everywhere",
            description="5xx on every node.\nSee `kubectl get pods`, [runbook](javascript:alert(1))",
            started_at=NOW - 1800,
        ),
    ]
    texts = ["**worst** release <script>alert(1)</script>", "\x1b[31mslow\x1b[0m", ""]
    records = records_of(incidents, ratings_of(*[2] * 20, *[5] * 11, 1, 1, 3, texts=[""] * 31 + texts))
    snapshot = snapshot_of(pilot, views, records, watched=watched_of(pilot, days_met=0.0))
    transitions = Transitions(
        tuple(
            Transition(
                f"{PILOT}/{name}",
                1,
                NOW - age,
                Level.NONE,
                Level.CRITICAL,
                TransitionReason.THRESHOLD,
                "too bad",
                value,
            )
            for name, age, value in (
                ("query-latency-p95", 0.0, float("inf")),
                ("availability", 30.0, 0.976),
                ("error-rate", 0.0, 0.024),
                ("error-rate", 2 * DAY, 0.02),
            )
        )
    )
    yesterday = previous_report(report_json(healthy_report(YESTERDAY)))
    return compose(pilot, snapshot, NOW, previous=yesterday, transitions=transitions)


def rich_report() -> Report:
    """The bad day with 30 days before it: gaps, parts, missed days, incidents, ratings, and a ramp that was served."""
    report = bad_day_report()
    courses = {view.instance.id: _course(place) for place, view in enumerate(report.views[:3])}
    votes = [ratings_of(*[4] * (3 * week), *[5] * (4 * week), 2).votes for week in range(1, 6)]
    opinions = [
        Opinion(NOW - (4 - week) * 7 * DAY, found)
        for week, one in enumerate(votes)
        if (found := satisfaction(one)) is not None
    ]
    incidents = [
        incident(1, Severity.CRITICAL, title="Index <lost> & found", resolution="restored", started_at=NOW - 12.4 * DAY),
        incident(2, title="Slow shard", resolution="moved", started_at=NOW - 5 * DAY),
        incident(3, Severity.INFO, title="Cache \"warming\"", started_at=NOW - 0.3 * DAY),
    ]  # fmt: skip
    served = [
        Served(NOW - 6 * 3_600 * step, None if 30 < step < 36 else 0.05 if step > 90 else 0.098)
        for step in range(119, -1, -1)
    ]
    return replace(report, courses=Courses(courses, tuple(opinions), tuple(incidents)), served=tuple(served))


def _course(place: int) -> Course:
    """A month of one SLO: of another height for each place, all alike otherwise."""
    first, target = NOW - 30 * DAY, (0.05, 0.1, 0.999)[place]
    worse = 1.4 if place < 2 else 0.997
    hours = [
        HourSeen(
            NOW - 3_600 * step,
            None
            if 60 < step < 72
            else target * (worse if step in (20, 21, 110) else 0.9 + 0.1 * (place == 2)),
            0.5 if step > 150 else 1.0,
        )
        for step in range(167, -1, -1)
    ]
    days = [
        DaySeen(
            NOW - NOW % DAY - DAY * step,
            {3: None, 4: False, 12: False, 20: None, 25: None, 29: None}.get(step, True),
            None if step in (3, 29) else target * (worse if step in (4, 12) else 0.9),
            None if step in (3, 29) else 41_200.0,
            {3: 0.0, 20: 0.97, 29: 0.0, 25: 0.4}.get(step, 1.0),
        )
        for step in range(29, -1, -1)
    ]
    spent = [
        Spent(
            first + 6 * 3_600 * step,
            None if 70 < step < 78 else 1.0 - 0.003 * step - (0.3 if step > 40 else 0.0),
            sure=step > 20,
        )
        for step in range(121)
    ]
    return Course(tuple(hours), tuple(days), tuple(spent))
