"""A calendar of days, a column for each week: whether an SLO was met, told by sign and pattern beside the colour."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from slo_daemon.core.plots.drawing import chart, label, nothing, number, quote
from slo_daemon.core.slo.phrases import say_count


class DayState(StrEnum):
    """What became of a day."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"
    IDLE = "no traffic"
    UNSEEN = "no data"


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day (UTC). `detail`: a sentence for who points at it."""

    day: date
    state: DayState
    detail: str = ""


_SIGNS = {
    DayState.MET: "✓",
    DayState.MISSED: "✗",
    DayState.UNKNOWN: "?",
    DayState.IDLE: "–",
    DayState.UNSEEN: "∅",
}
_BACKS = {
    DayState.MET: "plot-good-back plot-edge-good",
    DayState.MISSED: "plot-bad-back plot-edge-bad",
    DayState.UNKNOWN: "plot-open-back plot-edge-open",
    DayState.IDLE: "plot-paper plot-edge-open",
    DayState.UNSEEN: "plot-paper plot-edge-open",
}
_INKS = {
    DayState.MET: "plot-good",
    DayState.MISSED: "plot-bad plot-heavy",
    DayState.UNKNOWN: "plot-open",
    DayState.IDLE: "plot-open",
    DayState.UNSEEN: "plot-open",
}
_MOST_WEEKS = 15
_CELL, _LEFT, _TOP = 20, 34, 18
_NARROWEST = 204  # pixels, for what the signs mean
_DAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")


def calendar(key: str, title: str, days: Sequence[DayCell]) -> str:
    """The latest 15 weeks of the days, in any order; of a day that is there twice the last one counts."""
    cells = {cell.day: cell for cell in days}
    if not cells:
        return nothing(key, title, "no day was seen yet")
    last = max(cells)
    first = max(_monday(min(cells)), _monday(last) - timedelta(weeks=_MOST_WEEKS - 1))
    shown = [cell for day, cell in sorted(cells.items()) if day >= first]
    counts = Counter(cell.state for cell in shown)
    told = ", ".join(f"{counts[state]} {state.value}" for state in DayState)
    height = _TOP + 7 * _CELL + 54
    width = max(_NARROWEST, _LEFT + _weeks(shown, first) * _CELL + 18)
    about = f"{say_count(len(shown), 'day')} from {shown[0].day} to {last}: {told}."
    return chart(key, title, about, height, _body(shown, first, counts), width=width)


def _body(shown: Sequence[DayCell], first: date, counts: Counter[DayState]) -> Iterator[str]:
    for number_of_day, name in enumerate(_DAYS):
        if name:
            yield label(_LEFT - 6, _TOP + number_of_day * _CELL + 13.5, name, anchor="end")
    for week in range(0, _weeks(shown, first), 3):  # a date is nearly two columns wide
        monday = first + timedelta(weeks=week)
        yield label(_LEFT + week * _CELL, _TOP - 6, f"{monday:%b %d}")
    for cell in shown:
        yield from _cell(cell, (cell.day - first).days)
    for place, state in enumerate(DayState):
        x, y = _LEFT + place % 2 * 92, _TOP + 7 * _CELL + 15 + place // 2 * 16
        yield label(x, y, f"{_SIGNS[state]} {counts[state]} {state.value}", _INKS[state])


def _cell(cell: DayCell, place: int) -> Iterator[str]:
    x, y = _LEFT + place // 7 * _CELL, _TOP + place % 7 * _CELL
    said = f"{cell.day}: {cell.state.value}{f', {cell.detail}' if cell.detail else ''}"
    size = _CELL - 3
    yield (
        f'<g><title>{quote(said)}</title><rect class="{_BACKS[cell.state]}" x="{number(x)}" y="{number(y)}" '
        f'width="{size}" height="{size}" rx="3"/>'
        f"{label(x + size / 2, y + size / 2 + 4, _SIGNS[cell.state], _INKS[cell.state], anchor='middle')}</g>"
    )


def _weeks(shown: Sequence[DayCell], first: date) -> int:
    return (_monday(shown[-1].day) - first).days // 7 + 1


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
