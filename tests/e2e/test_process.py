"""The daemon as a process: reload, signals, and what it leaves behind."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from slo_daemon.cli import app
from tests.e2e.conftest import World
from tests.e2e.world import INTERVAL, pilot, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

GOOD = pilot() | {"metadata": {"name": "renamed", "title": "Renamed"}}
BAD = (
    "apiVersion: slo-daemon/v1\nkind: Pilot\nmetadata: {name: search}\nspec: {stage: canary, colour: blue}\n"
)


def names(world: World) -> set[str]:
    return {slo["pilot"] for slo in world.daemon.slos()}


def test_a_bad_reload_keeps_the_last_good_specification_and_says_so(
    start_world: Callable[..., World],
) -> None:
    world = start_world()
    world.daemon.write_spec(BAD)
    wait_until(
        lambda: world.daemon.gauge("slo_daemon_config_last_reload_successful") == 0.0,
        20,
        "the refusal is told",
    )
    assert names(world) == {"search"}
    (refused, *_) = world.daemon.logged("reload_refused")
    assert any("pilot.yaml:4" in problem and "colour" in problem for problem in refused["problems"])
    world.daemon.write_spec(GOOD)
    wait_until(lambda: names(world) == {"renamed"}, 20, "the good specification is in force")
    assert world.daemon.gauge("slo_daemon_config_last_reload_successful") == 1.0


def test_sighup_and_the_reload_request_load_at_once(
    start_world: Callable[..., World], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-administrator")
    world = start_world(tokens={"admin": {"file": str(token)}})
    world.daemon.write_spec(GOOD)
    world.daemon.signal(signal.SIGHUP)
    wait_until(lambda: names(world) == {"renamed"}, 4, "SIGHUP reloads")
    world.daemon.write_spec(BAD)
    refused = requests.post(f"{world.daemon.url}/-/reload", timeout=10)
    assert refused.status_code == 401
    header = {"Authorization": "Bearer token-of-the-administrator"}
    answer = requests.post(f"{world.daemon.url}/-/reload", headers=header, timeout=10)
    assert answer.status_code == 400
    assert any("colour" in problem for problem in answer.json()["problems"])
    assert names(world) == {"renamed"}


def test_sigterm_drains_within_20_seconds_though_prometheus_is_silent(
    start_world: Callable[..., World],
) -> None:
    world = start_world()
    wait_until(lambda: world.daemon.gauge("slo_daemon_source_up") == 1.0, 20, "a slot was evaluated")
    world.source.freeze()
    time.sleep(INTERVAL)
    began = time.monotonic()
    assert world.daemon.terminate(within=20) == 0
    assert time.monotonic() - began < 20


def test_reports_are_written_and_served(start_world: Callable[..., World]) -> None:
    world = start_world()
    wait_until(
        lambda: world.daemon.get("/api/v1/pilots/search/reports").json().get("reports"),
        40,
        "a report was written",
    )
    latest = world.daemon.get("/api/v1/pilots/search/reports/latest?format=md")
    assert latest.ok
    assert latest.text.startswith("# ")
    assert (world.daemon.folder / "reports" / "search" / "latest").exists()


def test_an_incident_told_on_the_command_line_blocks_the_pilot_and_survives_a_kill(
    start_world: Callable[..., World], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token-for-incidents")
    world = start_world(tokens={"incidents": {"file": str(token)}, "feedback": {"file": str(token)}})
    said = ["--pilot", "search", "--url", world.daemon.url, "--token-file", str(token), "--output", "json"]
    incident = ["incident", "add", "--title", "Search is down", "--severity", "critical", *said]
    added = CliRunner().invoke(app, incident)
    assert added.exit_code == 0, added.output
    rated = CliRunner().invoke(
        app, ["feedback", "add", "--user", "u-1", "--rating", "5", "--text", "Good", *said]
    )
    assert rated.exit_code == 0, rated.output
    world.daemon.kill()
    world.daemon.start()
    readiness = world.daemon.get("/api/v1/pilots/search/readiness").json()
    assert readiness["verdict"] == "NOT_READY"
    assert any("critical" in blocker for blocker in readiness["blockers"])
    number = str(json.loads(added.stdout)["id"])
    assert (
        CliRunner().invoke(app, ["incident", "resolve", number, "--resolution", "Fixed", *said]).exit_code
        == 0
    )
    readiness = world.daemon.get("/api/v1/pilots/search/readiness").json()
    assert not any("critical" in blocker for blocker in readiness["blockers"])
    (feedback,) = json.loads(CliRunner().invoke(app, ["feedback", "list", *said]).stdout)["feedback"]
    assert feedback["rating"] == 5
