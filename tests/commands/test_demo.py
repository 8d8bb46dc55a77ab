"""`demo` when something goes wrong: a signal while it prepares, no room or port, no verdict."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest
from typer.testing import CliRunner

from slo_daemon.cli import app
from slo_daemon.commands import demo as command
from slo_daemon.demo.story import Demo


@pytest.mark.servers
def test_sigterm_while_it_prepares_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slo_daemon", "demo", "--days", "30"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = Timer(60.0, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        for line in process.stderr:  # Alertmanager runs by the second step
            if line.startswith("demo: ") and "Alertmanager" not in line:
                break
        assert any(tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait() == 130
    finally:
        watchdog.cancel()
        process.kill()
        process.stderr.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.servers
@pytest.mark.slow
def test_without_a_verdict_in_time_it_says_so_and_ends_with_4(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "FIRST_VERDICT_SECONDS", 0.0)  # so that none can be in time
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    result = CliRunner().invoke(app, ["demo", "--days", "1"])
    assert result.exit_code == 4, result.output
    assert "no verdict within 0 s" in result.stderr


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device")])
def test_no_room_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch, problem: OSError) -> None:
    def fail(_demo: Demo, _watch: object) -> None:
        raise problem

    monkeypatch.setattr(Demo, "run", fail)
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 2
    assert result.stderr.strip() == "error: [Errno 28] No space left on device"
