"""Assessments as readiness makes them, made by hand: what fired, what cannot see, who holds, what the ramp says."""

from collections.abc import Sequence

from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice, RampAdvice
from slo_daemon.core.pilot.records import Override, OverrideKind, RecordsUnavailable
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Finding, conclude
from slo_daemon.core.slo.window import Slot

PILOT = "search"
NOW = 1_800_000_000.0
INTERVAL = 60.0


def finding(text: str, role: Role, state: Truth, detail: str = "as seen") -> Finding:
    return Finding(text, role, state, "by_hand", detail)


READY = finding("every SLO is met now", Role.DEFAULT, Truth.TRUE)
MISSED = finding("every SLO is met now", Role.DEFAULT, Truth.FALSE, "SLOs not met: latency")
OPEN = finding("every SLO is met now", Role.DEFAULT, Truth.UNKNOWN, "cannot be told for latency")
FIRED = finding("Error rate > 1%", Role.ROLLBACK, Truth.TRUE, "2.4 % over 5m")
QUIET = finding("Error rate > 1%", Role.ROLLBACK, Truth.FALSE, "0.1 % over 5m")
BLIND = finding("Error rate > 1%", Role.ROLLBACK, Truth.UNKNOWN, "no data")


def hold(by: str = "Ada", reason: str = "freeze before the sale") -> Override:
    return Override(1, PILOT, OverrideKind.HOLD, "", by, reason, NOW - 60, NOW + 3600)


def ramp(advice: Advice, *reasons: str) -> RampAdvice:
    return RampAdvice(advice, 0.05, None, 0.10 if advice is Advice.ADVANCE else 0.05, reasons)


def assessed(
    *findings: Finding,
    ramp: RampAdvice | None = None,
    holds: Sequence[Override] = (),
    at: float = NOW,
    slot: Slot | None = Slot(NOW, INTERVAL),  # noqa: B008
    pilot: str = PILOT,
) -> Assessment:
    """One that stands on `slot`; with its verdict and advice as they follow from the findings."""
    verdict, advice, why = conclude(findings)
    return Assessment(
        pilot, at, slot, verdict, advice, why, findings, (), RecordsUnavailable("none", "none"), None,
        why, ramp, tuple(holds),
    )  # fmt: skip
