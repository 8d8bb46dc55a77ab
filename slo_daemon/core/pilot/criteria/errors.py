"""What is wrong with a criterion's text: where, what, and what to write instead."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Some characters of a text, counted from 0; `end` is the first behind them."""

    start: int
    end: int

    @property
    def column(self) -> int:
        """Counted from 1."""
        return self.start + 1

    @property
    def width(self) -> int:
        """At least one character, to point at."""
        return max(1, self.end - self.start)


class CriterionError(Exception):
    """The text is no criterion. `column` counts from 1; `width` characters are at fault."""

    def __init__(self, text: str, column: int, message: str, remedy: str, width: int = 1) -> None:
        self.text = text
        self.column = column
        self.message = message
        self.remedy = remedy
        self.width = width
        super().__init__(f"{message}; {remedy}" if remedy else message)

    def render(self) -> str:
        """The text, carets under what is at fault, and what to do."""
        return render(self.text, Span(self.column - 1, self.column - 1 + self.width), str(self))


def render(text: str, span: Span, said: str) -> str:
    """`text` with carets under `span`, and what is said about it."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f"{shown}\n{' ' * span.start}{'^' * span.width} {said}"
