"""A timeline for a terminal: one line for each lane, one character for each part of the time."""

from slo_daemon.core.backtest.lanes import LEGEND, Section, bucketed, sections
from slo_daemon.core.backtest.story import Backtest, Story
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.phrases import say_minute, visible

LONGEST_NAME = 44  # characters
LEAST_WIDTH = 24  # characters of time


def timeline(backtest: Backtest, story: Story, width: int) -> str:
    """The lanes of one variant in lines of `width` characters; the gravest state of each part of the time is shown."""
    parts = sections(story)
    names = [lane.name for part in parts for lane in part.lanes]
    label = min(LONGEST_NAME, max(map(len, names), default=0))
    buckets = max(LEAST_WIDTH, width - label - 2)
    each = (backtest.end - backtest.start) / buckets
    lines = []
    for part in parts:
        lines += [visible(part.heading), *_lines(part, backtest, label, buckets), ""]
    lines.append(_axis(backtest, label, buckets))
    lines.append(f"one character is {show_duration(each)}, the gravest of it; {', '.join(LEGEND)}")
    return "\n".join(lines)


def _lines(part: Section, backtest: Backtest, label: int, buckets: int) -> list[str]:
    lines = []
    for lane in part.lanes:
        shown = "".join(
            segment.symbol if segment else " "
            for segment in bucketed(lane, backtest.start, backtest.end, buckets)
        )
        lines.append(f"{_short(visible(lane.name), label):<{label}}  {shown}".rstrip())
    return lines


def _axis(backtest: Backtest, label: int, buckets: int) -> str:
    start, end = say_minute(backtest.start), f"{say_minute(backtest.end)} UTC"
    return f"{'':<{label}}  {start}{end:>{max(len(end) + 1, buckets - len(start))}}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
