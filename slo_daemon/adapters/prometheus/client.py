"""One request to Prometheus: sent, received whole within its deadline, or failed with a named reason."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from time import monotonic
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import Timeout

from slo_daemon import __version__
from slo_daemon.adapters.prometheus.settings import PrometheusSettings, fits_a_header
from slo_daemon.adapters.prometheus.transport import DeadlineSession
from slo_daemon.adapters.prometheus.wire import PassingError, fail, quoted
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import SourceError

RANGES = 1  # range queries at once, beside the instant ones
_CHUNK = 65_536  # bytes
_NO_POST = (405, 501)  # a server that knows no POST there
_LONGEST_REFUSAL = 65_536  # bytes that are read of an answer that is an error anyway


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client(PrometheusConnect):
    """prometheus-api-client's session and addressing, with a transport that keeps deadlines.

    The package's own query methods are not used: they put POSTed queries into the URL, drop warnings and the result's
    type, retry on their own, and read bodies of any size.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # so that the cap on the body is a cap on memory
            "User-Agent": f"slo-daemon/{__version__}",
            **settings.headers,
        }
        session = DeadlineSession(
            settings.shown_url,
            settings.concurrency + RANGES,
            str(settings.ca_file) if settings.ca_file else None,
        )
        super().__init__(
            url=settings.shown_url,
            session=session,
            headers=headers,
            auth=settings.credentials,  # type: ignore[arg-type]  # None is its default
            method="POST",
        )
        self._bearer_token = settings.bearer_token
        self._form_in_url = False
        self.tokens: tuple[str, ...] = ()  # as last sent, so that no message repeats them
        session.seal()  # the package has mounted an adapter of its own, which retries

    def ask(self, path: str, form: Mapping[str, str], until: float, max_body: int) -> Answer:
        """POST a form. `until`: in time.monotonic(). `max_body`: bytes. Redirects are not followed. Raises SourceError.

        A server that takes no POST there (405, 501) is asked by GET, from then on.
        """
        if not self._form_in_url:
            answer = self._send("POST", path, {"data": form}, until, max_body)
            if answer.status not in _NO_POST:
                return answer
            self._form_in_url = True
        return self._send("GET", path, {"params": form}, until, max_body)

    def _send(self, method: str, path: str, form: Mapping[str, Any], until: float, max_body: int) -> Answer:
        started = monotonic()
        try:
            response = self._session.request(
                method,
                f"{self.url}{path}",
                **form,
                headers=self._authorized(),
                auth=self.auth,
                timeout=Timeout(total=until - started),  # type: ignore[arg-type]  # requests hands it on
                allow_redirects=False,
                stream=True,
            )
            with closing(response):
                if 300 <= response.status_code < 400:
                    fail(FailReason.REDIRECT, _redirect(response.headers.get("Location", "")))
                return Answer(response.status_code, response.headers, _body(response, max_body))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _translated(error, until - started) from error

    def _authorized(self) -> dict[str, str]:
        """The headers of a request. The token is asked for each time: files with tokens are rotated."""
        if self._bearer_token is None:
            return self.headers
        try:
            token = self._bearer_token()
        except Exception as error:
            raise SourceError(FailReason.AUTH, f"there is no bearer token: {error}") from error
        if not fits_a_header(token):
            fail(
                FailReason.AUTH,
                "the bearer token has a line break or a character that HTTP headers do not allow",
            )
        self.tokens = (token, *(old for old in self.tokens[:1] if old != token))
        return {**self.headers, "Authorization": f"Bearer {token}"}


def _body(response: requests.Response, max_body: int) -> bytes:
    """The whole body, never more than allowed. What follows after a refusal's first part does not matter."""
    refused = response.status_code != requests.codes.ok
    if not refused:
        _check_headers(response.headers, max_body)
    body = bytearray()
    while True:
        try:
            chunk = response.raw.read1(_CHUNK, decode_content=False)
        except ReadTimeoutError:
            raise
        except HTTPError as error:
            if refused:
                break
            detail = (
                f"the answer broke off after {len(body):,} bytes: is a proxy in between, or the server dying?"
            )
            raise SourceError(FailReason.BAD_BODY, detail) from error
        body += chunk
        if not chunk or (refused and len(body) >= _LONGEST_REFUSAL):
            break
        if len(body) > max_body:
            _too_large(max_body)
    return bytes(body)


def _check_headers(headers: Mapping[str, str], max_body: int) -> None:
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        fail(
            FailReason.BAD_BODY,
            f"the answer is encoded as {quoted(encoding, 40)}, which was not asked for: let the proxy in between "
            "heed Accept-Encoding",
        )
    length = headers.get("Content-Length", "0").strip()
    if length.isascii() and length.isdigit() and int(length[:20]) > max_body:
        _too_large(max_body)


def _too_large(max_body: int) -> NoReturn:
    fail(
        FailReason.TOO_LARGE,
        f"the answer has more than the {max_body:,} bytes that are taken: group by fewer labels, or ask for a shorter "
        "range",
    )


def _redirect(location: str) -> str:
    """Names the host only: the rest of a redirect may hold secrets."""
    try:
        parts = urlsplit(location)
        target = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"
    except ValueError:
        target = "nowhere"
    return f"the server redirects to {quoted(target)}, which is not followed: set the URL to where the query API is"


def _translated(error: Exception, seconds: float) -> SourceError:
    """The named reason for what requests, urllib3 or the operating system raised."""
    causes = tuple(_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(NameResolutionError):
        detail = "the host's name is not known: is it right, and does DNS work here?"
        return SourceError(FailReason.CONNECT, detail)
    if tls is not None:
        return SourceError(FailReason.TLS, _tls_problem(tls))
    if has(ConnectionRefusedError):
        detail = "the connection was refused: does Prometheus run, and is the port right?"
        return SourceError(FailReason.CONNECT, detail)
    if any(isinstance(c, ConnectTimeoutError) and not isinstance(c, NewConnectionError) for c in causes):
        detail = f"no connection within {seconds:.3g} s: is the address right, and no firewall between?"
        return SourceError(FailReason.CONNECT, detail)
    if has(TimeoutError, ReadTimeoutError):
        detail = f"no whole answer within {seconds:.3g} s: the server is frozen or overloaded, or the query too heavy"
        return SourceError(FailReason.TIMEOUT, detail)
    if has(RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        return PassingError(FailReason.CONNECT, "the server closed the connection without an answer")
    if has(HTTPException, InvalidHeader, requests.exceptions.InvalidHeader):
        return SourceError(FailReason.BAD_BODY, "the answer is not HTTP: is this Prometheus' port?")
    root = causes[-1]
    if "TLS CA certificate" in str(root):
        return SourceError(FailReason.TLS, "the file with the trusted certificates (ca_file) cannot be read")
    return SourceError(FailReason.CONNECT, f"no connection: {type(root).__name__}: {quoted(str(root), 120)}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it stands for: urllib3 and requests wrap in attributes and arguments, Python in __cause__."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (getattr(one, "reason", None), *one.args, one.__cause__, one.__context__)
        waiting.extend(part for part in inner if isinstance(part, BaseException))


def _tls_problem(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the server's certificate is not trusted ({quoted(error.verify_message, 100)}): is the host name right, "
            "and does ca_file name its authority?"
        )
    if error.reason == "WRONG_VERSION_NUMBER":
        return "the server does not speak TLS: write http:// in the URL, or turn TLS on there"
    if error.library in ("X509", "PEM"):
        return "ca_file holds no certificate (PEM), or a damaged one"
    return f"TLS failed: {quoted(error.reason or str(error), 120)}"
