"""Charts: they are what they were, they hold only what fits, and no name becomes markup."""

import os
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.core.plots.burn_down import BurnDown, burn_down
from slo_daemon.core.plots.burn_rates import burn_rates
from slo_daemon.core.plots.calendar import DayCell, DayState, calendar
from slo_daemon.core.plots.drawing import Scale, time_ticks, value_ticks
from slo_daemon.core.plots.frame import Mark, Point
from slo_daemon.core.plots.intervals import Estimate, Level, band
from slo_daemon.core.plots.latency import Latencies, Threshold, latency
from slo_daemon.core.plots.ramp import RampCourse, ramp
from slo_daemon.core.plots.ratings import distribution
from slo_daemon.core.plots.sparkline import sparkline
from slo_daemon.core.plots.style import STYLE
from slo_daemon.core.slo.burn_rate import DEFAULT_PAIRS, BurnRate
from slo_daemon.core.slo.phrases import say_share
from tests.core.plots.gallery import AT, DAY, GALLERY, LINES, MARKS, NOTHING, days_of, falling, ms

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title><script>alert(1)</script>\"'&\x1b[31m\u202e"

times = st.floats(min_value=0, max_value=4e9, allow_subnormal=False)
values = st.floats(allow_nan=False, allow_infinity=False)
points = st.lists(st.builds(Point, times, st.none() | values, st.booleans()), max_size=12).map(
    lambda found: sorted(found, key=lambda one: one.at)
)
ends = st.floats(allow_nan=False)
marks = st.lists(
    st.builds(Mark, times, st.none() | times, st.integers(0, 2), st.text(max_size=8)), max_size=4
)
estimates = st.lists(
    st.builds(
        Estimate,
        times,
        st.none() | values,
        st.none() | st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair))),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda one: one.at))


def parsed(svg: str) -> ET.Element:
    """The chart as a tree. Fails unless it is well-formed, named, and within its view box."""
    root = ET.fromstring(svg)  # noqa: S314
    assert root.get("role") == "img"
    named = (root.get("aria-labelledby") or "").split()
    by_id = {node.get("id"): node for node in root.iter() if node.get("id")}
    assert [by_id[name].tag for name in named] == [f"{SVG}title", f"{SVG}desc"]
    assert all((by_id[name].text or "").strip() for name in named)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for node in root.iter():
        for x, y in places(node):
            assert -0.01 <= x <= width + 0.01, ET.tostring(node)
            assert -0.01 <= y <= height + 0.01, ET.tostring(node)
        assert "style" not in node.attrib, "a content security policy would forbid it"
        assert not any(name.startswith("on") for name in node.attrib)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg", "title", "desc", "g", "path", "rect", "circle", "text",
    }  # fmt: skip
    return root


def places(node: ET.Element) -> list[tuple[float, float]]:
    """Where an element has its corners."""
    number = {name: float(node.get(name) or 0) for name in ("x", "y", "cx", "cy", "width", "height")}
    match node.tag.removeprefix(SVG):
        case "rect":
            return [
                (number["x"], number["y"]),
                (number["x"] + number["width"], number["y"] + number["height"]),
            ]
        case "circle":
            return [(number["cx"], number["cy"])]
        case "text":
            return [(number["x"], number["y"])]
        case "path":
            found = re.findall(r"(-?[\d.]+),(-?[\d.]+)", node.get("d") or "")
            return [(float(x), float(y)) for x, y in found]
    return []


@pytest.mark.parametrize("name", GALLERY)
def test_a_chart_is_what_it_was(name: str) -> None:
    """After a wanted change: WRITE_GOLDEN=1 pytest tests/core/plots, and look at what has changed."""
    file = GOLDEN / f"{name}.svg"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_text(GALLERY[name] + "\n", encoding="utf-8")
    assert GALLERY[name] + "\n" == file.read_text(encoding="utf-8")


