"""What all drawings share: numbers, texts, scales and round ticks. Lengths are pixels.

Charts are drawn as wide as a phone and stand side by side on wider pages, so that texts are readable on both. Times are
Unix seconds that a calendar has; values may be any float but NaN, and what lies beyond a scale ends at its border.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import ceil, floor, isfinite, log10

from slo_daemon.core.slo.phrases import visible

WIDTH = 360
LETTER = 6.0  # of the font that charts have, more or less; wide letters take more
DAY = 86_400
_SMALL = 300  # pixels; what is as small need not fill the width that there is
_HOUR = 3_600
_STEPS = (300, 900, 1_800, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY)
_LEAST_STEP = 1e-300  # smaller ones cannot be counted with
_MOST_STEPS = 1e12  # from zero; beyond it ticks cannot be told apart

Say = Callable[[float], str]


def number(value: float) -> str:
    """A coordinate, to a hundredth."""
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def quote(text: str) -> str:
    """Text for an element or an attribute: in one line, and never markup."""
    return escape(visible(text))


def cut(text: str, pixels: float) -> str:
    """`text` as far as it fits, with an ellipsis where it does not."""
    shown, most = visible(text), max(1, int(pixels / LETTER))
    return shown if len(shown) <= most else f"{shown[: most - 1].rstrip()}…"


def chart(
    key: str, title: str, about: str, height: float, body: Iterable[str], *, width: float = WIDTH
) -> str:
    """The whole chart. `key` begins its ids: letters, digits and hyphens, unique on a page."""
    size = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    name, kind = quote(key), "plot" if width > _SMALL else "plot plot-small"
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" {size} role="img" '
                f'aria-labelledby="{name}-title {name}-desc">'
            ),
            f'<title id="{name}-title">{quote(title)}</title>',
            f'<desc id="{name}-desc">{quote(about)}</desc>',
            *body,
            "</svg>",
        ]
    )


def nothing(key: str, title: str, why: str, *, height: float = 72) -> str:
    """In place of a chart for which there is nothing to draw."""
    frame = box(0.5, 0.5, WIDTH - 1, height - 1, "plot-rule")
    said = label(WIDTH / 2, height / 2 + 4, cut(why, WIDTH - 16), anchor="middle")
    return chart(key, title, why, height, [frame, said])


def label(x: float, y: float, text: str, style: str = "", *, anchor: str = "start") -> str:
    """One line of text; `y` is its base line."""
    own = f' class="{style}"' if style else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text{own} x="{number(x)}" y="{number(y)}"{where}>{quote(text)}</text>'


def straight(x: float, y: float, to_x: float, to_y: float, style: str) -> str:
    """A line."""
    return f'<path class="{style}" d="M{number(x)},{number(y)} L{number(to_x)},{number(to_y)}"/>'


def key_line(x: float, y: float, style: str, said: str, ink: str = "") -> Iterator[str]:
    """What a kind of line means, below a chart."""
    yield straight(x, y - 4, x + 22, y - 4, style)
    yield label(x + 28, y, said, ink)


def box(x: float, y: float, width: float, height: float, style: str, title: str = "") -> str:
    """A rectangle; its title is shown to who points at it."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    if not title:
        return f'<rect class="{style}" {place}/>'
    return f'<rect class="{style}" {place}><title>{quote(title)}</title></rect>'


@dataclass(frozen=True, slots=True)
class Scale:
    """From values between `low` and `high` to pixels between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies; at the border when it lies beyond."""
        half = self.high / 2 - self.low / 2  # the whole could overflow
        share = (value / 2 - self.low / 2) / half if half > 0.0 else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def scale_around(values: Iterable[float], start: float, end: float, *, margin: float = 0.08) -> Scale:
    """A scale that holds all finite ones of the values, with some room at both ends."""
    known = [value for value in values if isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = (high / 2 - low / 2) * 2 * margin or max(abs(high) * 0.1, 1e-9)
    return Scale(
        low - room if isfinite(low - room) else low,
        high + room if isfinite(high + room) else high,
        start,
        end,
    )


def value_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two values, at most as many; none where no number can be counted in such steps."""
    span = high - low
    if not isfinite(span) or span / most < _LEAST_STEP:
        return []
    least = span / most
    power = 10.0 ** floor(log10(least))
    step = next((power * factor for factor in (1, 2, 5) if power * factor >= least), power * 10)
    if not isfinite(step) or max(abs(low), abs(high)) / step > _MOST_STEPS:
        return []
    first = ceil(low / step)
    ticks = [(first + place) * step for place in range(most + 1)]
    return [0.0 if abs(tick) < step / 2 else tick for tick in ticks if low <= tick <= high][:most]


def midnights(start: float, end: float) -> range:
    """Every midnight (UTC) from `start` to `end`."""
    return range(-int(-start // DAY) * DAY, int(end) + 1, DAY)


def say_date(at: float) -> str:
    """`Nov 22`."""
    return f"{datetime.fromtimestamp(at, UTC):%b %d}"


def time_ticks(start: float, end: float, most: int = 5) -> list[tuple[float, str]]:
    """Round times (UTC) between two, at most as many: dates, or times of day where the span is short."""
    span = end - start
    if span <= 0.0:
        return []
    longest = _STEPS[-1]
    step = next((step for step in _STEPS if span / step < most), ceil(span / most / longest) * longest)
    first = ceil(start / min(step, DAY)) * min(step, DAY)
    ticks: list[tuple[float, str]] = []
    while first + len(ticks) * step <= end and len(ticks) < most:
        at = first + len(ticks) * step
        date = at % DAY == 0
        ticks.append((at, say_date(at) if date else f"{datetime.fromtimestamp(at, UTC):%H:%M}"))
    return ticks
