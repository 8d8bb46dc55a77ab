"""Overrides over HTTP: with a name, a reason and an end, of a criterion that there is."""

from typing import Any

import pytest

from slo_daemon.core.slo.phrases import rfc3339
from slo_daemon.ports import StoreError, WriteKind
from slo_daemon.web.security import Role
from tests.web.house import NOW, OVERRIDES, PILOT, House, Visitor, bearer, override

DECIDE = bearer(Role.ADMIN)
DAY = 86_400.0


def waiver(**fields: Any) -> dict[str, Any]:
    return override(kind="waive", criterion="every SLO is met now") | fields


def test_a_waiver_is_stored_and_told_back_whole(house: House, visitor: Visitor) -> None:
    house.assess(PILOT)
    answer = visitor.post(OVERRIDES, json=waiver(expires_at=rfc3339(NOW + 7 * DAY)), headers=DECIDE)

    assert answer.status_code == 201
    assert answer.json() == {
        "id": 1,
        "pilot": PILOT,
        "kind": "waive",
        "criterion": "every SLO is met now",
        "by": "ada",
        "reason": "a sale is on",
        "created_at": rfc3339(NOW),
        "expires_at": rfc3339(NOW + 7 * DAY),
        "revoked_at": None,
        "revoked_by": None,
        "in_force": True,
    }
    assert visitor.get(OVERRIDES).json() == {"overrides": [answer.json()]}
    assert house.assessed == [PILOT, PILOT]
    assert house.store.audit()[0].actor == "admin: ada"


def test_a_criterion_that_there_is_not_is_refused_with_those_that_there_are(
    house: House, visitor: Visitor
) -> None:
    house.assess(PILOT)
    answer = visitor.post(OVERRIDES, json=waiver(criterion="Error rate > 1%"), headers=DECIDE)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "criterion"
    assert "'every SLO is met now', 'no critical incident is unresolved'" in error["problem"]
    assert house.store.overrides(PILOT) == ()


def test_before_the_first_assessment_any_text_is_taken(visitor: Visitor) -> None:
    assert visitor.post(OVERRIDES, json=waiver(criterion="x"), headers=DECIDE).status_code == 201


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"by": ""}, "by"),
        ({"by": " "}, "by"),
        ({"reason": ""}, "reason"),
        ({"reason": " \n"}, "reason"),
        ({"kind": "ignore"}, "kind"),
        ({"criterion": "every SLO is met now"}, "criterion"),
        ({"kind": "waive"}, "criterion"),
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW - 1}, "expires_at"),
        ({"expires_at": 7}, "expires_at"),
        ({"expires_at": NOW + 90 * DAY + 1}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
        ({"for": "7d"}, "for"),
    ],
)
def test_an_override_that_lacks_something_is_refused(
    house: House, visitor: Visitor, fields: dict[str, Any], field: str
) -> None:
    answer = visitor.post(OVERRIDES, json=override(**fields), headers=DECIDE)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert house.store.overrides(PILOT) == ()


def test_ninety_days_are_the_most(visitor: Visitor) -> None:
    assert (
        visitor.post(OVERRIDES, json=override(expires_at=NOW + 90 * DAY), headers=DECIDE).status_code == 201
    )


def test_the_same_key_is_the_same_override(house: House, visitor: Visitor) -> None:
    headers = bearer(Role.ADMIN, "o-1")
    first = visitor.post(OVERRIDES, json=override(), headers=headers)
    house.clock.at = NOW + 60
    again = visitor.post(OVERRIDES, json=override(), headers=headers)
    other = visitor.post(OVERRIDES, json=override(reason="another"), headers=headers)

    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert (other.status_code, other.json()["reason"]) == (422, "idempotency_key_reused")


def test_a_revoked_override_counts_no_longer_and_stays_on_record(house: House, visitor: Visitor) -> None:
    visitor.post(OVERRIDES, json=override(), headers=DECIDE)
    house.clock.at = NOW + 60
    answer = visitor.delete(f"{OVERRIDES}/1", params={"by": "bob"}, headers=DECIDE)
    house.clock.at = NOW + 90
    again = visitor.delete(f"{OVERRIDES}/1", params={"by": "eve"}, headers=DECIDE)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert answer.json()["revoked_at"] == rfc3339(NOW + 60)
    assert (answer.json()["revoked_by"], answer.json()["in_force"]) == ("bob", False)
    assert again.json() == answer.json()
    assert [entry.kind for entry in house.store.audit()] == [
        WriteKind.REVOKE_OVERRIDE,
        WriteKind.RECORD_OVERRIDE,
    ]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("1", 422, "invalid"),
        ("1?by=", 422, "invalid"),
        ("1?by=%0a", 422, "invalid"),
        ("7?by=bob", 404, "unknown_override"),
        (f"{10**18 * 9 + 10**18 - 1}?by=bob", 404, "unknown_override"),
        ("x?by=bob", 422, "invalid"),
    ],
)
def test_what_cannot_be_revoked_is_said(visitor: Visitor, path: str, status: int, reason: str) -> None:
    visitor.post(OVERRIDES, json=override(), headers=DECIDE)
    answer = visitor.delete(f"{OVERRIDES}/{path}", headers=DECIDE)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_a_store_that_is_down_acknowledges_nothing(house: House, visitor: Visitor) -> None:
    house.store.failure = StoreError("full", "no room")
    answer = visitor.post(OVERRIDES, json=override(), headers=DECIDE)
    assert (answer.status_code, answer.json()["reason"]) == (503, "store_unavailable")
