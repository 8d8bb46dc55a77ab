"""The tape: snapshots of a replay, taken one after the other and folded, so that a year of slots needs no more than its changes."""

from collections import Counter

from slo_daemon.core.backtest.spans import Spans
from slo_daemon.core.backtest.story import (
    Episode,
    FindingStory,
    PilotStory,
    Rollback,
    SloStory,
    Story,
)
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Finding, Verdict
from slo_daemon.core.slo.budget import Budget
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import say_cause, say_evaluation
from slo_daemon.core.slo.state import TransitionReason
from slo_daemon.core.snapshot import SloView, Snapshot

_BLIND = {DataState.NO_DATA, DataState.STALE, DataState.ERROR}


class Tape:
    """Takes the snapshots of one replay, in the order of their slots. `variant`: see Story."""

    def __init__(self, variant: str = "") -> None:
        self._variant = variant
        self._slos: dict[str, _Slo] = {}
        self._pilots: dict[str, _Pilot] = {}
        self._down: Spans[str] = Spans()
        self._end: float | None = None

    def take(self, snapshot: Snapshot) -> None:
        """One slot more. A snapshot that was never evaluated tells nothing."""
        slot = snapshot.slot
        if slot is None:
            return
        start, end = slot.time, slot.time + slot.interval
        self._end = end
        if snapshot.source is not None and not snapshot.source.up:
            self._down.add(snapshot.source.reason, start, end)
        for key, view in snapshot.slos.items():
            self._slos.setdefault(key, _Slo(view)).take(view, start, end)
        titles = {pilot.name: pilot.title for pilot in snapshot.specification.pilots}
        for name, assessment in snapshot.assessments.items():
            self._pilots.setdefault(name, _Pilot(titles.get(name, name))).take(assessment, start, end)

    def story(self) -> Story:
        """What was taken so far."""
        end = self._end
        return Story(
            self._variant,
            tuple(slo.story(end) for slo in self._slos.values()),
            tuple(pilot.story(name, end) for name, pilot in self._pilots.items()),
            self._down.all(),
        )


class _Slo:
    def __init__(self, view: SloView) -> None:
        self._instance = view.instance
        self._levels: Spans[Level] = Spans()
        self._told: list[tuple[float, TransitionReason | None, str]] = []  # beside the spans of levels
        self._met: Counter[bool | None] = Counter()
        self._blind: Spans[str] = Spans()
        self._budget: Budget | None = None

    def take(self, view: SloView, start: float, end: float) -> None:
        evaluation = view.evaluation
        if self._levels.add(view.state.level, start, end):
            said = "; ".join(filter(None, (say_evaluation(evaluation), say_cause(evaluation))))
            self._told.append((start, view.state.reason, said if view.state.level else ""))
        self._met[evaluation.met if evaluation else None] += 1
        if evaluation is not None and evaluation.data_state in _BLIND:
            self._blind.add(evaluation.reason.value, start, end)
        self._budget = evaluation.budget if evaluation else None

    def story(self, end: float | None) -> SloStory:
        levels = self._levels.all()
        episodes = tuple(
            Episode(span.value, span.start, None if span.end == end else span.end, reason, said)
            for span, (_, reason, said) in zip(levels, self._told, strict=True)
            if span.value
        )
        slo = self._instance.slo
        return SloStory(
            self._instance.id,
            slo.pilot,
            slo.objective,
            levels,
            episodes,
            dict(self._met),
            self._blind.all(),
            self._budget,
        )


class _Finding:
    def __init__(self) -> None:
        self.states: Spans[Truth] = Spans()
        self.blind: Spans[bool] = Spans()
        self.last: Finding | None = None

    def take(self, finding: Finding, start: float, end: float) -> None:
        self.states.add(finding.state, start, end)
        if finding.blind:
            self.blind.add(True, start, end)
        self.last = finding


class _Pilot:
    def __init__(self, title: str) -> None:
        self._title = title
        self._findings: dict[tuple[Role, str], _Finding] = {}
        self._verdicts: Spans[Verdict] = Spans()
        self._advice: Spans[Advice] = Spans()
        self._fired: list[tuple[float, dict[str, None]]] = []  # when each rollback began, and what had fired

    def take(self, assessment: Assessment, start: float, end: float) -> None:
        for finding in assessment.findings:
            own = self._findings.setdefault((finding.role, finding.text), _Finding())
            own.take(finding, start, end)
        self._verdicts.add(assessment.verdict, start, end)
        new = self._advice.add(assessment.advice, start, end)
        if assessment.advice is Advice.ROLLBACK:
            if new:
                self._fired.append((start, {}))
            self._fired[-1][1].update(dict.fromkeys(finding.text for finding in assessment.fired))

    def story(self, name: str, end: float | None) -> PilotStory:
        advice = self._advice.all()
        ends = {span.start: span.end for span in advice if span.value is Advice.ROLLBACK}
        return PilotStory(
            name,
            self._title,
            tuple(
                FindingStory(
                    role,
                    text,
                    own.states.all(),
                    own.blind.all(),
                    own.last.reason if own.last else "",
                    own.last.detail if own.last else "",
                )
                for (role, text), own in self._findings.items()
            ),
            self._verdicts.all(),
            advice,
            tuple(
                Rollback(start, None if ends[start] == end else ends[start], tuple(fired))
                for start, fired in self._fired
            ),
        )
