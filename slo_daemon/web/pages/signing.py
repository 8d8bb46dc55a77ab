"""Signing in with a token, and out."""

import re

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from slo_daemon.web.pages.forms import Draft, blank, by_field, check_form, read_form, sentence, sign_in
from slo_daemon.web.pages.shell import Shell, Visit
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.security import FORMS, Doorkeeper
from slo_daemon.web.sessions import SESSION_SECONDS, Sessions, give_cookie, take_cookies

_OWN_PAGE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)  # never another host
_ROLES = FORMS["POST", "/sign-in"]


def sign_in_page(shell: Shell, visit: Visit, doorkeeper: Doorkeeper, draft: Draft) -> Response:
    """/sign-in"""
    return shell.page(
        "sign_in.html",
        visit,
        "Sign in",
        status=draft.status,
        still=True,
        draft=draft,
        next=own_page(draft.value("next")),
        configured=doorkeeper.open_to(_ROLES),
        minutes=SESSION_SECONDS // 60,
    )


async def take_sign_in(
    request: Request, shell: Shell, doorkeeper: Doorkeeper, sessions: Sessions
) -> Response:
    """The form was sent: a new session, or the form again without the token."""
    fields = await read_form(request)
    try:
        token, name = fields.get("token", ""), fields.get("name", "")
        _, secret = sign_in(request, doorkeeper, sessions, token, name, _ROLES)
    except ProblemError as error:
        draft = Draft(
            "",
            {"name": fields.get("name", ""), "next": fields.get("next", "")},
            by_field(error.errors),
            "" if error.errors else sentence(error.detail),
            error.status,
        )
        return sign_in_page(shell, shell.visit(request, "/sign-in"), doorkeeper, draft)
    sessions.close(request)
    response = RedirectResponse(own_page(fields.get("next", "")), 303)
    give_cookie(request, response, secret)
    return response


async def take_sign_out(request: Request, sessions: Sessions) -> Response:
    """The session is over; without one there is nothing to do. Raises ProblemError for a form of another session."""
    fields = await read_form(request)
    session = sessions.of(request)
    if session is not None:
        check_form(session, fields)
    sessions.close(request)
    response = RedirectResponse("/", 303)
    take_cookies(response)
    return response


def own_page(place: str) -> str:
    """`place` when it is an address of ours, else the first page."""
    return place if _OWN_PAGE.fullmatch(place) else "/"


def empty(place: str) -> Draft:
    """The form to sign in, and then go to `place`."""
    return blank(next=place)
