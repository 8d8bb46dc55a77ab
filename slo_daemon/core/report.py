"""The report on one pilot: one value, from which Markdown and JSON are rendered. Same inputs, same value."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from slo_daemon.core.courses import NO_COURSES, Courses, Served, with_served
from slo_daemon.core.pilot.pilot import Pilot, Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import Records
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Effect, Finding, Verdict
from slo_daemon.core.slo.budget import FULL_COVERAGE
from slo_daemon.core.slo.evaluation import Evaluation, WindowValue, windows
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import say_count, say_name
from slo_daemon.core.slo.slo import split_id
from slo_daemon.core.slo.state import Transition
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView

FIRST_TRANSITIONS = 10  # shown when there is no earlier report to compare with
MET_WORDS = {True: "met", False: "missed", None: "unknown"}

# A symbol and a word: nothing is said by colour alone.
MET_SYMBOLS = {True: "✓ met", False: "✗ missed", None: "? unknown"}
SPENT_SYMBOLS = {
    False: "✓",
    True: "✗",
    None: "?",
}  # of an error budget: proven not spent, proven spent, neither
FIRING_WORDS = {True: "✗ fires", False: "does not fire", None: "? cannot be told"}
LEVEL_WORDS = {Level.NONE: "none", Level.WARNING: "⚠ warning", Level.CRITICAL: "✗ critical"}
EFFECT_SYMBOLS = {Effect.PASS: "✓", Effect.BLOCK: "✗", Effect.FIRE: "✗", Effect.OPEN: "?"}
VERDICT_WORDS = {
    Verdict.READY: "✓ READY",
    Verdict.NOT_READY: "✗ NOT READY",
    Verdict.INCONCLUSIVE: "? INCONCLUSIVE",
}
ADVICE_WORDS = {
    Advice.ADVANCE: "advance to the next step of the ramp",
    Advice.HOLD: "hold the ramp where it is",
    Advice.ROLLBACK: "roll back",
}


def state_word(finding: Finding) -> str:
    """The state in a word. Of triggers it is good that they are false, so they have words of their own."""
    if finding.role is not Role.ROLLBACK:
        return finding.state.value
    if finding.state is Truth.UNKNOWN:
        return "blind" if finding.blind else finding.state.value
    return "fired" if finding.state is Truth.TRUE else "not fired"


@dataclass(frozen=True, slots=True)
class SloFacts:
    """What an earlier report said of an SLO."""

    met: bool | None
    level: Level


@dataclass(frozen=True, slots=True)
class PreviousReport:
    """What an earlier report said, as far as changes are told against it. `slot`: Unix seconds."""

    id: str
    at: float
    slot: float | None
    verdict: Verdict
    slos: Mapping[str, SloFacts]
    findings: Mapping[tuple[Role, str], Truth]  # by role and text
    incidents: int | None
    votes: int | None
    configuration: str
    advice: Advice | None = None
    served: tuple[Served, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that was to be compared with could not be read. The detail is for people."""

    detail: str


