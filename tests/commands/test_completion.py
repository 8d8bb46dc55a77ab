"""What a shell offers after TAB: the protocol of each shell, and a real bash with a real key."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from slo_daemon.adapters.gauges import MetricsPage, SelfMetrics
from tests.terminals import PATIENCE, PROGRAM, in_pipe, on_terminal
from tests.web.house import NOW, PILOT, House

PILOTS = Path(__file__).parents[2] / "config" / "pilots"
NOBODY = "http://127.0.0.1:1"


def run(variables: Mapping[str, str]) -> str:
    done = in_pipe([PROGRAM], variables)
    assert "Traceback" not in done.stderr
    return done.stdout


def offered(line: str) -> list[str]:
    """What bash is told for a line that ends where the cursor is."""
    words = line.split(" ")
    return run(
        {
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_SLO_DAEMON_COMPLETE": "complete_bash",
        }
    ).split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("slo-daemon ev", ["evaluate"]),
        ("slo-daemon incident re", ["resolve"]),
        ("slo-daemon gate x --gate ", ["promote", "advance", "rollback"]),
        ("slo-daemon report --output ", ["text", "markdown", "html", "json"]),
        ("slo-daemon run --log-format ", ["auto", "json", "console"]),
        ("slo-daemon incident add --severity c", ["critical"]),
        ("slo-daemon evaluate --pro", ["--prometheus"]),
        (f"slo-daemon explain --spec {PILOTS} avail", ["availability"]),
        (f"slo-daemon explain --spec {PILOTS} ecommerce-semantic-search/err", ["ecommerce-semantic-search/error-rate"]),
        (f"slo-daemon report --spec {PILOTS} --pilot e", ["ecommerce-semantic-search"]),
        (f"slo-daemon explain --spec {PILOTS / 'missing.yaml'} a", []),
        (f"slo-daemon gate --url {NOBODY} ", []),
        ("slo-daemon gate --url nonsense ", []),
        ("slo-daemon evaluate --spec ", []),  # nothing of ours: the shell offers files
    ],
)  # fmt: skip
def test_what_bash_is_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


@pytest.mark.parametrize(
    "command", ["gate --url {url} ", "ramp --url {url} s", "incident list --url {url} --pilot "]
)
def test_names_of_pilots_come_from_the_running_daemon(command: str) -> None:
    """Of pilots only: documents that hold SLOs alone have no gates."""
    house = House()
    house.payload = MetricsPage(SelfMetrics()).render(house.current, NOW)
    with house.open() as visitor:
        assert offered("slo-daemon " + command.format(url=visitor.url)) == [PILOT]


def test_zsh_and_fish_are_offered_words_with_what_they_mean() -> None:
    zsh = run({"_TYPER_COMPLETE_ARGS": "slo-daemon back", "_SLO_DAEMON_COMPLETE": "complete_zsh"})
    assert re.search(r'"backtest":"Replay the same files', zsh)
    fish = run(
        {
            "_TYPER_COMPLETE_ARGS": "slo-daemon back",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_SLO_DAEMON_COMPLETE": "complete_fish",
        }
    )
    assert [line.split("\t")[0] for line in fish.splitlines()] == ["backtest", "backfill"]


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --command")])  # fmt: skip
def test_the_script_of_each_shell_can_be_printed_anywhere(shell: str, word: str) -> None:
    """`--show-completion` looks which shell it was called from; a container or a package has none."""
    assert word in run({"_SLO_DAEMON_COMPLETE": f"source_{shell}"})


def shell_of(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_understands_its_script(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run({"_SLO_DAEMON_COMPLETE": f"source_{shell}"}))
    assert subprocess.run([shell_of(shell), "-n", str(script)], timeout=PATIENCE).returncode == 0


def test_tab_in_a_real_bash_writes_the_rest_of_the_word(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run({"_SLO_DAEMON_COMPLETE": "source_bash"}))
    plain = {"PS1": "ready> ", "TERM": "dumb", "INPUTRC": "/dev/null"}
    with on_terminal([shell_of("bash"), "--norc", "--noprofile", "-i"], plain) as bash:
        bash.until("ready> ")
        bash.type(f"source {script}; echo loa''ded\n")
        bash.until("loaded")
        bash.until("ready> ")
        bash.type("slo-daemon gate x --gate prom\t")
        bash.until("--gate promote")


def test_tab_in_a_real_zsh_writes_the_rest_of_the_word(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run({"_SLO_DAEMON_COMPLETE": "source_zsh"}))
    plain = {"PS1": "ready> ", "TERM": "vt100", "ZDOTDIR": str(tmp_path)}
    with on_terminal([shell_of("zsh"), "-f", "-i"], plain) as zsh:
        zsh.until("ready> ")
        zsh.type(f"autoload -U compinit; compinit -u -D; source {script}; echo loa''ded\n")
        zsh.until("loaded\r\n")
        zsh.until("ready> ")
        zsh.type("slo-daemon gate x --gate prom\t")
        zsh.until("prom")
        zsh.until("ote")


def test_a_real_fish_offers_the_rest_of_the_word(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run({"_SLO_DAEMON_COMPLETE": "source_fish"}))
    asked = f"source {script}; complete -C 'slo-daemon gate x --gate prom'"
    done = in_pipe([shell_of("fish"), "--no-config", "-c", asked], {"HOME": str(tmp_path)})
    assert done.stdout.split() == ["promote"], done.stderr


def test_installing_finds_the_shell_and_writes_what_it_reads_at_its_start(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    done = in_pipe([shell_of("bash"), "-c", "slo-daemon --install-completion; true"], home)
    assert "completion installed" in done.stdout, done.stderr
    plain = home | {"TERM": "dumb", "INPUTRC": "/dev/null"}
    with on_terminal(
        [shell_of("bash"), "--noprofile", "--rcfile", tmp_path / ".bashrc", "-i"], plain
    ) as bash:
        bash.type("echo loa''ded\n")  # whatever prompt the system gives it
        bash.until("loaded\r\n")
        bash.type("slo-daemon backf\t")
        bash.until("slo-daemon backfill")
