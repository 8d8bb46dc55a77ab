"""Reading scenario files, and telling what did not come true."""

import json
import math
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.demo.openmetrics import MetricKind
from slo_daemon.spec.problems import SpecError
from tests.scenarios.notation import NotationError, series_of
from tests.scenarios.read import read_story
from tests.scenarios.shape import schema_text, seconds_of
from tests.scenarios.test_scenarios import FILES, FOLDER, failures_of

STORY = """
title: A small story
about: it is read by tests
start: 2026-03-02
pilot:
  slos:
    - name: error-rate
      sli: {ratio: {bad: 'errors_total', total: requests_total}, as: bad}
      objective: {at_most: 0.1%, warning: 0.5%, critical: 1%}
      window: 5m
  rollback_triggers: [Error rate > 1%]
series:
  requests_total: rest at 20/s
  errors_total: rest at 5% of 20/s
slots:
  - at: +20m
    because: the test wants it so
    levels: {error-rate: none}
    findings: {Error rate > 1%: false}
    gates: {rollback: pass}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "small.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def values_of(text: str, minutes: int, name: str = "requests_total") -> list[float | None]:
    series = series_of(name, text, 0.0, 60.0 * minutes, 60.0)
    by_time = dict(zip(series.times.tolist(), series.values.tolist(), strict=True))
    return [by_time.get(60.0 * minute) for minute in range(minutes + 1)]


def test_the_schema_for_editors_is_that_of_the_shapes() -> None:
    said = 'run: python -c "from tests.scenarios.shape import *; print(schema_text(), end=str())" > tests/scenarios/scenario.schema.json'
    assert (FOLDER / "scenario.schema.json").read_text(encoding="utf-8") == schema_text(), said


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_story_names_the_schema_first_and_uses_known_keys_only(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    known = json.loads(schema_text())["properties"].keys()

    assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")
    assert yaml.safe_load(text).keys() <= known
    assert read_story(file).told.slots


@pytest.mark.servers
def test_a_failed_expectation_is_told_with_file_line_slot_and_what_the_daemon_says(tmp_path: Path) -> None:
    (failure,) = failures_of(read_story(write(tmp_path, STORY)), tmp_path)

    assert failure.startswith(
        "small.yaml:16: at +20m (2026-03-02 00:20 UTC)\n    because the test wants it so\n"
    )
    assert "level of error-rate: expected none, but it is critical" in failure
    assert 'finding "Error rate > 1%": expected false, but it is true' in failure
    assert "it says: holds: error_rate is" in failure
    assert "gate rollback: expected pass, but it is fail" in failure


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("levels:", "levls:", 18, "unknown key 'levls'; did you mean 'levels'?"),
        ("{rollback: pass}", "{rollback: passed}", 20, "'passed' is not known here"),
        ("at: +20m", "at: 20m", 16, "is no time of the story"),
        ("at: +20m", "at: +20m30s", 16, "there is no slot at this time"),
        ("rest at 20/s", "rest of 20/s", 13, "'rest' is not understood"),
        ("rest at 20/s", "7s at 20/s", 13, "7s is no multiple"),
        ("rest at 20/s", "1h at 20/s, 1h at 5/s", 13, "lies behind the last slot"),
        ("requests_total: rest", "'requests_total{code=200}': rest", 13, "is no series"),
        ("window: 5m", "windw: 5m", 10, "unknown key 'windw'"),
        ("Error rate > 1%]", "Eror rat > 1%]", 11, "rollback_triggers[0]"),
        ("slots:", "records: [{at: +1m, title: nothing}]\nslots:", 15, "one of incident, ratings, hold and waive"),
        ("slots:", "events: [{at: +1m, what: daemon down}]\nslots:", 15, "write `lasts`"),
        ("about: it", "about: [it", 4, "is not closed here"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_line(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_story(write(tmp_path, STORY.replace(old, new, 1)))

    assert said in str(caught.value)
    assert f"small.yaml:{line}:" in str(caught.value)


def test_a_pilot_may_be_a_file_with_changes(tmp_path: Path) -> None:
    (tmp_path / "pilot.yaml").write_text(
        (FOLDER.parents[1] / "config/pilots/ecommerce-search.yaml").read_text()
    )
    whole = yaml.safe_load(STORY)
    whole["pilot"] = {
        "file": "pilot.yaml",
        "changes": {"ramp": {"max": "25%"}, "duration": "4w", "features": None},
    }
    pilot = read_story(write(tmp_path, yaml.safe_dump(whole))).specification.pilots[0]

    assert (pilot.duration.days, pilot.features) == (28, None)
    assert pilot.ramp is not None
    assert (pilot.ramp.initial, pilot.ramp.maximum) == (0.05, 0.25)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1+2x2 _ 7", [1, 3, 5, None, 7, None]),
        ("0x1 _x2 5-1x1", [0, 0, None, None, 5, 4]),
        ("2m at 1/s, 1m missing, rest at 60/h", [0, 60, 120, None, 121, 122]),
        ("1m missing, rest at 1/min", [None, None, 1, 2, 3, 4]),
        ("2m at 1/s, reset, rest at 1/s", [0, 60, 120, 60, 120, 180]),
        ("rest at 50% of 2/min", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_notations_say_which_samples_there_are(text: str, values: list[float | None]) -> None:
    assert values_of(text, 5) == values


def test_a_number_without_a_rate_is_a_gauge() -> None:
    assert values_of("2m at 0.9, rest at 0.5", 4, "quality") == [0.9, 0.9, 0.9, 0.5, 0.5]
    assert series_of("quality", "1x3", 0.0, 180.0, 60.0).kind is MetricKind.GAUGE


@given(st.integers(1, 50), st.integers(0, 1000), st.integers(1, 50))
def test_a_counter_never_falls_and_ends_with_what_was_told(minutes: int, rate: int, more: int) -> None:
    values = values_of(f"{minutes}m at {rate}/min, rest at 2/min", minutes + more)

    assert all(b is not None and a is not None and b >= a for a, b in pairwise(values))
    assert values[-1] == minutes * rate + 2 * more


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(NotationError):
        series = series_of("requests_total", text, 0.0, 600.0, 60.0)
        assert not any(math.isnan(value) for value in series.values.tolist())


def test_times_count_from_the_start_of_the_story() -> None:
    assert [seconds_of(one) for one in ("+0h", "+2h", "-1d", "+1d2h30m", "2h", "+2x", "soon")] == [
        0.0, 7_200.0, -86_400.0, 95_400.0, None, None, None,
    ]  # fmt: skip
