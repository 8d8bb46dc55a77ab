"""A timeline as one SVG that stands alone: no script, nothing loaded, light and dark by the reader's own preference.

States are told by pattern and word beside the colour, and by a title on each of them.
"""

from collections.abc import Iterator

from slo_daemon.core.backtest.lanes import Lane, Section, Segment, Tone, bucketed, sections
from slo_daemon.core.backtest.story import Backtest
from slo_daemon.core.plots.drawing import Scale, midnights, number, quote, say_date
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.phrases import say_minute, visible

WIDTH, LABEL, MARGIN = 1200, 330, 16  # pixels
ROW, BAR, HEADING = 22, 14, 34
_PLOT = WIDTH - LABEL - 2 * MARGIN
_LETTER = 6.6  # pixels, more or less
_LONGEST_NAME = 50  # characters
_MOST_SEGMENTS = 600  # of one lane; with more of them the gravest of each part of the time is drawn
_NARROWEST = 1.5  # pixels: what lasted a slot is still seen in a month
_MOST_DATES = 12
_STYLE = """
text { font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1c2330 }
.paper { fill: #ffffff } .rule { stroke: #d5dae2; stroke-width: 1 } .track { fill: #f3f5f8 }
.head { font-size: 14px; font-weight: 600 } .faint { fill: #5a6474 } .mark { font-size: 10px; text-anchor: middle }
.quiet { fill: #dfe4ec } .good { fill: #8fd0a8 } .open { fill: #e6e0f5 } .warn { fill: #ffd98a } .bad { fill: #c6372f }
.bad-text { fill: #ffffff } .ink-open { fill: #6b55a8 } .ink-warn { stroke: #8a5a00 } .ink-bad { stroke: #7a0f0a }
@media (prefers-color-scheme: dark) {
text { fill: #e4e8ef } .paper { fill: #12161d } .rule { stroke: #333b48 } .track { fill: #1a2029 } .faint { fill: #9aa5b5 }
.quiet { fill: #2c3442 } .good { fill: #23643c } .open { fill: #352d52 } .warn { fill: #6b4a05 } .bad { fill: #e5645b }
.bad-text { fill: #12161d } .ink-open { fill: #b3a1e8 } .ink-warn { stroke: #ffcf6b } .ink-bad { stroke: #7a1a14 }
}
""".strip()
_PATTERNS = """
<pattern id="p-open" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="open" width="6" height="6"/>\
<circle class="ink-open" cx="3" cy="3" r="1"/></pattern>
<pattern id="p-warn" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="warn" width="6" height="6"/>\
<path class="ink-warn" d="M-1,7 L7,-1"/></pattern>
<pattern id="p-bad" width="5" height="5" patternUnits="userSpaceOnUse"><rect class="bad" width="5" height="5"/>\
<path class="ink-bad" d="M0,0 L5,5 M0,5 L5,0" stroke-width="0.7"/></pattern>
""".strip()
_FILLS = {
    Tone.QUIET: 'class="quiet"',
    Tone.GOOD: 'class="good"',
    Tone.OPEN: 'fill="url(#p-open)"',
    Tone.WARNING: 'fill="url(#p-warn)"',
    Tone.BAD: 'fill="url(#p-bad)"',
}
_PLAIN = {Tone.OPEN: "open", Tone.WARNING: "warn", Tone.BAD: "bad"}
_LEGEND = (
    (Tone.QUIET, "none, hold"), (Tone.GOOD, "passes, ready, advance"), (Tone.OPEN, "unknown, inconclusive"),
    (Tone.WARNING, "warning"), (Tone.BAD, "critical, blocks, roll back"),
)  # fmt: skip


def timeline_svg(backtest: Backtest) -> str:
    """All variants below each other, on one axis of time (UTC)."""
    parts = [part for story in backtest.stories for part in sections(story)]
    rows = sum(HEADING + ROW * len(part.lanes) for part in parts)
    top, height = 78, 78 + rows + 30
    title = f"Backtest from {say_minute(backtest.start)} to {say_minute(backtest.end)} UTC"
    about = (
        f"A slot every {show_duration(backtest.step)}. One lane for each SLO, criterion, verdict and advice."
    )
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="graphics-document" aria-labelledby="title about">',
        f'<title id="title">{quote(title)}</title>',
        f'<desc id="about">{quote(about)}</desc>',
        f"<style>{_STYLE}</style>",
        f"<defs>{_PATTERNS}</defs>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="head" x="{MARGIN}" y="24">{quote(title)}</text>',
        *_legend(),
        *_axis(backtest, top, height - 24),
    ]
    y = top
    for part in parts:
        lines += _section(part, backtest, y)
        y += HEADING + ROW * len(part.lanes)
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> Iterator[str]:
    x = float(MARGIN)
    for tone, word in _LEGEND:
        yield f'<rect {_FILLS[tone]} x="{number(x)}" y="36" width="22" height="{BAR}" rx="2"/>'
        yield f'<text class="faint" x="{number(x + 28)}" y="47">{word}</text>'
        x += 28 + _LETTER * len(word) + 24


