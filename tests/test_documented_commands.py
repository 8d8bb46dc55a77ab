"""The documents keep up with the command line: what they show exists, and everything that exists has its place."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from slo_daemon.cli import app
from slo_daemon.commands.daemon import TOKEN_VARIABLE
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.settings import variables
from tests.documents import DOCS, PAGES, ROOT, Block, blocks, codes, first_codes, name, prose, rows, text_of

COMMANDS = DOCS / "commands.md"
OTHERS = (
    "helm ",
    "kubectl ",
    "useradd ",
    "systemctl ",
    "journalctl ",
)  # to them slo-daemon is a name of something


def commands() -> list[tuple[str, Any]]:
    """Every command by its words, groups included: ("incident add", ...)."""
    root: Any = typer.main.get_command(app)
    found = [("", root)]
    for words, command in found:
        for word, inner in sorted(getattr(command, "commands", {}).items()):
            found.append((f"{words} {word}".strip(), inner))
    return found


def usages(page: Path) -> Iterator[str]:
    """What follows `slo-daemon` wherever a page shows how to call it."""
    shown = [line for b in blocks("sh", "ini", "text") if b.page == page for line in shell_lines(b)]
    for text in [*shown, *(code for code in codes(prose(page)) if not code.startswith(OTHERS))]:
        yield from re.findall(r"(?:^|[\s/])slo-daemon(?=\s|$)([^|>;&)]*)", text)


def shell_lines(block: Block) -> list[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    lines = [line for line in lines if not line.startswith(OTHERS)]
    return [line for line in lines if block.info[0] != "text" or line.startswith("$ ")]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    by_words = dict(commands())
    for usage in usages(page):
        words = ""
        for word in usage.split():
            option = word.partition("=")[0].rstrip(".,")
            if f"{words} {word}".strip() in by_words:
                words = f"{words} {word}".strip()
            elif option.startswith("--"):
                known = {name for parameter in by_words[words].params for name in parameter.opts} | {"--help"}
                assert option in known, f"slo-daemon{usage}"
            else:
                group = getattr(by_words[words], "commands", {})
                assert not group or word.isupper() or "--" in usage.partition(word)[0], f"slo-daemon{usage}"


def test_every_command_and_option_has_its_place() -> None:
    text = text_of(COMMANDS)
    own = {"--help", "--install-completion", "--show-completion", "--version"}
    known = {
        option
        for _, command in commands()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }

    assert {option for option in known - own if not re.search(rf"{option}\b", text)} == set()
    assert {words for words, _ in commands() if f"slo-daemon {words}".strip() not in text} == set()


def test_every_option_of_the_rules_has_its_line() -> None:
    (command,) = [command for words, command in commands() if words == "rules"]
    assert set(first_codes(rows(text_of(DOCS / "alerts.md"), "option"))) == {
        p.opts[0] for p in command.params
    }


def test_every_exit_code_has_its_line() -> None:
    assert [row[0] for row in rows(text_of(COMMANDS), "code")] == [str(code.value) for code in Exit]


def test_every_goal_that_a_page_names_exists() -> None:
    goals = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for page in PAGES:
        shown = [
            *codes(prose(page)),
            *(line for b in blocks("sh") if b.page == page for line in b.text.splitlines()),
        ]
        named = {goal for text in shown for goal in re.findall(r"^make ([a-z]+)", text)}
        assert named <= goals, name(page)


def all_variables() -> set[str]:
    of_options = {
        variable for _, command in commands() for p in command.params for variable in listed(p.envvar)
    }
    return {*variables(), *of_options, TOKEN_VARIABLE}


def listed(envvar: Any) -> list[str]:
    return [envvar] if isinstance(envvar, str) else list(envvar or [])


def test_documents_name_every_variable_of_the_environment_and_no_other() -> None:
    named = {v for page in PAGES for v in re.findall(r"\bSLO_DAEMON_[A-Z_]*[A-Z]\b", text_of(page))}

    assert set(re.findall(r"\bSLO_DAEMON_[A-Z_]*[A-Z]\b", text_of(DOCS / "settings.md"))) == all_variables()
    assert named <= all_variables()
