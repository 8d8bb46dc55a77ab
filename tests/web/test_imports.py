"""Whole files over HTTP: all rows or none, every problem with its place, and nothing doubled."""

import csv
import io
import json
from datetime import datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.records import Severity
from slo_daemon.ports import StoreError
from slo_daemon.web.import_files import feedback_rows, incident_rows
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.security import Role
from tests.web.house import (
    FEEDBACK,
    INCIDENTS,
    NOW,
    PILOT,
    House,
    Visitor,
    bearer,
    feedback,
    incident,
    with_segments,
)

RATINGS = f"{FEEDBACK}/import"
OUTAGES = f"{INCIDENTS}/import"
GIVEN = "2027-01-15T07:00:00Z"


def send(visitor: Visitor, path: str, text: str | bytes, key: str | None = None) -> requests.Response:
    data = text.encode() if isinstance(text, str) else text
    return visitor.post(path, data=data, headers=bearer(Role.ADMIN, key) | {"Content-Type": "text/csv"})


def post(visitor: Visitor, path: str, value: Any, key: str | None = None) -> requests.Response:
    return visitor.post(path, json=value, headers=bearer(Role.ADMIN, key))


def told(answer: requests.Response) -> dict[str, str]:
    return {error["field"]: error["problem"] for error in answer.json()["errors"]}


def test_a_csv_file_of_ratings_is_recorded(house: House, visitor: Visitor) -> None:
    with_segments(house, ("mobile", "power"), ("control", "treatment"))
    text = (
        "\ufeffkey,user,rating,text,given_at,cohort,variant,context.device,context.os\r\n"
        f'r-1,ada,5,"good, really",{GIVEN},mobile,treatment,phone,\r\n'
        f'r-2,bob,2,"two\nlines",{NOW - 60:.0f},,,,\r\n'
        "\r\n"
    )
    answer = send(visitor, RATINGS, text)

    assert (answer.status_code, answer.json()) == (
        201,
        {"rows": 2, "recorded": 2, "known": 0, "created": True},
    )
    bob, ada = house.store.feedback(PILOT)
    assert (ada.user, ada.rating, ada.text) == ("ada", 5, "good, really")
    assert (ada.cohort, ada.variant, dict(ada.context)) == ("mobile", "treatment", {"device": "phone"})
    assert ada.given_at == datetime.fromisoformat(GIVEN).timestamp()
    assert (bob.text, bob.given_at, bob.cohort, dict(bob.context)) == ("two\nlines", NOW - 60, None, {})
    assert house.assessed == [PILOT]
    assert len(house.store.audit()) == 1


def test_a_csv_file_of_incidents_is_recorded(house: House, visitor: Visitor) -> None:
    text = (
        "title,severity,description,started_at,resolution,resolved_at\n"
        f"Search is down,critical,all of it,{GIVEN},rolled back,2027-01-15T07:30:00Z\n"
        f"Slow,warning,,{GIVEN},,\n"
    )
    answer = send(visitor, OUTAGES, text)

    assert answer.json() == {"rows": 2, "recorded": 2, "known": 0, "created": True}
    slow, down = house.store.incidents(PILOT)
    assert (down.severity, down.resolution, down.resolved) == (Severity.CRITICAL, "rolled back", True)
    assert (slow.title, slow.resolved, slow.description) == ("Slow", False, "")


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_is_a_list_or_an_object_with_one(house: House, visitor: Visitor, wrapped: bool) -> None:
    mine = [incident(started_at=NOW - 60, key="a"), incident(started_at=NOW - 30)]
    ratings = [feedback(given_at=NOW - 60, context={"n": 1})]

    first = post(visitor, OUTAGES, {"incidents": mine} if wrapped else mine)
    second = post(visitor, RATINGS, {"feedback": ratings} if wrapped else ratings)

    assert (first.json()["recorded"], second.json()["recorded"]) == (2, 1)
    assert dict(house.store.feedback(PILOT)[0].context) == {"n": 1}


def test_the_same_file_with_its_key_is_recorded_once(house: House, visitor: Visitor) -> None:
    mine = [feedback(given_at=NOW - 60)]
    first, again = (post(visitor, RATINGS, mine, "file-1") for _ in range(2))
    other = post(visitor, RATINGS, [feedback(given_at=NOW - 61)], "file-1")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == {"rows": 1, "recorded": 1, "known": 0, "created": True}
    assert again.json() == first.json() | {"created": False}
    assert (other.status_code, other.json()["reason"]) == (422, "idempotency_key_reused")
    assert len(house.store.feedback(PILOT)) == 1
    assert house.assessed == [PILOT]


def test_overlapping_files_do_not_double_rows_with_keys(house: House, visitor: Visitor) -> None:
    one, two, three = (feedback(user=f"u-{n}", given_at=NOW - 60, key=f"r-{n}") for n in range(3))
    post(visitor, RATINGS, [one, two])
    answer = post(visitor, RATINGS, [two, three])
    changed = post(visitor, RATINGS, [three | {"rating": 1}, three | {"key": "new"}])

    assert answer.json() == {"rows": 2, "recorded": 1, "known": 1, "created": True}
    assert changed.status_code == 422
    assert told(changed) == {
        "row 1: key": "was recorded before with another content; give a changed row another key"
    }
    assert len(house.store.feedback(PILOT)) == 3


