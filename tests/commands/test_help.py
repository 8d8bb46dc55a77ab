"""What people read first: every command's help is whole, fits a terminal, and its examples are commands that exist."""

import shlex
from typing import Any

import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from slo_daemon.cli import app
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.manual import PAGES
from slo_daemon.settings import variables

INTERRUPTED = 130
NO_PAGES = ("incident", "feedback", "override")  # groups: their commands have pages
EXAMPLES = [(words, example) for words, page in PAGES.items() for example in page.examples]


def call(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns)})


def commands() -> dict[str, Any]:
    """Every command by its words, without the groups."""
    root: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for word, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{word} {name}": one for name, one in inner.items()} if inner else {word: command}
    return found


def test_every_command_has_its_page_and_every_page_its_command() -> None:
    assert commands().keys() == PAGES.keys()


@pytest.mark.parametrize("words", PAGES)
def test_help_has_a_summary_exit_codes_environment_and_examples(words: str) -> None:
    text = call(*words.split(), "--help").stdout
    summary = str(commands()[words].help).partition("\n\n")[0]
    assert " ".join(summary.split()) in " ".join(text.split())
    for heading in ("Usage: slo-daemon", "Options", "Exit codes", "Environment", "Examples"):
        assert heading in text
    for code, meaning in PAGES[words].exits.items():
        assert f"{code:<4} {meaning}" in text


@pytest.mark.parametrize("words", ["", *NO_PAGES, *PAGES])
def test_help_fits_into_eighty_columns(words: str) -> None:
    lines = call(*words.split(), "--help").stdout.splitlines()
    assert lines
    assert max(cell_len(line) for line in lines) <= 80


@pytest.mark.parametrize(("words", "example"), EXAMPLES)
def test_an_example_stands_in_the_help_as_it_must_be_typed(words: str, example: str) -> None:
    shown = [line.rstrip() for line in call(*words.split(), "--help").stdout.splitlines()]
    for line in example.splitlines():
        assert f"   {line}" in shown


@pytest.mark.parametrize(("words", "example"), EXAMPLES)
def test_an_example_is_understood_by_the_command_that_it_is_of(words: str, example: str) -> None:
    """Read with all its values, without being carried out."""
    typed = shlex.split(example.replace("\\\n", " "))
    typed = typed[: typed.index(">")] if ">" in typed else typed
    name = ["slo-daemon", *words.split()]
    assert typed[: len(name)] == name
    context = commands()[words].make_context(words, typed[len(name) :])
    assert context.args == []


@pytest.mark.parametrize("words", PAGES)
def test_exit_codes_and_variables_of_a_page_are_the_programs(words: str) -> None:
    page, command = PAGES[words], commands()[words]
    assert set(page.exits) <= {*map(int, Exit), INTERRUPTED}
    of_options = {p.envvar for p in command.params if p.envvar}
    named = {name for name, _ in page.environment}
    assert of_options <= named
    assert {name for name in named if name.startswith("SLO_DAEMON_")} - of_options <= {
        *variables(),
        "SLO_DAEMON_TOKEN",
        "SLO_DAEMON_*",
    }


@pytest.mark.parametrize("words", ["", "gate", "incident", "incident add"])
def test_help_is_also_a_command(words: str) -> None:
    assert call("help", *words.split()).stdout == call(*words.split(), "--help").stdout
    assert call("help", *words.split()).exit_code == 0


def test_a_command_that_is_not_there_is_told() -> None:
    result = call("help", "incident", "ad")
    assert result.exit_code == Exit.USAGE
    assert "there is no command 'incident ad'" in result.stderr


def test_without_a_command_the_first_steps_are_shown() -> None:
    result = call()
    assert result.exit_code == Exit.USAGE
    assert "First steps" in result.output
    assert "slo-daemon demo" in result.output


def test_a_switch_is_shown_without_a_value() -> None:
    assert "<bool>" not in call("evaluate", "--help").stdout + call("--help").stdout