def test_every_golden_chart_is_of_the_gallery() -> None:
    assert {file.stem for file in GOLDEN.glob("*.svg")} == set(GALLERY)


@pytest.mark.parametrize("name", GALLERY)
def test_a_chart_is_well_formed_named_and_within_its_borders(name: str) -> None:
    parsed(GALLERY[name])


@pytest.mark.parametrize("name", GALLERY)
def test_every_class_of_a_chart_is_in_the_style_sheet(name: str) -> None:
    used = {one for found in re.findall(r'class="([^"]*)"', GALLERY[name]) for one in found.split()}
    assert {one for one in used if not re.search(rf"\.{one}\b", STYLE)} == set()


def drawn(svg: str, style: str) -> list[str]:
    """The `d` of all paths that have a class."""
    return [
        node.get("d") or ""
        for node in parsed(svg).iter(f"{SVG}path")
        if style in (node.get("class") or "").split()
    ]


def test_a_line_breaks_where_nothing_is_known_and_no_zero_is_drawn() -> None:
    course = [Point(0, 0.5), Point(10, 0.6), Point(20, None), Point(30, 0.7), Point(40, 0.8)]
    lines = drawn(sparkline("k", "t", course, say_share), "plot-thin")
    assert [len(line.split("L")) for line in lines] == [2, 2]
    assert lines[0].split(",")[0] == "M3"


def test_what_stands_on_a_part_of_the_data_is_dotted() -> None:
    course = [Point(0, 0.5, sure=False), Point(10, 0.6, sure=False), Point(20, 0.6), Point(30, 0.7)]
    svg = sparkline("k", "t", course, say_share)
    assert len(drawn(svg, "plot-part")) == 1
    assert len(drawn(svg, "plot-thin")) == 2


def test_a_single_known_point_is_a_dot() -> None:
    svg = sparkline("k", "t", [Point(0, None), Point(10, 0.5), Point(20, None), Point(30, 0.6)], say_share)
    assert len(list(parsed(svg).iter(f"{SVG}circle"))) == 3  # two alone, and the latest


def test_a_forecast_reaches_the_line_of_nothing_left_when_it_is_near() -> None:
    course = BurnDown([Point(AT - 10 * DAY, 1.0), Point(AT, 0.4)], AT - 10 * DAY, AT, AT + 2 * DAY)
    svg = burn_down("k", "t", course)
    (spent,) = drawn(svg, "plot-critical")
    (ahead,) = drawn(svg, "plot-ahead")
    assert ahead.rsplit(",", 1)[1] == spent.rsplit(",", 1)[1]
    assert "At this pace it is spent on 2026-11-23" in svg


def test_a_budget_without_an_end_in_sight_has_no_forecast() -> None:
    svg = burn_down("k", "t", BurnDown(falling(7), AT - 7 * DAY, AT))
    assert drawn(svg, "plot-ahead") == []
    assert "forecast" not in svg


def test_every_day_of_a_calendar_has_a_sign_and_a_sentence() -> None:
    svg = calendar("k", "t", days_of("mxpi."))
    cells = list(parsed(svg).iter(f"{SVG}g"))
    told = [(cell.findtext(f"{SVG}title") or "", cell.findtext(f"{SVG}text")) for cell in cells]
    assert [(title.split(",")[0], sign) for title, sign in told] == [
        ("2026-11-17: met", "✓"), ("2026-11-18: missed", "✗"), ("2026-11-19: unknown", "?"), ("2026-11-20: no traffic", "–"),
        ("2026-11-21: no data", "∅"),
    ]  # fmt: skip
    assert "5 days from 2026-11-17 to 2026-11-21: 1 met, 1 missed, 1 unknown, 1 no traffic, 1 no data." in svg


def test_a_burn_rate_that_was_not_counted_has_no_bar() -> None:
    rate = BurnRate(DEFAULT_PAIRS[0], 14.4, 3.0, None, NOTHING, NOTHING, None)
    assert len(list(parsed(burn_rates("k", "t", [rate])).iter(f"{SVG}rect"))) == 1


