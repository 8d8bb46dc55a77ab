"""docs/reports.md names every section of a report and every key of its JSON, and no other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slo_daemon.core.shapes import override_json
from tests.assessments import hold
from tests.documents import DOCS, codes, first_codes, rows, section, text_of

PAGE = DOCS / "reports.md"
GOLDEN = Path(__file__).parent / "core" / "golden"
BY_NAME = {"labels", "features", "states", "open", "resolved"}  # their keys are names, not words of ours
ELSEWHERE = {"slos", "transitions"}  # on other pages
REPORT = json.loads((GOLDEN / "bad_day.json").read_text(encoding="utf-8"))


def keys(content: Any) -> Iterator[str]:
    if isinstance(content, list):
        for item in content:
            yield from keys(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            yield key
            if key not in BY_NAME | ELSEWHERE:
                yield from keys(value)


def told() -> set[str]:
    """What stands in backticks in the tables of fields."""
    return {code for row in rows(text_of(PAGE), "field") for cell in row for code in codes(cell)}


def of_table(heading: str) -> set[str]:
    return set(first_codes(rows(text_of(PAGE), heading)))


def test_every_key_of_a_report_has_its_place() -> None:
    healthy = json.loads((GOLDEN / "healthy.json").read_text(encoding="utf-8"))
    assert {*keys(REPORT), *keys(healthy), *override_json(hold())} - told() == set()


def test_the_tables_have_no_field_that_is_not_there() -> None:
    assert of_table("field of a finding") == set(REPORT["criteria"][0])
    assert of_table("field of an override") == set(override_json(hold()))
    ramp, (experiment,) = REPORT["ramp"], REPORT["experiments"]
    assert of_table("field of the ramp") - {"observed_detail"} == set(ramp) - {"observed_detail"}
    assert of_table("field of an experiment") == set(experiment)
    assert {*first_codes(rows(text_of(PAGE), "field"))} >= set(REPORT)


def test_every_section_has_its_line() -> None:
    lines = (GOLDEN / "bad_day.md").read_text(encoding="utf-8").splitlines()
    wanted = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert [row[0] for row in rows(section(PAGE, "Sections"), "section")] == wanted
