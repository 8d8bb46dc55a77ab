"""What is wrong with a text, said so that a person can mend it: where, what, and what to write instead."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import east_asian_width

FieldPath = tuple[str | int, ...]

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what YAML calls a line break
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_QUOTE = 80  # characters of the author's text that a problem repeats
_SHOWN_WIDTH = 110  # characters of a source line that are printed
_RED, _YELLOW, _BOLD, _DIM, _RESET = "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"


class Severity(StrEnum):
    """An error refuses the whole set; a warning only says what its author may not have meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Mark:
    """A position: line and column count from 1, in characters. None: the thing named by `file` has no lines."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or doubtful. `field` is the path in its document, e.g. `spec.slos[2].window`."""

    file: str
    line: int | None
    column: int | None
    field: str
    message: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """`pilot.yaml:12:17: spec.slos[2].window: what is wrong; what to do`, on one line."""
        kind = "warning: " if self.severity is Severity.WARNING else ""
        place = f"{self.field}: " if self.field else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        mark = f"{Mark(self.file, self.line, self.column)}: " if self.file else ""
        return printable(f"{mark}{kind}{place}{self.message}{remedy}")


class SpecError(Exception):
    """The operator's texts cannot be used. `problems` has at least one error; warnings may stand beside it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def problem_at(
    mark: Mark, path: FieldPath, message: str, remedy: str = "", severity: Severity = Severity.ERROR
) -> Problem:
    """A problem at a position."""
    return Problem(mark.file, mark.line, mark.column, show_path(path), message, remedy, severity)


def errors_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that refuse the texts."""
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)


def show_path(path: FieldPath) -> str:
    """A path as people write it: `spec.slos[2].labels["a b"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{shorten(part)}" if text else shorten(part)
        else:
            text += f'["{shorten(part)}"]'
    return text


def shorten(text: str) -> str:
    """`text`, cut where it is too long to help anybody."""
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def printable(text: str) -> str:
    """`text` on one line without control characters: a problem must not be able to write to the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def split_lines(text: str) -> list[str]:
    """The lines of a YAML text, counted as YAML counts them."""
    return _LINE_BREAK.split(text.removeprefix("\ufeff"))


def render(problems: Iterable[Problem], texts: Sequence[tuple[str, str]], *, color: bool = False) -> str:
    """All problems for people: each with its source line and a caret. `texts`: (file name, text) as they were read."""
    lines = {name: split_lines(text) for name, text in texts}
    return "\n".join(_render_one(problem, lines.get(problem.file, []), color=color) for problem in problems)


def _render_one(problem: Problem, lines: Sequence[str], *, color: bool) -> str:
    paint = _YELLOW if problem.severity is Severity.WARNING else _RED
    head = f"{_BOLD}{problem}{_RESET}" if color else str(problem)
    if problem.line is None or problem.column is None or not 1 <= problem.line <= len(lines):
        return head
    line, column = lines[problem.line - 1], problem.column - 1
    start = max(0, min(column - _SHOWN_WIDTH // 2, len(line) - _SHOWN_WIDTH))
    shown = [_one_cell(c) for c in line[start : start + _SHOWN_WIDTH]]
    blank = " " * sum(2 if east_asian_width(c) in "WF" else 1 for c in shown[: column - start])
    number = str(problem.line)
    margin = " " * len(number)
    caret = f"{paint}^{_RESET}" if color else "^"
    bar = f"{_DIM}|{_RESET}" if color else "|"
    return f"{head}\n  {number} {bar} {''.join(shown)}\n  {margin} {bar} {blank}{caret}"


def _one_cell(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
