"""Text -> criterion. Whatever the text is, the answer is a criterion or a CriterionError that points at the fault."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken
from lark.lexer import PatternRE, PatternStr, TerminalDef

from slo_daemon.core.pilot.criteria.criterion import (
    DEFAULT_SIGNIFICANCE,
    All,
    Any,
    Compare,
    Criterion,
    Met,
    Not,
    Op,
    Operand,
)
from slo_daemon.core.pilot.criteria.errors import CriterionError, Span
from slo_daemon.core.pilot.criteria.grammar import GRAMMAR
from slo_daemon.core.pilot.criteria.phrases import PHRASES, as_language
from slo_daemon.core.pilot.criteria.placed import Piece, Placed, joined, moved
from slo_daemon.core.pilot.criteria.unexpected import at_character, at_token
from slo_daemon.core.quantity import UNITS, Dimension, Quantity, QuantityError, parse_duration, parse_quantity
from slo_daemon.core.spelling import closest

ValueT = TypeVar("ValueT")

LONGEST = 500  # characters
DEEPEST = 16  # levels of `not` and of `and` within `or`
ALIKE = 0.8  # so like one of the phrases is a text that is probably meant as one
LONGEST_TIME = 10 * 365 * 86_400  # seconds
_ESCAPED = re.compile(r"\\(.)")
_SEVERAL_UNITS = re.compile(r"([0-9]+[a-z]+){2,}", re.ASCII)
_MEANT = {"=": "==", "≤": "<=", "≥": ">=", "≠": "!=", "=<": "<=", "=>": ">=", "<>": "!=", "===": "=="}
MOST_SIGNIFICANCE = 0.5
_OPS = ", ".join(op.value for op in Op)
_CLAUSES = {
    "over": Piece.WINDOW,
    "hold": Piece.HOLD,
    "against": Piece.AGAINST,
    "significant": Piece.SIGNIFICANCE,
}


def parse(text: str) -> Criterion:
    """The criterion that a text says, in the language or as a phrase. Raises CriterionError."""
    return read(text).criterion


def read(text: str) -> Placed[Span]:
    """As `parse`, with the places of all pieces in the text."""
    _check_text(text)
    meant = as_language(text)
    if meant is None:
        return _in_language(text)
    whole = Span(len(text) - len(text.lstrip()), len(text.rstrip()))
    try:
        return moved(_Reader(meant).criterion(), whole)
    except CriterionError as error:
        said = f"{error.message} (read as {meant!r})"
        raise CriterionError(text, whole.column, said, error.remedy, whole.width) from None


def _in_language(text: str) -> Placed[Span]:
    """Raises CriterionError; of what looks like a phrase with a slip, the phrase is told."""
    try:
        return _Reader(text).criterion()
    except CriterionError as error:
        meant = closest(" ".join(text.split()), [phrase.example for phrase in PHRASES], ALIKE)
        if meant is None:
            raise
        remedy = f"did you mean {meant!r}?"
        raise CriterionError(text, error.column, error.message, remedy, error.width) from None


def _check_text(text: str) -> None:
    if not text.strip():
        raise CriterionError(text, 1, "the criterion is empty", "write for example availability < 99.5%")
    if len(text) > LONGEST:
        said = f"the criterion has {len(text):,} characters; at most {LONGEST} are taken"
        raise CriterionError(text, LONGEST + 1, said, "split it into several criteria")
    odd = next((i for i, c in enumerate(text) if not c.isprintable()), None)
    if odd is not None:
        said = f"character U+{ord(text[odd]):04X} does not belong in a criterion"
        raise CriterionError(text, odd + 1, said, "write it on one line, with plain spaces")


def op_of(text: str) -> Op:
    """A comparison. Raises QuantityError, as the other leaves do: what is wrong, a semicolon, what would be right."""
    if text in {op.value for op in Op}:
        return Op(text)
    remedy = f"write {_MEANT[text]}" if text in _MEANT else f"the comparisons are {_OPS}"
    raise QuantityError(f"{text[:30]!r} is no comparison; {remedy}")


def literal_of(text: str) -> Quantity:
    """A number with its unit; `1h30m`, which has none of its own, becomes seconds. Raises QuantityError."""
    if _SEVERAL_UNITS.fullmatch(text):
        return Quantity(Decimal(duration_of(text)), UNITS["s"])
    return parse_quantity(text)


def significance_of(text: str) -> float:
    """The alpha of a test, as a percentage. Raises QuantityError."""
    found = parse_quantity(text)
    if found.dimension is not Dimension.RATIO or not 0.0 < found.base <= MOST_SIGNIFICANCE:
        raise QuantityError(f"{found} is no level of significance; write for example 5% or 1%")
    return found.base


def duration_of(text: str) -> int:
    """Seconds, at most ten years of them. Raises QuantityError."""
    seconds = parse_duration(text)
    if seconds > LONGEST_TIME:
        raise QuantityError(f"{text} is longer than 10 years; write less")
    return seconds


@lru_cache(maxsize=1)
def _lark() -> Lark:
    return Lark(
        GRAMMAR,
        parser="lalr",
        start="criterion",
        propagate_positions=True,
        g_regex_flags=re.ASCII,
        edit_terminals=_whole_word,
    )


def _whole_word(terminal: TerminalDef) -> None:
    """A keyword is a word of its own: `mett` does not begin with `met`."""
    if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha():
        terminal.pattern = PatternRE(f"{terminal.pattern.value}(?![a-z0-9_-])", ("i",))
        terminal.priority = 1  # goes before names


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str

    def criterion(self) -> Placed[Span]:
        try:
            tree = _lark().parse(self.text)
        except UnexpectedCharacters as error:
            raise at_character(
                self.text, error.pos_in_stream or 0, _accepted(self.text[: error.pos_in_stream])
            ) from None
        except UnexpectedToken as error:
            raise at_token(self.text, error.token, error.accepts) from None
        return self._read(tree.children[0], 0)

    def _read(self, tree: Tree[Token] | Token, depth: int) -> Placed[Span]:
        assert isinstance(tree, Tree)  # noqa: S101 - by the grammar
        whole = _span(tree)
        if depth > DEEPEST:
            raise self._wrong(
                whole, f"this is nested more than {DEEPEST} levels deep", "split it into several criteria"
            )
        if tree.data in ("and", "or"):
            parts = tuple(self._read(child, depth + 1) for child in tree.children)
            return joined(All if tree.data == "and" else Any, parts, whole)
        if tree.data == "negation":
            inner = self._read(tree.children[0], depth + 1)
            return Placed(Not(inner.criterion), {Piece.WHOLE: whole}, (inner,))
        return self._comparison(tree, whole) if tree.data == "comparison" else self._met(tree, whole)

    def _comparison(self, tree: Tree[Token], whole: Span) -> Placed[Span]:
        operand_tree, op, literal, *clauses = tree.children
        places = {Piece.WHOLE: whole, Piece.OP: _span(op), Piece.LITERAL: _span(literal)}
        operand = self._operand(_tree(operand_tree), places)
        hold, against, significance, point = 0, "", None, False
        taken: set[str] = set()
        for clause in map(_tree, clauses):
            span = _span(clause) if clause.children else None
            if clause.data in taken or (clause.data == "over" and operand.window is not None):
                said = "the window is given twice" if clause.data == "over" else "this is said twice"
                raise self._wrong(span or whole, said, "remove one of the two")
            taken.add(clause.data)
            if clause.data in _CLAUSES:
                places[_CLAUSES[clause.data]] = span or whole
            match clause.data:
                case "over":
                    operand = Operand(
                        operand.name, operand.argument, self._leaf(clause.children[0], duration_of)
                    )
                case "hold":
                    hold = self._leaf(clause.children[0], duration_of)
                case "against":
                    against = self._name(_tree(clause.children[0]))
                case "significant":
                    significance = DEFAULT_SIGNIFICANCE
                    if clause.children:
                        significance = self._leaf(clause.children[0], significance_of)
                case _:
                    point = True
        value = self._leaf(literal, literal_of)
        compare = Compare(operand, self._leaf(op, op_of), value, hold, against, significance, point)
        return Placed(compare, places)

    def _operand(self, tree: Tree[Token], places: dict[Piece, Span]) -> Operand:
        name, argument, window = "", "", None
        for part in map(_tree, tree.children):
            match part.data:
                case "name":
                    name, places[Piece.NAME] = self._lower_name(part), _span(part)
                case "argument":
                    argument, places[Piece.ARGUMENT] = self._name(_tree(part.children[0])), _span(part)
                case _:
                    window, places[Piece.WINDOW] = self._leaf(part.children[0], duration_of), _span(part)
        return Operand(name, argument, window)

    def _met(self, tree: Tree[Token], whole: Span) -> Placed[Span]:
        subjects, *rest = tree.children
        subject_tree = _tree(subjects)
        found = list(_names(subject_tree))
        names = tuple(map(self._lower_name, found))
        places, duration, strictly = {Piece.WHOLE: whole}, 0, False
        for part in rest:
            if isinstance(part, Token):
                strictly = True
            else:
                duration, places[Piece.HOLD] = self._leaf(part.children[0], duration_of), _span(part)
        met = Met(names, subject_tree.data != "any_slos", duration, strictly)
        return Placed(met, places, names=tuple(map(_span, found)))

    def _name(self, tree: Tree[Token]) -> str:
        token = str(tree.children[0])
        name = _ESCAPED.sub(r"\1", token[1:-1]) if token.startswith('"') else token
        if not name:
            raise self._wrong(_span(tree), "the name is empty", "write the name between the quotes")
        return name

    def _lower_name(self, tree: Tree[Token]) -> str:
        """The name of a number or an SLO; they are all in lower case, so `Availability` is one."""
        name = self._name(tree)
        return name if str(tree.children[0]).startswith('"') else name.lower()

    def _leaf(self, token: Tree[Token] | Token, reader: Callable[[str], ValueT]) -> ValueT:
        try:
            return reader(str(token))
        except QuantityError as error:
            message, _, remedy = str(error).partition("; ")
            raise self._wrong(_span(token), message, remedy) from None

    def _wrong(self, span: Span, message: str, remedy: str) -> CriterionError:
        return CriterionError(self.text, span.column, message, remedy, span.width)


def _accepted(text: str) -> set[str]:
    """What may follow the beginning of a criterion."""
    parser = _lark().parse_interactive(text)
    parser.exhaust_lexer()
    accepted: set[str] = parser.accepts()  # type: ignore[no-untyped-call]
    return accepted


def _names(tree: Tree[Token]) -> Iterator[Tree[Token]]:
    for child in map(_tree, tree.children):
        if child.data == "name":
            yield child
        else:
            yield from _names(child)


def _tree(node: Tree[Token] | Token) -> Tree[Token]:
    assert isinstance(node, Tree)  # noqa: S101 - by the grammar
    return node


def _span(node: Tree[Token] | Token) -> Span:
    if isinstance(node, Token):
        start, end = node.start_pos, node.end_pos
    else:
        start, end = node.meta.start_pos, node.meta.end_pos
    return Span(start or 0, end or 0)