def test_a_bar_reaches_the_line_exactly_at_the_threshold() -> None:
    svg = burn_rates("k", "t", [BurnRate(DEFAULT_PAIRS[0], 14.4, 14.4, 20.0, NOTHING, NOTHING, False)])
    long, short = parsed(svg).iter(f"{SVG}rect")
    (line,) = drawn(svg, "plot-critical")
    at = float(line[1:].split(",")[0])
    assert float(long.get("x") or 0) + float(long.get("width") or 0) == at
    assert float(short.get("x") or 0) + float(short.get("width") or 0) > at
    assert "plot-bad" not in (long.get("class") or "")


def test_a_threshold_that_is_no_bucket_edge_is_told_so() -> None:
    lines = [Threshold("target", 0.2, 0), Threshold("critical", 0.3, 2)]
    svg = latency(
        "k", "t", Latencies((0.1, 0.2, 0.4, float("inf")), (5, 8, 9, 10), lines, ("p90", 0.2, 0.4)), ms
    )
    said = [node.text for node in parsed(svg).iter(f"{SVG}text")]
    assert "target 200 ms" in said
    assert "critical 300 ms: inside a bucket" in said
    assert "The p90 lies between 200 ms and 400 ms." in svg


def test_very_many_buckets_keep_the_edges_that_thresholds_lie_on() -> None:
    edges = [i / 1000 for i in range(1, 200)]
    counts = [float(i) for i in range(1, 201)]
    svg = latency("k", "t", Latencies((*edges, float("inf")), counts, LINES, ("p95", 0.19, 0.191)), ms)
    said = [node.text or "" for node in parsed(svg).iter(f"{SVG}text")]
    assert len([text for text in said if text.startswith(("≤", ">"))]) == 16
    assert not any("inside a bucket" in text for text in said)
    assert "≤ 191 ms" in said


def test_an_incident_is_marked_by_a_shape_a_bar_and_words() -> None:
    svg = burn_down("k", "t", BurnDown(falling(30), AT - 30 * DAY, AT), MARKS)
    root = parsed(svg)
    titles = [node.text or "" for node in root.iter(f"{SVG}title")]
    assert (
        "critical incident from 2026-11-12 02:48 UTC, until 2026-11-12 07:36 UTC: the index was rebuilt with a wrong schema"
        in titles
    )
    assert "incidents: ▲ critical, ◆ warning, ● info" in [node.text for node in root.iter(f"{SVG}text")]


def test_incidents_outside_of_the_time_shown_are_not_marked() -> None:
    late = Mark(AT + DAY, None, 2, "later")
    early = Mark(AT - 90 * DAY, AT - 80 * DAY, 2, "long ago")
    svg = burn_down("k", "t", BurnDown(falling(30), AT - 30 * DAY, AT), [late, early])
    assert "incident" not in svg


