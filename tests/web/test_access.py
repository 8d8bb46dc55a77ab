"""Who may do what. The table is made from the router itself, so that no route is forgotten."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.security import FORMS, GATE_METHODS, GUARDED, PUBLIC, Role, Tokens
from tests.web.house import (
    FEEDBACK,
    INCIDENTS,
    NOW,
    OVERRIDES,
    PILOT,
    TOKENS,
    House,
    Visitor,
    bearer,
    feedback,
    incident,
    override,
)

ALLOWED = {
    ("POST", "/-/reload"): {Role.ADMIN},
    ("POST", "/api/v1/pilots/{pilot}/incidents"): {Role.INCIDENTS, Role.ADMIN},
    ("PATCH", "/api/v1/pilots/{pilot}/incidents/{incident_id}"): {Role.INCIDENTS, Role.ADMIN},
    ("POST", "/api/v1/pilots/{pilot}/incidents/import"): {Role.INCIDENTS, Role.ADMIN},
    ("POST", "/api/v1/pilots/{pilot}/feedback/import"): {Role.FEEDBACK, Role.ADMIN},
    ("POST", "/api/v1/pilots/{pilot}/overrides"): {Role.ADMIN},
    ("DELETE", "/api/v1/pilots/{pilot}/overrides/{override_id}"): {Role.ADMIN},
    ("POST", "/hooks/alertmanager/{pilot}"): {Role.WEBHOOK, Role.ADMIN},
    ("POST", "/api/v1/pilots/{pilot}/feedback"): {Role.FEEDBACK, Role.ADMIN},
    ("GET", "/api/v1/pilots/{pilot}/feedback"): {Role.FEEDBACK, Role.ADMIN},
}
BODIES = {
    "/api/v1/pilots/{pilot}/incidents": incident(),
    "/api/v1/pilots/{pilot}/incidents/{incident_id}": {"resolution": "fixed"},
    "/api/v1/pilots/{pilot}/feedback": feedback(),
    "/api/v1/pilots/{pilot}/incidents/import": [incident(started_at=NOW)],
    "/api/v1/pilots/{pilot}/feedback/import": [feedback(given_at=NOW)],
    "/api/v1/pilots/{pilot}/overrides": override(),
    "/hooks/alertmanager/{pilot}": {"alerts": []},
}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    assert all(isinstance(route, APIRoute) for route in app.routes), (
        "a kind of route that this table does not know"
    )
    found = [route for route in app.routes if isinstance(route, APIRoute)]
    return sorted((method, route.path) for route in found for method in route.methods or ())


ROUTES = routes(House().app())


@pytest.fixture(scope="module")
def shared() -> Iterator[Visitor]:
    house = House()
    house.assess(PILOT)
    house.shelf.write(PILOT, "2027-01-15T08-00-00Z", {"json": "{}"})
    with house.open() as visitor:
        assert visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.INCIDENTS)).json()["id"] == 1
        assert visitor.post(OVERRIDES, json=override(), headers=bearer(Role.ADMIN)).json()["id"] == 1
        yield visitor


def path(template: str) -> str:
    return (
        template.replace("{pilot}", PILOT)
        .replace("{incident_id}", "1")
        .replace("{override_id}", "1?by=ada")
        .replace("{slo_id:path}", "search/availability")
        .replace("{report_id}", "latest")
        .replace("{gate}", "promote")
        .replace("{hook}", "post-rollout")
        .replace("{name}", "pages.css")
    )


def test_every_route_is_in_exactly_one_table_and_every_entry_is_a_route() -> None:
    assert sorted([*PUBLIC, *GUARDED, *FORMS]) == ROUTES


def test_only_reading_and_questions_of_deployment_tools_are_public() -> None:
    asked = {(method, "/api/v1/pilots/{pilot}/gates/{gate}") for method in GATE_METHODS}
    hook = ("POST", "/hooks/flagger/{pilot}/{hook}")

    assert {route for route in PUBLIC if route[0] != "GET"} == {
        hook,
        *(route for route in asked if route[0] != "GET"),
    }


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: role.value if role else "nobody")
@pytest.mark.parametrize(
    ("method", "template"), [route for route in ROUTES if route not in FORMS], ids=lambda part: part
)
def test_a_route_answers_exactly_its_roles(
    shared: Visitor, method: str, template: str, role: Role | None
) -> None:
    headers = {} if role is None else bearer(role)
    allowed = ALLOWED.get((method, template))

    answer = shared.request(method, path(template), headers=headers, json=BODIES.get(template))

    if allowed is None or role in allowed:
        assert answer.status_code in (200, 201)
    elif role is None:
        assert (answer.status_code, answer.json()["reason"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        assert (answer.status_code, answer.json()["reason"]) == (403, "wrong_role")


def test_a_route_that_nobody_thought_of_is_refused(house: House) -> None:
    app = house.app()

    @app.get("/forgotten")
    async def forgotten() -> dict[str, str]:
        return {"secret": "x"}

    house.app = lambda: app  # type: ignore[method-assign]
    with house.open() as visitor:
        answer = visitor.get("/forgotten", headers=bearer(Role.ADMIN))

    assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")


def test_without_a_configured_token_nobody_may_write_and_is_told_how_to_configure_one(house: House) -> None:
    house.tokens = {Role.ADMIN: TOKENS[Role.ADMIN]}
    with house.open() as visitor:
        by_nobody = visitor.post(INCIDENTS, json=incident())
        by_another = visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.INCIDENTS))
        by_admin = visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.ADMIN))

    for answer in (by_nobody, by_another):
        assert (answer.status_code, answer.json()["reason"]) == (403, "role_not_configured")
        assert "incidents" in answer.json()["detail"]
    assert by_admin.status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        TOKENS[Role.INCIDENTS],
        f"Bearer {TOKENS[Role.INCIDENTS]}x",
        f"Bearer {TOKENS[Role.INCIDENTS][:-1]}",
        f"Bearer {TOKENS[Role.INCIDENTS].upper()}",
        "Bearer \xff\xfe",
    ],
)
def test_a_token_that_is_not_exactly_right_is_no_token(house: House, visitor: Visitor, header: str) -> None:
    answer = visitor.post(INCIDENTS, json=incident(), headers={"Authorization": header.encode("latin-1")})

    assert answer.status_code == 401
    assert house.store.incidents(PILOT) == ()


def test_the_scheme_may_be_written_in_any_case(visitor: Visitor) -> None:
    headers = {"Authorization": f"bearer {TOKENS[Role.FEEDBACK]}"}

    assert visitor.post(FEEDBACK, json=feedback(), headers=headers).status_code == 201


def test_a_token_is_looked_at_before_the_body_is(visitor: Visitor) -> None:
    answer = visitor.post(INCIDENTS, data=b"not json", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 401


def test_tokens_are_not_kept_as_they_are() -> None:
    tokens = Tokens({Role.ADMIN: "a-secret-token"})

    assert "a-secret-token" not in repr(vars(tokens))
    assert tokens.roles_of(b"a-secret-token") == {Role.ADMIN}


@pytest.mark.parametrize("token", ["", " ", "\n"])
def test_an_empty_token_is_refused_at_the_start(token: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        Tokens({Role.ADMIN: token})


def test_one_token_may_have_two_roles() -> None:
    tokens = Tokens({Role.INCIDENTS: "the-same-token", Role.FEEDBACK: "the-same-token"})

    assert tokens.roles_of(b"the-same-token") == {Role.INCIDENTS, Role.FEEDBACK}


def test_who_writes_too_often_is_told_when_to_come_back(house: House) -> None:
    house.uses = TokenBuckets(rate=0.01, burst=3)
    with house.open() as visitor:
        answers = [visitor.post(FEEDBACK, json=feedback(), headers=bearer(Role.FEEDBACK)) for _ in range(4)]
        other_role = visitor.post(INCIDENTS, json=incident(), headers=bearer(Role.INCIDENTS))

    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[3].json()["reason"] == "too_many_requests"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 100
    assert other_role.status_code == 201
    assert len(house.store.feedback(PILOT)) == 3


def test_who_guesses_tokens_is_slowed_down_and_keeps_nobody_else_out(house: House) -> None:
    house.refusals = TokenBuckets(rate=0.01, burst=5)
    with house.open() as visitor:
        guesses = [
            visitor.post(FEEDBACK, headers={"Authorization": f"Bearer guess-{n}"}).status_code
            for n in range(20)
        ]
        honest = visitor.post(FEEDBACK, json=feedback(), headers=bearer(Role.FEEDBACK))

    assert guesses == [401] * 5 + [429] * 15
    assert honest.status_code == 201


def test_the_bucket_table_does_not_grow_with_the_number_of_sources() -> None:
    buckets = TokenBuckets(rate=1, burst=1, most=10, clock=lambda: 0.0)

    for number in range(1_000):
        assert buckets.take(f"10.0.0.{number}") == 0

    assert len(buckets._levels) == 10


def test_a_bucket_fills_again_with_time() -> None:
    now = [0.0]
    buckets = TokenBuckets(rate=2, burst=1, clock=lambda: now[0])

    assert buckets.take("x") == 0
    assert buckets.take("x") == pytest.approx(0.5)
    now[0] = 0.25
    assert buckets.take("x") == pytest.approx(0.25)
    now[0] = 0.5
    assert buckets.take("x") == 0
