"""Whatever comes in: a named refusal or a sound record, never a failure of ours and never half of something."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo_daemon.core.pilot.records import Severity
from slo_daemon.web.inputs import FeedbackBody, IncidentBody, shaped, strict_json
from slo_daemon.web.problems import PROBLEM_TYPE, ProblemError
from slo_daemon.web.security import Role
from tests.web.house import FEEDBACK, INCIDENTS, NOW, PILOT, House, Visitor, bearer, feedback, incident

JSON = {"Content-Type": "application/json"}
TITLE = '{"title": "t", "severity": "info", "description": %s}'

BAD_JSON = {
    "nothing": b"",
    "no JSON": b"title=x",
    "cut": b'{"title": "x"',
    "two values": b"{}{}",
    "a duplicate key": b'{"title": "a", "title": "b", "severity": "info"}',
    "a duplicate key inside": b'{"user": "u", "rating": 3, "context": {"a": 1, "a": 2}}',
    "NaN": b'{"user": "u", "rating": NaN}',
    "Infinity": b'{"user": "u", "rating": 3, "context": {"a": -Infinity}}',
    "a number beyond floats": b'{"user": "u", "rating": 3, "context": {"a": 1e999}}',
    "a number of 5,000 digits": b'{"user": "u", "rating": 3, "context": {"a": ' + b"1" * 5_000 + b"}}",
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "nine levels": b"[" * 9 + b"]" * 9,
    "a NUL": (TITLE % '"a\\u0000b"').encode(),
    "a NUL in a key": b'{"a\\u0000b": 1}',
    "half a surrogate pair": (TITLE % '"\\ud800"').encode(),
    "the other half": (TITLE % '"\\udfff x"').encode(),
    "Latin-1": (TITLE % '"caf\xe9"').encode("latin-1"),
    "UTF-16": (TITLE % '"x"').encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a comment": b"{} // x",
    "single quotes": b"{'title': 'x'}",
}

BAD_INCIDENTS: dict[str, tuple[Any, str]] = {
    "null": (None, ""),
    "a list": ([], ""),
    "a string": ("x", ""),
    "no title": ({"severity": "info"}, "title"),
    "no severity": ({"title": "x"}, "severity"),
    "an unknown field": (incident(sevrity="info"), "sevrity"),
    "an empty title": (incident(title=""), "title"),
    "a blank title": (incident(title=" \t"), "title"),
    "a title of two lines": (incident(title="a\nb"), "title"),
    "an escape sequence as title": (incident(title="\x1b[2Jx"), "title"),
    "a title of 201 characters": (incident(title="x" * 201), "title"),
    "a title that is a number": (incident(title=1), "title"),
    "another severity": (incident(severity="fatal"), "severity"),
    "a severity in capitals": (incident(severity="CRITICAL"), "severity"),
    "a severity that is a number": (incident(severity=2), "severity"),
    "4,001 characters": (incident(description="x" * 4_001), "description"),
    "no description": (incident(description=None), "description"),
    "a time without a zone": (incident(started_at="2027-01-15T07:30:00"), "started_at"),
    "a day": (incident(started_at="2027-01-15"), "started_at"),
    "a week": (incident(started_at="2027-W01-1T00:00:00Z"), "started_at"),
    "no such day": (incident(started_at="2027-02-30T00:00:00Z"), "started_at"),
    "the year 0": (incident(started_at="0000-01-01T00:00:00Z"), "started_at"),
    "the year 1": (incident(started_at="0001-01-01T00:00:00+14:00"), "started_at"),
    "the year 9999": (incident(started_at="9999-12-31T23:59:59Z"), "started_at"),
    "six minutes ahead": (incident(started_at=NOW + 360), "started_at"),
    "milliseconds": (incident(started_at=NOW * 1_000), "started_at"),
    "a huge number": (incident(started_at=10**300), "started_at"),
    "a negative time": (incident(started_at=-1), "started_at"),
    "true as a time": (incident(started_at=True), "started_at"),
    "a number in quotes": (incident(started_at="1800000000"), "started_at"),
    "resolved before it started": (incident(started_at=NOW - 60, resolved_at=NOW - 61), "resolved_at"),
    "resolved in the future": (incident(resolved_at=NOW + 400), "resolved_at"),
    "a reporter of two lines": (incident(reporter="a\nb"), "reporter"),
    "a reporter of 129 characters": (incident(reporter="x" * 129), "reporter"),
    "an id": (incident(id=7), "id"),
    "a pilot": (incident(pilot="other"), "pilot"),
}

BAD_FEEDBACK: dict[str, tuple[Any, str]] = {
    "true": (feedback(rating=True), "rating"),
    "0": (feedback(rating=0), "rating"),
    "6": (feedback(rating=6), "rating"),
    "a fraction": (feedback(rating=4.5), "rating"),
    "4.0": (feedback(rating=4.0), "rating"),
    "a string": (feedback(rating="4"), "rating"),
    "no rating": ({"user": "u"}, "rating"),
    "a rating of 30 digits": (feedback(rating=10**30), "rating"),
    "no user": ({"rating": 3}, "user"),
    "a user of 129 characters": (feedback(user="u" * 129), "user"),
    "4,001 characters": (feedback(text="x" * 4_001), "text"),
    "a context that is a list": (feedback(context=[]), "context"),
    "a context in a context": (feedback(context={"a": {"b": 1}}), "context"),
    "21 entries": (feedback(context={str(n): n for n in range(21)}), "context"),
    "a whole number of 65 bits": (feedback(context={"a": 2**64}), "context"),
    "a long value": (feedback(context={"a": "x" * 1_001}), "context"),
    "a long key": (feedback(context={"a" * 65: 1}), "context"),
    "an empty key": (feedback(context={"": 1}), "context"),
}


def refused(answer: Any) -> dict[str, Any]:
    """The problem document: well formed, and without our inner life."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == PROBLEM_TYPE
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert re.fullmatch(r"[a-z_]+", problem["reason"])
    assert problem["detail"]
    assert "Traceback" not in answer.text
    assert "/slo_daemon/" not in answer.text
    return problem


