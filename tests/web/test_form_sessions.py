"""Who may send a form: sessions and their cookies, forms that other sites send, and signing in."""

import re

import httpx
import pytest
from fastapi import Request

from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.security import Role
from slo_daemon.web.sessions import COOKIE, SECURE_COOKIE, SESSION_SECONDS, Session, Sessions
from tests.web.browsing import Page, Person
from tests.web.house import FEEDBACK, INCIDENTS, TOKENS, House
from tests.web.records import ADD, RATE, RESOLVE, TYPED, recorded, with_incident

ADMINS = frozenset({Role.ADMIN})


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


@pytest.mark.parametrize("key", ["a b", "x" * 129, "\u00e9"])
def test_a_form_whose_key_was_spoilt_comes_back_with_another_one(house: House, ada: Person, key: str) -> None:
    ada.send(ADD, 400, **TYPED, key=key)
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
