"""`demo`: the whole story on one page; and what it says when something goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

import pytest
import requests
from rich.cells import cell_len
from typer.testing import CliRunner

from slo_daemon.cli import app
from slo_daemon.commands import demo_show as command
from slo_daemon.demo.story import Demo
from slo_daemon.demo.webhook import Notification

WIDTH = 80


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


@pytest.mark.servers
@pytest.mark.slow
def test_once_tells_verdict_streak_ramp_experiment_gates_and_the_trigger_of_the_old_outage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    result = CliRunner().invoke(app, ["demo", "--once"])
    assert result.exit_code == 1, result.output
    page, _, replayed = result.stdout.partition("What would have happened 26 days ago")
    assert "✗ NOT READY   advice: hold the ramp where it is" in page
    assert "✗ All SLOs met for 2+ weeks: 2 of 4 objectives met for 14d, earliest pass on" in page
    assert re.search(r"\(9\.[4-6] of 14 days, too many slices of time missed", " ".join(page.split()))
    assert "from 240 votes" in page
    assert re.search(r"Ramp  planned 15 %, served 1[45](\.\d+)? %, advised 15 %; hold the ramp", page)
    assert "always-valid 95 % interval" in page
    assert "rollback  ✓ pass" in page
    told = [" ".join(line.split()) for line in replayed.splitlines()]
    in_order = (
        "gates: promote inconclusive, advance",
        "rollback trigger fired: Error rate > 1%",
        "gates: promote fail, advance fail, rollback fail",
        "rollback trigger cleared: Error rate > 1%",
    )
    places = [min(n for n, line in enumerate(told) if wanted in line) for wanted in in_order]
    assert places == sorted(places)
    end = " ".join(told[places[-1] :])
    assert "advice hold gates: promote inconclusive, advance inconclusive, rollback pass" in end
    assert "http://127.0.0.1" not in result.stdout  # all servers are gone by now
    assert max(cell_len(line.rstrip()) for line in (page + replayed).splitlines()) <= WIDTH
    assert list(tmp_path.iterdir()) == []


@pytest.mark.servers
@pytest.mark.slow
def test_live_lines_tell_how_a_trigger_fires_the_gates_that_follow_and_the_alert_that_arrives(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.txt"
    with page.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "slo_daemon", "demo", "--days", "1"],
            env=os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": "120"},
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
    watchdog = Timer(240.0, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        burn = _until(page, process, re.compile(r"'(http://\S+?/incident\?kind=outage)&"))
        shown = page.read_text()
        for link in (
            "/gates/rollback",
            "/readiness",
            "slo-daemon gate ecommerce-semantic-search --gate rollback --url",
        ):
            assert link in shown
        assert requests.post(f"{burn}&seconds=60", timeout=10).status_code == 202
        expected = [
            "demo: rollback trigger fired: Error rate > 1% (error_rate is ",
            "demo: advice rollback",
            "demo: gate promote fail (trigger_fired)",
            "demo: gate rollback fail (trigger_fired)",
            "demo: Alertmanager notified: firing PilotRollbackTriggered",
        ]
        for line in process.stderr:
            if line.startswith(expected[0]):
                expected.pop(0)
            if not expected:
                break
        assert expected == []
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait() == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.stderr.close()
    assert list(tmp_path.iterdir()) == [page]


def _until(file: Path, process: subprocess.Popen[str], wanted: re.Pattern[str]) -> str:
    """What a pattern finds in a file that is being written."""
    while (found := wanted.search(file.read_text())) is None:
        assert process.poll() is None, file.read_text()
        Event().wait(0.2)
    return found.group(1)


@pytest.mark.servers
@pytest.mark.slow
def test_once_as_json_is_the_assessment_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    result = CliRunner().invoke(app, ["demo", "--once", "--output", "json", "--days", "1"])
    shape = json.loads(result.stdout)
    assert shape["pilot"] == "ecommerce-semantic-search"
    assert result.exit_code == {"READY": 0, "NOT_READY": 1, "INCONCLUSIVE": 3}[shape["verdict"]]


def test_a_notification_is_told_by_its_alerts_each_name_once() -> None:
    alerts = [
        {"status": "firing", "labels": {"alertname": "PilotRollbackTriggered", "trigger": trigger}}
        for trigger in ("a", "b")
    ]
    alerts.append({"status": "resolved", "labels": {"alertname": "SLOWarning"}})
    said = command.said(Notification(0.0, "/", {"status": "firing", "alerts": alerts}))
    assert said == "firing PilotRollbackTriggered; resolved SLOWarning"
