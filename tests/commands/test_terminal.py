"""Colour, bars and logs: on a real terminal, in a pipe, and with the variables by which people say what they want."""

import json
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from slo_daemon.demo.servers import free_port
from tests.terminals import COLOUR, PROGRAM, in_pipe, on_terminal

BROKEN = (
    "apiVersion: slo-daemon/v1\nkind: Slos\nmetadata: {name: shop}\nspec: {slos: [{name: a, windw: 5m}]}\n"
)
SPEC = """\
apiVersion: slo-daemon/v1
kind: Slos
metadata: {name: shop}
spec:
  slos:
    - name: availability
      sli: {ratio: {bad: 'r{code="500"}', total: r}, as: good}
      objective: {at_least: 99.9%, warning: 99.9%, critical: 99.5%}
      window: 5m
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(SPEC)
    return file


@pytest.fixture
def looking(spec: Path) -> list[str | Path]:
    """A look at a Prometheus that is not there: a table, a red line, and a failure told on standard error."""
    return [PROGRAM, "evaluate", "--spec", spec, "--prometheus", f"http://127.0.0.1:{free_port()}"]


def shown(command: Sequence[str | Path], **variables: str) -> str:
    with on_terminal(command, variables) as terminal:
        return terminal.rest()


def test_a_terminal_gets_colour(looking: list[str | Path]) -> None:
    assert re.search(COLOUR, shown(looking))


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}]
)
def test_a_terminal_that_wants_no_colour_gets_none_and_the_same_words(
    looking: list[str | Path], variables: dict[str, str]
) -> None:
    text = shown(looking, **variables)
    assert not re.search(COLOUR, text)
    assert "Prometheus did not answer" in text


def test_a_pipe_gets_neither_colour_nor_bars(looking: list[str | Path]) -> None:
    done = in_pipe(looking)
    assert done.returncode == 4
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert "Prometheus did not answer" in done.stdout


def test_a_pipe_gets_colour_where_that_is_forced_but_still_no_bars(looking: list[str | Path]) -> None:
    done = in_pipe(looking, {"FORCE_COLOR": "1"})
    assert re.search(COLOUR, done.stdout)
    assert not re.search(r"\x1b\[[0-9]*[AKGJ]|\x1b\[\?25", done.stdout + done.stderr), (
        "the cursor stays where it is"
    )


@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)  # fmt: skip
def test_problems_of_a_file_follow_the_same_rule(
    tmp_path: Path, variables: dict[str, str], coloured: bool
) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(BROKEN)
    done = in_pipe([PROGRAM, "check", file], variables)
    assert done.returncode == 2
    assert bool(re.search(COLOUR, done.stdout)) is coloured
    assert "windw" in done.stdout


@pytest.fixture
def running(spec: Path, tmp_path: Path) -> list[str | Path]:
    settings = {
        "apiVersion": "slo-daemon/v1",
        "kind": "Settings",
        "specs": [str(spec)],
        "prometheus": {"url": f"http://127.0.0.1:{free_port()}"},
        "store": {"url": f"sqlite:///{tmp_path / 'state.db'}"},
        "web": {"listen": "127.0.0.1:0"},
        "reports": {"folder": str(tmp_path / "reports")},
    }
    file = tmp_path / "settings.yaml"
    file.write_text(json.dumps(settings))
    return [PROGRAM, "run", "--config", file]


def log_of(command: Sequence[str | Path], **variables: str) -> str:
    """What a daemon logs until it was told to stop, on a terminal."""
    with on_terminal(command, variables) as terminal:
        terminal.until("started")
        terminal.process.send_signal(signal.SIGTERM)
        return terminal.rest()


def test_the_log_is_readable_on_a_terminal(running: list[str | Path]) -> None:
    lines = log_of(running).splitlines()[1:]
    assert any("stopped" in line for line in lines)
    assert not any(line.lstrip().startswith("{") for line in lines)


def test_the_log_on_a_terminal_has_no_colour_where_nobody_wants_any(running: list[str | Path]) -> None:
    assert re.search(COLOUR, log_of(running))
    assert "\x1b[" not in log_of(running, NO_COLOR="1")


@pytest.mark.parametrize(
    ("options", "variables"), [(["--log-format", "json"], {}), ([], {"SLO_DAEMON_LOGS_FORMAT": "json"})]
)
def test_the_log_is_json_where_that_is_asked_for(
    running: list[str | Path], options: list[str], variables: dict[str, str]
) -> None:
    lines = [line for line in log_of([*running, *options], **variables).splitlines()[1:] if line.strip()]
    assert "stopped" in [json.loads(line)["event"] for line in lines]


def test_an_option_goes_before_the_environment(running: list[str | Path]) -> None:
    lines = log_of([*running, "--log-format", "console"], SLO_DAEMON_LOGS_FORMAT="json").splitlines()[1:]
    assert not any(line.lstrip().startswith("{") for line in lines)
