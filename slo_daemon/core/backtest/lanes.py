"""A story as lanes of a timeline: one for each level of an SLO, each criterion, the verdict and the advice.

A state is told by a word, a symbol and a tone; colour is only one way to show the tone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from slo_daemon.core.backtest.spans import Span
from slo_daemon.core.backtest.story import FindingStory, PilotStory, SloStory, Story
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import EFFECTS, Effect, Verdict
from slo_daemon.core.slo.objective import Level

ValueT = TypeVar("ValueT")


class Tone(IntEnum):
    """How a state is to be taken; where there is room for one only, the graver one is shown."""

    GOOD = 0
    QUIET = 1
    OPEN = 2
    WARNING = 3
    BAD = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """A state from `start` up to `end` (Unix seconds). `symbol`: one character; `detail`: more words, may be empty."""

    start: float
    end: float
    tone: Tone
    symbol: str
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of a timeline. Between segments nothing is known."""

    name: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Lanes that belong together, under one heading."""

    heading: str
    lanes: tuple[Lane, ...]


_LEVELS = {
    Level.NONE: (Tone.QUIET, "·", "none"),
    Level.WARNING: (Tone.WARNING, "w", "warning"),
    Level.CRITICAL: (Tone.BAD, "C", "critical"),
}
_VERDICTS = {
    Verdict.READY: (Tone.GOOD, "R", "READY"),
    Verdict.INCONCLUSIVE: (Tone.OPEN, "?", "INCONCLUSIVE"),
    Verdict.NOT_READY: (Tone.BAD, "N", "NOT READY"),
}
_ADVICE = {
    Advice.ADVANCE: (Tone.GOOD, "+", "advance"),
    Advice.HOLD: (Tone.QUIET, "=", "hold"),
    Advice.ROLLBACK: (Tone.BAD, "<", "roll back"),
}
_EFFECTS = {Effect.PASS: Tone.GOOD, Effect.OPEN: Tone.OPEN, Effect.BLOCK: Tone.BAD, Effect.FIRE: Tone.BAD}
_TRUTHS = {Truth.TRUE: "T", Truth.FALSE: "F", Truth.UNKNOWN: "?"}
_ROLES = {
    Role.DEFAULT: "criterion",
    Role.GO_LIVE: "go-live",
    Role.SUCCESS: "success",
    Role.ROLLBACK: "trigger",
}
LEGEND = (
    "· none", "w warning", "C critical", "T true", "F false", "? unknown", "R ready", "N not ready",
    "+ advance", "= hold", "< roll back", "blank: nothing was judged",
)  # fmt: skip


def sections(story: Story) -> tuple[Section, ...]:
    """One for each pilot, and one for SLOs that belong to none."""
    found = [Section(_heading(story, pilot.title), tuple(_of_pilot(story, pilot))) for pilot in story.pilots]
    known = {pilot.name for pilot in story.pilots}
    others = tuple(_of_slo(slo, slo.id) for slo in story.slos if slo.pilot not in known)
    return (*found, Section(_heading(story, "SLOs"), others)) if others else tuple(found)


def bucketed(lane: Lane, start: float, end: float, buckets: int) -> tuple[Segment | None, ...]:
    """The gravest state in each of as many equal parts of the time; None where nothing is known."""
    found: list[Segment | None] = [None] * buckets
    width = (end - start) / buckets
    for segment in lane.segments:
        first = max(0, int((segment.start - start) // width))
        last = min(buckets - 1, int(-(-(segment.end - start) // width)) - 1)
        for place in range(first, last + 1):
            there = found[place]
            if there is None or segment.tone > there.tone:
                found[place] = segment
    return tuple(found)


def _heading(story: Story, title: str) -> str:
    return f"{title}, what if {story.variant}" if story.variant else title


def _of_pilot(story: Story, pilot: PilotStory) -> Iterator[Lane]:
    for slo in story.of_pilot(pilot.name):
        yield _of_slo(slo, slo.id.removeprefix(f"{pilot.name}/"))
    for finding in pilot.findings:
        yield _of_finding(finding)
    yield Lane("verdict", _segments(pilot.verdicts, lambda verdict: _VERDICTS[verdict]))
    triggers = {rollback.start: ", ".join(rollback.triggers) for rollback in pilot.rollbacks}
    advice = _segments(pilot.advice, lambda one: _ADVICE[one], triggers)
    yield Lane("advice", advice)


def _of_slo(slo: SloStory, name: str) -> Lane:
    details = {
        episode.start: f"{episode.detail} ({episode.reason})" if episode.reason else episode.detail
        for episode in slo.episodes
    }
    return Lane(f"level of {name}", _segments(slo.levels, lambda level: _LEVELS[level], details))


def _of_finding(finding: FindingStory) -> Lane:
    def shown(truth: Truth) -> tuple[Tone, str, str]:
        return _EFFECTS[EFFECTS[finding.role, truth]], _TRUTHS[truth], truth.value

    return Lane(f"{_ROLES[finding.role]}: {finding.text}", _segments(finding.states, shown))


def _segments(
    spans: Sequence[Span[ValueT]],
    shown: Callable[[ValueT], tuple[Tone, str, str]],
    details: dict[float, str] | None = None,
) -> tuple[Segment, ...]:
    return tuple(
        Segment(span.start, span.end, *shown(span.value), (details or {}).get(span.start, ""))
        for span in spans
    )
