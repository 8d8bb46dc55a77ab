"""The names that the criteria of one pilot may use, and what each of them stands for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from slo_daemon.core.pilot.criteria.criterion import DEFAULT_SIGNIFICANCE, Compare, Operand
from slo_daemon.core.pilot.criteria.meaning import Kind, Meaning
from slo_daemon.core.pilot.criteria.placed import Piece
from slo_daemon.core.quantity import Dimension, show_duration
from slo_daemon.core.slo.budget import LONGEST_BUDGET
from slo_daemon.core.slo.burn_rate import LONGEST_LOOKBACK
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.spelling import did_you_mean

MOST_LISTED = 12  # names in one message
CONTROL = "control"  # the word for the control variant, whatever its name is


@dataclass(frozen=True, slots=True)
class Subject:
    """An SLO or a success metric, as far as criteria care.

    `aliases` may stand for it where no other subject has them too. `lowest` and `highest` (base unit): beyond them no value
    lies. `control`: the experiment's. `sliced`: it is judged for each slice of time, so it can be met for a time.
    """

    name: str
    kind: Kind
    dimension: Dimension
    direction: Direction
    aliases: tuple[str, ...] = ()
    lowest: float = -inf
    highest: float = inf
    has_budget: bool = False
    sliced: bool = True
    control: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something in a criterion makes no sense: at which piece, what is wrong, and what to do."""

    piece: Piece
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Word:
    """A name of the language. `argument`: "" none, "slo" required, "audience" optional; `window`: "", "may", "must"."""

    kind: Kind
    dimension: Dimension
    direction: Direction | None
    argument: str = ""
    window: str = ""
    lowest: float = 0.0
    highest: float = inf
    subject: str = ""
    about: str = ""


# Names that stand for an SLO of some sort, if there is one.
_SORT = re.compile(
    r"availability|success_rate|error_rate|throughput|latency(_share|_p[0-9_]+)?|p[0-9_]+_latency", re.ASCII
)
_LESS, _MORE = Direction.AT_MOST, Direction.AT_LEAST
_SINCE = "that started in the window, resolved or not"

WORDS: Mapping[str, _Word] = {
    "budget_remaining": _Word(
        Kind.BUDGET_REMAINING, Dimension.RATIO, _MORE, "slo", lowest=-inf, highest=1.0,
        about="what is left of the SLO's error budget: 100% untouched, 0% spent",
    ),
    "burn_rate": _Word(
        Kind.BURN_RATE, Dimension.NUMBER, _LESS, "slo", "must",
        about="how many times faster than allowed the SLO's budget goes",
    ),
    "alert_level": _Word(
        Kind.ALERT_LEVEL, Dimension.NUMBER, _LESS, "slo", highest=2.0, about="0 none, 1 warning, 2 critical",
    ),
    "incidents": _Word(Kind.INCIDENTS, Dimension.NUMBER, _LESS, window="must", about=f"incidents {_SINCE}"),
    "critical_incidents": _Word(
        Kind.INCIDENTS, Dimension.NUMBER, _LESS, window="must", subject="critical", about=f"critical ones {_SINCE}",
    ),
    "warning_incidents": _Word(
        Kind.INCIDENTS, Dimension.NUMBER, _LESS, window="must", subject="warning", about=f"warnings {_SINCE}",
    ),
    "info_incidents": _Word(
        Kind.INCIDENTS, Dimension.NUMBER, _LESS, window="must", subject="info",
        about=f"those of the severity info {_SINCE}",
    ),
    "open_incidents": _Word(
        Kind.OPEN_INCIDENTS, Dimension.NUMBER, _LESS, about="incidents that are not resolved",
    ),
    "open_critical_incidents": _Word(
        Kind.OPEN_INCIDENTS, Dimension.NUMBER, _LESS, subject="critical", about="critical ones that are not resolved",
    ),
    "user_satisfaction": _Word(
        Kind.SATISFACTION, Dimension.RATING, _MORE, "audience", "may", lowest=1.0, highest=5.0,
        about="the mean rating, from 30 votes on",
    ),
    "satisfied_share": _Word(
        Kind.SATISFIED_SHARE, Dimension.RATIO, _MORE, "audience", "may", highest=1.0,
        about="the share of ratings of 4 and 5",
    ),
    "responses": _Word(
        Kind.RESPONSES, Dimension.NUMBER, _MORE, "audience", "may", about="how many users rated",
    ),
    "observed_percentage": _Word(
        Kind.RAMP_OBSERVED, Dimension.RATIO, None, highest=1.0, about="the share of users that is served (`ramp.observed`)",
    ),
    "scheduled_percentage": _Word(
        Kind.RAMP_SCHEDULED, Dimension.RATIO, None, highest=1.0, about="the share of users that is planned today",
    ),
    "time_in_stage": _Word(
        Kind.TIME_IN_STAGE, Dimension.TIME, None, about="since the pilot's `stage` last changed",
    ),
    "pilot_age": _Word(Kind.PILOT_AGE, Dimension.TIME, None, about="since the first midnight of the pilot"),
}  # fmt: skip
_COUNTS = {Kind.INCIDENTS, Kind.OPEN_INCIDENTS, Kind.RESPONSES, Kind.ALERT_LEVEL}