@pytest.fixture(scope="module")
def open_house() -> Iterator[tuple[House, Visitor]]:
    """One server for whole tables: what is refused leaves nothing behind, so its tests do not meet."""
    house = House()
    with house.open() as visitor:
        yield house, visitor


@pytest.mark.parametrize("path", [INCIDENTS, FEEDBACK, f"{INCIDENTS}/1"])
@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_what_is_no_strict_json_is_refused(open_house: tuple[House, Visitor], path: str, body: bytes) -> None:
    house, visitor = open_house
    before = house.store.audit(limit=100_000)
    method = "PATCH" if path.endswith("/1") else "POST"
    problem = refused(visitor.request(method, path, data=body, headers=bearer(Role.ADMIN) | JSON))

    assert (problem["status"], problem["reason"]) == (400, "bad_json")
    assert house.store.audit(limit=100_000) == before


@pytest.mark.parametrize(("body", "field"), BAD_INCIDENTS.values(), ids=BAD_INCIDENTS)
def test_a_wrong_incident_is_refused_by_the_name_of_its_field(
    open_house: tuple[House, Visitor], body: Any, field: str
) -> None:
    house, visitor = open_house
    before = house.store.audit(limit=100_000)
    problem = refused(
        visitor.post(
            INCIDENTS,
            json=body,
            headers=bearer(Role.INCIDENTS) | JSON,
            data=json.dumps(body) if body is None or body == [] else None,
        )
    )

    assert problem["status"] == 422
    assert [error["field"] for error in problem["errors"]] == [field]
    assert house.store.audit(limit=100_000) == before


@pytest.mark.parametrize(("body", "field"), BAD_FEEDBACK.values(), ids=BAD_FEEDBACK)
def test_wrong_feedback_is_refused_by_the_name_of_its_field(
    open_house: tuple[House, Visitor], body: Any, field: str
) -> None:
    house, visitor = open_house
    before = house.store.audit(limit=100_000)
    problem = refused(visitor.post(FEEDBACK, json=body, headers=bearer(Role.FEEDBACK)))

    assert problem["status"] == 422
    assert {error["field"].split(".")[0] for error in problem["errors"]} == {field}
    assert house.store.audit(limit=100_000) == before