CHARTS: dict[str, Callable[[str], str]] = {
    "sparkline": lambda text: sparkline(text, text, falling(3), lambda _: text),
    "burn_down": lambda text: burn_down(
        text, text, BurnDown(falling(9), AT - 9 * DAY, AT), [Mark(AT - DAY, None, 2, text)]
    ),
    "calendar": lambda text: calendar(text, text, [DayCell(date(2026, 1, 1), DayState.MET, text)]),
    "burn_rates": lambda text: burn_rates(text, text, []),
    "latency": lambda text: latency(
        text,
        text,
        Latencies((1.0, float("inf")), (1.0, 2.0), [Threshold(text, 1.0, 0)], (text, 0.0, 1.0)),
        lambda _: text,
    ),
    "band": lambda text: band(
        text, text, [Estimate(AT, 1.0, (0.0, 2.0), text)], lambda _: text, [Level(text, 1.0)]
    ),
    "distribution": lambda text: distribution(text, text, (1, 2, 3, 4, 5)),
    "ramp": lambda text: ramp(
        text, text, RampCourse([(AT, 0.1)], [], AT, AT + DAY, AT), [Mark(AT, None, 1, text)]
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_no_name_becomes_markup(name: str) -> None:
    svg = CHARTS[name](HOSTILE)
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert "\u202e" not in svg
    ET.fromstring(svg)  # noqa: S314


@given(points, points, marks, st.none() | times)
def test_any_course_fits_into_its_chart(
    course: list[Point], other: list[Point], told: list[Mark], end: float | None
) -> None:
    parsed(sparkline("k", "t", course, say_share, target=0.5))
    start, at = (course[0].at, course[-1].at) if course else (0.0, 0.0)
    parsed(burn_down("k", "t", BurnDown(course, start, at, end), told))
    planned = [(point.at, point.value) for point in other if point.value is not None]
    parsed(ramp("k", "t", RampCourse(planned, course, start, at, end or 0.0, other), told))


@given(estimates, st.lists(st.builds(Level, st.just("a"), values), max_size=2), marks)
def test_any_estimates_fit_into_their_chart(
    found: list[Estimate], levels: list[Level], told: list[Mark]
) -> None:
    parsed(band("k", "t", found, say_share, levels, told))


@given(
    st.lists(st.floats(min_value=1e-6, max_value=1e6), min_size=1, max_size=40, unique=True).map(sorted),
    st.data(),
)
@settings(max_examples=60)
def test_any_histogram_fits_into_its_chart(edges: list[float], data: st.DataObject) -> None:
    length = len(edges) + 1
    counts = data.draw(st.lists(st.floats(0, 1e15), min_size=length, max_size=length).map(sorted))
    lines = data.draw(
        st.lists(st.builds(Threshold, st.just("a"), st.floats(0, 1e7), st.integers(0, 2)), max_size=3)
    )
    lower = data.draw(st.sampled_from(edges))
    parsed(
        latency("k", "t", Latencies((*edges, float("inf")), counts, lines, ("p95", lower, float("inf"))), ms)
    )


@given(
    st.lists(
        st.tuples(st.none() | st.floats(0), st.none() | st.floats(0), st.sampled_from([True, False, None])),
        max_size=4,
    ),
    st.floats(0, 1e12),
)
def test_any_burn_rates_fit_into_their_chart(
    found: list[tuple[float | None, float | None, bool | None]], threshold: float
) -> None:
    parsed(
        burn_rates(
            "k",
            "t",
            [BurnRate(DEFAULT_PAIRS[0], threshold, *pair, NOTHING, NOTHING, fires) for *pair, fires in found],
        )
    )


@given(
    st.dictionaries(st.integers(0, 800), st.sampled_from(DayState), max_size=60),
    st.lists(st.integers(0), max_size=6),
)
def test_any_days_and_any_votes_fit_into_their_charts(found: dict[int, DayState], counts: list[int]) -> None:
    days = [DayCell(date(2026, 1, 1) + timedelta(days=day), state) for day, state in found.items()]
    parsed(calendar("k", "t", days))
    parsed(distribution("k", "t", counts))


@given(values, values)
def test_ticks_are_few_and_within(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = value_ticks(low, high)
    assert len(ticks) <= 5
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(ticks)


@given(times, times)
def test_times_are_few_round_and_within(one: float, other: float) -> None:
    start, end = min(one, other), max(one, other)
    ticks = time_ticks(start, end)
    assert len(ticks) <= 5
    assert all(start <= at <= end and at % 300 == 0 for at, _ in ticks)


@given(values, values, ends)
def test_a_scale_never_leaves_its_pixels(one: float, other: float, value: float) -> None:
    scale = Scale(min(one, other), max(one, other), 10.0, 110.0)
    assert 10.0 <= scale(value) <= 110.0
