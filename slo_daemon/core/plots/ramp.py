"""The share of users over time: as it was planned, and as it was served."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slo_daemon.core.plots.drawing import chart, key_line, label, nothing, number, say_date, straight
from slo_daemon.core.plots.frame import Frame, Mark, Point, frame_of, known, say_marks
from slo_daemon.core.slo.phrases import say_share


@dataclass(frozen=True, slots=True)
class RampCourse:
    """`planned`: from when on which share (0..1) is planned, in order of time. `served`: what was seen; may be empty.

    `start`, `end`: of the pilot; `at`: the present, which may lie outside. `counted`: the share of users who came on a day,
    as an experiment counted them; empty without one.
    """

    planned: Sequence[tuple[float, float]]
    served: Sequence[Point]
    start: float
    end: float
    at: float
    counted: Sequence[Point] = ()


def ramp(key: str, title: str, course: RampCourse, marks: Sequence[Mark] = ()) -> str:
    """The plan as dashed steps, what was served as a line, and where we are."""
    if not course.planned or course.end <= course.start:
        return nothing(key, title, "no ramp is planned")
    shares = [share for _, share in course.planned] + known(course.served) + known(course.counted)
    frame = frame_of(course.start, course.end, (0.0, min(1.0, max(shares) * 1.12) or 1.0), marks=marks)
    height = frame.height + (32 if known(course.counted) else 16)
    return chart(key, title, _about(course, marks), height, _body(course, frame, marks))


def _body(course: RampCourse, frame: Frame, marks: Sequence[Mark]) -> Iterator[str]:
    yield from frame.grid(say_share)
    yield from frame.marks(marks, course.at)
    places = []
    ends = [at for at, _ in course.planned[1:]] + [course.end]
    for (at, share), until in zip(course.planned, ends, strict=True):
        places += [frame.place(Point(at, share)), frame.place(Point(until, share))]
    yield f'<path class="plot-plan" d="M{" L".join(places)}"/>'
    for point in course.counted:
        if point.value is not None:
            yield _ring(*frame.place(point).split(","))
    yield from frame.line(course.served)
    if course.start <= course.at <= course.end:
        x = frame.x(course.at)
        yield straight(x, frame.y.start, x, frame.y.end, "plot-today")
    y = frame.height + 9
    yield from key_line(frame.x.start, y, "plot-plan", "planned")
    served = "served" if known(course.served) else "served: no history yet"
    yield from key_line(frame.x.start + 90, y, "plot-line", served)
    if known(course.counted):
        yield _ring(number(frame.x.start + 11), number(y + 12))
        yield label(frame.x.start + 28, y + 16, "of the users who came, day by day")


def _ring(x: str, y: str) -> str:
    return f'<circle class="plot-ring" cx="{x}" cy="{y}" r="2.5"/>'


def _about(course: RampCourse, marks: Sequence[Mark]) -> str:
    plan = ", ".join(f"{say_share(share)} from {say_date(at)}" for at, share in course.planned)
    served = known(course.served)
    said = (
        f"Served at last: {say_share(served[-1])}." if served else "There is no history of what was served."
    )
    counted = known(course.counted)
    users = (
        f" Of the users who came on the last day that was counted: {say_share(counted[-1])}."
        if counted
        else ""
    )
    return f"Planned: {plan}. {said}{users}{say_marks(marks, course.start, course.end)}"