@dataclass(frozen=True, slots=True)
class Named:
    """What an operand stands for, with what the checks need beside it."""

    meaning: Meaning
    direction: Direction | None
    lowest: float
    highest: float
    control: str = ""

    @property
    def whole(self) -> bool:
        """Only whole numbers are possible."""
        return self.meaning.kind in _COUNTS


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The subjects and the audiences of one pilot, and what its ramp has. Own names go before those of the language."""

    slos: tuple[Subject, ...]
    metrics: tuple[Subject, ...] = ()
    cohorts: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    ramp: bool = False
    observed: bool = False

    def meaning(self, operand: Operand) -> Meaning | Fault:
        """What an operand stands for, or why it stands for nothing."""
        named = self.named(operand)
        return named if isinstance(named, Fault) else named.meaning

    def named(self, operand: Operand) -> Named | Fault:
        """As `meaning`, with direction and bounds."""
        subject = None if operand.argument and operand.name in WORDS else self.subject(operand.name)
        if isinstance(subject, Subject):
            return self._of_subject(operand, subject)
        word = WORDS.get(operand.name)
        if word is not None:
            return self._of_word(operand, word)
        return subject or self._unknown(operand.name)

    def subject(self, name: str, piece: Piece = Piece.NAME) -> Subject | Fault | None:
        """The SLO or success metric of a name (_ and - are alike) or alias; a fault when an alias fits several."""
        own = (*self.slos, *self.metrics)
        for alike in (lambda s: s.name == name, lambda s: _folded(s.name) == _folded(name)):
            found = [subject for subject in own if alike(subject)]
            if len(found) == 1:
                return found[0]
            if found:
                return _several(piece, name, found)
        if name in WORDS:
            return None
        found = [subject for subject in self.slos if _folded(name) in subject.aliases]
        if len(found) > 1:
            return _several(piece, name, found)
        return found[0] if found else None

    def names(self) -> list[str]:
        """Everything that may stand before a comparison."""
        return list(dict.fromkeys([*self._own_names(), *WORDS]))

    def _own_names(self) -> Iterator[str]:
        for subject in (*self.slos, *self.metrics):
            yield subject.name
        for subject in self.slos:
            yield from subject.aliases

    def _unknown(self, name: str) -> Fault:
        if _SORT.fullmatch(_folded(name)):
            known = [slo.name for slo in self.slos]
            said = f"the pilot has no SLO that {name} could stand for"
            return Fault(Piece.NAME, said, did_you_mean(name, known, "SLOs", MOST_LISTED))
        return Fault(
            Piece.NAME,
            f"{name[:80]!r} is no SLO, success metric or other number that is known here",
            did_you_mean(name, self.names(), "names", MOST_LISTED),
        )

    def _of_subject(self, operand: Operand, subject: Subject) -> Named | Fault:
        if subject.kind is Kind.SATISFACTION:
            word = WORDS["user_satisfaction"]
            return self._of_word(operand, word)
        if operand.argument:
            return Fault(
                Piece.ARGUMENT, f"{operand.name} takes nothing in parentheses", f"write {subject.name}"
            )
        if operand.window is not None:
            if subject.kind is Kind.LIFT:
                return Fault(
                    Piece.WINDOW, f"{operand.name} is taken over the whole experiment", "remove the window"
                )
            fault = span_fault(operand.window, Piece.WINDOW)
            if fault is not None:
                return fault
        meaning = Meaning(subject.kind, subject.dimension, subject.name)
        return Named(meaning, subject.direction, subject.lowest, subject.highest, subject.control)

    def _of_word(self, operand: Operand, word: _Word) -> Named | Fault:
        fault = self._window_fault(operand, word) or self._ramp_fault(word)
        if fault is not None:
            return fault
        subject: str | Fault = word.subject
        if word.argument == "slo":
            subject = self._slo_argument(operand, word)
        elif word.argument == "audience" and operand.argument:
            subject = self._audience(operand)
        elif operand.argument:
            subject = Fault(
                Piece.ARGUMENT, f"{operand.name} takes nothing in parentheses", f"write {operand.name}"
            )
        if isinstance(subject, Fault):
            return subject
        return Named(Meaning(word.kind, word.dimension, subject), word.direction, word.lowest, word.highest)

    def _window_fault(self, operand: Operand, word: _Word) -> Fault | None:
        if operand.window is None:
            if word.window != "must":
                return None
            example = f"{operand.name}({operand.argument})[1h]" if operand.argument else f"{operand.name}[7d]"
            return Fault(Piece.NAME, f"{operand.name} needs a window", f"write for example {example}")
        if not word.window:
            return Fault(Piece.WINDOW, f"{operand.name} has no window", "remove the window")
        return (
            span_fault(operand.window, Piece.WINDOW, LONGEST_LOOKBACK)
            if word.kind is Kind.BURN_RATE
            else None
        )

    def _ramp_fault(self, word: _Word) -> Fault | None:
        if word.kind is Kind.RAMP_SCHEDULED and not self.ramp:
            return Fault(Piece.NAME, "the pilot has no ramp", "plan one under spec.ramp")
        if word.kind is Kind.RAMP_OBSERVED and not self.observed:
            return Fault(
                Piece.NAME,
                "nothing says how many users are served",
                "give a PromQL expression as spec.ramp.observed",
            )
        return None

    def _slo_argument(self, operand: Operand, word: _Word) -> str | Fault:
        if not operand.argument:
            example = f"{operand.name}({self.slos[0].name if self.slos else 'availability'})"
            return Fault(Piece.NAME, f"{operand.name} needs an SLO", f"write for example {example}")
        subject = self.subject(operand.argument, Piece.ARGUMENT)
        if isinstance(subject, Fault):
            return subject
        if subject is None or subject.kind is not Kind.SLO_VALUE:
            said = f"{operand.argument[:80]!r} is no SLO of this pilot"
            known = [slo.name for slo in self.slos]
            return Fault(Piece.ARGUMENT, said, did_you_mean(operand.argument, known, "SLOs", MOST_LISTED))
        if word.kind is not Kind.ALERT_LEVEL and not subject.has_budget:
            return Fault(
                Piece.ARGUMENT, f"{subject.name} has no error budget", "give it one with the key budget"
            )
        return subject.name

    def _audience(self, operand: Operand) -> str | Fault:
        known = [*self.cohorts, *self.variants]
        if operand.argument in known:
            return operand.argument
        said = f"{operand.argument[:80]!r} is no cohort or variant of this pilot"
        if not known:
            return Fault(Piece.ARGUMENT, said, "list them under spec.cohorts or spec.variants")
        remedy = did_you_mean(operand.argument, known, "cohorts and variants", MOST_LISTED)
        return Fault(Piece.ARGUMENT, said, remedy)


def span_fault(seconds: int, piece: Piece, longest: int = LONGEST_BUDGET) -> Fault | None:
    """Why nothing can be measured over so many seconds: windows are sums of chunks of 5 minutes."""
    shown, cell = show_duration(seconds), show_duration(CELL)
    if seconds < CELL:
        said = f"{shown} is shorter than {cell}, the shortest time that an SLO is measured over"
        return Fault(piece, said, f"write {cell}")
    if seconds > longest:
        return Fault(
            piece,
            f"{shown} is longer than {show_duration(longest)}, the longest that can be measured",
            "write less",
        )
    if seconds % CELL:
        before = seconds // CELL * CELL
        around = f"write {show_duration(before)} or {show_duration(before + CELL)}"
        return Fault(piece, f"{shown} is no multiple of {cell}", around)
    return None


def settled(compare: Compare, vocabulary: Vocabulary) -> object:
    """What a comparison says, however it is written: equal for two that mean the same."""
    meaning, operand = vocabulary.meaning(compare.operand), compare.operand
    named: object = operand if isinstance(meaning, Fault) else (meaning, operand.window)
    alpha = compare.significance or DEFAULT_SIGNIFICANCE
    return named, compare.op, round(compare.literal.base, 12), compare.hold, alpha, compare.point


def _several(piece: Piece, name: str, found: list[Subject]) -> Fault:
    names = ", ".join(subject.name for subject in found)
    return Fault(piece, f"{name} could be each of {names}", "write the name that you mean")


def _folded(name: str) -> str:
    return name.replace("-", "_")
