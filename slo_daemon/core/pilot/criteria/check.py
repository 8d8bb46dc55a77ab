"""What can be said of a criterion before anything is measured: names, units, windows, and what can never be true.

Errors refuse it; warnings say what its author may not have meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Generic, TypeVar, assert_never

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Op
from slo_daemon.core.pilot.criteria.errors import Span
from slo_daemon.core.pilot.criteria.interval import decide
from slo_daemon.core.pilot.criteria.meaning import Kind
from slo_daemon.core.pilot.criteria.parse import read
from slo_daemon.core.pilot.criteria.placed import Piece, Placed
from slo_daemon.core.pilot.criteria.show import show, show_operand
from slo_daemon.core.pilot.criteria.vocabulary import (
    CONTROL,
    MOST_LISTED,
    Fault,
    Named,
    Subject,
    Vocabulary,
    settled,
    span_fault,
)
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.quantity import BASE_UNITS, UNITS, Dimension, Quantity
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.spelling import did_you_mean

PlaceT = TypeVar("PlaceT")
_WORDS = {
    Dimension.TIME: ("a time", "200ms"),
    Dimension.RATIO: ("a ratio", "99.5%"),
    Dimension.RATING: ("a rating", "4.0/5"),
    Dimension.RATE: ("a rate", "100/s"),
    Dimension.NUMBER: ("a plain number", "3"),
}
_UNIT_OF = {Dimension.RATIO: UNITS["%"]}
_FOR_LESS = {Op.LESS, Op.AT_MOST}
_FOR_MORE = {Op.MORE, Op.AT_LEAST}


class Purpose(Enum):
    """What it means that the criterion is true: go on, or roll back."""

    GO_ON = "go on"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Problem(Generic[PlaceT]):
    """One thing that is wrong (`error`) or doubtful, and its place."""

    place: PlaceT
    message: str
    remedy: str
    error: bool = True

    def __str__(self) -> str:
        kind = "" if self.error else "warning: "
        return f"{kind}{self.message}; {self.remedy}" if self.remedy else f"{kind}{self.message}"


def check(
    criterion: Criterion, vocabulary: Vocabulary, purpose: Purpose | None = None
) -> list[Problem[Span]]:
    """The problems of a criterion; places are those in its printed text."""
    return check_placed(read(show(criterion)), vocabulary, purpose)


def check_placed(
    placed: Placed[PlaceT], vocabulary: Vocabulary, purpose: Purpose | None = None
) -> list[Problem[PlaceT]]:
    """The problems of a criterion, in the order of its pieces. With a purpose, also when it points the wrong way."""
    return list(_check(placed, vocabulary, purpose))


def meaning_of(criterion: Criterion, vocabulary: Vocabulary) -> object:
    """Equal for two criteria that mean the same, whatever names and units they are written with."""
    match criterion:
        case Compare():
            return settled(criterion, vocabulary)
        case Met(names):
            known = (vocabulary.subject(name) for name in names)
            plain = frozenset(
                s.name if isinstance(s, Subject) else n for s, n in zip(known, names, strict=True)
            )
            every = criterion.every or len(plain) == 1
            return Met, plain, every, criterion.duration, criterion.strictly
        case All(parts) | Any(parts):
            return type(criterion), frozenset(meaning_of(part, vocabulary) for part in parts)
        case Not(part):
            return Not, meaning_of(part, vocabulary)
        case _:
            assert_never(criterion)


def _check(
    placed: Placed[PlaceT], vocabulary: Vocabulary, purpose: Purpose | None
) -> Iterator[Problem[PlaceT]]:
    criterion = placed.criterion
    match criterion:
        case Compare():
            for fault, error in _comparison(criterion, vocabulary, purpose):
                yield Problem(placed.place(fault.piece), fault.message, fault.remedy, error)
        case Met():
            yield from _met(placed, criterion, vocabulary, purpose)
        case Not():
            for part in placed.parts:
                yield from _check(part, vocabulary, _turned(purpose))
        case All() | Any():
            for part in placed.parts:
                yield from _check(part, vocabulary, purpose)
        case _:
            assert_never(criterion)


def _turned(purpose: Purpose | None) -> Purpose | None:
    if purpose is None:
        return None
    return Purpose.GO_ON if purpose is Purpose.ROLL_BACK else Purpose.ROLL_BACK


def _comparison(
    compare: Compare, vocabulary: Vocabulary, purpose: Purpose | None
) -> Iterator[tuple[Fault, bool]]:
    named = vocabulary.named(compare.operand)
    if isinstance(named, Fault):
        yield named, True
        return
    yield from ((fault, True) for fault in _experiment_faults(compare, named))
    fault = _unit_fault(compare, named) or _constant(compare, named)
    if fault is not None:
        yield fault, True
    elif purpose is not None and _points_away(compare, named, purpose):
        yield _inverted(compare, purpose), False


def _experiment_faults(compare: Compare, named: Named) -> Iterator[Fault]:
    name = show_operand(compare.operand)
    lift = named.meaning.kind is Kind.LIFT
    if compare.against and not lift:
        yield Fault(Piece.AGAINST, f"{name} is no lift, so it has no control", "remove vs")
    if compare.significance is not None and not lift:
        said = f"{name} is no lift, so it is not tested for significance"
        yield Fault(
            Piece.SIGNIFICANCE, said, "remove it; the comparison holds over the whole interval anyway"
        )
    if lift and compare.against and compare.against not in (CONTROL, named.control):
        said = f"{name} is measured against {named.control!r}, not {compare.against[:80]!r}"
        yield Fault(Piece.AGAINST, said, f"write vs {CONTROL}")


def _unit_fault(compare: Compare, named: Named) -> Fault | None:
    literal, wanted = compare.literal, named.meaning.dimension
    if literal.dimension is wanted or (wanted is Dimension.RATING and literal.dimension is Dimension.NUMBER):
        return None
    said = "has no unit" if literal.dimension is Dimension.NUMBER else f"is {_WORDS[literal.dimension][0]}"
    word, example = _WORDS[wanted]
    remedy = f"write for example {example}"
    if wanted is Dimension.RATIO and literal.dimension is Dimension.NUMBER and named.highest <= 1.0:
        remedy = f"write {_percent(literal)}"
    return Fault(Piece.LITERAL, f"{literal} {said}, but {show_operand(compare.operand)} is {word}", remedy)


def _percent(literal: Quantity) -> str:
    """0.995 was meant as 99.5%, and so was 99.5."""
    amount = literal.amount * 100 if abs(literal.amount) <= 1 else literal.amount
    text = format(amount, "f")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def _constant(compare: Compare, named: Named) -> Fault | None:
    """A comparison that no possible value makes true, or none makes false."""
    truth = decide(compare.op, named.lowest, named.highest, compare.literal.base)
    amount = compare.literal.amount
    if named.whole and compare.op in (Op.EQUAL, Op.DIFFERENT) and amount != amount.to_integral_value():
        truth = Truth.FALSE if compare.op is Op.EQUAL else Truth.TRUE
    if truth is Truth.UNKNOWN:
        return None
    return Fault(
        Piece.LITERAL,
        f"this is {'always' if truth is Truth.TRUE else 'never'} true: {show_operand(compare.operand)} {_bounds(named)}",
        "write another number, or turn the comparison round",
    )


def _bounds(named: Named) -> str:
    unit = _UNIT_OF.get(named.meaning.dimension, BASE_UNITS[named.meaning.dimension])
    low, high = (unit.show(bound) for bound in (named.lowest, named.highest))
    if named.whole:
        return (
            f"is a whole number from {low} on"
            if named.highest > 1e9
            else f"is a whole number from {low} to {high}"
        )
    if named.lowest == -inf:
        return f"is at most {high}"
    return f"is at least {low}" if named.highest == inf else f"lies between {low} and {high}"


def _points_away(compare: Compare, named: Named, purpose: Purpose) -> bool:
    """Whether it is true on the side where it should not be."""
    good = {Direction.AT_LEAST: _FOR_MORE, Direction.AT_MOST: _FOR_LESS}
    if named.direction is None:
        return False
    bad = good[Direction.AT_MOST if named.direction is Direction.AT_LEAST else Direction.AT_LEAST]
    return compare.op in (bad if purpose is Purpose.GO_ON else good[named.direction])


def _inverted(compare: Compare, purpose: Purpose) -> Fault:
    name, op = show_operand(compare.operand), compare.op
    turned = {Op.LESS: Op.MORE, Op.AT_MOST: Op.AT_LEAST, Op.MORE: Op.LESS, Op.AT_LEAST: Op.AT_MOST}[op]
    side = "large" if op in _FOR_MORE else "small"
    if purpose is Purpose.ROLL_BACK:
        said = f"this speaks against going on while {name} is {side}, which is good"
    else:
        said = f"this speaks for going on while {name} is {side}, which is bad"
    return Fault(Piece.OP, said, f"write {turned} if you meant that")


def _met(
    placed: Placed[PlaceT], met: Met, vocabulary: Vocabulary, purpose: Purpose | None
) -> Iterator[Problem[PlaceT]]:
    errors = list(_met_errors(placed, met, vocabulary))
    yield from errors
    if purpose is Purpose.ROLL_BACK and not errors:
        said = "this speaks against going on while SLOs are met"
        yield Problem(placed.place(Piece.WHOLE), said, "put not before it", error=False)


def _met_errors(placed: Placed[PlaceT], met: Met, vocabulary: Vocabulary) -> Iterator[Problem[PlaceT]]:
    for index, name in enumerate(met.names):
        place = placed.names[index] if index < len(placed.names) else placed.place(Piece.WHOLE)
        subject = vocabulary.subject(name)
        if isinstance(subject, Fault):
            yield Problem(place, subject.message, subject.remedy)
        elif subject is None:
            known = [s.name for s in (*vocabulary.slos, *vocabulary.metrics)]
            remedy = did_you_mean(name, known, "SLOs and success metrics", MOST_LISTED)
            yield Problem(place, f"{name[:80]!r} is no SLO or success metric of this pilot", remedy)
        elif met.duration and not subject.sliced:
            said = f"{subject.name} is one number for the whole pilot, so it cannot be met for a time"
            yield Problem(place, said, "write only met")
    if met.duration:
        fault = span_fault(met.duration, Piece.HOLD)
        if fault is not None:
            yield Problem(placed.place(fault.piece), fault.message, fault.remedy)
    elif met.strictly:
        yield Problem(placed.place(Piece.WHOLE), "`strictly` is about a time", "add for example for 14d")
