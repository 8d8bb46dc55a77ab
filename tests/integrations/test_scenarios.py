"""What becomes of a rollout: our answers over a real socket, weighed by the rules of the tools that ask."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from slo_daemon.adapters.gauges.gate_text import gates_text
from slo_daemon.core.pilot.pilot import Canary
from slo_daemon.core.pilot.verdict import Assessment
from tests.assessments import BLIND, FIRED, MISSED, NOW, QUIET, READY, assessed, hold
from tests.integrations import argo
from tests.integrations.flagger import Rollout, webhook_says_yes
from tests.integrations.manifests import FOLDER, analysis, documents, named
from tests.web.house import PILOT, House, Visitor
from tests.web.test_gates_api import change_pilot, judged

NOBODY = "http://127.0.0.1:9"  # the port discard: nothing listens there
GATE = named("AnalysisTemplate", "pilot-gate")["spec"]["metrics"][0]
GUARD = named("AnalysisTemplate", "pilot-guard")["spec"]["metrics"][0]
BY_PROMETHEUS = named("AnalysisTemplate", "pilot-gate-prometheus")["spec"]["metrics"][0]
ready, fired = assessed(READY, QUIET), assessed(READY, FIRED)
STATES: Mapping[str, tuple[Assessment | None, float, str]] = {
    "ready": (ready, 0, argo.SUCCESSFUL),
    "fired": (fired, 0, argo.FAILED),
    "missed": (assessed(MISSED, QUIET), 0, argo.INCONCLUSIVE),
    "blind": (assessed(READY, BLIND), 0, argo.INCONCLUSIVE),
    "held": (assessed(READY, QUIET, holds=[hold()]), 0, argo.INCONCLUSIVE),
    "stale": (fired, 600, argo.INCONCLUSIVE),
    "not assessed": (None, 0, argo.INCONCLUSIVE),
}


@pytest.mark.parametrize("state", STATES)
def test_a_gate_of_argo_is_measured_as_it_is_meant(house: House, visitor: Visitor, state: str) -> None:
    assessment, late, phase = STATES[state]
    judged(house, assessment)
    house.clock.at = NOW + late

    assert argo.web_measurement(GATE, {"pilot": PILOT, "gate": "promote"}, visitor.url) == phase
    assert argo.judge(BY_PROMETHEUS, gauge(house, "promote")) == phase


def gauge(house: House, gate: str) -> list[float]:
    """What Prometheus answers about the gauge: a vector of the values."""
    text = gates_text(house.current, house.clock.at).decode()
    wanted = re.compile(rf'^pilot_gate_verdict{{pilot="{PILOT}",gate="{gate}"}} (\S+)$', re.MULTILINE)
    return [float(value) for value in wanted.findall(text)]


@pytest.mark.parametrize(
    "args", [{"pilot": "serach", "gate": "promote"}, {"pilot": PILOT, "gate": "promotion"}]
)
def test_a_slip_in_a_template_pauses_and_aborts_nothing(
    house: House, visitor: Visitor, args: dict[str, str]
) -> None:
    judged(house, fired)
    phase = argo.web_measurement(GATE, args, visitor.url)

    assert phase == argo.INCONCLUSIVE
    assert argo.run(GATE, lambda _: phase, 1_000) == argo.RUNNING
    limited = {**GATE, "inconclusiveLimit": 0}
    assert argo.rollout_after(argo.run(limited, lambda _: phase, 10)) == "paused"


def test_an_empty_answer_of_prometheus_waits() -> None:
    assert argo.judge(BY_PROMETHEUS, []) == argo.INCONCLUSIVE
    careless = {"successCondition": "result[0] == 1", "failureCondition": "result[0] == -1"}
    assert argo.judge(careless, []) == argo.ERROR


def test_a_daemon_that_is_stopped_for_ten_days_aborts_nothing_and_by_argos_defaults_it_would_in_a_minute() -> (
    None
):
    phase = argo.web_measurement(GATE, {"pilot": PILOT, "gate": "promote"}, NOBODY)
    assert phase == argo.ERROR

    ten_days = int(10 * 86_400 / argo.ERROR_RETRY)
    assert argo.run(GATE, lambda _: phase, ten_days) == argo.RUNNING
    assert argo.run(GUARD, lambda _: phase, ten_days) == argo.RUNNING
    defaults = {key: value for key, value in GATE.items() if key != "consecutiveErrorLimit"}
    assert argo.rollout_after(argo.run(defaults, lambda _: phase, 6)) == "aborted"


def test_a_fired_trigger_aborts_by_the_guard_and_a_pass_does_not_end_it(
    house: House, visitor: Visitor
) -> None:
    judged(house, ready)
    args = {"pilot": PILOT}
    guard = argo.Run(GUARD)
    for _ in range(10):
        assert guard.measured(argo.web_measurement(GUARD, args, visitor.url)) == argo.RUNNING
    judged(house, fired)

    phase = guard.measured(argo.web_measurement(GUARD, args, visitor.url))

    assert argo.rollout_after(phase) == "aborted"


def test_a_gate_of_argo_goes_on_after_three_passes_in_a_row(house: House, visitor: Visitor) -> None:
    run = argo.Run(GATE)
    args = {"pilot": PILOT, "gate": "promote"}
    found = []
    for assessment in (ready, ready, assessed(MISSED), ready, ready, ready):
        judged(house, assessment)
        found.append(run.measured(argo.web_measurement(GATE, args, visitor.url)))

    assert found == [*[argo.RUNNING] * 5, argo.SUCCESSFUL]


def test_a_count_would_take_waiting_for_success() -> None:
    careless = {**GATE, "count": 5} | {"consecutiveSuccessLimit": 0}
    assert argo.run(careless, lambda _: argo.INCONCLUSIVE, 10) == argo.SUCCESSFUL


@pytest.fixture
def shop(house: House) -> House:
    (pilot,) = house.current.specification.pilots
    change_pilot(house, replace(pilot, canary=Canary("search", "shop")))
    return house


def rollout(file: str, visitor: Visitor, up: list[bool], house: House | None = None) -> Rollout:
    """A rollout by a Canary of ours, asking the daemon of `visitor` while `up` holds True."""

    def call(hook: Mapping[str, Any], phase: str) -> bool:
        ours = {**hook, "url": hook["url"].replace("ecommerce-semantic-search", PILOT)}
        url = visitor.url if up[-1] else NOBODY
        return webhook_says_yes(ours, phase, url=url, name="search", namespace="shop")

    def metric(_metric: Mapping[str, Any]) -> float | None:
        """`min(...) or on () vector(0)`"""
        found = gauge(house, "rollback") if house is not None and up[-1] else []
        return min(found, default=0.0)

    return Rollout(analysis(file), call, metric)


def test_a_ready_pilot_is_promoted_by_flagger(shop: House, visitor: Visitor) -> None:
    judged(shop, ready)
    canary = rollout("canary.yaml", visitor, [True])
    for _ in range(10):
        canary.iterate()

    assert canary.phase == "Promoting"
    assert canary.history[0] == "Progressing 5 0"


def test_a_fired_trigger_rolls_back_in_the_next_turn(shop: House, visitor: Visitor) -> None:
    judged(shop, ready)
    canary = rollout("canary.yaml", visitor, [True])
    canary.iterate()
    judged(shop, fired)
    canary.iterate()

    assert (canary.phase, canary.failed_checks) == ("Failed", 0)


@pytest.mark.parametrize("state", ["stopped", "stalled", "missed", "held", "blind"])
def test_what_is_not_a_fired_trigger_holds_a_rollout_and_rolls_nothing_back(
    shop: House, visitor: Visitor, state: str
) -> None:
    judged(shop, ready)
    up = [True]
    canary = rollout("canary.yaml", visitor, up)
    canary.iterate()
    match state:
        case "stopped":
            up.append(False)
        case "stalled":
            judged(shop, fired)
            shop.clock.at = NOW + 121
        case _:
            judged(shop, STATES[state][0])
    for _ in range(20):
        canary.iterate()

    assert (canary.phase, canary.weight, canary.failed_checks) == ("Progressing", 5, 0)


def test_with_all_hooks_a_stalled_daemon_holds_but_a_stopped_one_rolls_back(
    shop: House, visitor: Visitor
) -> None:
    """Why canary.yaml leaves `rollout` out: nobody can answer while stopped, and Flagger counts silence as a no."""
    judged(shop, ready)
    up = [True]
    canary = rollout("canary-all-hooks.yaml", visitor, up)
    canary.iterate()
    shop.clock.at = NOW + 600
    for _ in range(20):
        canary.iterate()
    assert (canary.phase, canary.weight, canary.failed_checks) == ("Progressing", 5, 0)

    up.append(False)
    for _ in range(6):
        canary.iterate()
    assert (canary.phase, canary.failed_checks) == ("Failed", 5)


def test_the_metric_fails_on_a_fired_trigger_only(shop: House, visitor: Visitor) -> None:
    (template,) = documents(FOLDER / "flagger" / "metric-template.yaml")
    assert "or on () vector(0)" in template["spec"]["query"]
    comment = (FOLDER / "flagger" / "metric-template.yaml").read_text()
    assert "thresholdRange: {min: 0}" in comment
    up = [True]
    canary = rollout("canary.yaml", visitor, up, shop)
    canary.analysis = {**canary.analysis, "metrics": [{"thresholdRange": {"min": 0}}], "webhooks": []}
    for assessment, late in ((ready, 0), (assessed(BLIND), 0), (fired, 600)):
        judged(shop, assessment)
        shop.clock.at = NOW + late
        canary.iterate()
    up.append(False)
    canary.iterate()
    assert canary.failed_checks == 0

    up.append(True)
    canary.weight, shop.clock.at = 5, NOW
    judged(shop, fired)
    for _ in range(6):
        canary.iterate()
    assert canary.phase == "Failed"
