"""What changed from one look at the board to the next, in sentences: levels, triggers, verdict, advice, gates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from slo_daemon.core.pilot.gates import Gate, GateDecision, decide
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.verdict import Finding, Verdict
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import visible
from slo_daemon.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """How one pilot stood in the slot of time `at` (Unix s). `fired`: rollback triggers by their text."""

    at: float = 0.0
    verdict: Verdict | None = None
    advice: Advice | None = None
    levels: Mapping[str, Level] = field(default_factory=dict)
    fired: Mapping[str, Finding] = field(default_factory=dict)
    gates: tuple[GateDecision, ...] = ()


def standing(snapshot: Snapshot, pilot: str, now: float, interval: float) -> Standing:
    """`now` (Unix s) and `interval` (s between slots): for what gates call too old."""
    assessment = snapshot.assessments.get(pilot)
    views = [view for view in snapshot.slos.values() if view.instance.slo.pilot == pilot]
    return Standing(
        assessment.slot.time if assessment is not None and assessment.slot is not None else now,
        assessment.verdict if assessment else None,
        assessment.advice if assessment else None,
        {view.instance.id: view.state.level for view in views},
        {finding.text: finding for finding in assessment.fired} if assessment else {},
        tuple(decide(gate, assessment, now, interval) for gate in Gate),
    )


def changes(before: Standing, after: Standing) -> Iterator[str]:
    """One sentence for each change, causes first: `gate rollback fail (trigger_fired)`."""
    yield from level_changes(before, after)
    yield from trigger_changes(before, after)
    if after.verdict is not before.verdict and after.verdict is not None:
        yield f"verdict {after.verdict.value}"
    if after.advice is not before.advice and after.advice is not None:
        yield f"advice {after.advice.value}"
    for decision in gate_changes(before, after):
        yield f"gate {decision.gate} {decision.verdict.value} ({decision.reason.value})"


def level_changes(before: Standing, after: Standing) -> Iterator[str]:
    """`my-pilot/availability is at level warning`."""
    for slo, level in after.levels.items():
        if level is not before.levels.get(slo, Level.NONE):
            yield f"{visible(slo)} is at level {level.word}"


def trigger_changes(before: Standing, after: Standing) -> Iterator[str]:
    """What fired, with what was measured; what cleared, with how long it had fired."""
    for text, finding in after.fired.items():
        if text not in before.fired:
            yield visible(f"rollback trigger fired: {text} ({finding.detail})")
    for text, finding in before.fired.items():
        if text not in after.fired:
            lasting = (
                "" if finding.since is None else f", after {show_duration(round(after.at - finding.since))}"
            )
            yield visible(f"rollback trigger cleared: {text}{lasting}")


def gate_changes(before: Standing, after: Standing) -> Iterator[GateDecision]:
    """The gates that answer otherwise than before."""
    verdicts = {decision.gate: decision.verdict for decision in before.gates}
    yield from (one for one in after.gates if one.verdict is not verdicts.get(one.gate))
