"""Forms for people with a token: who may send them, what happens to what was typed, and that nothing is recorded twice."""

import re

import httpx
import pytest
from fastapi import Request

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import Incident, IncidentChange, NewIncident, Severity
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.ports import Act, StoreError, WriteKind
from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.pages.incidents import MOST_INCIDENTS
from slo_daemon.web.security import FORMS, Role
from slo_daemon.web.sessions import COOKIE, SECURE_COOKIE, SESSION_SECONDS, Session, Sessions
from tests.web.browsing import Page, Person
from tests.web.house import FEEDBACK, INCIDENTS, NOW, PILOT, TOKENS, House, with_segments

ADD = f"/pilots/{PILOT}/incidents"
RATE = f"/pilots/{PILOT}/feedback"
RESOLVE = f"{ADD}/1"
ADMINS = frozenset({Role.ADMIN})
TYPED = {"title": "Search is down", "severity": "critical", "description": "since the switch"}


@pytest.fixture
def person(house: House) -> Person:
    return Person(house)


@pytest.fixture
def ada(person: Person) -> Person:
    """Signed in for incidents, at the form."""
    person.sign_in(Role.INCIDENTS)
    person.open(ADD)
    return person


def recorded(house: House) -> int:
    return len(house.store.incidents(PILOT)) + len(house.store.feedback(PILOT))


def with_incident(house: House) -> None:
    house.store.record_incident(
        NewIncident(PILOT, "Index is late", Severity.CRITICAL, "", NOW - 600), Act("x", NOW)
    )


def test_somebody_without_a_token_reads_and_is_shown_the_way_to_sign_in(person: Person) -> None:
    page = person.open(ADD)

    assert "No incident was recorded." in page.text
    assert page.forms == {}
    assert f"/sign-in?next={ADD}" in page.links
    assert f"/sign-in?next={RATE}" in person.open(RATE).links


def test_who_signs_in_comes_back_to_where_they_were(person: Person) -> None:
    person.open(f"/sign-in?next={ADD}")

    page = person.send("/sign-in", name="Ada", token=TOKENS[Role.INCIDENTS])

    assert person.answer.url.path == ADD
    assert "Ada (incidents) Sign out" in page.text
    assert ADD in page.forms


def test_an_incident_is_recorded_with_who_told_of_it_and_blocks_the_pilot(house: House, ada: Person) -> None:
    page = ada.send(ADD, **TYPED, started_at="2027-01-15T07:30")

    (incident,) = house.store.incidents(PILOT)
    assert (incident.title, incident.severity, incident.description) == tuple(TYPED.values())
    assert incident.started_at == NOW - 1_800
    assert "Incident 1 is recorded." in page.text
    assert "○ open · ✗ critical" in page.text
    assert ada.answer.url.path == ADD
    assert [response.status_code for response in ada.answer.history] == [303]
    assert house.current.assessments[PILOT].verdict is Verdict.NOT_READY
    (entry,) = house.store.audit()
    assert (entry.actor, entry.kind) == ("incidents: Ada", WriteKind.RECORD_INCIDENT)


def test_an_open_incident_is_resolved(house: House, ada: Person) -> None:
    with_incident(house)
    ada.open(ADD)

    page = ada.send(RESOLVE, resolution="index built anew\nand watched", resolved_at="2027-01-15T07:59")

    (incident,) = house.store.incidents(PILOT)
    assert incident.resolution == "index built anew\nand watched"
    assert incident.resolved_at == NOW - 60
    assert "Incident 1 is resolved." in page.text
    assert RESOLVE not in page.forms
    assert house.store.audit()[0].actor == "incidents: Ada"


def test_a_rating_is_recorded_and_its_user_shown_to_who_may_see_it(house: House, person: Person) -> None:
    with_segments(house, ["mobile_users"], ["control", "treatment"])
    person.sign_in(Role.FEEDBACK)
    person.open(RATE)

    page = person.send(
        RATE, user="u-1", rating="4", text="finds it", variant="treatment", cohort="mobile_users"
    )

    (rating,) = house.store.feedback(PILOT)
    assert (rating.user, rating.rating, rating.text) == ("u-1", 4, "finds it")
    assert (rating.cohort, rating.variant, rating.given_at) == ("mobile_users", "treatment", NOW)
    assert "The rating is recorded." in page.text
    assert "4/5 u-1, 2027-01-15 08:00 UTC" in page.text


