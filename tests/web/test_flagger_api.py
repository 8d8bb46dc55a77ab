"""Flagger's webhooks over a real socket: every hook in every state, and everything that is no request of Flagger."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from slo_daemon.core.pilot.pilot import Canary
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.ports import StoreError
from slo_daemon.web.flagger_api import Hook
from slo_daemon.workflows.rollouts import MOST_EVENTS
from tests.assessments import BLIND, FIRED, MISSED, OPEN, QUIET, READY, assessed, hold, ramp
from tests.integrations.flagger import request_body
from tests.web.house import NOW, PILOT, House, Visitor
from tests.web.test_gates_api import change_pilot, judged

CANARY = Canary("search", "shop")
EVENTS = f"/api/v1/pilots/{PILOT}/rollout-events"


def path(hook: str, pilot: str = PILOT) -> str:
    return f"/hooks/flagger/{pilot}/{hook}"


def canary(house: House, named: Canary | None = CANARY) -> None:
    (pilot,) = house.current.specification.pilots
    change_pilot(house, replace(pilot, canary=named))


@pytest.fixture
def shop(house: House) -> House:
    """A house whose pilot names its canary."""
    canary(house)
    return house


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[House, Visitor]]:
    """One server for the large tables: starting one takes longer than asking it a hundred times."""
    house = House()
    with house.open() as visitor:
        yield house, visitor


@pytest.fixture
def asked(served: tuple[House, Visitor]) -> tuple[House, Visitor]:
    """The common server, whose pilot names its canary again and has a fired trigger."""
    house, _ = served
    canary(house)
    judged(house, fired)
    house.clock.at = NOW
    return served


ready, fired = assessed(READY, QUIET), assessed(READY, FIRED)

# In the order of the columns: pass, inconclusive, fail, stale.
TABLE: Mapping[Hook, tuple[int, int, int, int]] = {
    Hook.CONFIRM_ROLLOUT: (200, 403, 403, 403),
    Hook.PRE_ROLLOUT: (200, 200, 403, 200),
    Hook.ROLLOUT: (200, 200, 403, 200),
    Hook.CONFIRM_TRAFFIC_INCREASE: (200, 403, 403, 403),
    Hook.CONFIRM_PROMOTION: (200, 403, 403, 403),
    Hook.ROLLBACK: (403, 403, 200, 403),
    Hook.POST_ROLLOUT: (200, 200, 200, 200),
    Hook.EVENT: (200, 200, 200, 200),
}
STATES: Mapping[str, tuple[Assessment | None, float, int]] = {
    "ready": (ready, 0, 0),
    "blind": (assessed(READY, BLIND), 0, 1),
    "fired": (fired, 0, 2),
    "fired while held": (assessed(READY, FIRED, holds=[hold()]), 0, 2),
    "fired and stale": (fired, 121, 3),
    "fired in the future": (fired, -6, 3),
    "fired, stalled for hours": (fired, 9_000, 3),
    "ready and stale": (ready, 121, 3),
    "not assessed": (None, 0, 3),
}


@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("named", [True, False], ids=["canary named", "no canary named"])
def test_every_hook_answers_as_the_table_says(
    asked: tuple[House, Visitor], hook: Hook, state: str, named: bool
) -> None:
    house, visitor = asked
    if not named:
        canary(house, None)
    assessment, late, column = STATES[state]
    judged(house, assessment)
    house.clock.at = NOW + late

    answer = visitor.post(path(hook), json=request_body())

    expected = 404 if hook is Hook.ROLLBACK and not named else TABLE[hook][column]
    assert answer.status_code == expected, answer.text
    assert answer.text.count("\n") == 1
    assert len(answer.text) <= 401
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("assessment", "increase", "promotion"),
    [(assessed(MISSED, QUIET), 403, 403), (assessed(OPEN, QUIET), 403, 403), (assessed(READY, QUIET, holds=[hold()]), 403, 403)],
    ids=["missed", "open", "held"],
)  # fmt: skip
def test_what_is_merely_not_ready_holds_and_never_counts_as_a_failed_check(
    shop: House, visitor: Visitor, assessment: Assessment, increase: int, promotion: int
) -> None:
    judged(shop, assessment)
    found = {hook: visitor.post(path(hook), json=request_body()).status_code for hook in Hook}

    assert (found[Hook.CONFIRM_TRAFFIC_INCREASE], found[Hook.CONFIRM_PROMOTION]) == (increase, promotion)
    assert (found[Hook.PRE_ROLLOUT], found[Hook.ROLLOUT], found[Hook.ROLLBACK]) == (200, 200, 403)


@pytest.mark.parametrize(
    ("assessment", "increase", "promotion"),
    [
        (assessed(MISSED, QUIET, ramp=ramp(Advice.ADVANCE)), 200, 403),
        (assessed(READY, QUIET, ramp=ramp(Advice.HOLD)), 403, 200),
    ],
    ids=["ramp advances", "ramp holds"],
)
def test_traffic_follows_the_ramp_and_promotion_the_verdict(
    shop: House, visitor: Visitor, assessment: Assessment, increase: int, promotion: int
) -> None:
    judged(shop, assessment)
    found = {hook: visitor.post(path(hook), json=request_body()) for hook in Hook}

    assert found[Hook.CONFIRM_TRAFFIC_INCREASE].status_code == increase
    assert found[Hook.CONFIRM_ROLLOUT].status_code == increase
    assert found[Hook.CONFIRM_PROMOTION].status_code == promotion
    for hook in (Hook.PRE_ROLLOUT, Hook.ROLLOUT, Hook.ROLLBACK):
        assert found[hook].text.startswith("no_trigger_fired: ")


def test_a_no_carries_its_reason_in_one_line(shop: House, visitor: Visitor) -> None:
    judged(shop, fired)

    answer = visitor.post(path("confirm-promotion"), json=request_body())

    assert answer.text == "trigger_fired: rollback trigger fired: Error rate > 1% (2.4 % over 5m)\n"


STRANGE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "no body": dict,
    "empty": lambda: {"json": {}},
    "list": lambda: {"json": [request_body()]},
    "null": lambda: {"json": None, "data": b"null", "headers": {"Content-Type": "application/json"}},
    "no name": lambda: {"json": {"namespace": "shop"}},
    "name is no text": lambda: {"json": request_body(name=["search"])},
    "empty name": lambda: {"json": request_body(name="")},
    "not JSON": lambda: {"data": b"{", "headers": {"Content-Type": "application/json"}},
    "name twice": lambda: {
        "data": b'{"name": "x", "name": "search", "namespace": "shop"}',
        "headers": {"Content-Type": "application/json"},
    },
    "deep": lambda: {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
    "huge": lambda: {"json": request_body(filler="x" * 100_000)},
    "far too huge": lambda: {"data": b"x" * (5 << 20), "headers": {"Content-Type": "application/json"}},
    "form": lambda: {"data": request_body()},
    "other content type": lambda: {"data": json.dumps(request_body()), "headers": {"Content-Type": "text/plain"}},
    "compressed": lambda: {"json": request_body(), "headers": {"Content-Encoding": "gzip"}},
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("hook", Hook)
def test_a_body_that_is_not_flaggers_rolls_nothing_back(
    asked: tuple[House, Visitor], hook: Hook, kind: str
) -> None:
    house, visitor = asked
    before = visitor.get(EVENTS).json()
    expected = 200 if hook in (Hook.PRE_ROLLOUT, Hook.ROLLOUT, Hook.EVENT, Hook.POST_ROLLOUT) else 403

    answer = visitor.post(path(hook), **STRANGE[kind]())

    assert answer.status_code == expected, answer.text
    assert house.current.assessments[PILOT].fired
    assert visitor.get(EVENTS).json() == before


OTHERS = [
    {"name": "checkout"},
    {"namespace": "staging"},
    {"name": "Search"},
    {"name": "search "},
    {"name": "*"},
]


@pytest.mark.parametrize("hook", Hook)
def test_another_canary_is_never_rolled_back(shop: House, visitor: Visitor, hook: Hook) -> None:
    judged(shop, fired)
    expected = 200 if hook in (Hook.ROLLOUT, Hook.EVENT, Hook.POST_ROLLOUT) else 404
    with capture_logs() as logs:
        answers = [visitor.post(path(hook), json=request_body(**other)) for other in OTHERS * 2]

    assert {answer.status_code for answer in answers} == {expected}
    told = [log["event"] for log in logs]
    listens = hook in (Hook.EVENT, Hook.POST_ROLLOUT)
    assert told == ([] if listens else ["hook_for_nobody"] * len(OTHERS))  # each slip once
    assert visitor.get(EVENTS).json() == {"events": []}


@pytest.mark.parametrize("hook", Hook)
def test_a_slip_in_the_pilots_name_rolls_nothing_back_and_is_told_before_there_is_traffic(
    asked: tuple[House, Visitor], hook: Hook
) -> None:
    _, visitor = asked
    expected = 200 if hook in (Hook.ROLLOUT, Hook.EVENT, Hook.POST_ROLLOUT) else 404

    answer = visitor.post(path(hook, "serach"), json=request_body())

    assert answer.status_code == expected
    assert answer.text == "there is no pilot 'serach'; known: search\n"


@pytest.mark.parametrize(
    "wrong",
    ["/hooks/flagger", "/hooks/flagger/", f"/hooks/flagger/{PILOT}", f"/hooks/flagger/{PILOT}/", path("healthz"),
     path("rollback") + "/", path("rollback") + "/x", path("ROLLBACK"), path("Rollback"), path("roll%20back"),
     f"/hooks/flagger//{PILOT}/rollback", "/hooks/flagger//rollback", f"/hooks/{PILOT}/rollback",
     f"/api/v1/hooks/flagger/{PILOT}/rollback", path("rollback%2f"), path("x" * 2_000)],
)  # fmt: skip
def test_a_path_beside_the_hooks_is_404(asked: tuple[House, Visitor], wrong: str) -> None:
    _, visitor = asked

    assert visitor.post(wrong, json=request_body()).status_code == 404


@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_only_post_is_a_webhook(asked: tuple[House, Visitor], hook: Hook, method: str) -> None:
    _, visitor = asked

    assert visitor.request(method, path(hook), json=request_body()).status_code == 405


@pytest.mark.parametrize(
    "query", ["?method=POST", "?_method=POST", "#x"], ids=str
)  # fmt: skip
def test_nothing_in_the_query_makes_a_get_a_post(asked: tuple[House, Visitor], query: str) -> None:
    _, visitor = asked
    headers = {"X-HTTP-Method-Override": "POST"}

    assert visitor.get(path("rollback") + query, headers=headers).status_code == 405


@pytest.mark.parametrize("hook", Hook)
def test_a_bug_of_ours_is_harmless_in_each_hook(shop: House, hook: Hook) -> None:
    judged(shop, fired)

    class Broken:
        def now(self) -> float:
            raise RuntimeError("my inner life")

    shop.clock = Broken()  # type: ignore[assignment]
    with shop.open() as visitor, capture_logs() as logs:
        answer = visitor.post(path(hook), json=request_body())

    waits = (Hook.CONFIRM_ROLLOUT, Hook.CONFIRM_TRAFFIC_INCREASE, Hook.CONFIRM_PROMOTION, Hook.ROLLBACK)
    assert answer.status_code == (403 if hook in waits else 200)
    assert "inner life" not in answer.text
    assert [log["event"] for log in logs] == ["hook_failed"]


def test_the_store_and_the_rate_limits_do_not_matter(shop: House, visitor: Visitor) -> None:
    shop.store.failure = StoreError("io", "gone")
    judged(shop, ready)

    found = {visitor.post(path("confirm-promotion"), json=request_body()).status_code for _ in range(300)}

    assert found == {200}


def test_a_signalled_rollback_is_in_the_log(shop: House, visitor: Visitor) -> None:
    judged(shop, fired)
    with capture_logs() as logs:
        assert visitor.post(path("rollback"), json=request_body()).status_code == 200

    (log,) = logs
    assert (log["event"], log["canary"], log["namespace"]) == ("rollback_signalled", "search", "shop")
    assert "Error rate" in log["detail"]


def test_unknown_fields_of_a_newer_flagger_are_no_fault(shop: House, visitor: Visitor) -> None:
    judged(shop, fired)

    assert visitor.post(path("rollback"), json=request_body(newField={"a": [1]})).status_code == 200


def test_events_are_kept_newest_first_and_only_the_last_fifty(house: House, visitor: Visitor) -> None:
    metadata = {"eventMessage": "Advance\nsearch.shop", "eventType": "Normal", "timestamp": "1800000000500"}
    with capture_logs() as logs:
        for number in range(MOST_EVENTS + 5):
            told = {**metadata, "eventMessage": f"Advance\n{number}"}
            assert visitor.post(path("event"), json=request_body(metadata=told)).text == "kept\n"
        visitor.post(path("post-rollout"), json=request_body(phase="Succeeded"))
    events = visitor.get(EVENTS).json()["events"]

    assert len(events) == MOST_EVENTS
    assert (events[0]["hook"], events[0]["phase"]) == ("post-rollout", "Succeeded")
    assert events[1] == {
        "at": "2027-01-15T08:00:00Z",
        "told_at": "2027-01-15T08:00:00Z",
        "hook": "event",
        "canary": "search",
        "namespace": "shop",
        "phase": "Progressing",
        "type": "Normal",
        "message": "Advance 54",
    }
    assert {log["event"] for log in logs} == {"rollout_event"}


@pytest.mark.parametrize("timestamp", ["", "-1", "soon", "9" * 15, "9" * 400, "1.5", "\u0661"])
def test_an_event_with_a_strange_time_is_kept_without_it(
    house: House, visitor: Visitor, timestamp: str
) -> None:
    answer = visitor.post(path("event"), json=request_body(metadata={"timestamp": timestamp, "x": 1}))

    assert answer.text == "kept\n"
    assert visitor.get(EVENTS).json()["events"][0]["told_at"] in (None, "9999-12-31T23:59:59Z")


def test_a_flood_of_events_is_not_kept_and_still_answered_with_200(house: House, visitor: Visitor) -> None:
    with capture_logs() as logs:
        found = {visitor.post(path("event"), json=request_body()).status_code for _ in range(300)}

    assert found == {200}
    assert len(logs) < 200


def test_events_of_a_pilot_that_is_gone_are_forgotten(house: House, visitor: Visitor) -> None:
    visitor.post(path("event"), json=request_body())
    (before,) = house.current.specification.pilots
    change_pilot(house, replace(before, name="other"))
    visitor.post(path("event", "other"), json=request_body())
    assert visitor.get(EVENTS).status_code == 404

    change_pilot(house, before)
    assert visitor.get(EVENTS).json() == {"events": []}


def test_a_request_that_ends_early_gets_no_yes(shop: House, visitor: Visitor) -> None:
    judged(shop, fired)
    with socket.create_connection(visitor.address, timeout=10) as connection:
        head = f"POST {path('rollback')} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 500\r\n\r\n{{".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)

    assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))
