"""`slo-daemon gate`, against a real daemon's web, as pipelines call it."""

import json
import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from slo_daemon.cli import app
from slo_daemon.commands import gate as gate_module
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.verdict import Assessment
from tests.adapters.test_daemon_api import Answerer
from tests.assessments import BLIND, FIRED, MISSED, OPEN, QUIET, READY, assessed, hold, ramp
from tests.web.house import NOW, PILOT, House, Visitor
from tests.web.test_gates_api import judged

NOBODY = "http://127.0.0.1:9"
ready, fired = assessed(READY, QUIET), assessed(READY, FIRED)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def visitor(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    monkeypatch.delenv("SLO_DAEMON_URL", raising=False)
    with capture_logs(), house.open() as visitor:
        yield visitor


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask every 50 ms instead of every 10 s, and do not repeat refused connections slowly."""
    monkeypatch.setattr(gate_module, "BETWEEN", 0.05)
    monkeypatch.setattr("slo_daemon.adapters.daemon_api.ATTEMPTS", 1)


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, ["gate", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


@pytest.mark.parametrize(
    ("assessment", "late", "codes"),
    [
        (ready, 0, (0, 0, 0)),
        (fired, 0, (1, 1, 1)),
        (assessed(MISSED, QUIET), 0, (1, 3, 0)),
        (assessed(MISSED, QUIET, ramp=ramp(Advice.ADVANCE)), 0, (1, 0, 0)),
        (assessed(OPEN, QUIET), 0, (3, 3, 0)),
        (assessed(READY, BLIND), 0, (3, 3, 3)),
        (assessed(READY, QUIET, holds=[hold()]), 0, (3, 3, 0)),
        (fired, 600, (4, 4, 4)),
        (ready, 600, (4, 4, 4)),
        (None, 0, (4, 4, 4)),
    ],
    ids=[
        "ready",
        "fired",
        "missed",
        "missed, ramp advances",
        "open",
        "blind",
        "held",
        "fired, stale",
        "stale",
        "new",
    ],
)
def test_the_exit_code_says_what_the_gate_said(
    house: House, visitor: Visitor, assessment: Assessment | None, late: float, codes: tuple[int, int, int]
) -> None:
    judged(house, assessment)
    house.clock.at = NOW + late
    found = [
        run(PILOT, "--gate", g, "--url", visitor.url).exit_code for g in ("promote", "advance", "rollback")
    ]

    assert tuple(found) == codes


def test_people_are_told_the_verdict_and_its_reasons(house: House, visitor: Visitor) -> None:
    judged(house, fired)
    house.clock.at = NOW + 12

    result = run(PILOT, "--url", visitor.url)

    assert result.stdout == (
        "search promote: fail (trigger_fired)\n"
        "  rollback trigger fired: Error rate > 1% (2.4 % over 5m)\n"
        "  as of 2027-01-15T08:00:00Z, 12s ago, NOT_READY; advice: rollback\n"
    )


def test_programs_are_told_what_the_daemon_said(house: House, visitor: Visitor) -> None:
    judged(house, ready)

    result = run(PILOT, "--url", visitor.url, "--output", "json")

    assert json.loads(result.stdout) == visitor.get(f"/api/v1/pilots/{PILOT}/gates/promote").json()
    assert result.stderr == ""


def test_an_unknown_pilot_is_wrong_usage_and_waits_for_nothing(visitor: Visitor) -> None:
    begun = monotonic()
    result = run("serach", "--url", visitor.url, "--wait", "10m")

    assert result.exit_code == 2
    assert "known: search" in result.output
    assert monotonic() - begun < 5


@pytest.mark.parametrize(
    "words",
    [
        (),
        (PILOT, "--gate", "promotion"),
        (PILOT, "--wait", "soon"),
        (PILOT, "--wait", "30"),
        (PILOT, "--url", "here"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_wrong_usage(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.usefixtures("quick")
def test_a_daemon_that_is_not_there_is_4() -> None:
    result = run(PILOT, "--url", NOBODY)

    assert result.exit_code == 4
    assert result.stdout == ""
    assert "is `slo-daemon run` there" in result.stderr


@pytest.mark.parametrize("body", [b'{"gate": {}}', b'{"gate": 1}', b"{}", b'{"status": "ok"}', b"<html>"])
def test_whatever_else_answers_with_200_is_no_pass(body: bytes) -> None:
    with Answerer((200, {"Content-Type": "application/json"}, body)).open() as url:
        result = run(PILOT, "--url", url)

    assert result.exit_code == 4
    assert "no slo-daemon" in result.stderr


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        (assessed(OPEN, QUIET), ready, 0),
        (assessed(OPEN, QUIET), fired, 1),
        (assessed(OPEN, QUIET), assessed(MISSED, QUIET), 1),
        (None, ready, 0),
    ],
    ids=["to ready", "to fired", "to not ready", "from not assessed"],
)
def test_waiting_ends_when_it_is_decided(
    house: House, visitor: Visitor, first: Assessment | None, then: Assessment, code: int
) -> None:
    judged(house, first)
    threading.Timer(0.4, judged, (house, then)).start()
    begun = monotonic()

    result = run(PILOT, "--url", visitor.url, "--wait", "1m")

    assert result.exit_code == code
    assert 0.3 < monotonic() - begun < 30
    waited = [line for line in result.stderr.splitlines() if line.startswith("waiting: ")]
    assert len(waited) == 1, "one line for what is waited for, not one for every question"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("assessment", "code"), [(assessed(OPEN), 3), (None, 4)], ids=["open", "not assessed"]
)
def test_waiting_ends_with_its_time(
    house: House, visitor: Visitor, assessment: Assessment | None, code: int
) -> None:
    judged(house, assessment)

    assert run(PILOT, "--url", visitor.url, "--wait", "1s").exit_code == code


@pytest.mark.usefixtures("quick")
def test_waiting_outlives_a_daemon_that_is_not_there_yet() -> None:
    begun = monotonic()
    result = run(PILOT, "--url", NOBODY, "--wait", "1s")

    assert result.exit_code == 4
    assert monotonic() - begun >= 1
    assert "waiting: search promote: cannot reach" in result.stderr


def test_a_ready_pilot_is_not_waited_for(house: House, visitor: Visitor) -> None:
    judged(house, ready)
    result = run(PILOT, "--url", visitor.url, "--wait", "1h")

    assert (result.exit_code, result.stderr) == (0, "")


def test_what_others_wrote_does_not_steer_the_terminal(house: House, visitor: Visitor) -> None:
    judged(house, assessed(READY, QUIET, holds=[hold("Eve\x1b[2J", "a\nb\u202ec")]))
    result = run(PILOT, "--url", visitor.url)

    assert not set("\x1b\u202e") & set(result.stdout)
    assert result.stdout.count("\n") == 4
