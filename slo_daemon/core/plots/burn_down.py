"""What was left of an error budget over time, and when nothing will be at the present pace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slo_daemon.core.plots.drawing import chart, label, nothing, straight
from slo_daemon.core.plots.frame import Frame, Mark, Point, frame_of, known, say_marks
from slo_daemon.core.slo.phrases import say_minute, say_share

_LOWEST, _FAR = (
    -0.05,
    -1.0,
)  # of the axis: a budget that is not overspent, and the most that is shown of one that is


@dataclass(frozen=True, slots=True)
class BurnDown:
    """`points`: the share that was left (1 untouched, 0 spent, negative overspent), in order of time.

    `start`, `at`: from when to when. `exhausted_at`: when nothing will be left at the present pace, None: not in sight.
    """

    points: Sequence[Point]
    start: float
    at: float
    exhausted_at: float | None = None


def burn_down(key: str, title: str, course: BurnDown, marks: Sequence[Mark] = ()) -> str:
    """The line of what is left, the line at which it is spent, and the forecast, as far ahead as the past that is shown."""
    values = known(course.points)
    if not values or course.at <= course.start:
        return nothing(key, title, "no history of this budget yet")
    ahead = (
        course.exhausted_at if course.exhausted_at is not None and course.exhausted_at > course.at else None
    )
    span = course.at - course.start
    end = course.at if ahead is None else course.at + min(ahead - course.at, span / 2)
    low = max(_FAR, min(_LOWEST, min(values) * 1.08))
    frame = frame_of(course.start, end, (low, max(1.0, min(2.0, max(values)))), marks=marks)
    return chart(
        key,
        title,
        _about(course, values, marks, end, ahead),
        frame.height,
        _body(course, frame, marks, ahead),
    )


def _body(course: BurnDown, frame: Frame, marks: Sequence[Mark], ahead: float | None) -> Iterator[str]:
    ticks = [1.0, 0.75, 0.5, 0.25, 0.0] if frame.y.low > -0.3 else [1.0, 0.5, 0.0, -0.5, -1.0]
    yield from frame.grid(say_share, [tick for tick in ticks if tick >= frame.y.low])
    yield frame.across(0.0, "plot-critical")
    yield from frame.marks(marks, course.at)
    yield from frame.line(course.points)
    yield label(frame.x.start + 4, frame.y(0.0) - 4, "spent", "plot-bad plot-over")
    latest = course.points[-1]
    if latest.value is not None:
        yield frame.dot(latest)
    if ahead is not None and latest.value is not None and latest.value > 0.0:
        share = min(1.0, (frame.x.high - latest.at) / (ahead - latest.at))
        there = Point(frame.x.high, latest.value * (1.0 - share))
        yield straight(
            frame.x(latest.at),
            frame.y(latest.value),
            frame.x(there.at),
            frame.y(there.value or 0.0),
            "plot-ahead",
        )
        yield straight(frame.x(course.at), frame.y.start, frame.x(course.at), frame.y.end, "plot-today")
        yield label(frame.x.end, frame.y.end + 9, "forecast", anchor="end")


def _about(
    course: BurnDown, values: Sequence[float], marks: Sequence[Mark], end: float, ahead: float | None
) -> str:
    forecast = "" if ahead is None else f" At this pace it is spent on {say_minute(ahead)} UTC."
    gaps = " Where the line breaks nothing is known." if len(values) < len(course.points) else ""
    part = (
        " Where it is dotted only a part of the window was seen."
        if not all(p.sure for p in course.points)
        else ""
    )
    return (
        f"Left of the budget from {say_minute(course.start)} to {say_minute(course.at)} UTC: {say_share(values[0])} at "
        f"first, {say_share(min(values))} at the least, {say_share(values[-1])} at last.{forecast}{gaps}{part}"
        f"{say_marks(marks, course.start, end)}"
    )