def test_all_wrong_fields_are_told_at_once(visitor: Visitor) -> None:
    body = {"severity": "x", "description": 1, "colour": "red", "title": ""}

    problem = refused(visitor.post(INCIDENTS, json=body, headers=bearer(Role.INCIDENTS)))

    assert {error["field"] for error in problem["errors"]} == set(body)


def test_a_refusal_does_not_repeat_what_was_sent(visitor: Visitor) -> None:
    body = incident(description=["my secret"], severity="my secret")

    assert "my secret" not in visitor.post(INCIDENTS, json=body, headers=bearer(Role.INCIDENTS)).text


@pytest.mark.parametrize("body", [{}, {"reporter": "Ada"}, {"severity": None}])
def test_a_change_of_nothing_is_refused(visitor: Visitor, body: Any) -> None:
    visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.INCIDENTS))

    assert (
        refused(visitor.patch(f"{INCIDENTS}/1", json=body, headers=bearer(Role.INCIDENTS)))["status"] == 422
    )


@pytest.mark.parametrize("at", [NOW - 3_601, NOW + 301])
def test_an_incident_cannot_be_resolved_before_it_started_or_in_the_future(
    house: House, visitor: Visitor, at: float
) -> None:
    visitor.post(INCIDENTS, json=incident(started_at=NOW - 3_600), headers=bearer(Role.INCIDENTS))

    problem = refused(
        visitor.patch(f"{INCIDENTS}/1", json={"resolved_at": at}, headers=bearer(Role.INCIDENTS))
    )

    assert problem["errors"][0]["field"] == "resolved_at"
    assert not house.store.incidents(PILOT)[0].resolved


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "x"])
def test_compressed_bodies_are_refused_unread(visitor: Visitor, encoding: str) -> None:
    headers = bearer(Role.INCIDENTS) | JSON | {"Content-Encoding": encoding}

    assert refused(visitor.post(INCIDENTS, data=b"x", headers=headers))["reason"] == "content_encoding"


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"]
)
def test_another_content_type_is_refused_with_the_right_one(visitor: Visitor, media: str) -> None:
    problem = refused(
        visitor.post(INCIDENTS, data=b"{}", headers=bearer(Role.INCIDENTS) | {"Content-Type": media})
    )

    assert problem["status"] == 415
    assert "application/json" in problem["detail"]


def test_a_charset_beside_the_content_type_is_fine(visitor: Visitor) -> None:
    headers = bearer(Role.INCIDENTS) | {"Content-Type": "application/json; charset=utf-8"}

    assert visitor.post(INCIDENTS, data=json.dumps(incident()), headers=headers).status_code == 201


