"""Alertmanager's webhook: a 2xx only after the commit, a 5xx for what may work later, a 4xx for what never will."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.slo.phrases import rfc3339
from slo_daemon.demo.servers import AlertmanagerServer
from slo_daemon.ports import StoreError
from slo_daemon.web.alertmanager_hook import read_notification
from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.security import Role
from tests.web.house import HOOK, INCIDENTS, NOW, PILOT, TOKENS, House, Visitor, bearer

TELL = bearer(Role.WEBHOOK)
QUIET = {"opened": 0, "merged": 0, "resolved": 0, "recorded": 0, "late": 0, "known": 0} | {
    "own": 0,
    "left_out": 0,
    "truncated": 0,
}


def alert(name: str = "CheckoutDown", **fields: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": name, "severity": "critical"},
        "annotations": {"summary": "The checkout does not answer", "description": "all regions"},
        "startsAt": rfc3339(NOW - 600),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.org/graph",
        "fingerprint": f"fp-{name}",
    } | fields


def over(**fields: Any) -> dict[str, Any]:
    return alert(status="resolved", endsAt=rfc3339(NOW - 60), **fields)


def notification(*alerts: object, **fields: Any) -> dict[str, Any]:
    """As Alertmanager 0.34 sends it."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="CheckoutDown"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "slo-daemon",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "routeLabels": {},
        "externalURL": "http://am:9093",
        "notification_reason": "new",
        "alerts": list(alerts),
    } | fields


def test_an_alert_opens_an_incident_and_readiness_knows_it(house: House, visitor: Visitor) -> None:
    house.assess(PILOT)
    answer = visitor.post(HOOK, json=notification(alert()), headers=TELL)

    assert (answer.status_code, answer.json()) == (200, QUIET | {"opened": 1})
    (stored,) = visitor.get(INCIDENTS).json()["incidents"]
    assert stored["title"] == "The checkout does not answer"
    assert stored["severity"] == "critical"
    assert stored["description"] == "all regions"
    assert stored["started_at"] == rfc3339(NOW - 600)
    assert (stored["source"], stored["fingerprint"]) == ("alertmanager", "fp-CheckoutDown")
    assert visitor.get(f"/api/v1/pilots/{PILOT}/readiness").json()["verdict"] == "NOT_READY"
    assert house.store.audit()[0].actor == "webhook: Alertmanager"


def test_a_repetition_changes_nothing_and_is_told_to_nobody(house: House, visitor: Visitor) -> None:
    visitor.post(HOOK, json=notification(alert()), headers=TELL)
    house.assessed.clear()
    again = visitor.post(HOOK, json=notification(alert()), headers=TELL)

    assert (again.status_code, again.json()) == (200, QUIET | {"merged": 1})
    assert house.assessed == []
    assert len(house.store.incidents(PILOT)) == 1


def test_each_alert_of_a_group_has_its_own_status(house: House, visitor: Visitor) -> None:
    visitor.post(HOOK, json=notification(alert("A"), alert("B")), headers=TELL)
    answer = visitor.post(
        HOOK, json=notification(over(fingerprint="fp-A"), alert("B"), status="firing"), headers=TELL
    )

    assert answer.json() == QUIET | {"resolved": 1, "merged": 1}
    assert {(one.fingerprint, one.resolved_at) for one in house.store.incidents(PILOT)} == {
        ("fp-A", NOW - 60),
        ("fp-B", None),
    }


def test_own_alerts_do_not_come_back_as_incidents(house: House, visitor: Visitor) -> None:
    own = alert(
        "SLOCritical", labels={"alertname": "SLOCritical", "severity": "critical", "slo_daemon": "true"}
    )
    answer = visitor.post(HOOK, json=notification(own), headers=TELL)

    assert (answer.status_code, answer.json()) == (200, QUIET | {"own": 1})
    assert house.store.incidents(PILOT) == ()


def test_only_alerts_are_needed(house: House, visitor: Visitor) -> None:
    bare = {"labels": {"alertname": "Bare"}, "startsAt": rfc3339(NOW - 60)}
    answer = visitor.post(HOOK, json={"alerts": [bare, bare]}, headers=TELL)

    assert answer.json() == QUIET | {"opened": 1, "merged": 1}
    (stored,) = house.store.incidents(PILOT)
    assert (stored.title, stored.severity, stored.started_at) == ("Bare", Severity.WARNING, NOW - 60)


def test_what_is_no_alert_is_left_out_and_the_others_are_taken(house: House, visitor: Visitor) -> None:
    odd = [
        7,
        {},
        {"labels": []},
        alert("NoStart", startsAt="yesterday"),
        alert("Never", startsAt="0001-01-01T00:00:00Z"),
        alert("Future", startsAt=rfc3339(NOW + 86_400)),
    ]
    answer = visitor.post(HOOK, json=notification(*odd, alert()), headers=TELL)

    assert (answer.status_code, answer.json()) == (200, QUIET | {"opened": 1, "left_out": 6})


def test_a_list_that_is_cut_is_told(visitor: Visitor) -> None:
    answer = visitor.post(HOOK, json=notification(alert(), truncatedAlerts=3), headers=TELL)
    assert answer.json() == QUIET | {"opened": 1, "truncated": 3}