def test_users_ids_are_for_those_who_signed_in_for_feedback_only(house: House, person: Person) -> None:
    person.sign_in(Role.FEEDBACK)
    person.open(RATE)
    person.send(RATE, user="somebody-s-id", rating="4", text="finds it")

    for other in (Person(house), Person(house)):
        assert "finds it" in other.open(RATE).text
        assert "somebody-s-id" not in other.answer.text
        other.sign_in(Role.INCIDENTS)
    assert "somebody-s-id" not in other.open(RATE).text


@pytest.mark.parametrize(
    ("typed", "problems"),
    [
        ({"title": "", "severity": ""}, ["must not be empty", "must be one of critical, warning, info"]),
        ({"title": "a\tb"}, ["must be one line without control characters"]),
        ({"title": "x" * 201}, ["has 201 characters; at most 200 are kept"]),
        ({"severity": "purple"}, ["must be one of critical, warning, info"]),
        ({"description": "x" * 4_001}, ["has 4001 characters; at most 4000 are kept"]),
        ({"started_at": "yesterday"}, ["must be a time in UTC, as in 2026-01-31 09:30"]),
        ({"started_at": "2027-02-30T10:00"}, ["must be a time in UTC, as in 2026-01-31 09:30"]),
        ({"started_at": "1999-12-31T10:00"}, ["is before the year 2000"]),
        ({"started_at": "2028-01-15T08:00"}, ["is more than 5 minutes in the future"]),
        ({"started_at": "x", "title": " "}, ["must not be empty", "must be a time in UTC"]),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    house: House, ada: Person, typed: dict[str, str], problems: list[str]
) -> None:
    key = ada.page.forms[ADD]["key"]
    sent = TYPED | {"started_at": "2027-01-15T07:30"} | typed

    page = ada.send(ADD, 422, **sent)

    for problem in problems:
        assert f"✗ {problem}" in page.text
    wrong = [found for _, found in page.elements if found.get("aria-invalid") == "true"]
    described = {str(found["aria-describedby"]) for found in wrong}
    assert described <= {found.get("id") for _, found in page.elements}
    again = page.forms[ADD]
    assert {name: again.get(name, "") for name in sent if name != "severity"} == {
        name: value for name, value in sent.items() if name != "severity"
    }
    assert again["key"] == key
    assert recorded(house) == 0
    assert (
        next(found for tag, found in page.elements if tag == "body")["data-every"] == "0"
    )  # nothing is lost by renewing


def test_a_form_that_was_put_right_is_taken(house: House, ada: Person) -> None:
    ada.send(ADD, 422, **TYPED | {"title": ""})
    ada.send(ADD, title="Search is down")

    assert [one.description for one in house.store.incidents(PILOT)] == ["since the switch"]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"user": ""}, "must not be empty"),
        ({"rating": ""}, "must be a whole number from 1 to 5"),
        ({"rating": "6"}, "must be a whole number from 1 to 5"),
        ({"rating": "4.5"}, "must be a whole number from 1 to 5"),
        ({"cohort": "nobody"}, "the pilot has no cohorts"),
        ({"given_at": "x"}, "must be a time in UTC"),
    ],
)
def test_a_wrong_rating_is_not_taken(
    house: House, person: Person, typed: dict[str, str], problem: str
) -> None:
    person.sign_in(Role.ADMIN)
    person.open(RATE)

    page = person.send(RATE, 422, **{"user": "u-1", "rating": "4", "text": "typed"} | typed)

    assert problem in page.text
    assert page.forms[RATE]["text"] == "typed"
    assert recorded(house) == 0


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"resolution": " "}, "must not be empty: others will ask how it ended"),
        ({"resolved_at": "x"}, "must be a time in UTC"),
        ({"resolved_at": "2027-01-15T07:00"}, "is before started_at"),
    ],
)
def test_a_wrong_resolution_is_not_taken_and_its_form_is_open(
    house: House, ada: Person, typed: dict[str, str], problem: str
) -> None:
    with_incident(house)
    ada.open(ADD)

    page = ada.send(RESOLVE, 422, **{"resolution": "typed", "resolved_at": "2027-01-15T07:59"} | typed)

    assert problem in page.text
    assert [found for tag, found in page.elements if tag == "details" and "open" in found]
    assert page.forms[ADD]["title"] == ""
    assert house.store.incidents(PILOT)[0].resolved_at is None