@pytest.mark.parametrize("size", [(1 << 20) + 1, 3 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused_and_its_sender_hears_it(
    house: House, visitor: Visitor, size: int, chunked: bool
) -> None:
    text = json.dumps(incident(description="x" * size)).encode()
    data: Any = iter([text[n : n + 65_536] for n in range(0, len(text), 65_536)]) if chunked else text

    problem = refused(visitor.post(INCIDENTS, data=data, headers=bearer(Role.INCIDENTS) | JSON))

    assert (problem["status"], problem["reason"]) == (413, "body_too_large")
    assert house.store.audit() == ()


def test_a_body_just_within_the_limit_is_read(visitor: Visitor) -> None:
    text = json.dumps(incident(description="x")).encode()
    text += b" " * ((1 << 20) - len(text))

    assert visitor.post(INCIDENTS, data=text, headers=bearer(Role.INCIDENTS) | JSON).status_code == 201


LONGEST = {
    "title": "\U0001f4a5" * 200,
    "severity": "info",
    "description": "\u00e4\n\t\x1b" * 1_000,
    "reporter": "r" * 128,
    "started_at": "2027-01-15T09:04:59.123456789+01:00",
}


def test_everything_at_its_limit_is_kept_exactly(house: House, visitor: Visitor) -> None:
    assert visitor.post(INCIDENTS, json=LONGEST, headers=bearer(Role.INCIDENTS)).status_code == 201
    assert (
        visitor.post(
            FEEDBACK,
            json=feedback(
                user="u" * 128,
                text="x" * 4_000,
                context={"k" * 62 + f"{n:02}": "v" * 1_000 for n in range(20)},
            ),
            headers=bearer(Role.FEEDBACK),
        ).status_code
        == 201
    )

    (stored,) = house.store.incidents(PILOT)
    assert (stored.title, stored.description) == (LONGEST["title"], LONGEST["description"])
    assert stored.severity is Severity.INFO
    assert stored.started_at == pytest.approx(NOW + 299.123456, abs=1e-5)
    assert len(house.store.feedback(PILOT)[0].context) == 20


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["title", "severity", "description", "started_at", "resolution", "resolved_at", "reporter"]
NAMES += ["user", "rating", "text", "given_at", "context"]
times = st.one_of(st.floats(), st.integers(), st.datetimes().map(lambda at: at.isoformat() + "Z"))
nearly = st.fixed_dictionaries(
    {},
    optional={
        name: values | times | st.sampled_from(["info", "critical", "u", 1, 3, 5, "x", {}, {"a": 1}])
        for name in NAMES
    },
)
bodies = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    nearly.map(lambda value: json.dumps(value).encode()),
    st.tuples(nearly, st.sampled_from([incident(), feedback()])).map(
        lambda pair: json.dumps(pair[1] | pair[0]).encode()
    ),
    st.binary(max_size=200),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, path=st.sampled_from([INCIDENTS, FEEDBACK]))
def test_any_body_is_recorded_or_refused_and_never_a_failure(
    open_house: tuple[House, Visitor], body: bytes, path: str
) -> None:
    house, visitor = open_house
    before = len(house.store.audit(limit=100_000))

    answer = visitor.post(path, data=body, headers=bearer(Role.ADMIN) | JSON)

    stored = len(house.store.audit(limit=100_000)) - before
    if answer.status_code == 201:
        assert stored == 1
        assert answer.json()["pilot"] == PILOT
    else:
        refused(answer)
        assert stored == 0


def refusal(work: Callable[[], object]) -> ProblemError | None:
    try:
        work()
    except ProblemError as error:
        return error
    return None


@settings(max_examples=1_000, deadline=None)
@given(body=bodies)
def test_strict_json_gives_what_json_gives_or_refuses(body: bytes) -> None:
    problem = refusal(lambda: strict_json(body))

    if problem is None:
        assert strict_json(body) == json.loads(body)
        json.dumps(strict_json(body), allow_nan=False).encode()
    else:
        assert problem.status == 400


@settings(max_examples=1_000, deadline=None)
@given(value=values | nearly, shape=st.sampled_from([IncidentBody, FeedbackBody]))
def test_a_shape_takes_a_value_or_names_its_problems(
    value: Any, shape: type[IncidentBody] | type[FeedbackBody]
) -> None:
    problem = refusal(lambda: shaped(shape, value))

    assert problem is None or (problem.status == 422 and problem.errors)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.text(st.characters(codec="latin-1", exclude_characters="\r\n \0"), max_size=60),
    query=st.text("abf=&%?md2json0123.-", max_size=20),
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"]),
    prefix=st.sampled_from(["/", "/api/v1/slos/", f"/api/v1/pilots/{PILOT}/", "/-/", "/api/v1/pilots/"]),
)
def test_any_path_gives_an_answer_and_never_a_failure(
    open_house: tuple[House, Visitor], method: str, prefix: str, path: str, query: str
) -> None:
    _, visitor = open_house

    answer = visitor.request(
        method, f"{prefix}{path}?{query}", headers=bearer(Role.ADMIN), allow_redirects=False
    )

    assert answer.status_code < 500
