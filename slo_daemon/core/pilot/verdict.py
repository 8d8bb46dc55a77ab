"""Findings, each with its evidence, and the verdict and the advice that they come to.

Three-valued: a finding is true, false or unknown, with a named reason. Unknown never counts as pass: with nothing
against going on and something unknown, the verdict is INCONCLUSIVE, not READY.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from slo_daemon.core.pilot.criteria.evidence import Source
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice, RampAdvice
from slo_daemon.core.pilot.records import Override, Records, RecordsUnavailable
from slo_daemon.core.pilot.satisfaction import Satisfaction
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.slo.window import Slot


class Verdict(StrEnum):
    """What the findings come to."""

    READY = "READY"
    NOT_READY = "NOT_READY"
    INCONCLUSIVE = "INCONCLUSIVE"


class Effect(StrEnum):
    """What one finding does to the verdict."""

    PASS = "pass"  # noqa: S105
    BLOCK = "block"
    FIRE = "fire"
    OPEN = "open"


EFFECTS: dict[tuple[Role, Truth], Effect] = {
    (Role.DEFAULT, Truth.TRUE): Effect.PASS,
    (Role.DEFAULT, Truth.FALSE): Effect.BLOCK,
    (Role.DEFAULT, Truth.UNKNOWN): Effect.OPEN,
    (Role.GO_LIVE, Truth.TRUE): Effect.PASS,
    (Role.GO_LIVE, Truth.FALSE): Effect.BLOCK,
    (Role.GO_LIVE, Truth.UNKNOWN): Effect.OPEN,
    (Role.SUCCESS, Truth.TRUE): Effect.PASS,
    (Role.SUCCESS, Truth.FALSE): Effect.BLOCK,
    (Role.SUCCESS, Truth.UNKNOWN): Effect.OPEN,
    (Role.ROLLBACK, Truth.TRUE): Effect.FIRE,
    (Role.ROLLBACK, Truth.FALSE): Effect.PASS,
    (Role.ROLLBACK, Truth.UNKNOWN): Effect.OPEN,  # nobody should widen a rollout that could not be stopped
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion, judged, with its evidence.

    `reason` is a name for machines, `detail` a sentence for people. `value`, `interval` and `n` as far as the
    criterion has them; `margin`: how far the value lies on the good side. `earliest` (Unix s): when an unmet criterion
    could pass, where that can be told. `source`: the window, the query and the time that the value is of. `since`
    (Unix s): for how long it has been in this state. `override`: of a person, while it is in force; it decides the
    effect, whatever the state is. `blind`: a trigger that could not see for too long.
    """

    text: str
    role: Role
    state: Truth
    reason: str
    detail: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    n: float | None = None
    earliest: float | None = None
    margin: float | None = None
    source: Source = field(default=Source())
    since: float | None = None
    override: Override | None = None
    blind: bool = False

    @property
    def effect(self) -> Effect:
        """What it does to the verdict."""
        return Effect.PASS if self.override is not None else EFFECTS[self.role, self.state]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The readiness of one pilot at time `at` (Unix seconds). `slot`: of the evaluation it stands on, None before any."""

    pilot: str
    at: float
    slot: Slot | None
    verdict: Verdict
    advice: Advice
    advice_reason: str
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    records: Records | RecordsUnavailable
    satisfaction: Satisfaction | None
    reason: str = ""  # why the verdict is what it is
    ramp: RampAdvice | None = None  # None without a planned ramp
    holds: tuple[Override, ...] = ()  # people who want the rollout held
    trials: tuple[tuple[str, Trial], ...] = ()  # experiments by the name of their metric

    @property
    def fired(self) -> tuple[Finding, ...]:
        """The rollback triggers that have fired."""
        return tuple(f for f in self.findings if f.effect is Effect.FIRE)

    @property
    def unseeing(self) -> tuple[Finding, ...]:
        """The rollback triggers that cannot tell now whether they should fire."""
        return tuple(f for f in self.findings if f.role is Role.ROLLBACK and f.effect is Effect.OPEN)

    @property
    def blockers(self) -> tuple[str, ...]:
        """What stands against going on, in sentences; what has fired comes first."""
        blocking = (f for f in self.findings if f.effect is Effect.BLOCK)
        return tuple(against(f) for f in (*self.fired, *blocking))


def conclude(findings: Sequence[Finding]) -> tuple[Verdict, Advice, str]:
    """The verdict, the advice, and why. What is against counts first, then what is unknown; nothing judged is unknown."""
    by_effect = {effect: [f for f in findings if f.effect is effect] for effect in Effect}
    if by_effect[Effect.FIRE]:
        return Verdict.NOT_READY, Advice.ROLLBACK, against(by_effect[Effect.FIRE][0])
    if by_effect[Effect.BLOCK]:
        return Verdict.NOT_READY, Advice.HOLD, against(by_effect[Effect.BLOCK][0])
    if by_effect[Effect.OPEN] or not findings:
        return Verdict.INCONCLUSIVE, Advice.HOLD, _what_is_open(by_effect[Effect.OPEN])
    return Verdict.READY, Advice.ADVANCE, "every criterion is met"


def against(finding: Finding) -> str:
    """What a finding says against going on, as a sentence."""
    if finding.effect is Effect.FIRE:
        return f"rollback trigger fired: {finding.text} ({finding.detail})"
    return finding.detail if finding.role is Role.DEFAULT else f"{finding.text}: {finding.detail}"


def _what_is_open(findings: Sequence[Finding]) -> str:
    unknown = [f"{f.text} ({f.detail})" for f in findings]
    return f"not known: {'; '.join(unknown)}" if unknown else "nothing was judged"
