"""The course of one value, as small as a word in a table."""

from collections.abc import Iterable, Iterator, Sequence

from slo_daemon.core.plots.drawing import Say, Scale, chart, scale_around, straight
from slo_daemon.core.plots.frame import Frame, Point, known
from slo_daemon.core.slo.phrases import say_minute

_WIDTH, _HEIGHT = 120, 28


def sparkline(
    key: str,
    title: str,
    points: Sequence[Point],
    say: Say,
    *,
    target: float | None = None,
) -> str:
    """The points in order of time, with the target as a dashed line."""
    values = known(points)
    if not values:
        return chart(key, title, "no history yet", _HEIGHT, _none(), width=_WIDTH)
    wanted = [] if target is None else [target]
    # a value without an end ends at the border
    scale = scale_around([*values, *wanted], _HEIGHT - 3, 3)
    times = [point.at for point in points]
    frame = Frame(Scale(min(times), max(times), 3, _WIDTH - 5), scale, _HEIGHT)
    last = [point for point in points if point.value is not None][-1]
    about = (
        f"From {say_minute(min(times))} to {say_minute(max(times))} UTC: lowest {say(min(values))}, "
        f"highest {say(max(values))}, latest {say(values[-1])}"
        f"{'' if target is None else f'; target {say(target)}'}."
    )
    body: Iterable[str] = [
        *([] if target is None else [frame.across(target, "plot-target")]),
        *frame.line(points, "plot-thin"),
        frame.dot(last, 2.25),
    ]
    return chart(key, title, about, _HEIGHT, body, width=_WIDTH)


def _none() -> Iterator[str]:
    yield straight(3, _HEIGHT / 2, _WIDTH - 5, _HEIGHT / 2, "plot-rule plot-part")
