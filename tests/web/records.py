"""What the tests of forms type, where they send it, and what was recorded of it."""

from slo_daemon.core.pilot.records import NewIncident, Severity
from slo_daemon.ports import Act
from tests.web.house import NOW, PILOT, House

ADD = f"/pilots/{PILOT}/incidents"
RATE = f"/pilots/{PILOT}/feedback"
RESOLVE = f"{ADD}/1"
TYPED = {"title": "Search is down", "severity": "critical", "description": "since the switch"}


def recorded(house: House) -> int:
    return len(house.store.incidents(PILOT)) + len(house.store.feedback(PILOT))


def with_incident(house: House) -> None:
    house.store.record_incident(
        NewIncident(PILOT, "Index is late", Severity.CRITICAL, "", NOW - 600), Act("x", NOW)
    )
