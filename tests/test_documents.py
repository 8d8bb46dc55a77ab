"""The documents keep up with the program: examples load, commands and paths exist, and every name has its place."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml

import slo_daemon
from slo_daemon.adapters.gauges.self_metrics import STORE_REASONS
from slo_daemon.adapters.gauges.table import FAMILIES
from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_groups, rule_text
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.core.pilot import defaults
from slo_daemon.core.pilot.criteria.judge import CriterionReason
from slo_daemon.core.pilot.criteria.watch import Watching
from slo_daemon.core.pilot.experiment.lift import LiftReason
from slo_daemon.core.pilot.findings import FIRED
from slo_daemon.core.pilot.gates import GateReason
from slo_daemon.core.pilot.slo_facts import FactReason
from slo_daemon.core.quantity import UNITS, show_duration
from slo_daemon.core.shapes import NOT_EVALUATED
from slo_daemon.core.slo.evaluation import Reason
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.query import FailReason
from slo_daemon.core.slo.sli import KINDS
from slo_daemon.core.slo.state import TransitionReason
from slo_daemon.core.slo.streak import StreakReason
from slo_daemon.demo.servers import find_binary
from slo_daemon.settings import load_settings, variables
from slo_daemon.spec import SpecError, load
from slo_daemon.spec.pilot_shape import PilotShape, PilotSpecShape, SuccessMetricShape
from slo_daemon.spec.settings_shape import SettingsShape
from slo_daemon.spec.shape import Shape, shapes_in
from slo_daemon.spec.slo_shape import SliShape, SloShape
from slo_daemon.web.security import FORMS, GUARDED, PUBLIC
from tests.documents import (
    DOCS,
    ROOT,
    Block,
    blocks,
    codes,
    first_codes,
    headings,
    rows,
    section,
    text_of,
)

SPEC, SETTINGS, METRICS = DOCS / "spec.md", DOCS / "settings.md", DOCS / "metrics.md"
ALERTS, RUNBOOKS, HTTP = DOCS / "alerts.md", DOCS / "runbooks.md", DOCS / "http.md"
REASONS, COMMANDS, OPERATIONS = DOCS / "reasons.md", DOCS / "commands.md", DOCS / "operations.md"

# What stands around a part of a document that is shown alone.
HEAD = "apiVersion: slo-daemon/v1\nkind: {kind}\nmetadata: {{name: example}}\nspec:\n"
AN_SLO = (
    "{name: s, sli: {throughput: {counter: x_total}}, objective: {at_least: 1/s, critical: 1/s}, window: 5m}"
)


def whole(block: Block) -> str:
    """A YAML block as a document."""
    match block.info[1:]:
        case () | ("wrong",):
            return block.text
        case ("slo",):
            first, *rest = block.text.splitlines()
            return "\n".join(
                [f"{HEAD.format(kind='Slos')}  slos:\n    - {first}", *(f"      {line}" for line in rest)]
            )
        case ("pilot",):
            inner = "".join(f"  {line}\n" for line in block.text.splitlines())
            return f"{HEAD.format(kind='Pilot')}{inner}  slos: [{AN_SLO}]\n"
        case _:
            raise AssertionError(
                f"{block}: blocks of YAML are marked wrong, slo, pilot, prometheus, values, kubernetes or nothing"
            )


def read(block: Block) -> None:
    """Load a YAML block as the program would. Raises SpecError."""
    text = whole(block)
    if yaml.safe_load(text)["kind"] == "Settings":
        load_settings((str(block), text), {})
    else:
        load([(str(block), text)])


OTHERS = [("prometheus",), ("values",), ("kubernetes",)]  # the last two: tests/chart/test_document.py


@pytest.mark.parametrize("block", [b for b in blocks("yaml") if b.info[1:] not in OTHERS], ids=str)
def test_an_example_loads_and_a_wrong_one_is_refused(block: Block) -> None:
    if "wrong" in block.info:
        with pytest.raises(SpecError):
            read(block)
    else:
        read(block)


def test_what_a_wrong_example_is_told_is_what_the_page_says() -> None:
    (block,) = [b for b in blocks("yaml") if "wrong" in b.info]
    with pytest.raises(SpecError) as refused:
        load([("wrong.yaml", block.text)])
    told = [line for line in text_of(block.page).splitlines() if line.startswith("wrong.yaml:")]
    assert told == [str(problem) for problem in refused.value.problems]


@pytest.mark.servers
@pytest.mark.parametrize("block", [b for b in blocks("yaml") if b.info[1:] == ("prometheus",)], ids=str)
def test_an_example_for_prometheus_is_taken_by_promtool(block: Block, tmp_path: Path) -> None:
    (tmp_path / "slo-daemon.rules.yaml").write_text(rule_text(RuleOptions()))
    (tmp_path / "prometheus.yml").write_text(block.text)
    command = [find_binary("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("block", list(blocks("json")), ids=str)
def test_an_example_in_json_is_json(block: Block) -> None:
    json.loads(block.text)


def keys(shape: type[Shape], stop: tuple[type[Shape], ...] = (), at: str = "") -> Iterator[str]:
    """The keys that hold values, as documents write them: `ramp.steps[].week`. Shapes in `stop` count as values."""
    for key, info in shape.model_fields.items():
        path, inner = f"{at}{info.alias or key}", shapes_in(info.annotation)
        if not inner or inner[0] in stop:
            yield path
        else:
            yield from keys(inner[0], stop, f"{path}[]." if "list[" in str(info.annotation) else f"{path}.")


def test_every_key_of_the_specification_has_its_line() -> None:
    known = {
        *keys(PilotShape, (PilotSpecShape,)),
        *keys(PilotSpecShape, (SloShape, SuccessMetricShape)),
        *keys(SloShape),
        *keys(SuccessMetricShape, (SliShape,)),
    }
    told = set(first_codes(rows(text_of(SPEC), "key")))

    assert known - told == set()
    containers = {path.partition(".")[0] for path in known if "." in path} & set(SloShape.model_fields)
    assert told - known == containers - known


def test_every_kind_of_indicator_has_its_heading() -> None:
    assert [heading for heading in headings(SPEC) if heading in KINDS] == list(KINDS)


def test_every_unit_has_its_line() -> None:
    assert set(first_codes(rows(text_of(SPEC), "unit"))) == {unit for unit in UNITS if unit}


def test_every_setting_and_variable_has_its_line_with_its_default() -> None:
    table = rows(text_of(SETTINGS), "setting")
    told = {(codes(row[0]) or [""])[0]: (codes(row[1]) or [""])[0] for row in table if codes(row[0])}
    by_variable = {".".join(map(str, path)): variable for variable, path in variables().items()}
    alone = by_variable.pop("prometheus.bearer_token")
    known = {
        path: by_variable.get(path, "") for path in keys(SettingsShape) if path not in ("apiVersion", "kind")
    }
    known |= by_variable

    assert told == known
    assert alone in [code for row in table for code in codes(row[1])]
    for row in table:
        default = default_of(codes(row[0])[0]) if codes(row[0]) else None
        if default is not None:
            assert row[2].strip("`") in {
                str(default),
                show_duration(default) if type(default) is int else "",
                f"{default}s",
            }, row


def default_of(setting: str) -> Any:
    """The default of a setting, written as text; None where there is none that one word could say."""
    shape: type[Shape] = SettingsShape
    *above, last = setting.split(".")
    for part in above:
        inner = shapes_in(shape.model_fields[part].annotation)
        if not inner:
            return None
        shape = inner[0]
    default = shape.model_fields[last].default
    if default is None or callable(default) or str(default) == "PydanticUndefined":
        return None
    return (
        str(default).lower()
        if isinstance(default, bool)
        else default.value
        if isinstance(default, StrEnum)
        else default
    )


def test_the_table_of_metrics_is_the_programs() -> None:
    known = [
        [f"`{f.name}`", str(f.kind), ", ".join(f"`{label}`" for label in f.labels), f.help]
        for f in FAMILIES.values()
    ]
    told = rows(text_of(METRICS), "metric")

    missing = ["| " + " | ".join(row).replace("|  |", "| |") + " |" for row in known if row not in told]
    assert missing == [], "docs/metrics.md lacks these lines"
    assert told == known


def test_every_alert_has_its_line_and_its_runbook() -> None:
    alerts = [
        rule for group in rule_groups(RuleOptions())["groups"] for rule in group["rules"] if "alert" in rule
    ]
    table = {codes(row[0])[0]: row for row in rows(text_of(ALERTS), "alert")}

    assert list(table) == [rule["alert"] for rule in alerts]
    for rule in alerts:
        assert table[rule["alert"]][1] == rule["labels"]["severity"]
        assert rule.get("for", "") in table[rule["alert"]][2]
    assert [h for h in headings(RUNBOOKS) if h.startswith(("SLO", "Pilot"))] == [
        rule["alert"] for rule in alerts
    ]


def test_every_route_has_its_line_with_its_token() -> None:
    told = {codes(row[0])[0]: row[1] for row in rows(text_of(HTTP), "route")}
    known = {f"{method} {path}": "none" for method, path in PUBLIC}
    known |= {f"{method} {path}": roles[0].value for (method, path), roles in GUARDED.items()}
    known |= {f"{method} {path}": "signed in" for method, path in FORMS}

    assert told == {route.replace(":path", ""): token for route, token in known.items()}


def refusals() -> Iterator[tuple[int, str]]:
    """Status and reason of every ProblemError that the web raises."""
    for file in sorted((ROOT / "slo_daemon" / "web").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "ProblemError"
            ):
                match node.args[:2]:
                    case [ast.Constant(value=int(status)), ast.Constant(value=str(reason))]:
                        yield status, reason


def test_every_refusal_has_its_line() -> None:
    told = {(row[0], reason) for row in rows(text_of(HTTP), "status") for reason in codes(row[1])}
    by_framework = {("404", "unknown_path"), ("405", "method_not_allowed"), ("other", "refused")}

    assert told == {(str(status), reason) for status, reason in refusals()} | by_framework


FINDING_REASONS = set(re.findall(r"Truth\.[A-Z]+,\s*\"([a-z_]+)\"", inspect.getsource(defaults)))


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Data states", {*DataState}),
        ("Reasons of an evaluation", {*Reason, NOT_EVALUATED}),
        ("Reasons of failed queries", {*FailReason}),
        ("Reasons of a level", {*TransitionReason}),
        (
            "Reasons of a criterion",
            FINDING_REASONS | {"store_unavailable", FIRED, defaults.BUDGET_YOUNG, "budget_unknown"},
        ),
        ("Reasons of facts", {*FactReason, *StreakReason}),
        ("Reasons of a gate", {*GateReason}),
        ("Reasons of the criterion language", {*CriterionReason}),
        ("Reasons of an experiment", {*LiftReason}),
        ("Reasons of the store", {*STORE_REASONS}),
        ("Reasons of a rollback trigger", {*Watching}),
    ],
)
def test_every_state_and_reason_has_its_line(heading: str, known: set[str]) -> None:
    text = section(REASONS, heading)
    assert set(first_codes(rows(text, "reason") or rows(text, "state"))) == {str(word) for word in known}


def every_reason() -> Iterator[type[StrEnum]]:
    """All enums of the program that name why something is so."""
    for module in pkgutil.walk_packages(slo_daemon.__path__, "slo_daemon."):
        if ".migrations" in module.name or module.name.endswith("__main__"):
            continue
        for one in vars(importlib.import_module(module.name)).values():
            own = isinstance(one, type) and issubclass(one, StrEnum) and one.__module__ == module.name
            if own and (one.__name__.endswith("Reason") or one in (DataState, Watching)):
                yield one


def remedies() -> dict[str, set[str]]:
    """What the page of reasons tells to do, for each word."""
    told: dict[str, set[str]] = {}
    for first in ("reason", "state", "event", "code"):
        for row in rows(text_of(REASONS), first):
            for word in codes(row[0]) or [row[0]]:
                told.setdefault(word, set()).add(row[-1])
    return told


def test_every_reason_in_the_program_has_its_cause_and_its_remedy() -> None:
    enums = list(every_reason())
    assert {FailReason, GateReason, FactReason, CriterionReason, LiftReason} < set(enums)
    known = {str(word) for one in enums for word in one} | set(STORE_REASONS) | FINDING_REASONS
    told = remedies()

    assert known - told.keys() == set()
    assert {word for word in known if "" in told[word]} == set()


def test_every_refusal_has_its_remedy() -> None:
    by_framework = {"unknown_path", "method_not_allowed", "refused"}
    told = first_codes(rows(section(REASONS, "Reasons of a refusal"), "reason"))
    assert sorted(told) == sorted({reason for _, reason in refusals()} | by_framework)


def test_every_exit_code_has_its_remedy() -> None:
    told = [row[0] for row in rows(section(REASONS, "Exit codes"), "code")]
    assert told == [*(str(code.value) for code in Exit), "130"]


def test_every_warning_of_the_log_has_its_remedy() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "slo_daemon").rglob("*.py")]
    logged = re.compile(r"\blog\.(?:warning|error|exception)\(\s*\"([a-z_]+)\"")
    known = {event for source in sources for event in logged.findall(source)}
    by_level = {"level_changed"}  # a warning where it rose

    assert len(known) > 20
    told = first_codes(rows(section(REASONS, "Events of the log that want somebody"), "event"))
    assert sorted(told) == sorted(known | by_level)


def test_every_event_of_the_log_has_its_line() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "slo_daemon").rglob("*.py")]
    logged = re.compile(
        r"\b(?:log\.(?:debug|info|warning|error|exception)|tell)\(\s*\"([a-z_]+)\"|\btold\(pilot, \"([a-z_]+)\""
    )
    known = {first or second for source in sources for first, second in logged.findall(source)}

    assert set(first_codes(rows(text_of(OPERATIONS), "event"))) == known