def test_every_problem_is_told_with_its_line_and_nothing_is_recorded(house: House, visitor: Visitor) -> None:
    with_segments(house, ("mobile", "power"), ("control", "treatment"))
    text = (
        "user,rating,given_at,cohort\n"
        f"ada,5,{GIVEN},mobile\n"
        f'bob,6,"{GIVEN}",mobile\n'
        f'"eve\nand adam",four,{GIVEN},mobile\n'
        f"joe,3,{GIVEN},desktop\n"
        "sam,3,,mobile\n"
        f"tom,3,{GIVEN}\n"
        f"zoe,3,{GIVEN},\n"
    )
    answer = send(visitor, RATINGS, text)

    assert answer.status_code == 422
    assert answer.json()["detail"] == "the file has 5 problems; nothing was recorded"
    assert answer.json()["problems"] == 5
    problems = told(answer)
    assert list(problems) == [
        "line 3: rating",
        "line 4: rating",
        "line 6: cohort",
        "line 7: given_at",
        "line 8: row",
    ]
    assert problems["line 6: cohort"] == "is no cohort of the pilot; known: mobile, power"
    assert "3 cells, but there are 4 columns" in problems["line 8: row"]
    assert house.store.feedback(PILOT) == ()
    assert house.assessed == []


def test_of_many_problems_the_first_are_shown_and_all_are_counted(visitor: Visitor) -> None:
    answer = post(visitor, RATINGS, [feedback(rating=9, given_at=NOW)] * 312)

    assert answer.json()["detail"] == (
        "the file has 312 problems; the first 20 are listed; nothing was recorded"
    )
    assert answer.json()["problems"] == 312
    assert [error["field"] for error in answer.json()["errors"]] == [
        f"row {number}: rating" for number in range(1, 21)
    ]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("user,rating,stars", "there is no column 'stars'; known: user, rating, text, given_at"),
        ("user,rating,user", "the column 'user' is there twice"),
        ("user;rating;given_at", "separate the columns by commas"),
        ("user,rating,context.", "there is no column 'context.'"),
    ],
)
def test_wrong_columns_are_named(visitor: Visitor, head: str, said: str) -> None:
    answer = send(visitor, RATINGS, f"{head}\na,1,2\n")
    assert answer.status_code == 422
    assert said in answer.json()["errors"][0]["problem"]


@pytest.mark.parametrize(
    ("body", "status", "reason", "said"),
    [
        (b"", 422, "no_rows", "the first line names the columns"),
        (b"user,rating,given_at\n", 422, "no_rows", "no rows"),
        (b'user,rating\n"ada,5\n', 400, "bad_csv", "line 2"),
        (b"user,rating\nad\xff,5\n", 400, "bad_csv", "line 2: this is not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused(
    visitor: Visitor, body: bytes, status: int, reason: str, said: str
) -> None:
    answer = send(visitor, RATINGS, body)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("value", [7, {}, {"feedback": 7}, {"incidents": [], "more": 1}, []])
def test_json_of_another_form_is_refused(visitor: Visitor, value: Any) -> None:
    answer = post(visitor, OUTAGES, value)
    assert (answer.status_code, answer.json()["reason"]) == (422, "no_rows")


def test_files_must_tell_times(visitor: Visitor) -> None:
    rows = [
        incident(),
        incident(started_at=NOW - 60, resolution="over"),
        incident(started_at=NOW, reporter="a"),
    ]
    assert list(told(post(visitor, OUTAGES, rows))) == [
        "row 1: started_at",
        "row 2: resolved_at",
        "row 3: reporter",
    ]


def test_another_content_type_is_refused(visitor: Visitor) -> None:
    headers = bearer(Role.ADMIN) | {"Content-Type": "application/xml"}
    answer = visitor.post(RATINGS, data=b"<a/>", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (415, "content_type")
    assert "'Content-Type: application/json' or 'Content-Type: text/csv'" in answer.json()["detail"]


def test_too_many_rows_are_refused(house: House, visitor: Visitor) -> None:
    line = f"u,3,{NOW:.0f}\n"
    answer = send(visitor, RATINGS, "user,rating,given_at\n" + line * 100_001)
    assert (answer.status_code, answer.json()["reason"]) == (422, "too_many_rows")
    assert house.store.feedback(PILOT) == ()


def test_a_store_that_is_down_records_nothing(house: House, visitor: Visitor) -> None:
    house.store.failure = StoreError("full", "no room")
    answer = post(visitor, RATINGS, [feedback(given_at=NOW)])
    assert (answer.status_code, answer.json()["reason"]) == (503, "store_unavailable")


@given(st.text(max_size=80), st.sampled_from(["text/csv", "application/json"]))
def test_any_text_is_rows_or_refused(text: str, media_type: str) -> None:
    for read in (incident_rows, feedback_rows):
        refused = 0
        try:
            assert read(text.encode("utf-8", "replace"), media_type)
        except ProblemError as error:
            refused = error.status
        assert refused in (0, 400, 422)


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)


@given(st.lists(st.tuples(cells, st.integers(1, 5)), min_size=1, max_size=5))
def test_csv_that_python_wrote_reads_as_json_does(rows: list[tuple[str, int]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["user", "rating", "text", "given_at"])
    for text, rating in rows:
        writer.writerow(["u", rating, text, GIVEN])
    values = [{"user": "u", "rating": rating, "text": text, "given_at": GIVEN} for text, rating in rows]
    of_csv = feedback_rows(file.getvalue().encode(), "text/csv")
    of_json = feedback_rows(json.dumps(values).encode(), "application/json")
    assert [row.values for row in of_csv] == [row.values for row in of_json]
