"""Snapshots of a pilot through made-up days: what a replay hands to the tape."""

from slo_daemon.core.backtest.story import Backtest
from slo_daemon.core.backtest.tape import Tape
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import RecordsUnavailable
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Finding, Role, Verdict
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState, TransitionReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from tests.factories import evaluated, healthy_readings, plain_pilot, seed_slos

STEP = 3_600
START = 1_795_305_600.0  # 2026-11-22 00:00:00 UTC
UP = SourceView(True, "", "", 0.0)
NOBODY = RecordsUnavailable("store_unavailable", "nobody was asked")


def slo() -> Slo:
    """Availability, of the seed."""
    return seed_slos("plain")[2]


def finding(
    state: Truth, role: Role = Role.DEFAULT, text: str = "every SLO is met now", **more: object
) -> Finding:
    return Finding(text, role, state, "why", "because", **more)  # type: ignore[arg-type]


def snapshot(
    number: int,
    *,
    level: Level = Level.NONE,
    findings: tuple[Finding, ...] = (),
    verdict: Verdict = Verdict.READY,
    advice: Advice = Advice.ADVANCE,
    source: SourceView = UP,
) -> Snapshot:
    """The slot `number` hours after START."""
    slot = Slot(START + number * STEP, STEP)
    instance = SloInstance(slo())
    reason = TransitionReason.THRESHOLD if level else None
    view = SloView(
        instance, SloState(instance.id, level, reason=reason), evaluated(slo(), healthy_readings(slo()), slot)
    )
    pilot = plain_pilot()
    judged = Assessment(pilot.name, slot.time, slot, verdict, advice, "", findings, (), NOBODY, None)
    return Snapshot(
        Specification(pilot.slos, (pilot,), "h"), slot, source, {instance.id: view}, {pilot.name: judged}
    )


def backtest(*tapes: Tape, slots: int, told: bool = True) -> Backtest:
    return Backtest(
        START, START + slots * STEP, STEP, slots, told, tuple(tape.story() for tape in tapes)
    )  # fmt: skip


def eventful(variant: str = "") -> Tape:
    """Three days: a warning that grows critical and passes, an outage of the source, ready twice, one rollback."""
    tape = Tape(variant)
    for hour in range(72):
        level = {20: Level.WARNING, 21: Level.CRITICAL, 22: Level.CRITICAL, 23: Level.WARNING}.get(
            hour, Level.NONE
        )
        fired = Truth.TRUE if hour in (21, 22) else Truth.FALSE
        known = Truth.UNKNOWN if hour < 10 or hour in (50, 51) else Truth.FALSE if level else Truth.TRUE
        verdict, advice = Verdict.READY, Advice.ADVANCE
        if fired is Truth.TRUE:
            verdict, advice = Verdict.NOT_READY, Advice.ROLLBACK
        elif level:
            verdict, advice = Verdict.NOT_READY, Advice.HOLD
        elif known is Truth.UNKNOWN:
            verdict, advice = Verdict.INCONCLUSIVE, Advice.HOLD
        down = SourceView(False, "connect", "refused", None)
        trigger = finding(
            fired if known is not Truth.UNKNOWN else Truth.UNKNOWN,
            Role.ROLLBACK,
            "Availability < 99.5% & <b>more</b>",
            blind=hour == 51,
        )
        tape.take(
            snapshot(
                hour,
                level=level,
                findings=(finding(known), trigger),
                verdict=verdict,
                advice=advice,
                source=down if hour in (50, 51) else UP,
            )
        )
    return tape