def test_the_same_form_sent_twice_is_one_record(house: House, ada: Person) -> None:
    form = ada.page.forms[ADD] | TYPED

    first, second = ada.post(ADD, form), ada.post(ADD, form)

    assert recorded(house) == 1
    assert len(house.store.audit()) == 1
    assert "Incident 1 is recorded." in first.text
    assert "Incident 1 is recorded." in second.text


def test_a_sent_form_with_other_values_says_that_it_was_recorded_and_can_be_sent_again(
    house: House, ada: Person
) -> None:
    form = ada.page.forms[ADD] | TYPED
    ada.post(ADD, form)

    page = ada.post(ADD, form | {"title": "Another thing"}, 422)

    assert "This form was recorded already, with other values." in page.text
    assert recorded(house) == 1
    ada.send(ADD)
    assert {one.title for one in house.store.incidents(PILOT)} == {"Search is down", "Another thing"}


def test_a_late_repetition_of_a_resolution_changes_nothing(house: House, ada: Person) -> None:
    with_incident(house)
    form = ada.open(ADD).forms[RESOLVE] | {"resolution": "fixed"}

    ada.post(RESOLVE, form)
    house.clock.at += 60
    ada.post(RESOLVE, form)

    assert house.store.incidents(PILOT)[0].resolved_at == NOW
    assert len(house.store.audit()) == 2  # of recording it, and of resolving it once


def test_while_the_store_is_down_nothing_is_acknowledged_and_the_form_stays(
    house: House, ada: Person
) -> None:
    key = ada.page.forms[ADD]["key"]
    house.store.failure = StoreError("full", "no room")

    page = ada.send(ADD, 503, **TYPED)

    assert "The store cannot be used now (full). Nothing was recorded" in page.text
    assert "Incidents cannot be read now (full)." in page.text
    assert page.forms[ADD]["title"] == "Search is down"
    assert page.forms[ADD]["key"] == key
    house.store.failure = None
    assert "Incident 1 is recorded." in ada.send(ADD).text


def test_an_incident_is_acknowledged_though_the_judges_cannot_read_it_yet(house: House, ada: Person) -> None:
    def fails(_pilot: str) -> None:
        raise StoreError("locked", "a moment")

    house.assess = fails  # type: ignore[method-assign]
    person = Person(house)
    person.sign_in(Role.INCIDENTS)
    person.open(ADD)

    assert "Incident 1 is recorded." in person.send(ADD, **TYPED).text


def test_when_the_session_is_over_what_was_typed_stays_and_a_token_is_asked_for(
    house: House, ada: Person
) -> None:
    form = ada.page.forms[ADD] | TYPED
    house.session_time += SESSION_SECONDS

    page = ada.post(ADD, form, 401)

    assert "You are not signed in, or no longer." in page.text
    assert "Sign out" not in page.text
    assert recorded(house) == 0
    wrong = ada.send(ADD, 401, name="Ada", token="wrong")
    assert "This token is not known." in wrong.text
    assert "wrong" not in ada.answer.text.replace("a wrong token", "").replace('class="wrong"', "").replace(
        "-wrong", ""
    )
    done = ada.send(ADD, name="Ada", token=TOKENS[Role.INCIDENTS])
    assert "Incident 1 is recorded." in done.text
    assert "Ada (incidents) Sign out" in done.text


