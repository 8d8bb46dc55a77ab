"""Forms: what a browser sends, who sends it, and the same form again with what was typed when it cannot be taken.

A form is answered by a redirect after the commit, so that a reload sends nothing again; its hidden key makes a second
sending of the same form the same record.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from secrets import token_urlsafe
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from slo_daemon.ports import KeyReusedError, StoreError
from slo_daemon.web.inputs import content_digest, idempotency_key, moment
from slo_daemon.web.limits import read_body
from slo_daemon.web.parts import Rooms
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.security import Doorkeeper, Role
from slo_daemon.web.sessions import Session, Sessions, give_cookie
from slo_daemon.workflows.checks import LONGEST_USER, FieldProblem, RefusedError, line_problems
from slo_daemon.workflows.desk import Author

FORM_TYPE = "application/x-www-form-urlencoded"
LARGEST_FORM = 1 << 18  # bytes: two of the longest texts, percent-encoded
MOST_FIELDS = 40
HIDDEN = frozenset({"token", "form_token", "key", "name"})  # fields of the frame, not of the record
_MINUTE = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?", re.ASCII)

Fields = Mapping[str, str]
Act = Callable[[Fields, Author], str]  # records; where to go then
Again = Callable[["Draft", Session | None], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A form to be filled in, or filled in and not taken.

    `problems`: by field, with a remedy. `notice`: what else is wrong. `key`: the idempotency key that it will be sent with.
    `lapsed`: it was sent without a session, so a token is asked for in it.
    """

    key: str
    values: Fields = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    status: int = 200
    lapsed: bool = False

    def value(self, name: str) -> str:
        """What was typed into a field."""
        return self.values.get(name, "")

    def problem(self, name: str) -> str:
        """What is wrong with a field; empty when nothing is."""
        return self.problems.get(name, "")


def blank(**values: str) -> Draft:
    """An empty form."""
    return Draft(token_urlsafe(16), values)


class Forms:
    """Takes forms in. One for all pages."""

    def __init__(self, rooms: Rooms, doorkeeper: Doorkeeper, sessions: Sessions) -> None:
        self._rooms = rooms
        self._doorkeeper = doorkeeper
        self._sessions = sessions

    async def take(
        self, request: Request, allowed: Collection[Role], act: Act, again: Again, content: tuple[str, str]
    ) -> Response:
        """Read, admit, act, redirect; or the form again. `content`: the kind of record and the pilot.

        Raises ProblemError for what is no form at all, and whatever `act` raises for what is not there.
        """
        fields = await read_form(request)
        session, secret = self._sessions.of(request), ""
        draft = Draft(fields.get("key") or token_urlsafe(16), fields)
        try:
            if session is None:
                session, secret = self._sign_in(request, fields, allowed)
            else:
                check_form(session, fields)
            author = self._author(session, allowed, fields, content)
            place = await self._rooms.store.run(lambda: act(fields, author))
        except KeyReusedError:
            draft = replace(
                draft,
                key=token_urlsafe(16),
                status=422,
                notice="This form was recorded already, with other values. Send it again to record these as well.",
            )
        except StoreError as error:
            notice = f"The store cannot be used now ({error.reason}). Nothing was recorded; send the form again in a while."
            draft = replace(draft, status=503, notice=notice)
        except RefusedError as error:
            draft = replace(draft, status=422, problems=by_field(error.problems))
        except ProblemError as error:
            draft = replace(
                draft,
                key=token_urlsafe(16) if error.reason == "idempotency_key" else draft.key,
                status=error.status,
                problems=by_field(error.errors),
                notice=sentence(error.detail) if not error.errors else "",
                lapsed=session is None,
            )
        else:
            response: Response = RedirectResponse(place, 303)
            return self._with_cookie(request, response, secret)
        return self._with_cookie(request, await again(draft, session), secret)

    def _sign_in(self, request: Request, fields: Fields, allowed: Collection[Role]) -> tuple[Session, str]:
        """The token that came with the form instead of a session."""
        token = fields.get("token", "")
        if not token:
            raise ProblemError(
                401,
                "signed_out",
                "you are not signed in, or no longer. What you typed is still here: give your token, and send it again",
            )
        name = fields.get("name", "")
        return sign_in(request, self._doorkeeper, self._sessions, token, name, allowed)

    def _author(
        self, session: Session, allowed: Collection[Role], fields: Fields, content: tuple[str, str]
    ) -> Author:
        role = self._doorkeeper.check(session.roles, allowed)
        self._doorkeeper.use(role)
        typed = {name: value for name, value in fields.items() if name not in HIDDEN}
        key = idempotency_key(fields.get("key") or None)
        return Author(f"{role}: {session.name}", key, content_digest(*content, typed))

    def _with_cookie(self, request: Request, response: Response, secret: str) -> Response:
        if secret:
            give_cookie(request, response, secret)
        return response


def sign_in(
    request: Request,
    doorkeeper: Doorkeeper,
    sessions: Sessions,
    token: str,
    name: str,
    allowed: Collection[Role],
) -> tuple[Session, str]:
    """A session for a token of one of the roles `allowed`, and its secret. Raises ProblemError; then no session is open."""
    problems = line_problems("name", name, LONGEST_USER)
    if not token.strip():
        problems.append(FieldProblem("token", "must not be empty"))
    if problems:
        raise ProblemError(422, "invalid", "some fields are wrong", errors=problems)
    roles = doorkeeper.roles_of(request, token)
    doorkeeper.check(roles, allowed)
    secret, session = sessions.open(roles, name.strip())
    return session, secret


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises ProblemError."""
    body = await read_body(request, LARGEST_FORM, frozenset({FORM_TYPE}))
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:  # also what is no UTF-8
        raise ProblemError(400, "bad_form", "the form cannot be read; send it from the page") from None
    fields = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if len(fields) != len(pairs):
        raise ProblemError(400, "bad_form", "a field of the form is there twice")
    return fields


def form_moment(fields: Fields, name: str, problems: list[FieldProblem]) -> float | None:
    """The time (UTC) in a field, as Unix seconds; None where it was left empty. What is wrong is added to `problems`."""
    text = fields.get(name, "").strip()
    if not text:
        return None
    known = _MINUTE.fullmatch(text)
    try:
        return moment(f"{known[1]}T{known[2]}{known[3] or ':00'}Z" if known else text)
    except (ValueError, OverflowError):
        problems.append(FieldProblem(name, "must be a time in UTC, as in 2026-01-31 09:30"))
        return None


def check_form(session: Session, fields: Fields) -> None:
    """Raises ProblemError when the form is of another session."""
    if not compare_digest(fields.get("form_token", "").encode(), session.form_token.encode()):
        raise ProblemError(
            403, "wrong_form", "you have signed in anew since the form was opened; send it again"
        )


def by_field(problems: Collection[FieldProblem]) -> dict[str, str]:
    """Problems by their field."""
    found: dict[str, str] = {}
    for one in problems:
        found[one.field] = f"{found[one.field]}; {one.problem}" if one.field in found else one.problem
    return found


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
