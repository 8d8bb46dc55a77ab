"""Two reports on the seed's pilot: the seed's healthy example, and a bad day after it."""

from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.report import Report, SlotTally, Transitions, compose
from slo_daemon.core.report_json import previous_report, report_json
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Failed, FailReason
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
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

YESTERDAY = Slot(NOW - DAY, 30.0)


def healthy_report(slot: Slot = SLOT) -> Report:
    """Every SLO met, one resolved incident, three ratings; the first report."""
    pilot = seed_pilot()
    views = [view(slo, healthy_readings(slo), slot) for slo in pilot.slos]
    snapshot = snapshot_of(pilot, views, seed_records(), slot, slot.time)
    tally = SlotTally(slot.time - DAY, evaluated=2_878, missed=2)
    return compose(pilot, snapshot, slot.time, transitions=Transitions(()), tally=tally)


def bad_day_report() -> Report:
    """Slow, failing, one SLO that cannot be seen; open incidents, unhappy users; a healthy report the day before."""
    pilot = seed_pilot()
    p95, p99, availability, error_rate = pilot.slos
    before = view(availability, bad_readings(availability), Slot(NOW - 30, 30.0))
    unseen = {
        name: Failed(reading.promql, FailReason.TIMEOUT, "no answer within 5 s")
        for name, reading in bad_readings(availability).items()
    }
    views = [
        view(p95, bad_readings(p95)),
        view(p99, bad_readings(p99)),
        view(availability, unseen, previous=before.state),
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
    snapshot = snapshot_of(pilot, views, records)
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
