"""What a replay of the past came to: alerts, criteria, verdicts and advice, as spans of time.

A slot stands for the time from itself up to the next one; so do the times here. All times are Unix seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo_daemon.core.backtest.spans import Span, first, longest, seconds_of
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.slo.budget import Budget
from slo_daemon.core.slo.objective import Level, Objective
from slo_daemon.core.slo.state import TransitionReason


@dataclass(frozen=True, slots=True)
class Episode:
    """A level above none, from the slot that raised it to the one that changed it. `end` None: it was there at the end."""

    level: Level
    start: float
    end: float | None
    reason: TransitionReason | None
    detail: str


@dataclass(frozen=True, slots=True)
class SloStory:
    """One SLO (or group). `slots`: how many were met (True), missed (False), and unknown (None).

    `blind`: when it could not be seen (no data, stale, failed), with the named reason. `budget`: as it stood at the end;
    None without one.
    """

    id: str
    pilot: str
    objective: Objective
    levels: tuple[Span[Level], ...]
    episodes: tuple[Episode, ...]
    slots: Mapping[bool | None, int]
    blind: tuple[Span[str], ...]
    budget: Budget | None

    def share(self, met: bool | None) -> float:
        """The share of slots (0..1) that were met, missed or unknown."""
        total = sum(self.slots.values())
        return self.slots.get(met, 0) / total if total else 0.0

    def seconds_at(self, level: Level) -> float:
        """How long it was at just this level."""
        return seconds_of(self.levels, lambda one: one is level)


@dataclass(frozen=True, slots=True)
class FindingStory:
    """One criterion. `reason`, `detail`: of the last slot. `blind`: when a trigger could not see for too long."""

    role: Role
    text: str
    states: tuple[Span[Truth], ...]
    blind: tuple[Span[bool], ...]
    reason: str
    detail: str

    @property
    def first_true(self) -> float | None:
        """When it was true for the first time."""
        return first(self.states, Truth.TRUE)

    @property
    def longest_true(self) -> Span[Truth] | None:
        """The longest time in which it was true without a break."""
        return longest(self.states, Truth.TRUE)

    def share(self, truth: Truth) -> float:
        """The share of time (0..1) in which it was so."""
        total = sum(span.seconds for span in self.states)
        return seconds_of(self.states, lambda one: one is truth) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """A time in which the advice was to roll back. `triggers`: the texts of those that had fired in it, first one first."""

    start: float
    end: float | None
    triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PilotStory:
    """One pilot."""

    name: str
    title: str
    findings: tuple[FindingStory, ...]
    verdicts: tuple[Span[Verdict], ...]
    advice: tuple[Span[Advice], ...]
    rollbacks: tuple[Rollback, ...]

    @property
    def first_ready(self) -> float | None:
        """When it was READY for the first time."""
        return first(self.verdicts, Verdict.READY)

    def share(self, verdict: Verdict) -> float:
        """The share of time (0..1) with this verdict."""
        total = sum(span.seconds for span in self.verdicts)
        return seconds_of(self.verdicts, lambda one: one is verdict) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Story:
    """One variant over the whole time. `variant`: empty for the file as it is, else what was changed.

    `source_down`: when the metric source could not be asked, with the named reason.
    """

    variant: str
    slos: tuple[SloStory, ...]
    pilots: tuple[PilotStory, ...]
    source_down: tuple[Span[str], ...]

    @property
    def changed(self) -> str:
        """The SLO that was changed, as it was named; empty for the file as it is."""
        return self.variant.partition("=")[0]

    def of_pilot(self, pilot: str) -> tuple[SloStory, ...]:
        """The SLOs of one pilot."""
        return tuple(slo for slo in self.slos if slo.pilot == pilot)


@dataclass(frozen=True, slots=True)
class Backtest:
    """The same time in one or more variants, the file as it is first. `start` is the first slot, `end` where the last one ends.

    `step`: seconds between slots. `slots`: how many there were. `told`: whether incidents were known.
    """

    start: float
    end: float
    step: int
    slots: int
    told: bool
    stories: tuple[Story, ...]