def _axis(backtest: Backtest, top: int, bottom: int) -> Iterator[str]:
    """A line for each midnight, and a date where there is room."""
    days = midnights(backtest.start, backtest.end)
    each = max(1, -(-len(days) // _MOST_DATES))
    for place, day in enumerate(days):
        if place % each == 0 or len(days) <= 3 * _MOST_DATES:
            x = _x(day, backtest)
            yield f'<path class="rule" d="M{number(x)},{top - 6} V{bottom}"/>'
            if place % each == 0:
                end = x > WIDTH - 2 * MARGIN  # the last one would be cut off
                where = (
                    f'x="{number(WIDTH - MARGIN if end else x)}" text-anchor="{"end" if end else "middle"}"'
                )
                yield f'<text class="faint" {where} y="{top - 10}">{say_date(day)}</text>'


def _section(part: Section, backtest: Backtest, y: int) -> Iterator[str]:
    heading = quote(part.heading)
    yield f'<g role="graphics-object" aria-label="{heading}">'
    yield f'<text class="head" x="{MARGIN}" y="{y + 22}">{heading}</text>'
    for row, lane in enumerate(part.lanes):
        yield from _lane(lane, backtest, y + HEADING + row * ROW)
    yield "</g>"


def _lane(lane: Lane, backtest: Backtest, y: int) -> Iterator[str]:
    name = visible(lane.name)
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    yield f'<g role="graphics-object" aria-label="{quote(name)}">'
    yield f'<text x="{MARGIN}" y="{y + 11}">{quote(short)}<title>{quote(name)}</title></text>'
    yield f'<rect class="track" x="{LABEL + MARGIN}" y="{y}" width="{_PLOT}" height="{BAR}"/>'
    segments = _drawn(lane, backtest)
    for segment in sorted(segments, key=lambda one: one.tone):  # the grave ones on top
        yield from _segment(segment, backtest, y)
    yield "</g>"


def _drawn(lane: Lane, backtest: Backtest) -> list[Segment]:
    if len(lane.segments) <= _MOST_SEGMENTS:
        return list(lane.segments)
    width = (backtest.end - backtest.start) / _MOST_SEGMENTS
    parts = enumerate(bucketed(lane, backtest.start, backtest.end, _MOST_SEGMENTS))
    return [
        Segment(
            backtest.start + place * width,
            backtest.start + (place + 1) * width,
            one.tone,
            one.symbol,
            one.word,
            "at the worst",
        )
        for place, one in parts
        if one is not None
    ]


def _segment(segment: Segment, backtest: Backtest, y: int) -> Iterator[str]:
    x, end = _x(segment.start, backtest), _x(segment.end, backtest)
    width = max(end - x, _NARROWEST)
    said = f"{segment.word} from {say_minute(segment.start)} to {say_minute(segment.end)} UTC"
    if segment.detail:
        said += f": {visible(segment.detail)}"
    yield (
        f'<rect role="graphics-symbol" aria-label="{quote(said)}" {_FILLS[segment.tone]} x="{number(x)}" y="{y}" '
        f'width="{number(width)}" height="{BAR}"><title>{quote(said)}</title></rect>'
    )
    inside = next((t for t in (segment.word, segment.symbol) if width > _LETTER * len(t) + 6), "")
    if inside:
        dark = " bad-text" if segment.tone is Tone.BAD else ""
        plain = _PLAIN.get(segment.tone)
        if plain:  # no pattern behind letters
            room = _LETTER * len(inside) + 4
            yield (
                f'<rect class="{plain}" aria-hidden="true" x="{number(x + (width - room) / 2)}" y="{y}" '
                f'width="{number(room)}" height="{BAR}"/>'
            )
        yield (
            f'<text class="mark{dark}" aria-hidden="true" x="{number(x + width / 2)}" y="{y + 11}">'
            f"{quote(inside)}</text>"
        )


def _x(at: float, backtest: Backtest) -> float:
    return Scale(backtest.start, backtest.end, LABEL + MARGIN, LABEL + MARGIN + _PLOT)(at)
