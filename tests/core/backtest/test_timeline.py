"""The timeline, as SVG and for a terminal: the same bytes for the same story, and nothing told by colour alone."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.backtest.lanes import Lane, Segment, Tone, bucketed
from slo_daemon.core.backtest.svg import timeline_svg
from slo_daemon.core.backtest.tape import Tape
from slo_daemon.core.backtest.terminal import timeline
from slo_daemon.core.slo.objective import Level
from tests.core.backtest.world import backtest, eventful, snapshot

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


def check(name: str, text: str) -> None:
    """Against the golden file; with WRITE_GOLDEN in the environment it is written anew."""
    path = GOLDEN / name
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} differs; if that is wanted: WRITE_GOLDEN=1"


def test_the_svg_is_the_golden_one() -> None:
    check("timeline.svg", timeline_svg(backtest(eventful(), eventful("availability=99.5%"), slots=72)))


@pytest.mark.parametrize("width", [100])
def test_the_terminal_timeline_is_the_golden_one(width: int) -> None:
    found = backtest(eventful(), slots=72)
    check("timeline.txt", timeline(found, found.stories[0], width) + "\n")


def test_the_svg_is_well_formed_and_stands_alone() -> None:
    text = timeline_svg(backtest(eventful(), slots=72))
    root = ET.fromstring(text)  # noqa: S314

    assert not list(root.iter(f"{SVG}script"))
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme: dark" in text
    assert "<b>" not in text, "what people wrote is escaped"
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= ids
    assert set((root.get("aria-labelledby") or "").split()) <= ids


def test_every_state_has_a_title_and_every_lane_a_name() -> None:
    root = ET.fromstring(timeline_svg(backtest(eventful(), slots=72)))  # noqa: S314
    symbols = [e for e in root.iter() if e.get("role") == "graphics-symbol"]

    assert symbols
    for symbol in symbols:
        title = symbol.find(f"{SVG}title")
        assert title is not None
        assert title.text == symbol.get("aria-label")
    lanes = [e.get("aria-label") for e in root.iter() if e.get("role") == "graphics-object"]
    assert "verdict" in lanes
    assert "level of availability" in lanes
    assert any(
        "critical from 2026-11-22 21:00 to 2026-11-22 23:00 UTC" in s.get("aria-label", "") for s in symbols
    )


def test_states_differ_by_more_than_colour() -> None:
    text = timeline_svg(backtest(eventful(), slots=72))

    for pattern in ("p-open", "p-warn", "p-bad"):
        assert f"url(#{pattern})" in text


def test_a_story_that_flaps_in_every_slot_stays_a_small_picture() -> None:
    tape = Tape()
    for number in range(8_000):
        tape.take(snapshot(number, level=Level.WARNING if number % 2 else Level.NONE))

    assert len(timeline_svg(backtest(tape, slots=8_000))) < 400_000


@given(
    cuts=st.lists(st.floats(0.0, 100.0), min_size=1, max_size=30, unique=True),
    tones=st.lists(st.sampled_from(Tone), min_size=31, max_size=31),
    buckets=st.integers(1, 60),
)
def test_each_part_of_the_time_shows_the_gravest_state_that_touches_it(
    cuts: list[float], tones: list[Tone], buckets: int
) -> None:
    edges = [0.0, *sorted(cut for cut in cuts if 0.0 < cut < 100.0), 100.0]
    segments = [
        Segment(start, end, tone, "x", tone.name)
        for start, end, tone in zip(edges, edges[1:], tones, strict=False)
    ]
    shown = bucketed(Lane("l", tuple(segments)), 0.0, 100.0, buckets)

    assert len(shown) == buckets
    width = 100.0 / buckets
    for place, one in enumerate(shown):
        middle = (place + 0.5) * width
        there = next(s for s in segments if s.start <= middle < s.end)
        assert one is not None
        assert one.tone >= there.tone
    assert max(one.tone for one in shown if one) == max(s.tone for s in segments)
