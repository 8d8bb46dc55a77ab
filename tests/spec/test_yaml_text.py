"""Reading YAML strictly: positions, limits, and the same answers from libyaml and from PyYAML's own parser."""

from pathlib import Path

import pytest
import yaml

from slo_daemon.spec import yaml_text
from slo_daemon.spec.nodes import Items, Node, Scalar, Table, to_data
from slo_daemon.spec.problems import Mark
from slo_daemon.spec.yaml_text import LONGEST_TEXT, parse

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLES = [*sorted((CONFIG / "pilots").glob("*.yaml")), CONFIG / "slo-daemon.yaml"]


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in parse("f", text)[1]]


def only(text: str) -> Node:
    documents, problems = parse("f", text)
    assert problems == []
    assert len(documents) == 1
    return documents[0].root


def test_every_value_knows_its_line_and_column() -> None:
    root = only("a: 1\nb:\n  - x\n  - {c: 'ü', d: y}\n")

    assert isinstance(root, Table)
    assert root.entries["a"].value.mark == Mark("f", 1, 4)
    assert root.entries["b"].key.mark == Mark("f", 2, 1)
    items = root.entries["b"].value
    assert isinstance(items, Items)
    assert items.items[0].mark == Mark("f", 3, 5)
    assert isinstance(items.items[1], Table)
    assert items.items[1].entries["d"].value.mark == Mark("f", 4, 17)


def test_columns_count_characters_and_not_bytes() -> None:
    assert problems_of("ä€😀: b: c\n")[0].startswith("f:1:7: ")


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_are_counted_with_any_line_break(line_break: str) -> None:
    root = only(line_break.join(["# c", "a: 1", "b: 2", ""]))

    assert isinstance(root, Table)
    assert root.entries["b"].value.mark == Mark("f", 3, 4)


def test_a_byte_order_mark_at_the_start_is_no_text() -> None:
    assert to_data(only("\ufeffa: b\n")) == {"a": "b"}


def test_an_alias_stands_for_its_anchors_value() -> None:
    assert to_data(only("a: &x {b: [c, d]}\ne: *x\n")) == {"a": {"b": ["c", "d"]}, "e": {"b": ["c", "d"]}}


def test_anchors_end_with_their_document() -> None:
    assert problems_of("a: &x b\n---\nc: *x\n") == ["f:3:4: the alias *x has no finished anchor &x before it"]


@pytest.mark.parametrize(
    ("text", "reads_as"),
    [
        ("x", ""),
        ("50ms", ""),
        ("99.9%", ""),
        ("true", "a truth value"),
        ("No", "a truth value"),
        ("on", "a truth value"),
        ("12", "a number"),
        ("-1.5e3", "a number"),
        ("1e3", "a number"),
        ("0o17", "a number"),
        ("1_000", "a number"),
        ("190:20:30", "a number"),
        (".inf", "a number"),
        ("2026-10-23", "a date"),
        ("~", "nothing"),
        ("null", "nothing"),
        ("'12'", ""),
        ('"no"', ""),
    ],
)
def test_an_unquoted_text_knows_what_some_yaml_would_take_it_for(text: str, reads_as: str) -> None:
    root = only(f"[{text}]")

    assert isinstance(root, Items)
    assert isinstance(root.items[0], Scalar)
    assert root.items[0].reads_as == reads_as


def test_a_text_of_one_mebibyte_is_read_and_one_byte_more_is_not() -> None:
    largest = "# " + "x" * (LONGEST_TEXT - 7) + "\na: b"

    assert len(largest) == LONGEST_TEXT
    assert problems_of(largest) == []
    assert problems_of(largest + "b") == ["f:1:1: the file is larger than 1 MiB; split it into several files"]
    assert problems_of("é" * (LONGEST_TEXT // 2 + 1)) == problems_of(largest + "b")


def test_nesting_ends_at_a_depth() -> None:
    assert problems_of("[" * 32 + "]" * 32) == []
    assert problems_of("[" * 33 + "]" * 33) == ["f:1:33: nested deeper than 32 levels"]


def test_aliases_cannot_blow_a_document_up() -> None:
    laughs = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
    )

    assert problems_of(laughs) == ["f:7:5: the aliases (*name) multiply the document beyond 4 MiB"]


def test_a_long_text_cannot_be_multiplied_by_aliases_either() -> None:
    text = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 1_000) + "]\n"

    assert problems_of(text) == ["f:2:4: the aliases (*name) multiply the document beyond 4 MiB"]


def test_documents_before_a_broken_one_are_still_read() -> None:
    documents, problems = parse("f", "a: b\n---\nc: [\n")

    assert [to_data(document.root) for document in documents] == [{"a": "b"}]
    assert len(problems) == 1


def test_a_stray_document_separator_is_no_document() -> None:
    assert to_data(only("---\na: b\n---\n")) == {"a": "b"}


def marks(node: Node) -> object:
    match node:
        case Scalar(text=text, mark=mark, reads_as=reads_as):
            return text, str(mark), reads_as
        case Items(items=items, mark=mark):
            return str(mark), [marks(item) for item in items]
        case Table(entries=entries, mark=mark):
            return str(mark), [(key, str(e.key.mark), marks(e.value)) for key, e in entries.items()]


def read_all(file: str, text: str) -> tuple[list[object], list[str]]:
    documents, problems = parse(file, text)
    return [marks(document.root) for document in documents], [str(problem) for problem in problems]


SYNTAX = ["a: [1, 2\n", "a: {b: x{c}}\n", "a: 'b\n", "a: b: c\n", "a:\n\tb: c\n", "a: @b\n", "a:\n  b: c\n d: e\n",
          "a: - b\n", "- a\nb: c\n", "a: b\n...\nc\n", "a: ]\n"]  # fmt: skip


@pytest.mark.parametrize(
    "text", [*(file.read_text() for file in EXAMPLES), *SYNTAX], ids=lambda text: text[:20]
)
def test_without_libyaml_the_same_is_read_and_said(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_libyaml = read_all("f", text)
    monkeypatch.setattr(yaml_text, "_Loader", yaml.SafeLoader)

    assert read_all("f", text) == with_libyaml