def test_who_signs_in_beside_a_wrong_field_stays_signed_in(house: House, ada: Person) -> None:
    form = ada.page.forms[ADD] | TYPED | {"title": ""}
    house.session_time += SESSION_SECONDS
    ada.post(ADD, form, 401)

    page = ada.send(ADD, 422, name="Ada", token=TOKENS[Role.INCIDENTS])

    assert "must not be empty" in page.text
    assert "token" not in page.forms[ADD]
    assert "Incident 1 is recorded." in ada.send(ADD, title="Now it has one").text


def test_a_session_of_another_role_may_not_send_the_form(house: House, person: Person) -> None:
    person.sign_in(Role.FEEDBACK)
    page = person.open(ADD)

    assert ADD not in page.forms
    assert "You are signed in with a token for feedback." in page.text
    session = page.forms["/sign-out"]["form_token"]
    page = person.post(ADD, TYPED | {"form_token": session, "key": "k"}, 403)
    assert "This needs the role incidents; the token is for feedback." in page.text
    assert recorded(house) == 0


def test_a_role_without_a_token_is_told_how_to_configure_one(house: House) -> None:
    house.tokens = {Role.WEBHOOK: TOKENS[Role.WEBHOOK]}
    person = Person(house)

    assert "web.tokens.incidents.file" in person.open(ADD).text
    assert "nobody can sign in" in person.open("/sign-in").text
    page = person.send("/sign-in", 403, name="A", token=TOKENS[Role.WEBHOOK])
    assert "This needs the role" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://daemon.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://daemon.example.evil.example"},
        {"Origin": "http://daemon.example:8080"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://daemon]example"},
        {},
    ],
)
@pytest.mark.parametrize("action", [ADD, RESOLVE, RATE, "/sign-in", "/sign-out"])
def test_a_form_that_another_site_sent_is_refused_whoever_is_signed_in(
    house: House, person: Person, action: str, headers: dict[str, str]
) -> None:
    with_incident(house)
    person.sign_in(Role.ADMIN)
    form = {**person.open(ADD).forms[ADD], **TYPED, "resolution": "x", "user": "u", "rating": "1", "name": "x", "token": TOKENS[Role.ADMIN]}  # fmt: skip

    answer = person.client.post(action, data=form, headers=headers)

    assert answer.status_code == 403
    assert "cross_site" in Page(answer.text).text
    assert recorded(house) == 1
    assert "Sign out" in person.open("/").text


def test_where_browsers_do_not_say_more_the_origin_is_enough(house: House, ada: Person) -> None:
    headers = {"Origin": ada.client.url}

    answer = ada.client.post(ADD, data=ada.page.forms[ADD] | TYPED, headers=headers)

    assert answer.status_code == 200
    assert recorded(house) == 1


@pytest.mark.parametrize("token", ["", "guess", "\u00e9"])
def test_a_form_without_the_token_of_its_session_is_shown_again(
    house: House, ada: Person, token: str
) -> None:
    page = ada.send(ADD, 403, **TYPED, form_token=token)

    assert "You have signed in anew since the form was opened; send it again." in page.text
    assert recorded(house) == 0
    ada.send(ADD)
    assert recorded(house) == 1


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_from_elsewhere_and_ends(person: Person) -> None:
    person.sign_in(Role.ADMIN)

    (cookie,) = person.answer.history[0].headers.get_list("set-cookie")
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Max-Age={SESSION_SECONDS}; Path=/; SameSite=strict", cookie
    )


def test_behind_tls_the_cookie_is_bound_to_host_and_tls(house: House) -> None:
    person = Person(house, "https://slo.example")
    person.sign_in(Role.ADMIN)

    (cookie,) = person.answer.history[0].headers.get_list("set-cookie")
    assert cookie.startswith(f"{SECURE_COOKIE}=")
    assert "; Secure" in cookie
    assert "Sign out" in person.open("/").text


