"""The gates on /metrics: always there, and 0 as soon as the daemon does not speak of the present."""

import pytest

from slo_daemon.adapters.gauges import MetricsPage, SelfMetrics
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.snapshot import Snapshot, Specification
from tests.adapters.pages import samples
from tests.assessments import BLIND, FIRED, INTERVAL, MISSED, NOW, QUIET, READY, assessed, hold
from tests.core.pilot.test_gates import STAY
from tests.factories import plain_pilot, seed_pilot

PILOT = plain_pilot().name
OTHER = seed_pilot().name


def snapshot(assessment: Assessment | None) -> Snapshot:
    """Two pilots; only the plain one is assessed."""
    found = {} if assessment is None else {PILOT: assessment}
    slot = None if assessment is None else assessment.slot
    return Snapshot(Specification((), (plain_pilot(), seed_pilot()), "x"), slot, None, {}, found)


def gates(page: str, pilot: str = PILOT) -> dict[str, float]:
    found = [s for s in samples(page) if s.name == "pilot_gate_verdict" and s.labels["pilot"] == pilot]
    assert len({s.labels["gate"] for s in found}) == len(found)
    return {s.labels["gate"]: s.value for s in found}


def rendered(assessment: Assessment | None, late: float = 0) -> str:
    return MetricsPage(SelfMetrics()).render(snapshot(assessment), NOW + late).decode()


@pytest.mark.parametrize(
    ("assessment", "late", "promote", "advance", "rollback"),
    [
        (assessed(READY, QUIET), 0, 1, 1, 1),
        (assessed(READY, FIRED), 0, -1, -1, -1),
        (assessed(MISSED, QUIET), 0, 0, 0, 1),
        (assessed(READY, BLIND), 0, 0, 0, 0),
        (assessed(READY, QUIET, ramp=STAY), 0, 1, 0, 1),
        (assessed(READY, QUIET, holds=[hold()]), 0, 0, 0, 1),
        (assessed(READY, FIRED), 2 * INTERVAL + 1, 0, 0, 0),
        (assessed(READY, FIRED), 100_000, 0, 0, 0),
        (assessed(READY, FIRED), -6, 0, 0, 0),
        (None, 0, 0, 0, 0),
    ],
)
def test_each_gate_is_a_number(
    assessment: Assessment | None, late: float, promote: int, advance: int, rollback: int
) -> None:
    page = rendered(assessment, late)

    assert gates(page) == {"promote": promote, "advance": advance, "rollback": rollback}
    assert gates(page, OTHER) == {"promote": 0, "advance": 0, "rollback": 0}


def test_a_page_that_is_kept_for_its_slot_does_not_keep_the_gates() -> None:
    page, now = MetricsPage(SelfMetrics()), snapshot(assessed(READY, FIRED))

    assert gates(page.render(now, NOW + 119).decode())["rollback"] == -1
    assert gates(page.render(now, NOW + 121).decode())["rollback"] == 0
