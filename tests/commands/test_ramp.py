"""`slo-daemon ramp`, against a real daemon's web."""

import json
from collections.abc import Iterator

import pytest
import yaml
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from slo_daemon.cli import app
from slo_daemon.core.pilot.ramp import Advice
from tests.assessments import QUIET, READY, assessed, ramp
from tests.web.house import PILOT, House, Visitor
from tests.web.test_gates_api import judged


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    monkeypatch.delenv("SLO_DAEMON_URL", raising=False)
    house = House()
    judged(
        house,
        assessed(READY, QUIET, ramp=ramp(Advice.ADVANCE, "10 % are planned, and nothing speaks against it")),
    )
    with capture_logs(), house.open() as visitor:
        yield visitor


def run(visitor: Visitor, *words: str) -> Result:
    return CliRunner().invoke(app, ["ramp", PILOT, "--url", visitor.url, *words])


def test_the_text_says_what_is_planned_served_and_advised_and_why(visitor: Visitor) -> None:
    result = run(visitor)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{PILOT}: advance, 10 % of the users",
        "  5 % planned today, served share not known",
        "  10 % are planned, and nothing speaks against it",
    ]


def test_files_are_printed_as_the_tools_take_them(visitor: Visitor) -> None:
    flags = json.loads(run(visitor, "--output", "flagd").stdout)
    (flag,) = flags["flags"].values()
    assert flag["targeting"]["fractional"][1:] == [["treatment", 100], ["off", 800], ["control", 100]]
    assert yaml.safe_load(run(visitor, "--output", "argo-rollouts").stdout)["steps"][0] == {"setWeight": 10}
    assert yaml.safe_load(run(visitor, "--output", "flagger").stdout)["stepWeights"] == [10]
    assert json.loads(run(visitor, "--output", "json").stdout)["ramp"]["advised"] == 0.1


def test_an_unknown_pilot_is_wrong_usage_and_a_daemon_that_is_not_there_is_unreachable(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo_daemon.adapters.daemon_api.ATTEMPTS", 1)
    assert CliRunner().invoke(app, ["ramp", "nobody", "--url", visitor.url]).exit_code == 2
    assert CliRunner().invoke(app, ["ramp", PILOT, "--url", "http://127.0.0.1:9"]).exit_code == 4