@dataclass(frozen=True, slots=True)
class Transitions:
    """The latest transitions, newest first. `complete`: none of them was left out for their number."""

    latest: tuple[Transition, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class SlotTally:
    """How many slots were evaluated and how many were missed since `since` (Unix seconds)."""

    since: float
    evaluated: int
    missed: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a report says of `pilot` at time `at` (Unix seconds), before any formatting.

    `views`: the pilot's SLOs. `transitions`: of this pilot since the previous report, or the latest few when there is
    none. `tally` is None when nobody counted. `courses`: what charts are drawn from. `served`: the share of users that
    was served, as this report and those before it saw it; empty where the ramp is not observed.
    """

    id: str
    at: float
    pilot: Pilot
    assessment: Assessment
    views: tuple[SloView, ...]
    source: SourceView | None
    configuration: str
    previous: PreviousReport | Unreadable | None
    transitions: Transitions | Unreadable
    tally: SlotTally | None
    courses: Courses = NO_COURSES
    served: tuple[Served, ...] = ()

    @property
    def today(self) -> date:
        """The day of the report, in UTC."""
        return datetime.fromtimestamp(self.at, UTC).date()

    @property
    def progress(self) -> str:
        """`day 31 of 56`."""
        day, days = self.pilot.day(self.today), self.pilot.duration.days
        if day < 1:
            return f"starts in {say_count(1 - day, 'day')}, takes {say_count(days, 'day')}"
        return f"day {day} of {days}" if day <= days else f"over since {self.pilot.end}, took {days} days"

    @property
    def data_states(self) -> Mapping[DataState, int]:
        """How many SLOs are in which data state."""
        return Counter(view.data_state for view in self.views)

    @property
    def incomplete(self) -> tuple[tuple[SloView, WindowValue], ...]:
        """The windows that were seen too little to stand on, own ones and those of budgets."""
        return tuple(
            (view, window)
            for view in self.views
            if view.evaluation is not None
            for window in _named_windows(view.evaluation)
            if window.coverage is not None and window.coverage < FULL_COVERAGE
        )

    def findings(self, *roles: Role) -> tuple[Finding, ...]:
        """The findings of these roles."""
        return tuple(finding for finding in self.assessment.findings if finding.role in roles)


def _named_windows(evaluation: Evaluation) -> tuple[WindowValue, ...]:
    """The SLO's own window, and that of its budget."""
    first, *others = windows(evaluation)
    return (first, *others[-1:])


def report_id(at: float) -> str:
    """The id of a report of this time: `2026-11-22T10-00-00Z`, which every file system takes and which sorts by time."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H-%M-%SZ}"


def compose(
    pilot: Pilot,
    snapshot: Snapshot,
    at: float,
    *,
    previous: PreviousReport | Unreadable | None = None,
    transitions: Transitions | Unreadable,
    tally: SlotTally | None = None,
    courses: Courses = NO_COURSES,
) -> Report:
    """The report on `pilot` from a snapshot that holds its assessment. Raises KeyError when it holds none.

    `transitions`: the latest of all SLOs; the pilot's are taken out.
    """
    return Report(
        id=report_id(at),
        at=at,
        pilot=pilot,
        assessment=snapshot.assessments[pilot.name],
        views=snapshot.of_pilot(pilot.name),
        source=snapshot.source,
        configuration=snapshot.specification.hash,
        previous=previous,
        transitions=_of_interest(transitions, pilot, previous),
        tally=tally,
        courses=courses,
        served=_served(pilot, snapshot.assessments[pilot.name], previous, at),
    )


def _served(
    pilot: Pilot, assessment: Assessment, previous: PreviousReport | Unreadable | None, at: float
) -> tuple[Served, ...]:
    """Nobody else keeps what was served: each report takes it on from the one before."""
    if pilot.ramp is None or not pilot.ramp.observed or assessment.ramp is None:
        return ()
    before = previous.served if isinstance(previous, PreviousReport) else ()
    return with_served(before, Served(at, assessment.ramp.observed))


def _of_interest(
    transitions: Transitions | Unreadable, pilot: Pilot, previous: PreviousReport | Unreadable | None
) -> Transitions | Unreadable:
    if isinstance(transitions, Unreadable):
        return transitions
    own = tuple(t for t in transitions.latest if pilot_of(t) == pilot.name)
    if not isinstance(previous, PreviousReport) or previous.slot is None:
        return Transitions(own[:FIRST_TRANSITIONS], transitions.complete and len(own) <= FIRST_TRANSITIONS)
    oldest = min((t.slot for t in transitions.latest), default=previous.slot)
    complete = transitions.complete or oldest <= previous.slot
    return Transitions(tuple(t for t in own if t.slot > previous.slot), complete)


def pilot_of(transition: Transition) -> str:
    """The pilot to whose SLO a transition belongs."""
    return split_id(transition.slo_id)[0].partition("/")[0]


def changes(report: Report) -> tuple[str, ...]:
    """What is different from the previous report, in sentences; level transitions are told apart."""
    before = report.previous
    if not isinstance(before, PreviousReport):
        return ()
    now = report.assessment
    told = []
    if before.verdict is not now.verdict:
        told.append(f"verdict: {before.verdict.value} -> {now.verdict.value}")
    if before.configuration != report.configuration:
        told.append("the configuration was changed")
    told += _slo_changes(before.slos, report.views)
    told += _finding_changes(before.findings, now.findings)
    if before.advice is not None and before.advice is not now.advice:
        told.append(f"advice: {before.advice.value} -> {now.advice.value}")
    if isinstance(now.records, Records):
        told += _more(before.incidents, now.records.incidents.total, "incident")
        told += _more(before.votes, now.records.ratings.count, "vote")
    return tuple(told)


def _slo_changes(before: Mapping[str, SloFacts], views: Iterable[SloView]) -> list[str]:
    told, present = [], set()
    for view in views:
        name = say_name(view.instance)
        present.add(view.instance.id)
        old = before.get(view.instance.id)
        met = view.evaluation.met if view.evaluation else None
        if old is None:
            told.append(f"{name}: new, {MET_WORDS[met]}")
        elif old.met is not met:
            told.append(f"{name}: {MET_WORDS[old.met]} -> {MET_WORDS[met]}")
    return told + [
        f"{slo_id.partition('/')[2]}: no longer there" for slo_id in before if slo_id not in present
    ]


def _finding_changes(before: Mapping[tuple[Role, str], Truth], findings: Iterable[Finding]) -> list[str]:
    return [
        f"{finding.text}: {old} -> {finding.state}"
        for finding in findings
        if (old := before.get((finding.role, finding.text), finding.state)) is not finding.state
    ]


def _more(before: int | None, now: int, what: str) -> list[str]:
    if before is None or before == now:
        return []
    difference = "more" if now > before else "fewer"
    return [f"{say_count(abs(now - before), what)} {difference}, {now:,} in total"]
