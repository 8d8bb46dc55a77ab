"""Values over time: the axes, lines that break where nothing is known, and marks of incidents."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slo_daemon.core.plots.drawing import (
    LETTER,
    WIDTH,
    Say,
    Scale,
    cut,
    label,
    number,
    quote,
    straight,
    time_ticks,
    value_ticks,
)
from slo_daemon.core.slo.phrases import say_minute

LEFT, RIGHT = 52.0, WIDTH - 10.0  # of what is drawn beside the labels
_AXIS = 18.0  # below what is drawn, for the times
_STRIP = 14.0  # above it, for the marks of incidents
_LEGEND = 15.0
_MOST_MARKS = 40
_SYMBOLS = ("●", "◆", "▲")  # by graveness: what is grave is told by a shape too
_WORDS = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time; None: nothing is known, the line breaks. `sure`: it stands on all of the data."""

    at: float
    value: float | None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """An incident. `end`: None while it is not over; `grave`: 0 info, 1 warning, 2 critical."""

    start: float
    end: float | None
    grave: int
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values are drawn over time: a scale of each. `height`: of the whole chart, with its labels."""

    x: Scale
    y: Scale
    height: float

    def grid(self, say: Say, ticks: Iterable[float] | None = None) -> Iterator[str]:
        """Both axes. `ticks`: values that get a line; round ones by themselves."""
        left, right, bottom = self.x.start, self.x.end, self.y.start
        for value in value_ticks(self.y.low, self.y.high) if ticks is None else ticks:
            y = self.y(value)
            yield straight(left, y, right, y, "plot-rule")
            yield label(left - 5, y + 3.5, cut(say(value), left - 5), anchor="end")
        yield straight(left, bottom, right, bottom, "plot-axis")
        for at, said in time_ticks(self.x.low, self.x.high):
            x, half = self.x(at), LETTER * len(said) / 2
            yield straight(x, bottom, x, bottom + 3, "plot-axis")
            yield label(min(max(x, left + half), right - half), bottom + 15, said, anchor="middle")

    def line(self, points: Sequence[Point], style: str = "plot-line") -> Iterator[str]:
        """Through all points that are known. What stands on a part of the data is dotted; a point alone is a dot."""
        for run in runs(points):
            if len(run) == 1:
                yield self.dot(run[0])
            drawn: list[str] = []
            dotted = False
            for before, after in itertools.pairwise(run):
                part = not (before.sure and after.sure)
                if not drawn or part is not dotted:
                    yield from _path(drawn, style, dotted=dotted)
                    dotted, drawn = part, [self.place(before)]
                drawn.append(self.place(after))
            yield from _path(drawn, style, dotted=dotted)

    def place(self, point: Point) -> str:
        """The coordinates of a point whose value is known."""
        return f"{number(self.x(point.at))},{number(self.y(point.value or 0.0))}"

    def dot(self, point: Point, radius: float = 2.5) -> str:
        """A point by itself."""
        x, y = self.place(point).split(",")
        return f'<circle class="plot-point" cx="{x}" cy="{y}" r="{number(radius)}"/>'

    def across(self, value: float, style: str) -> str:
        """A line at a value, from one side to the other."""
        return straight(self.x.start, self.y(value), self.x.end, self.y(value), style)

    def marks(self, marks: Sequence[Mark], at: float | None = None) -> Iterator[str]:
        """Incidents: a shape in the strip above, a bar for as long as it lasted, a line down; and what the shapes mean.

        `at`: the present, where the frame goes on beyond it.
        """
        now = self.x.high if at is None else at
        drawn = visible_marks(marks, self.x.low, self.x.high)
        if not drawn:
            return
        top, bottom = self.y.end, self.y.start
        for mark in sorted(drawn, key=lambda one: (one.grave, one.start)):  # the grave ones on top
            x, end = self.x(mark.start), self.x(now if mark.end is None else mark.end)
            tone = "plot-bad" if mark.grave == 2 else "plot-warn" if mark.grave == 1 else "plot-open"
            until = "still open" if mark.end is None else f"until {say_minute(mark.end)} UTC"
            said = f"{_WORDS[mark.grave]} incident from {say_minute(mark.start)} UTC, {until}: {mark.label}"
            yield f"<g><title>{quote(said)}</title>"
            yield straight(x, top, x, bottom, "plot-incident")
            yield f'<rect class="{tone}" x="{number(x)}" y="{number(top - 4)}" width="{number(max(end - x, 2.0))}" height="3"/>'
            inside = min(max(x, self.x.start + 4), self.x.end - 4)
            yield label(inside, top - 6, _SYMBOLS[mark.grave], tone, anchor="middle")
            yield "</g>"
        kinds = sorted({mark.grave for mark in drawn}, reverse=True)
        legend = "incidents: " + ", ".join(f"{_SYMBOLS[kind]} {_WORDS[kind]}" for kind in kinds)
        yield label(self.x.start, bottom + _AXIS + _LEGEND - 3, legend)


def frame_of(
    start: float,
    end: float,
    values: Scale | tuple[float, float],
    *,
    marks: Sequence[Mark] = (),
    plot: float = 110,
) -> Frame:
    """A frame for times from `start` to `end`, `plot` pixels high without its labels; with a strip where marks are."""
    low, high = (values.low, values.high) if isinstance(values, Scale) else values
    marked = bool(visible_marks(marks, start, end))
    top = 8.0 + (_STRIP if marked else 0.0)
    height = top + plot + _AXIS + (_LEGEND if marked else 0.0)
    return Frame(Scale(start, end, LEFT, RIGHT), Scale(low, high, top + plot, top), height)


def visible_marks(marks: Iterable[Mark], start: float, end: float) -> list[Mark]:
    """Those that reach into the time that is shown; of very many the grave and late ones."""
    within = [mark for mark in marks if mark.start <= end and (mark.end is None or mark.end >= start)]
    return sorted(within, key=lambda mark: (-mark.grave, -mark.start, mark.label))[:_MOST_MARKS]


def say_marks(marks: Iterable[Mark], start: float, end: float) -> str:
    """For a description: ` Incidents: 2.`"""
    count = len(visible_marks(marks, start, end))
    return f" Incidents marked: {count}." if count else ""


def runs(points: Iterable[Point]) -> list[list[Point]]:
    """The points that follow each other without a gap."""
    found: list[list[Point]] = [[]]
    for point in points:
        if point.value is None:
            found.append([])
        else:
            found[-1].append(point)
    return [run for run in found if run]


def known(points: Iterable[Point]) -> list[float]:
    """All values that are known."""
    return [point.value for point in points if point.value is not None]


def _path(places: Sequence[str], style: str, *, dotted: bool) -> Iterator[str]:
    if places:
        yield f'<path class="{style}{" plot-part" if dotted else ""}" d="M{" L".join(places)}"/>'