@pytest.mark.parametrize("path", [INCIDENTS, FEEDBACK])
def test_the_api_takes_no_cookie(house: House, person: Person, path: str) -> None:
    person.sign_in(Role.ADMIN)
    own = {"Origin": person.client.url, "Sec-Fetch-Site": "same-origin"}

    answers: list[httpx.Response] = [
        person.client.post(path, json={"title": "x", "severity": "info"}, headers=own),
        person.client.get(FEEDBACK, headers=own),
        person.client.post("/-/reload", headers=own),
    ]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert recorded(house) == house.reloads == 0


def test_forms_take_no_token_in_a_header(house: House, person: Person) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[Role.ADMIN]}"}

    person.post(ADD, TYPED, 401, **headers)

    assert recorded(house) == 0


def test_who_signs_out_is_out_also_with_the_old_cookie(house: House, ada: Person) -> None:
    cookies = httpx.Cookies(ada.client.cookies)
    form = ada.page.forms[ADD] | TYPED
    ada.send("/sign-out")
    assert "Sign in" in ada.page.text

    ada.client.cookies = cookies
    ada.post(ADD, form, 401)

    assert recorded(house) == 0


def test_signing_in_again_ends_the_session_before(house: House, ada: Person) -> None:
    before = httpx.Cookies(ada.client.cookies)
    ada.sign_in(Role.FEEDBACK)
    assert "Ada (feedback)" in ada.open("/").text

    ada.client.cookies = before
    assert "Sign out" not in ada.open("/").text


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"name": "Ada", "token": "guess"}, 401, "This token is not known."),
        ({"name": "Ada", "token": ""}, 422, "must not be empty"),
        ({"name": "", "token": TOKENS[Role.ADMIN]}, 422, "must not be empty"),
        ({"name": "a\nb", "token": TOKENS[Role.ADMIN]}, 422, "must be one line"),
        ({"name": "x" * 129, "token": TOKENS[Role.ADMIN]}, 422, "has 129 characters"),
        ({"name": "Ada", "token": TOKENS[Role.WEBHOOK]}, 403, "the token is for webhook"),
    ],
)
def test_who_cannot_sign_in_is_told_why_and_the_token_is_not_sent_back(
    person: Person, sent: dict[str, str], status: int, said: str
) -> None:
    person.open("/sign-in")

    page = person.send("/sign-in", status, **sent)

    assert said in page.text
    assert page.forms["/sign-in"]["name"] == sent["name"].replace("\n", "\n")
    assert page.forms["/sign-in"]["token"] == ""
    assert not sent["token"] or sent["token"] not in person.answer.text
    assert "set-cookie" not in person.answer.headers


@pytest.mark.parametrize(
    "place",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "evil", "", "/a\\b", "/a\r\nX: y"],
)  # fmt: skip
def test_signing_in_leads_to_a_page_of_ours_only(person: Person, place: str) -> None:
    person.open("/sign-in")

    person.send("/sign-in", name="Ada", token=TOKENS[Role.ADMIN], next=place)

    assert str(person.answer.url) == f"{person.client.url}/"


def test_who_guesses_tokens_at_the_form_is_slowed_down_and_keeps_nobody_else_out(house: House) -> None:
    house.refusals = TokenBuckets(rate=0.01, burst=5)
    person = Person(house)
    person.open("/sign-in")
    for _ in range(5):
        person.send("/sign-in", 401, name="Eve", token="guess")

    assert (
        "Too many attempts with a wrong token."
        in person.send("/sign-in", 429, name="Eve", token="guess").text
    )
    assert "Sign out" in person.send("/sign-in", name="Ada", token=TOKENS[Role.ADMIN]).text


