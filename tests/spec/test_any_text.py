"""Any text gives a specification or a list of problems: never a traceback, and never a problem outside the text."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from slo_daemon.core.snapshot import Specification
from slo_daemon.spec import Severity, SpecError, leaves, load, render
from slo_daemon.spec.nodes import Form, Scalar
from slo_daemon.spec.problems import Mark, split_lines

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLES = [file.read_text(encoding="utf-8") for file in sorted((CONFIG / "pilots").glob("*.yaml"))]
LINES = sorted({line for text in EXAMPLES for line in text.splitlines() if line.strip()})
SCALARS = [
    "", "~", "5", "-1", "0.5", "99.9%", "50ms", "5m", "1:30", "on", "true", "null", "p95", "x", "''", "[]", "{}", "[a, a]",
    "{a: b}", "*a", "&a b", "!!str x", "|", ">-", "@", "'", '"', "2026-10-23", "9999-12-31", "1e400", "x_bucket", "'sum('",
    "'x[99999999999999999999]'", "99999999999999999999d", "4.0/5", "1/s", "\u2028", "\x85", "\ufeff", "\u202e", "😀",
]  # fmt: skip


def outcome(text: str) -> Specification | SpecError:
    """What the text comes to; what must hold for every text is checked here."""
    try:
        loaded = load([("any.yaml", text)])
    except SpecError as refused:
        problems = refused.problems
        result: Specification | SpecError = refused
        assert any(problem.severity is Severity.ERROR for problem in problems)
    else:
        problems, result = loaded.warnings, loaded.specification
        assert loaded.specification.slos
        assert all(problem.severity is Severity.WARNING for problem in problems)
    lines = split_lines(text)
    for problem in problems:
        assert problem.message
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert str(problem).isprintable()
    assert render(problems, [("any.yaml", text)]).count("\n") >= 2 * len(problems)
    return result


@settings(deadline=None)
@given(st.text())
@example("\ud800")
@example("\ufeff")
@example("a: &a [*a]")
@example("\r")
@example("---\n...\n---\n")
def test_any_text_is_refused_in_words(text: str) -> None:
    outcome(text)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    outcome(content.decode("utf-8", "surrogateescape"))


@settings(deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(SCALARS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["apiVersion", "kind", "metadata", "spec", "slos", "name", "sli"]), inner, max_size=6
    ),
    max_leaves=30,
), st.sampled_from(["Pilot", "Slos", "Settings"]))  # fmt: skip
def test_any_data_in_a_documents_place_is_refused_in_words(value: object, kind: str) -> None:
    document = {
        "apiVersion": "slo-daemon/v1",
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": {"slos": value},
    }

    outcome(yaml.safe_dump(document))
    outcome(yaml.safe_dump(value))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An example with some lines, bytes and values changed."""
    text = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        lines = text.split("\n")
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match draw(st.integers(0, 7)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, line)
            case 2:
                lines[at] = draw(st.sampled_from(LINES))
            case 3:
                lines[at] = line.partition(":")[0] + ": " + draw(st.sampled_from(SCALARS))
            case 4:
                place = draw(st.integers(0, len(line)))
                lines[at] = line[:place] + draw(st.sampled_from(SCALARS)) + line[place:]
            case 5:
                start, end = sorted(draw(st.tuples(st.integers(0, len(line)), st.integers(0, len(line)))))
                lines[at] = line[:start] + line[end:]
            case 6:
                lines[at] = " " * draw(st.integers(0, 12)) + line.lstrip()
            case _:
                place = draw(st.integers(0, len(line)))
                lines[at] = line[:place] + draw(st.characters()) + line[place + 1 :]
        text = "\n".join(lines)
    return text


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mutated())
def test_an_example_with_some_slips_loads_or_is_refused_in_words(text: str) -> None:
    outcome(text)


def test_the_unchanged_examples_load() -> None:
    for text in EXAMPLES:
        assert isinstance(outcome(text), Specification)


LEAVES = [
    leaves.text, leaves.long_text, leaves.criterion, leaves.name, leaves.truth, leaves.count, leaves.quantity, leaves.share,
    leaves.duration, leaves.duration_or_zero, leaves.short_duration, leaves.day, leaves.quantile, leaves.unit,
    leaves.selector, leaves.histogram, leaves.expression, leaves.raw_expression, leaves.url,
]  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60) | st.sampled_from(SCALARS), form=st.sampled_from(Form))
def test_any_scalar_gives_a_value_or_is_refused_in_words(
    leaf: Callable[[object], object], text: str, form: Form
) -> None:
    try:
        leaf(Scalar(text, Mark("f", 1, 1), form))
        said = "a value"
    except PydanticCustomError as refused:
        said = (refused.context or {})["message"]
    assert said


@settings(deadline=None)
@given(st.decimals(min_value=0, max_value=100, places=3))
def test_every_ratio_of_the_allowed_range_is_taken(percent: object) -> None:
    assert 0 <= leaves.share(Scalar(f"{percent}%", Mark("f", 1, 1), Form.PLAIN)) <= 1
