"""A scenario file -> a Story, or every problem in it with its line."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import yaml

from slo_daemon.core.snapshot import Specification
from slo_daemon.demo.openmetrics import Series
from slo_daemon.spec.load import load
from slo_daemon.spec.nodes import Entry, Node, Scalar, Table, to_input
from slo_daemon.spec.problems import Problem, SpecError, errors_of, problem_at
from slo_daemon.spec.shape import Place, check
from slo_daemon.spec.yaml_text import parse
from tests.scenarios.notation import NotationError, series_of
from tests.scenarios.shape import Happening, ScenarioShape

PILOT = "story"  # the pilot's name: stories speak of one pilot


@dataclass(frozen=True)
class Story:
    """One scenario. `start`: the midnight (Unix s) that its times count from; `lines`: where its slots stand in the file."""

    file: Path
    told: ScenarioShape
    start: float
    specification: Specification
    series: tuple[Series, ...]
    lines: tuple[int, ...]

    @property
    def end(self) -> float:
        """The last slot (Unix s)."""
        return self.start + max(slot.at for slot in self.told.slots)


def read_story(file: Path) -> Story:
    """The story that a file tells. Raises SpecError with every problem."""
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    documents, problems = parse(file.name, text)
    if errors_of(problems) or len(documents) != 1:
        raise SpecError(problems or [Problem(file.name, 1, 1, "", "a scenario is one document")])
    found: list[Problem] = []
    node = _spelt_out(documents[0].root)
    root = Place(node, (), node.mark, found)
    check(root, ScenarioShape)
    if found:
        raise SpecError(found)
    told = ScenarioShape.model_validate(to_input(node))
    start = datetime.combine(told.start, time(), UTC).timestamp()
    end = start + max(slot.at for slot in told.slots)
    _check_times(root, told)
    _check_records(root, told)
    series = _series(root, told, start, end)
    specification = _specification(root, file, yaml.safe_load(text)["pilot"], told)
    if found or specification is None:
        raise SpecError(found)
    lines = tuple(root.at("slots", i).mark.line or 0 for i in range(len(told.slots)))
    return Story(file, told, start, specification, series, lines)


def _spelt_out(node: Node) -> Node:
    """With `{state: true}` where a finding says only `true`."""
    if not isinstance(node, Table) or "slots" not in node.entries:
        return node
    slots = node.entries["slots"]
    items = getattr(slots.value, "items", None)
    if not isinstance(items, tuple):
        return node
    spelt = replace(slots, value=replace(slots.value, items=tuple(_slot(item) for item in items)))
    return replace(node, entries={**node.entries, "slots": spelt})


def _slot(item: Node) -> Node:
    found = item.entries.get("findings") if isinstance(item, Table) else None
    if not isinstance(item, Table) or found is None or not isinstance(found.value, Table):
        return item
    entries = {
        text: replace(entry, value=_state_of(entry.value)) for text, entry in found.value.entries.items()
    }
    spelt = replace(found, value=replace(found.value, entries=entries))
    return replace(item, entries={**item.entries, "findings": spelt})


def _state_of(node: Node) -> Node:
    if not isinstance(node, Scalar):
        return node
    return Table({"state": Entry(replace(node, text="state"), node)}, node.mark)


def _check_times(root: Place, told: ScenarioShape) -> None:
    last: float | None = None
    for number, slot in enumerate(told.slots):
        place = root.at("slots", number, "at")
        if (slot.at - told.begin) % told.interval or slot.at < told.begin:
            place.report(
                "there is no slot at this time", f"slots come every {told.interval} s from `begin` on"
            )
        elif last is not None and slot.at <= last:
            place.report("this slot is not later than the one before", "write the slots in order")
        last = slot.at
    for number, event in enumerate(told.events):
        place = root.at("events", number)
        if (event.lasts is None) is not (event.what is Happening.DAEMON_RESTARTS):
            place.report("a restart takes no time, and everything else does", "write `lasts`, or not")


def _check_records(root: Place, told: ScenarioShape) -> None:
    for number, record in enumerate(told.records):
        place = root.at("records", number)
        kinds = [key for key in ("incident", "ratings", "hold", "waive") if getattr(record, key) is not None]
        if len(kinds) != 1:
            place.report("one of incident, ratings, hold and waive is wanted", "write several records")
        elif kinds[0] in ("hold", "waive") and record.until is None:
            place.report(f"a {kinds[0]} needs an end", "write `until`")
        elif kinds[0] == "incident" and record.title is None:
            place.report("an incident needs a title", "write `title`")


def _series(root: Place, told: ScenarioShape, start: float, end: float) -> tuple[Series, ...]:
    found = []
    for name, text in told.series.items():
        try:
            found.append(series_of(name, text, start, end, told.scrape))
        except NotationError as error:
            root.at("series", name).report(str(error))
    return tuple(found)


def _specification(
    root: Place, file: Path, pilot: dict[str, Any], told: ScenarioShape
) -> Specification | None:
    place = root.at("pilot")
    spec: Any = pilot
    if "file" in pilot:
        path = file.parent / str(pilot["file"])
        if set(pilot) - {"file", "changes"} or not path.is_file():
            place.report("`file` with `changes` is wanted here, and a file that exists")
            return None
        whole = next(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        spec = _merged(whole["spec"], pilot.get("changes") or {})
        spec.setdefault("start", told.start)
    else:
        spec = {"stage": "canary", "start": told.start, "duration": "8w", **pilot}
    document = {
        "apiVersion": "slo-daemon/v1",
        "kind": "Pilot",
        "metadata": {"name": PILOT, "title": told.title},
        "spec": spec,
    }
    try:
        return load(
            [("", yaml.safe_dump(document, sort_keys=False))], scrape_interval=told.scrape
        ).specification
    except SpecError as error:
        for problem in error.problems:
            mark = place.at(*_path(problem.field, place)).mark
            remedy = f"{problem.field}: {problem.message}"
            root.problems.append(problem_at(mark, ("pilot",), remedy, problem.remedy, problem.severity))
    return None


def _path(field: str, place: Place) -> list[str | int]:
    """As much of `spec.slos[0].window` as stands in the file."""
    parts: list[str | int] = []
    for part in field.removeprefix("spec.").replace("[", ".[").split("."):
        step: str | int = int(part[1:-1]) if part[:1] == "[" and part[1:-1].isdecimal() else part
        if place.at(*parts, step).node is None:
            break
        parts.append(step)
    return parts


def _merged(whole: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged, null removes a key, everything else takes the place of what was there."""
    found = dict(whole)
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = _merged(found[key], value)
        else:
            found[key] = value
    return found
