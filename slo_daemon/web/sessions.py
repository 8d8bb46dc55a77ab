"""People who have signed in with a token: a session for each, kept in memory only, and the cookie that names it.

The cookie opens the forms of the pages and nothing else: the API takes tokens and never looks at cookies.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from time import monotonic

from fastapi import Request, Response

from slo_daemon.web.security import Role

SESSION_SECONDS = 3_600  # from signing in, whatever is done meanwhile: pages renew themselves
MOST_SESSIONS = 1_000
COOKIE = "slo_daemon_session"
SECURE_COOKIE = f"__Host-{COOKIE}"  # by https: browsers take it from this host only


@dataclass(frozen=True, slots=True)
class Session:
    """One person's. `name`: who they say they are. `form_token`: every form of the session must bring it along."""

    roles: frozenset[Role]
    name: str
    ends_at: float = field(repr=False)
    form_token: str = field(repr=False)

    def role_for(self, allowed: Collection[Role]) -> Role | None:
        """The first role of `allowed` that the session has."""
        return next((role for role in allowed if role in self.roles), None)


class Sessions:
    """All that are open, by the digest of their secret. Called on the event loop only. `clock`: seconds."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, most: int = MOST_SESSIONS) -> None:
        self._clock = clock
        self._most = most
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, roles: frozenset[Role], name: str) -> tuple[str, Session]:
        """A new session, and the secret that its cookie carries. When there are too many, `_make_room`."""
        secret = token_urlsafe(32)
        session = Session(roles, name, self._clock() + SESSION_SECONDS, token_urlsafe(16))
        self._open[_digest(secret)] = session
        self._make_room()
        return secret, session

    def _make_room(self) -> None:
        """What is over goes; then the oldest of the roles that have most: who floods with one token signs only its own out."""
        now = self._clock()
        while next(iter(self._open.values())).ends_at <= now:  # all last as long, so these are in front
            self._open.popitem(last=False)
        while len(self._open) > self._most:
            ((crowded, _),) = Counter(session.roles for session in self._open.values()).most_common(1)
            del self._open[next(key for key, session in self._open.items() if session.roles == crowded)]

    def of(self, request: Request) -> Session | None:
        """The session whose cookie came along; None without one, and when it is over."""
        for secret in _secrets(request):
            session = self._open.get(_digest(secret))
            if session is not None and self._clock() < session.ends_at:
                return session
            self._open.pop(_digest(secret), None)
        return None

    def close(self, request: Request) -> None:
        """The session of the cookie is over."""
        for secret in _secrets(request):
            self._open.pop(_digest(secret), None)


def give_cookie(request: Request, response: Response, secret: str) -> None:
    """The browser keeps the secret: no script can read it, no other site can send it along."""
    secure = request.headers.get("origin", "").lower().startswith("https://")  # TLS ends in front of us
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        secret,
        max_age=SESSION_SECONDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def take_cookies(response: Response) -> None:
    """The browser forgets the secret."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    response.delete_cookie(SECURE_COOKIE, secure=True, httponly=True, samesite="strict")


def _secrets(request: Request) -> list[str]:
    return [request.cookies[name] for name in (SECURE_COOKIE, COOKIE) if name in request.cookies]


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