def test_who_records_too_often_is_told_and_keeps_what_was_typed(house: House) -> None:
    house.uses = TokenBuckets(rate=0.01, burst=1)
    ada = Person(house)
    ada.sign_in(Role.INCIDENTS)
    ada.open(ADD)
    ada.send(ADD, **TYPED)
    ada.open(ADD)

    page = ada.send(ADD, 429, **TYPED)

    assert "may not do that so often" in page.text
    assert page.forms[ADD]["title"] == "Search is down"
    assert recorded(house) == 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"title=%ff", "application/x-www-form-urlencoded", 400),
        (b"title=\xc3\xa9", "application/x-www-form-urlencoded", 400),
        (b"title=a&title=b", "application/x-www-form-urlencoded", 400),
        (b"title", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=" % n for n in range(100)), "application/x-www-form-urlencoded", 400),
        (b"title=" + b"x" * 300_000, "application/x-www-form-urlencoded", 413),
        (b'{"title": "x"}', "application/json", 415),
        (b"title=x", "text/plain", 415),
        (b"", "multipart/form-data; boundary=x", 415),
    ],
)
def test_what_is_no_form_of_ours_is_refused_on_a_page(
    house: House, ada: Person, body: bytes, kind: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": kind}

    answer = ada.client.post(ADD, content=body, headers=headers)

    assert answer.status_code == status
    assert "Overview" in Page(answer.text).text
    assert recorded(house) == 0


@pytest.mark.parametrize("name", ["9", "99999999999999999999", "x"])
def test_an_incident_that_is_not_there_cannot_be_resolved(ada: Person, name: str) -> None:
    form = ada.page.forms[ADD] | {"resolution": "x"}

    answer = ada.client.post(f"{ADD}/{name}", data=form, headers={"Sec-Fetch-Site": "same-origin"})

    assert answer.status_code in (404, 422)
    assert "no incident" in answer.text or "incident_id" in answer.text


@pytest.mark.parametrize("route", [route for route in FORMS if "{pilot}" in route[1]])
def test_a_pilot_that_is_not_there_has_no_forms(ada: Person, route: tuple[str, str]) -> None:
    form = ada.page.forms[ADD] | TYPED | {"user": "u", "rating": "1", "resolution": "x"}
    path = route[1].replace("{pilot}", "nobody").replace("{incident_id}", "1")
    if "feedback" in path:
        ada.sign_in(Role.FEEDBACK)
        form["form_token"] = ada.page.forms["/sign-out"]["form_token"]

    assert "There is no pilot 'nobody'" in ada.post(path, form, 404).text


def test_what_was_done_just_now_is_told_of_what_is_there_only(ada: Person) -> None:
    for told in ("recorded-7", "<b>", "resolved-1"):
        assert "Incident" not in ada.open(f"{ADD}?told={told}").text.partition("Record an incident")[
            0
        ].replace("Incidents", "")


def test_there_are_at_most_so_many_sessions_and_their_secrets_are_not_kept() -> None:
    sessions = Sessions(clock=lambda: 0.0, most=3)
    secrets = [sessions.open(frozenset({Role.ADMIN}), f"p-{number}")[0] for number in range(5)]

    assert len(sessions._open) == 3
    assert not [secret for secret in secrets if secret in repr(vars(sessions))]
    assert sessions.open(frozenset({Role.ADMIN}), "x")[1].form_token not in repr(vars(sessions))


def test_who_signs_in_again_and_again_with_one_token_signs_out_nobody_of_another_role() -> None:
    sessions = Sessions(clock=lambda: 0.0, most=3)
    cookie = f"{COOKIE}={sessions.open(ADMINS, 'Ada')[0]}".encode()
    kept = Request({"type": "http", "headers": [(b"cookie", cookie)]})

    for _ in range(10):
        sessions.open(frozenset({Role.FEEDBACK}), "Eve")
    assert sessions.of(kept) is not None

    for number in range(3):
        sessions.open(ADMINS, f"other-{number}")
    assert sessions.of(kept) is None


def test_sessions_that_are_over_give_way_first() -> None:
    now = 0.0
    sessions = Sessions(clock=lambda: now, most=3)
    for number in range(3):
        sessions.open(ADMINS, f"old-{number}")

    now = SESSION_SECONDS
    sessions.open(frozenset({Role.FEEDBACK}), "Ada")

    assert [session.name for session in sessions._open.values()] == ["Ada"]


@pytest.mark.parametrize(
    ("path", "role"), [("/sign-in", Role.WEBHOOK), (ADD, Role.FEEDBACK), (RATE, Role.INCIDENTS)]
)
def test_a_token_of_another_role_opens_no_session(house: House, path: str, role: Role) -> None:
    opened: list[str] = []

    class Watched(Sessions):
        def open(self, roles: frozenset[Role], name: str) -> tuple[str, Session]:
            opened.append(name)
            return super().open(roles, name)

    house.sessions = Watched()
    person = Person(house)
    person.post(path, TYPED | {"name": "Eve", "token": TOKENS[role]}, 403)

    assert opened == []
    assert not person.client.cookies


def test_what_somebody_else_wrote_meanwhile_is_kept_and_shown(house: House, ada: Person) -> None:
    with_incident(house)
    form = ada.open(ADD).forms[RESOLVE] | {"resolution": "fixed by Ada"}
    house.store.change_incident(
        PILOT, 1, IncidentChange(resolution="fixed by Bob", resolved_at=NOW), Act("b", NOW)
    )

    page = ada.post(RESOLVE, form, 422)

    assert "resolution was written by somebody else meanwhile: the incident is resolved" in page.text
    assert "Resolution: fixed by Bob You typed: fixed by Ada" in page.text
    assert house.store.incidents(PILOT)[0].resolution == "fixed by Bob"


def test_who_resolves_at_the_same_moment_as_somebody_else_keeps_what_was_typed(
    house: House,
) -> None:
    class Racing(MemoryStore):
        def change_incident(
            self, pilot: str, incident_id: int, change: IncidentChange, act: Act
        ) -> Incident | None:
            bob = IncidentChange(resolution="fixed by Bob", resolved_at=NOW)
            super().change_incident(pilot, incident_id, bob, Act("bob", NOW, "k", "bob's"))
            return super().change_incident(pilot, incident_id, change, act)

    house.store = Racing()
    ada = Person(house)
    ada.sign_in(Role.INCIDENTS)
    with_incident(house)
    ada.open(ADD)

    page = ada.send(RESOLVE, 422, resolution="fixed by Ada")

    assert "resolution was written by somebody else meanwhile" in page.text
    assert "Resolution: fixed by Bob You typed: fixed by Ada" in page.text


def test_words_are_added_to_an_incident_that_ended_without_any_while_they_were_typed(
    house: House, ada: Person
) -> None:
    with_incident(house)
    form = ada.open(ADD).forms[RESOLVE] | {"resolution": "the index was rebuilt"}
    house.store.change_incident(PILOT, 1, IncidentChange(resolved_at=NOW - 60), Act("alertmanager", NOW))

    page = ada.post(RESOLVE, form)

    assert "Incident 1 is resolved." in page.text
    assert house.store.incidents(PILOT)[0].resolution == "the index was rebuilt"
    assert house.store.incidents(PILOT)[0].resolved_at == NOW - 60


def test_the_form_of_a_resolution_sent_again_with_other_words_changes_nothing(
    house: House, ada: Person
) -> None:
    with_incident(house)
    form = ada.open(ADD).forms[RESOLVE]
    ada.post(RESOLVE, form | {"resolution": "fixed"})

    page = ada.post(RESOLVE, form | {"resolution": "not really"}, 422)

    assert "resolution was recorded with other words before, by this same form" in page.text
    assert "Resolution: fixed You typed: not really" in page.text
    assert house.store.incidents(PILOT)[0].resolution == "fixed"


def test_an_old_incident_that_is_open_still_can_be_found_and_resolved_below_many_newer_ones(
    house: House, ada: Person
) -> None:
    with_incident(house)
    for number in range(MOST_INCIDENTS + 1):
        over = NewIncident(PILOT, f"over-{number}", Severity.INFO, "", NOW - 300, "gone", NOW - 200)
        house.store.record_incident(over, Act("alertmanager", NOW))

    page = ada.open(ADD)

    assert "The latest 100, and older ones that are open" in page.text
    assert page.text.index("Index is late") < page.text.index("over-100")
    assert "Incident 1 is resolved." in ada.send(RESOLVE, resolution="fixed").text
    assert "Index is late" not in ada.open(ADD).text
