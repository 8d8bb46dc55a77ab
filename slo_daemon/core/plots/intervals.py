"""An estimate with its interval over time: a line in a band."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from slo_daemon.core.plots.drawing import (
    DAY,
    LETTER,
    Say,
    chart,
    key_line,
    nothing,
    number,
    quote,
    scale_around,
    straight,
)
from slo_daemon.core.plots.frame import Frame, Mark, Point, frame_of, say_marks
from slo_daemon.core.slo.phrases import say_count, say_minute

_WIDEST = 3.0  # times the latest interval: what was wider is cut, as nothing could be read else


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was estimated at a time. `interval`: None where there is none; its ends may be infinite. `note`: of how many."""

    at: float
    value: float | None
    interval: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A value that estimates are compared with, as a line across. `style` of the style sheet."""

    name: str
    at: float
    style: str = "plot-target"


def band(
    key: str,
    title: str,
    estimates: Sequence[Estimate],
    say: Say,
    levels: Sequence[Level] = (),
    marks: Sequence[Mark] = (),
) -> str:
    """One estimate that became surer from time to time: its line, and a band for the interval."""
    told = [one for one in estimates if one.value is not None or one.interval is not None]
    if not told:
        return nothing(key, title, "no history yet")
    start, end = min(one.at for one in told), max(one.at for one in told)
    room = (end - start) * 0.04 or 1.5 * DAY
    values = scale_around(_in_view(told, levels), 0.0, 1.0)
    frame = frame_of(start - room, end + room, values, marks=marks)
    latest = told[-1]
    cut = any(not frame.y.low <= end <= frame.y.high for one in told for end in one.interval or ())
    about = (
        f"{say_count(len(told), 'estimate')} from {say_minute(start)} to {say_minute(end)} UTC. The latest: {_said(latest, say)}. "
        f"{' '.join(f'{level.name}: {say(level.at)}.' for level in levels)}"
        f"{' Wider intervals than that are cut at the border.' if cut else ''}{say_marks(marks, start, end)}"
    )
    body = [
        *frame.grid(say),
        *_bands(frame, told, say),
        *(frame.across(level.at, level.style) for level in levels),
        *frame.marks(marks),
        *frame.line([Point(one.at, one.value) for one in told]),
        *([frame.dot(Point(latest.at, latest.value), 3)] if latest.value is not None else []),
        *_legend(frame, levels, say),
    ]
    return chart(key, title, about, frame.height + (16 if levels else 0), body)


def _in_view(told: Sequence[Estimate], levels: Sequence[Level]) -> Iterator[float]:
    """The values that the axis must hold: of wide early intervals only as much as leaves the latest readable."""
    yield from (level.at for level in levels)
    yield from (told[-1].interval or ())
    narrow = [end for end in told[-1].interval or () if isfinite(end)]
    seen = [
        *narrow,
        *(level.at for level in levels),
        *(one.value for one in told[-1:] if one.value is not None),
    ]
    middle = min(seen, default=0.0) / 2 + max(seen, default=1.0) / 2
    reach = (max(seen, default=1.0) - middle) * _WIDEST or 1.0
    for one in told:
        for value in (one.value, *(one.interval or ())):
            if value is not None and isfinite(value):
                yield min(max(value, middle - reach), middle + reach)


def _bands(frame: Frame, told: Sequence[Estimate], say: Say) -> Iterator[str]:
    for run in _with_interval(told):
        upper = [f"{number(frame.x(one.at))},{number(frame.y(high))}" for one, (_, high) in run]
        lower = [f"{number(frame.x(one.at))},{number(frame.y(low))}" for one, (low, _) in reversed(run)]
        if len(run) == 1:
            yield from _bar(frame, run[0][0].at, run[0][1], _said(run[0][0], say))
        else:
            yield f'<path class="plot-band" d="M{" L".join([*upper, *lower])} Z"/>'


def _bar(frame: Frame, at: float, interval: tuple[float, float], said: str) -> Iterator[str]:
    x, low, high = frame.x(at), frame.y(interval[0]), frame.y(interval[1])
    yield f"<g><title>{quote(said)}</title>"
    yield straight(x, low, x, high, "plot-line")
    yield straight(x - 4, low, x + 4, low, "plot-line")
    yield straight(x - 4, high, x + 4, high, "plot-line")
    yield "</g>"


def _with_interval(told: Iterable[Estimate]) -> list[list[tuple[Estimate, tuple[float, float]]]]:
    found: list[list[tuple[Estimate, tuple[float, float]]]] = [[]]
    for one in told:
        if one.interval is None:
            found.append([])
        else:
            found[-1].append((one, one.interval))
    return [run for run in found if run]


def _legend(frame: Frame, levels: Sequence[Level], say: Say) -> Iterator[str]:
    x, y = frame.x.start, frame.height + 9
    for level in levels:
        said = f"{level.name} {say(level.at)}"
        yield from key_line(x, y, level.style, said)
        x += 40 + LETTER * len(said)


def _said(one: Estimate, say: Say) -> str:
    value = "no value" if one.value is None else say(one.value)
    between = "" if one.interval is None else f", between {say(one.interval[0])} and {say(one.interval[1])}"
    return f"{value}{between}{f', {one.note}' if one.note else ''}"
