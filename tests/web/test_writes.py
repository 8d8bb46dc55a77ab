"""Incidents and feedback over HTTP: stored before they are acknowledged, once for each key, and told to the judges."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.slo.phrases import rfc3339
from slo_daemon.ports import StoreError
from slo_daemon.web.security import Role
from tests.web.house import FEEDBACK, INCIDENTS, NOW, PILOT, House, Visitor, bearer, feedback, incident

WRITE = bearer(Role.INCIDENTS)


def test_an_incident_is_stored_and_told_back_whole(house: House, visitor: Visitor) -> None:
    body = incident(description="5xx since the index switch", started_at="2027-01-15T07:30:00Z")

    answer = visitor.post(INCIDENTS, json=body, headers=WRITE)

    assert answer.status_code == 201
    assert answer.json() == {
        "id": 1,
        "pilot": PILOT,
        "title": "Search answers with errors",
        "severity": "critical",
        "description": "5xx since the index switch",
        "state": "open",
        "started_at": "2027-01-15T07:30:00Z",
        "recorded_at": rfc3339(NOW),
        "resolution": None,
        "resolved_at": None,
        "source": "people",
        "fingerprint": None,
    }
    (stored,) = house.store.incidents(PILOT)
    assert stored.severity is Severity.CRITICAL
    assert stored.started_at == NOW - 1_800
    assert visitor.get(INCIDENTS).json() == {"incidents": [answer.json()]}


def test_readiness_knows_an_incident_as_soon_as_it_is_acknowledged(house: House, visitor: Visitor) -> None:
    house.assess(PILOT)
    before = visitor.get(f"/api/v1/pilots/{PILOT}/readiness").json()

    visitor.post(INCIDENTS, json=incident(), headers=WRITE)

    after = visitor.get(f"/api/v1/pilots/{PILOT}/readiness").json()
    assert before["incidents"]["open"]["critical"] == 0
    assert after["incidents"]["open"]["critical"] == 1
    assert after["verdict"] == "NOT_READY"


def test_an_incident_without_a_time_started_when_the_request_came(house: House, visitor: Visitor) -> None:
    visitor.post(INCIDENTS, json=incident(), headers=WRITE)

    (stored,) = house.store.incidents(PILOT)
    assert (stored.started_at, stored.recorded_at) == (NOW, NOW)


def test_an_incident_that_is_over_may_be_recorded_afterwards(house: House, visitor: Visitor) -> None:
    body = incident(started_at=NOW - 7_200, resolved_at=NOW - 3_600, resolution="index rolled back")

    answer = visitor.post(INCIDENTS, json=body, headers=WRITE).json()

    assert (answer["state"], answer["resolved_at"]) == ("resolved", rfc3339(NOW - 3_600))


def test_a_second_resolution_is_refused_and_the_first_one_stays(house: House, visitor: Visitor) -> None:
    visitor.post(INCIDENTS, json=incident(started_at=NOW - 60), headers=WRITE)
    house.clock.at = NOW + 100
    first = visitor.patch(f"{INCIDENTS}/1", json={"resolution": "rolled back"}, headers=WRITE)
    house.clock.at = NOW + 900
    second = visitor.patch(f"{INCIDENTS}/1", json={"resolution": "went away"}, headers=WRITE)

    assert (second.status_code, second.json()["reason"]) == (409, "already_resolved")
    for part in (rfc3339(NOW + 100), "rolled back", "replace true"):
        assert part in second.json()["detail"]
    (kept,) = house.store.incidents(PILOT)
    assert (kept.resolution, kept.resolved_at) == ("rolled back", NOW + 100)
    assert first.status_code == 200


def test_a_repetition_of_the_first_resolution_is_none(house: House, visitor: Visitor) -> None:
    """With its key, whatever came between; and without one where it says the same."""
    visitor.post(INCIDENTS, json=incident(), headers=WRITE)
    keyed = bearer(Role.INCIDENTS, "resolve-1")
    visitor.patch(f"{INCIDENTS}/1", json={"resolution": "rolled back"}, headers=keyed)
    again = visitor.patch(f"{INCIDENTS}/1", json={"resolution": "rolled back"}, headers=WRITE)
    newer = {"resolution": "index rolled back", "replace": True}
    visitor.patch(f"{INCIDENTS}/1", json=newer, headers=WRITE)
    late = visitor.patch(f"{INCIDENTS}/1", json={"resolution": "rolled back"}, headers=keyed)

    assert (again.status_code, late.status_code) == (200, 200)
    assert late.json()["resolution"] == "index rolled back"


def test_a_resolution_is_overwritten_where_that_is_asked_for_and_keeps_its_time(
    house: House, visitor: Visitor
) -> None:
    visitor.post(INCIDENTS, json=incident(started_at=NOW - 60), headers=WRITE)
    house.clock.at = NOW + 100
    first = visitor.patch(f"{INCIDENTS}/1", json={"resolution": "rolled back"}, headers=WRITE)
    house.clock.at = NOW + 900
    newer = {"resolution": "index rolled back", "replace": True}
    second = visitor.patch(f"{INCIDENTS}/1", json=newer, headers=WRITE)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["resolved_at"] == second.json()["resolved_at"] == rfc3339(NOW + 100)
    assert second.json()["resolution"] == "index rolled back"


def test_a_change_leaves_the_rest_as_it_is(house: House, visitor: Visitor) -> None:
    visitor.post(INCIDENTS, json=incident(description="words"), headers=WRITE)

    answer = visitor.patch(f"{INCIDENTS}/1", json={"severity": "warning"}, headers=WRITE).json()

    assert (answer["severity"], answer["description"], answer["state"]) == ("warning", "words", "open")


def test_a_late_repetition_of_a_change_does_not_undo_a_newer_one(house: House, visitor: Visitor) -> None:
    visitor.post(INCIDENTS, json=incident(), headers=WRITE)

    def older() -> requests.Response:
        return visitor.patch(
            f"{INCIDENTS}/1", json={"severity": "warning"}, headers=bearer(Role.INCIDENTS, "change-1")
        )

    older()
    visitor.patch(f"{INCIDENTS}/1", json={"severity": "critical"}, headers=bearer(Role.INCIDENTS, "change-2"))

    answer = older()

    assert (answer.status_code, answer.json()["severity"]) == (200, "critical")


def test_feedback_is_stored_and_told_back_whole(house: House, visitor: Visitor) -> None:
    context = {"query": "red shoes", "results": 12, "share": 0.5, "mobile": True, "variant": None}

    answer = visitor.post(FEEDBACK, json=feedback(context=context), headers=bearer(Role.FEEDBACK))

    assert answer.status_code == 201
    assert answer.json() == {
        "id": 1,
        "pilot": PILOT,
        "user": "u-1",
        "rating": 4,
        "text": "good",
        "given_at": rfc3339(NOW),
        "recorded_at": rfc3339(NOW),
        "context": context,
        "cohort": None,
        "variant": None,
    }
    assert dict(house.store.feedback(PILOT)[0].context) == context
    assert visitor.get(FEEDBACK, headers=bearer(Role.FEEDBACK)).json() == {"feedback": [answer.json()]}


def test_a_list_is_as_long_as_asked_and_newest_first(visitor: Visitor) -> None:
    for number in range(5):
        body = incident(title=f"incident {number}", started_at=NOW - 100 + number)
        visitor.post(INCIDENTS, json=body, headers=WRITE)

    found = visitor.get(f"{INCIDENTS}?limit=2").json()["incidents"]

    assert [one["title"] for one in found] == ["incident 4", "incident 3"]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1.5", ""])
def test_a_limit_that_is_no_sensible_number_is_refused(visitor: Visitor, limit: str) -> None:
    answer = visitor.get(f"{INCIDENTS}?limit={limit}")

    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "query.limit"


def test_the_audit_names_the_role_and_who_said_so(house: House, visitor: Visitor) -> None:
    visitor.post(INCIDENTS, json=incident(reporter="Ada, on call"), headers=WRITE)
    visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.ADMIN))
    visitor.patch(f"{INCIDENTS}/1", json={"resolution": "x", "reporter": "Ben"}, headers=WRITE)
    visitor.post(FEEDBACK, json=feedback(), headers=bearer(Role.FEEDBACK))

    actors = [entry.actor for entry in reversed(house.store.audit())]
    assert actors == ["incidents: Ada, on call", "admin", "incidents: Ben", "feedback"]
    assert {entry.at for entry in house.store.audit()} == {NOW}


def test_the_same_request_with_the_same_key_is_recorded_once(house: House, visitor: Visitor) -> None:
    headers = bearer(Role.INCIDENTS, "key-1")
    first = visitor.post(INCIDENTS, json=incident(), headers=headers)
    house.clock.at = (
        NOW + 60
    )  # the time that the request left out is another one now; what was asked for is not
    second = visitor.post(INCIDENTS, json=incident(), headers=headers)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert len(house.store.incidents(PILOT)) == 1
    assert house.assessed == [PILOT]


def test_the_same_key_with_another_request_is_refused(house: House, visitor: Visitor) -> None:
    headers = bearer(Role.INCIDENTS, "key-1")
    visitor.post(INCIDENTS, json=incident(), headers=headers)

    answer = visitor.post(INCIDENTS, json=incident(title="Another one"), headers=headers)

    assert (answer.status_code, answer.json()["reason"]) == (422, "idempotency_key_reused")
    assert len(house.store.incidents(PILOT)) == 1


def test_how_json_is_written_does_not_make_another_request(house: House, visitor: Visitor) -> None:
    headers = bearer(Role.INCIDENTS, "key-1") | {"Content-Type": "application/json"}
    visitor.post(INCIDENTS, data=b'{"title": "T\\u00e4st", "severity": "info"}', headers=headers)

    answer = visitor.post(INCIDENTS, data='{"severity":"info","title":"Täst"}'.encode(), headers=headers)

    assert answer.status_code == 200


def test_feedback_and_incidents_do_not_share_keys(house: House, visitor: Visitor) -> None:
    headers = bearer(Role.ADMIN, "key-1")

    assert visitor.post(INCIDENTS, json=incident(), headers=headers).status_code == 201
    assert visitor.post(FEEDBACK, json=feedback(), headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "with space", "x" * 129, "tab\there", "caf\xe9"])
def test_a_malformed_key_is_refused(house: House, visitor: Visitor, key: str) -> None:
    headers = WRITE | {"Idempotency-Key": key.encode("latin-1")}

    answer = visitor.post(INCIDENTS, json=incident(), headers=headers)

    assert (answer.status_code, answer.json()["reason"]) == (400, "idempotency_key")
    assert house.store.incidents(PILOT) == ()


def test_a_key_may_have_every_visible_character(visitor: Visitor) -> None:
    key = "".join(map(chr, range(0x21, 0x7F)))

    assert visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.INCIDENTS, key)).status_code == 201


def test_a_hundred_parallel_requests_with_one_key_make_one_record(house: House, visitor: Visitor) -> None:
    def send(_: int) -> tuple[int, Any]:
        with Visitor(visitor.url, visitor.address) as own:
            answer = own.post(INCIDENTS, json=incident(), headers=bearer(Role.INCIDENTS, "one-key"))
            return answer.status_code, answer.json()

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(send, range(100)))

    assert sorted(code for code, _ in answers) == [200] * 99 + [201]
    assert {body["id"] for _, body in answers} == {1}
    assert len(house.store.incidents(PILOT)) == 1
    assert len(house.store.audit()) == 1


@pytest.mark.parametrize("reason", ["full", "readonly", "locked", "corrupt", "io"])
def test_what_could_not_be_stored_is_never_acknowledged(house: House, visitor: Visitor, reason: str) -> None:
    house.store.failure = StoreError(reason, "/var/lib/slo-daemon/state.db")
    headers = bearer(Role.ADMIN, "key-1")
    answers = [
        visitor.post(INCIDENTS, json=incident(), headers=headers),
        visitor.post(FEEDBACK, json=feedback(), headers=headers),
        visitor.patch(f"{INCIDENTS}/1", json={"resolution": "x"}, headers=headers),
        visitor.get(INCIDENTS),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["reason"]) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "/var/lib" not in answer.text
    assert house.told.named("store_failed") == [(reason,)] * 4

    house.store.failure = None
    assert visitor.post(INCIDENTS, json=incident(), headers=headers).status_code == 201


def test_a_record_that_is_stored_stays_acknowledged_when_the_judges_cannot_read(house: House) -> None:
    def broken(name: str) -> None:
        raise StoreError("locked", "a moment")

    house.assess = broken  # type: ignore[method-assign]
    with house.open() as visitor:
        answer = visitor.post(INCIDENTS, json=incident(), headers=WRITE)

    assert answer.status_code == 201
    assert len(house.store.incidents(PILOT)) == 1


def test_an_unknown_pilot_is_named_with_those_there_are(house: House, visitor: Visitor) -> None:
    for answer in (
        visitor.post(INCIDENTS.replace(PILOT, "serach"), json=incident(), headers=WRITE),
        visitor.get(INCIDENTS.replace(PILOT, "serach")),
        visitor.get("/api/v1/pilots/serach/readiness"),
        visitor.get("/api/v1/pilots/serach/reports"),
    ):
        assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_pilot")
        assert "'serach'" in answer.json()["detail"]
        assert PILOT in answer.json()["detail"]


def test_a_plain_set_of_slos_is_no_pilot(visitor: Visitor) -> None:
    answer = visitor.post(INCIDENTS.replace(PILOT, "platform"), json=incident(), headers=WRITE)

    assert answer.json()["reason"] == "unknown_pilot"


@pytest.mark.parametrize("number", ["2", "0", str(2**63 - 1), str(2**63), "9" * 19])
def test_an_incident_that_is_not_there_cannot_be_changed(visitor: Visitor, number: str) -> None:
    visitor.post(INCIDENTS, json=incident(), headers=WRITE)

    answer = visitor.patch(f"{INCIDENTS}/{number}", json={"resolution": "x"}, headers=WRITE)

    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_incident")


@pytest.mark.parametrize("number", ["-1", "1.0", "x", "%31%00", "9" * 20, "١"])
def test_an_incident_id_is_digits_only(visitor: Visitor, number: str) -> None:
    answer = visitor.patch(f"{INCIDENTS}/{number}", json={"resolution": "x"}, headers=WRITE)

    assert answer.status_code in (404, 422)
