"""A client of a running daemon's API: what `slo-daemon incident`, `feedback`, `override` and `gate` speak.

A write carries an Idempotency-Key and is repeated with the same key while the daemon is busy or the connection breaks:
however often it arrives, it is recorded once.
"""

import re
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import requests

from slo_daemon import __version__

ATTEMPTS = 4
TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two bytes of the answer
IMPORT_TIMEOUT = (5.0, 120.0)
QUICK_TIMEOUT = (0.5, 1.0)  # somebody waits for a completion
LONGEST_WAIT = 5.0  # seconds between two attempts
_JUDGED = re.compile(r'^pilot_gate_verdict\{(?:.*,)?pilot="([a-z0-9-]+)"', re.MULTILINE)
_AGAIN = frozenset({429, 503})
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

Json = dict[str, Any]
GATE_FIELDS = frozenset(
    {
        "name",
        "pilot",
        "verdict",
        "reason",
        "reasons",
        "stale",
        "readiness",
        "advice",
        "evaluated_at",
        "age_seconds",
    }
)


class DaemonUnreachableError(Exception):
    """Nobody answers there, or it goes on saying not now, or what answers is no slo-daemon. The message has the remedy."""


class DaemonRefusedError(Exception):
    """The daemon does not take the request. `reason` is the daemon's name for it; the message has the remedy."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class DaemonApi:
    """One daemon at `url`. `token` is needed for writing, and for reading feedback."""

    def __init__(
        self, url: str, token: str | None = None, *, wait: Callable[[float], object] | None = None
    ) -> None:
        """Raises ValueError when `url` is not an http(s) URL, or the token cannot be a header."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a daemon; write for example http://127.0.0.1:9750")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the daemon takes a token, no user and password in the URL")
        if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("the token is empty or has characters that no token has")
        self._url = url.rstrip("/")
        self._wait = wait or Event().wait
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or netrc of the environment must not see the token
        self._session.auth = _Bearer(token)
        self._session.headers["User-Agent"] = f"slo-daemon/{__version__}"

    def add_incident(self, pilot: str, fields: Mapping[str, object]) -> Json:
        """The recorded incident. Raises DaemonUnreachableError and DaemonRefusedError, as all methods do."""
        return self._write("POST", _pilot_path(pilot, "incidents"), fields)

    def change_incident(self, pilot: str, incident_id: int, fields: Mapping[str, object]) -> Json:
        """The changed incident."""
        return self._write("PATCH", _pilot_path(pilot, "incidents", str(incident_id)), fields)

    def incidents(self, pilot: str, limit: int) -> list[Json]:
        """The latest by start, newest first."""
        return self._list(_pilot_path(pilot, "incidents"), "incidents", limit)

    def add_feedback(self, pilot: str, fields: Mapping[str, object]) -> Json:
        """The recorded rating."""
        return self._write("POST", _pilot_path(pilot, "feedback"), fields)

    def feedback(self, pilot: str, limit: int) -> list[Json]:
        """The latest by time given, newest first."""
        return self._list(_pilot_path(pilot, "feedback"), "feedback", limit)

    def gate(self, pilot: str, gate: str) -> Json:
        """The answer of a gate, with all the fields that it must have."""
        found = self._send("GET", _pilot_path(pilot, "gates", quote(gate, safe=""))).get("gate")
        if not isinstance(found, dict) or not found.keys() >= GATE_FIELDS:
            raise self._stranger()
        return found

    def ramp(self, pilot: str) -> Json:
        """The advice for a pilot's ramp (`ramp`), and what would serve it (`proposal`; None while that cannot be told)."""
        found = self._send("GET", _pilot_path(pilot, "ramp"))
        if not isinstance(found.get("ramp"), dict) or not isinstance(found.get("proposal"), dict | None):
            raise self._stranger()
        return found

    def pilots(self) -> list[str]:
        """Names of the pilots that are judged, as its metrics have them. Asked once, with little patience."""
        try:
            answer = self._session.get(f"{self._url}/metrics", timeout=QUICK_TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise DaemonUnreachableError(f"cannot reach {self._url} ({_said(error)})") from None
        return list(dict.fromkeys(_JUDGED.findall(answer.text))) if answer.ok else []

    def import_file(self, pilot: str, what: str, content: bytes, media_type: str, key: str) -> Json:
        """How many rows of a file were recorded. `what`: `incidents` or `feedback`; `key`: of the content."""
        headers = {"Idempotency-Key": key, "Content-Type": media_type}
        path = _pilot_path(pilot, what, "import")
        return self._send("POST", path, data=content, headers=headers, timeout=IMPORT_TIMEOUT)

    def add_override(self, pilot: str, fields: Mapping[str, object]) -> Json:
        """The recorded override."""
        return self._write("POST", _pilot_path(pilot, "overrides"), fields)

    def revoke_override(self, pilot: str, override_id: int, by: str) -> Json:
        """The revoked override."""
        path = _pilot_path(pilot, "overrides", str(override_id))
        return self._send("DELETE", path, params={"by": by}, headers={"Idempotency-Key": str(uuid4())})

    def overrides(self, pilot: str, limit: int) -> list[Json]:
        """The latest, newest first."""
        return self._list(_pilot_path(pilot, "overrides"), "overrides", limit)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _write(self, method: str, path: str, fields: Mapping[str, object]) -> Json:
        return self._send(method, path, json=dict(fields), headers={"Idempotency-Key": str(uuid4())})

    def _list(self, path: str, name: str, limit: int) -> list[Json]:
        found = self._send("GET", path, params={"limit": limit}).get(name)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._stranger()
        return found

    def _send(
        self,
        method: str,
        path: str,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        **options: Any,
    ) -> Json:
        last = ""
        for attempt in range(ATTEMPTS):
            try:
                answer = self._session.request(
                    method, f"{self._url}{path}", timeout=timeout, allow_redirects=False, **options
                )
            except _BROKEN as error:
                last = f"cannot reach {self._url} ({_said(error)})"
                pause = 0.5 * 2**attempt
            except requests.RequestException as error:
                raise DaemonUnreachableError(f"cannot speak with {self._url}: {_said(error)}") from None
            else:
                if answer.status_code not in _AGAIN:
                    return self._read(answer)
                last = f"{self._url} does not take it now ({_problem_text(answer)})"
                pause = _retry_after(answer, 0.5 * 2**attempt)
            if attempt + 1 < ATTEMPTS:
                self._wait(min(pause, LONGEST_WAIT))
        raise DaemonUnreachableError(f"{last}; is `slo-daemon run` there, and is --url right?")

    def _read(self, answer: requests.Response) -> Json:
        if 300 <= answer.status_code < 400:
            raise DaemonUnreachableError(
                f"{self._url} redirects to another place, which is not followed because of the token; "
                "give the daemon's own address with --url"
            )
        try:
            body = answer.json()
        except ValueError:
            raise self._stranger() from None
        if not isinstance(body, dict):
            raise self._stranger()
        if answer.ok:
            return body
        if answer.status_code >= 500:
            raise DaemonUnreachableError(f"{self._url} failed ({_problem_text(answer)}); its log says why")
        raise DaemonRefusedError(answer.status_code, str(body.get("reason", "")), _refusal(body))

    def _stranger(self) -> DaemonUnreachableError:
        return DaemonUnreachableError(f"what answers at {self._url} is no slo-daemon; is --url right?")


class _Bearer(requests.auth.AuthBase):
    """Set as `auth`, so that no entry of a .netrc file takes the header's place."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _pilot_path(pilot: str, *rest: str) -> str:
    return "/".join(("/api/v1/pilots", quote(pilot, safe=""), *rest))


def _refusal(body: Json) -> str:
    """The daemon's words, every field that is wrong on a line of its own, and what to do about a token."""
    lines = [str(body.get("detail", "refused"))]
    errors = body.get("errors")
    if isinstance(errors, list):
        lines += [f"  {e.get('field') or 'body'}: {e.get('problem')}" for e in errors if isinstance(e, dict)]
    if body.get("reason") in ("unauthorized", "wrong_role"):
        lines.append("give the token with --token-file FILE, or in the environment as SLO_DAEMON_TOKEN")
    if body.get("reason") == "already_resolved":
        lines.append("on the command line: --replace")
    return "\n".join(lines)


def _problem_text(answer: requests.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
    return f"HTTP {answer.status_code}: {detail}"


def _retry_after(answer: requests.Response, otherwise: float) -> float:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise


def _said(error: requests.RequestException) -> str:
    """The innermost message; those around it repeat the URL and the names of our libraries."""
    inner: BaseException = error
    while True:
        following = inner.__cause__ or inner.__context__ or next(
            (arg for arg in inner.args if isinstance(arg, BaseException)), None
        )  # fmt: skip
        reason = getattr(inner, "reason", None)
        following = reason if isinstance(reason, BaseException) else following
        if following is None or following is inner:
            break
        inner = following
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
