"""A daemon that has stopped evaluating tells no verdict that somebody could act on."""

from dataclasses import replace

import pytest

from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.verdict import Finding
from tests.assessments import FIRED, READY, assessed, ramp
from tests.web.house import NOW, House, Visitor

READINESS = "/api/v1/pilots/search/readiness"


@pytest.mark.parametrize(("findings", "advice"), [((READY,), "advance"), ((READY, FIRED), "rollback")])
def test_readiness_of_a_stalled_daemon_is_inconclusive_and_advises_to_hold(
    house: House, visitor: Visitor, findings: tuple[Finding, ...], advice: str
) -> None:
    slot = house.current.slot
    assert slot is not None
    found = replace(
        assessed(*findings, at=NOW, slot=slot), reason="", ramp=ramp(Advice(advice), "it may"), holds=()
    )
    house.current = replace(house.current, assessments={"search": found})

    assert visitor.get(READINESS).json()["advice"] == advice
    house.clock.at = NOW + 3_600.0
    later = visitor.get(READINESS).json()

    assert (later["verdict"], later["advice"], later["ramp"]["advice"]) == ("INCONCLUSIVE", "hold", "hold")
    assert "1h ago" in later["reason"]
