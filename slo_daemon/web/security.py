"""Who may do what. Every route is in one of three tables; a route that is in none is refused."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

from fastapi import Request

from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.problems import ProblemError


class Role(StrEnum):
    """What a token is for."""

    WEBHOOK = "webhook"
    INCIDENTS = "incidents"
    FEEDBACK = "feedback"
    ADMIN = "admin"


CHALLENGE = {"WWW-Authenticate": 'Bearer realm="slo-daemon"'}

Route = tuple[str, str]  # method and path template

PILOT = "/api/v1/pilots/{pilot}"
ALERTMANAGER_HOOK = "/hooks/alertmanager/{pilot}"
FLAGGER = "/hooks/flagger"
GATE_METHODS = ("GET", "POST", "PUT")  # those that Argo Rollouts may use

PILOT_PAGE = "/pilots/{pilot}"
ASSETS = "/assets/{name}"  # style sheet, script and icon of the pages
PAGES = frozenset(
    {
        "/",
        "/slos",
        "/slos/{slo_id:path}",
        PILOT_PAGE,
        f"{PILOT_PAGE}/incidents",
        f"{PILOT_PAGE}/feedback",
        "/sign-in",
    }
)

# Reading is open, as it is with Prometheus: who must not read is kept away by the network or a proxy.
PUBLIC: frozenset[Route] = frozenset(
    ("GET", path)
    for path in (
        *PAGES,
        ASSETS,
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/openapi.json",
        "/api/v1/slos",
        "/api/v1/slos/{slo_id:path}",
        "/api/v1/budgets/{slo_id:path}",
        f"{PILOT}/readiness",
        f"{PILOT}/reports",
        f"{PILOT}/reports/{{report_id}}",
        f"{PILOT}/incidents",
        f"{PILOT}/overrides",
        f"{PILOT}/rollout-events",
        f"{PILOT}/ramp",
    )
) | frozenset(
    # Questions, whatever their method. The events that a hook tells are kept in memory, a few of them, and decide nothing.
    [
        *((method, f"{PILOT}/gates/{{gate}}") for method in GATE_METHODS),
        ("POST", f"{FLAGGER}/{{pilot}}/{{hook}}"),
    ]
)

# The role that a route is for comes first; admin may do the others' work too. Feedback carries the users' ids and words:
# it is not for everybody (reports show ratings and words without ids). A reload wants a token even from
# loopback: behind a proxy, and for the containers of one pod, everybody comes from there.
GUARDED: Mapping[Route, tuple[Role, ...]] = {
    ("POST", f"{PILOT}/incidents"): (Role.INCIDENTS, Role.ADMIN),
    ("PATCH", f"{PILOT}/incidents/{{incident_id}}"): (Role.INCIDENTS, Role.ADMIN),
    ("POST", f"{PILOT}/incidents/import"): (Role.INCIDENTS, Role.ADMIN),
    ("POST", f"{PILOT}/feedback"): (Role.FEEDBACK, Role.ADMIN),
    ("GET", f"{PILOT}/feedback"): (Role.FEEDBACK, Role.ADMIN),
    ("POST", f"{PILOT}/feedback/import"): (Role.FEEDBACK, Role.ADMIN),
    ("POST", f"{PILOT}/overrides"): (Role.ADMIN,),
    ("DELETE", f"{PILOT}/overrides/{{override_id}}"): (Role.ADMIN,),
    ("POST", ALERTMANAGER_HOOK): (Role.WEBHOOK, Role.ADMIN),
    ("POST", "/-/reload"): (Role.ADMIN,),
}

# What forms of the pages send, for people who have signed in: a cookie names their session, and a browser must say that the
# form is ours. Tokens in headers do not count here, as cookies do not for all other routes.
FORMS: Mapping[Route, tuple[Role, ...]] = {
    ("POST", "/sign-in"): (Role.INCIDENTS, Role.FEEDBACK, Role.ADMIN),
    ("POST", "/sign-out"): (Role.INCIDENTS, Role.FEEDBACK, Role.ADMIN),
    ("POST", f"{PILOT_PAGE}/incidents"): (Role.INCIDENTS, Role.ADMIN),
    ("POST", f"{PILOT_PAGE}/incidents/{{incident_id}}"): (Role.INCIDENTS, Role.ADMIN),
    ("POST", f"{PILOT_PAGE}/feedback"): (Role.FEEDBACK, Role.ADMIN),
}

# For every answer; the pages bring their own, wider policies.
HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
}


class Tokens:
    """The configured tokens, kept as SHA-256 digests only: random tokens need no slow hash."""

    def __init__(self, tokens: Mapping[Role, str]) -> None:
        """Raises ValueError for an empty token: it would let everybody in."""
        if not all(token.strip() for token in tokens.values()):
            raise ValueError("a token is empty")
        self._digests = {role: _digest(token.encode()) for role, token in tokens.items()}

    def configured(self, role: Role) -> bool:
        """Whether somebody can have this role."""
        return role in self._digests

    def roles_of(self, presented: bytes) -> frozenset[Role]:
        """The roles of a token. Takes as long for a wrong one as for a right one."""
        digest = _digest(presented)
        return frozenset(role for role, known in self._digests.items() if compare_digest(digest, known))


class Doorkeeper:
    """A dependency of every route: lets through, or raises ProblemError. Sets `request.state.role` on guarded routes.

    Of forms it checks where they come from; who sends them is told when they are read (`pages/forms.py`).
    """

    def __init__(self, tokens: Tokens, uses: TokenBuckets, refusals: TokenBuckets) -> None:
        """`uses`: how often one role may use guarded routes; `refusals`: how often one source is told that its token is wrong."""
        self._tokens = tokens
        self._uses = uses
        self._refusals = refusals

    async def __call__(self, request: Request) -> None:
        route = (request.method, str(request.scope["route"].path))
        if route in PUBLIC:
            return
        if route in FORMS:
            check_origin(request)
            return
        allowed = GUARDED.get(route)
        if allowed is None:
            raise ProblemError(403, "not_allowed", "nobody may do this")
        presented = _presented(request)
        held = self._tokens.roles_of(presented) if presented is not None else frozenset[Role]()
        role = next((role for role in allowed if role in held), None)
        if role is None:
            raise self._refusal(request, allowed[0], presented, held)
        wait = self._uses.take(role.value)
        if wait:
            said = f"the role {role} may not do that so often"
            raise _later(said, wait) if allowed[0] is Role.WEBHOOK else _too_many(said, wait)
        request.state.role = role

    def roles_of(self, request: Request, token: str) -> frozenset[Role]:
        """The roles of a token that was typed into a form. Raises ProblemError when it is not known."""
        held = self._tokens.roles_of(token.strip().encode())
        if not held:
            wait = self._refusals.take(_client(request))
            if wait:
                raise _too_many("too many attempts with a wrong token", wait)
            raise ProblemError(401, "unauthorized", "this token is not known", headers=CHALLENGE)
        return held

    def check(self, held: Collection[Role], allowed: Collection[Role]) -> Role:
        """The first role of `allowed` that somebody has. Raises ProblemError when it is none."""
        role = next((role for role in allowed if role in held), None)
        if role is not None:
            return role
        raise _wrong_role(next(iter(allowed)), held)

    def use(self, role: Role) -> None:
        """Somebody with a role sends a form. Raises ProblemError when that happens too often."""
        wait = self._uses.take(role.value)
        if wait:
            raise _too_many(f"the role {role} may not do that so often", wait)

    def open_to(self, allowed: Iterable[Role]) -> bool:
        """Whether somebody can have one of these roles."""
        return any(self._tokens.configured(role) for role in allowed)

    def _refusal(
        self, request: Request, wanted: Role, presented: bytes | None, held: frozenset[Role]
    ) -> ProblemError:
        if not self._tokens.configured(wanted):
            return ProblemError(
                403,
                "role_not_configured",
                f"no token is configured for the role {wanted}, so nobody may do this; write a token into a file, name "
                f"it in the settings as web.tokens.{wanted}.file (or set SLO_DAEMON_WEB_TOKENS_{wanted.upper()}), "
                "and restart",
            )
        if held:
            return _wrong_role(wanted, held)
        wait = self._refusals.take(_client(request))
        if wait:
            return _too_many("too many requests without a valid token", wait)
        what = "the token is not known" if presented is not None else "no token was sent"
        return ProblemError(
            401,
            "unauthorized",
            f"{what}; send the header 'Authorization: Bearer TOKEN' with the token of the role {wanted}",
            headers=CHALLENGE,
        )


def _presented(request: Request) -> bytes | None:
    """The bearer token. Two headers are as good as none: which one was meant?"""
    found = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(found) != 1:
        return None
    scheme, _, token = bytes(found[0]).partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" and token.strip() else None


def check_origin(request: Request) -> None:
    """Raises ProblemError unless the browser says that a page of ours sent the form."""
    site = request.headers.get("sec-fetch-site")
    if site is None:  # browsers leave it out where there is no TLS
        own, origin = request.headers.get("host", "").lower(), request.headers.get("origin", "").lower()
        known = own != "" and origin in (f"http://{own}", f"https://{own}")  # strangers' text is not parsed
    else:
        known = site == "same-origin"
    if not known:
        raise ProblemError(
            403,
            "cross_site",
            "the browser does not say that this form was sent by a page of slo-daemon; open the page again and send it "
            "from there. A proxy in between must pass the header Host on; programs use the API",
        )


def _wrong_role(wanted: Role, held: Collection[Role]) -> ProblemError:
    names = ", ".join(sorted(held))
    return ProblemError(403, "wrong_role", f"this needs the role {wanted}; the token is for {names}")


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _too_many(detail: str, wait: float) -> ProblemError:
    return ProblemError(429, "too_many_requests", detail, headers={"Retry-After": str(max(1, round(wait)))})


def _later(detail: str, wait: float) -> ProblemError:
    """For programs that send again after 5xx only."""
    return ProblemError(503, "busy", detail, headers={"Retry-After": str(max(1, round(wait)))})


def _digest(token: bytes) -> bytes:
    return sha256(token).digest()