def test_texts_are_made_to_fit(house: House, visitor: Visitor) -> None:
    said = {"summary": "x\ny\x00" + "z" * 500, "description": "d\x00" * 5_000}
    visitor.post(HOOK, json=notification(alert(annotations=said)), headers=TELL)

    (stored,) = house.store.incidents(PILOT)
    assert stored.title.startswith("x y\ufffdzzz")
    assert (len(stored.title), len(stored.description)) == (200, 4_000)
    assert "\0" not in stored.title + stored.description


def test_while_the_store_is_down_alertmanager_is_asked_to_send_again(house: House, visitor: Visitor) -> None:
    house.store.failure = StoreError("full", "no room")
    answer = visitor.post(HOOK, json=notification(alert()), headers=TELL)
    assert (answer.status_code, answer.json()["reason"]) == (503, "store_unavailable")
    assert int(answer.headers["Retry-After"]) > 0

    house.store.failure = None
    assert visitor.post(HOOK, json=notification(alert()), headers=TELL).json()["opened"] == 1


def test_too_many_notifications_are_put_off_not_lost(house: House) -> None:
    house.uses = TokenBuckets(0.001, 1)
    with house.open() as visitor:
        first = visitor.post(HOOK, json=notification(), headers=TELL)
        second = visitor.post(HOOK, json=notification(), headers=TELL)
    assert (first.status_code, second.status_code, second.json()["reason"]) == (200, 503, "busy")
    assert int(second.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"not json", 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        (b"[]", 422, "no_alerts"),
        (b"{}", 422, "no_alerts"),
        (b'{"alerts": {}}', 422, "no_alerts"),
    ],
)
def test_what_can_never_be_taken_is_refused(visitor: Visitor, body: bytes, status: int, reason: str) -> None:
    headers = TELL | {"Content-Type": "application/json"}
    answer = visitor.post(HOOK, data=body, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_a_notification_of_thousands_of_alerts_is_taken_and_a_longer_one_refused(
    house: House, visitor: Visitor
) -> None:
    many = [alert(f"A{number}") for number in range(5_000)]
    assert visitor.post(HOOK, json=notification(*many), headers=TELL).json()["opened"] == 5_000
    headers = TELL | {"Content-Type": "application/json"}
    answer = visitor.post(HOOK, data=b" " * (9 << 20), headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")


def test_an_unknown_pilot_is_said(visitor: Visitor) -> None:
    answer = visitor.post("/hooks/alertmanager/other", json=notification(alert()), headers=TELL)
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_pilot")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
odd_alerts = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"), json_values
    ),
)


@given(st.lists(json_values | odd_alerts, max_size=3), st.dictionaries(st.text(max_size=5), json_values))
def test_odd_alerts_are_read_or_left_out_never_an_error(alerts: list[Any], more: dict[str, Any]) -> None:
    told = read_notification(json.dumps(more | {"alerts": alerts}).encode())
    assert len(told.reports) + told.own + told.unreadable == len(alerts)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    refused = 0
    try:
        read_notification(body)
    except ProblemError as error:
        refused = error.status
    assert refused in (0, 400, 422)


CONFIGURATION = """\
route: {{receiver: slo-daemon, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 2s}}
receivers:
  - name: slo-daemon
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config: {{authorization: {{credentials: {token}}}}}
"""


class RealClock:
    at = 0.0

    def now(self) -> float:
        return time.time()


def wait_for(what: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.servers
@pytest.mark.slow
def test_a_real_alertmanager_restarted_and_told_twice_makes_exactly_one_incident(
    house: House, tmp_path: Path
) -> None:
    house.clock = RealClock()  # type: ignore[assignment]
    house.uses = TokenBuckets(1_000, 10_000)
    labels = {"alertname": "CheckoutDown", "severity": "page"}

    def post(server: AlertmanagerServer, **times: str) -> None:
        one = {"labels": labels, "annotations": {"summary": "down"}} | times
        own = {"labels": {"alertname": "SLOCritical", "slo_daemon": "true"}} | times
        requests.post(f"{server.url}/api/v2/alerts", json=[one, own], timeout=5).raise_for_status()

    def taken() -> int:
        return sum(args[1] == 200 for args in house.told.named("request") if "alertmanager" in args[0])

    def kept() -> list[tuple[Severity, bool]]:
        return [(one.severity, one.resolved) for one in house.store.incidents(PILOT)]

    with house.open() as visitor:
        configuration = CONFIGURATION.format(url=f"{visitor.url}{HOOK}", token=TOKENS[Role.WEBHOOK])
        with AlertmanagerServer(tmp_path, configuration) as server:
            house.store.failure = StoreError("full", "no room")
            post(server)  # without a start: Alertmanager takes its own time for it
            wait_for(lambda: ("/hooks/alertmanager/{pilot}", 503) in house.told.named("request"))
            house.store.failure = None
            wait_for(lambda: kept() == [(Severity.CRITICAL, False)])
            seen = taken()
            wait_for(lambda: taken() >= seen + 2)  # repetitions
            server.restart().wait_ready()  # it has forgotten its alerts, and counts their start anew
            seen = taken()
            post(server)
            wait_for(lambda: taken() >= seen + 2)
            assert kept() == [(Severity.CRITICAL, False)]
            post(server, endsAt=rfc3339(time.time()))
            wait_for(lambda: kept() == [(Severity.CRITICAL, True)])
            server.restart().wait_ready()
            time.sleep(2.5)
            assert kept() == [(Severity.CRITICAL, True)]
