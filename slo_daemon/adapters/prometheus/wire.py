"""What every answer of Prometheus has: an envelope, numbers as texts, or why there is none of it."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import NoReturn, TypeVar

import msgspec

from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import SourceError

LONGEST_DETAIL = 300  # characters
_LONGEST_QUOTE = 160  # characters of the server's own words
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_SPECIAL = {"NaN": float("nan"), "+Inf": float("inf"), "-Inf": float("-inf"), "Inf": float("inf")}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class PassingError(SourceError):
    """It may soon be over: one more try is worth it, after `wait` seconds where the server said so."""

    def __init__(self, reason: FailReason, detail: str, *, wait: float | None = None) -> None:
        super().__init__(reason, detail)
        self.wait = wait


class _Envelope(msgspec.Struct):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    warnings: list[str] | None = None
    isPartial: bool | None = None  # noqa: N815  VictoriaMetrics' word for an answer of some of its storage nodes
    errorType: str = ""  # noqa: N815  Prometheus' name
    error: str = ""


class Data(msgspec.Struct):
    """The inside of an answer; `result` as its type wants it."""

    resultType: str  # noqa: N815
    result: msgspec.Raw
    stats: msgspec.Raw = msgspec.Raw(b"null")
    warnings: list[object] | None = None  # some versions of Thanos put them here


class _SampleStats(msgspec.Struct):
    totalQueryableSamples: int  # noqa: N815


class _Stats(msgspec.Struct):
    samples: _SampleStats


def fail(reason: FailReason, detail: str, *, permanent: bool = False) -> NoReturn:
    """Raises SourceError."""
    raise SourceError(reason, detail, permanent=permanent)


def clock(body: bytes, headers: Mapping[str, str]) -> float:
    """The server's time in an answer to `time()` (status 200), in Unix seconds. Raises SourceError.

    Prometheus answers a scalar. Others (VictoriaMetrics) make a vector of it: then the Date of the answer tells the time,
    to the second.
    """
    data = opened(body)
    if data.resultType == "vector":
        try:
            return parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except ValueError:
            fail(
                FailReason.SHAPE,
                "the answer to time() is a vector, and comes without a Date: is this Prometheus?",
            )
    if data.resultType != "scalar":
        fail(
            FailReason.SHAPE,
            f"the answer to time() is a {quoted(data.resultType)}, not a scalar: is this Prometheus?",
        )
    _, text = decoded(data.result, tuple[float, str], body)
    value = value_of(text)
    if not isfinite(value):
        fail(FailReason.BAD_BODY, f"the server's time is {text}")
    return value


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """What an answer with a status other than 200 means."""
    said, error_type = _server_words(body)
    wait = _retry_after(headers)
    match status:
        case 400 if "HTTPS server" in said:  # Go's answer to plain HTTP on a TLS port
            return SourceError(FailReason.TLS, "the server speaks TLS: write https:// in the URL")
        case 400:
            return SourceError(FailReason.BAD_QUERY, f"the query is not valid: {said}", permanent=True)
        case 401 | 403:
            return SourceError(
                FailReason.AUTH,
                f"the server answered {status}: are the token or the user and password right, and allowed to query?",
            )
        case 422:
            return SourceError(FailReason.EXECUTION, f"the query cannot be run: {said}", permanent=True)
        case 429:
            detail = "the server says 429, too many requests: ask less often, or raise its limit"
            return (
                SourceError(FailReason.THROTTLED, detail)
                if wait is None
                else PassingError(FailReason.THROTTLED, f"{detail} (Retry-After: {wait:g} s)", wait=wait)
            )
        case 503 if error_type == "timeout":
            return PassingError(
                FailReason.TIMEOUT, f"the server gave up on the query: {said}; is it too heavy?", wait=wait
            )
        case 503:
            return PassingError(
                FailReason.NOT_READY,
                f"the server is starting, stopping or overloaded (503): {said}",
                wait=wait,
            )
        case 504:
            return PassingError(FailReason.TIMEOUT, f"a gateway timed out (504): {said}", wait=wait)
        case 404:
            return SourceError(
                FailReason.HTTP,
                "there is no query API at this URL (404): is a path such as /prometheus missing, or one too many?",
            )
        case _:
            return SourceError(FailReason.HTTP, f"the server answered {status}: {said}")


def quoted(text: str, longest: int = _LONGEST_QUOTE) -> str:
    """Foreign text on one line, without control characters, cut to `longest` characters."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split())
    return plain if len(plain) <= longest else plain[: longest - 3] + "..."


def opened(body: bytes) -> Data:
    """What is inside an answer (status 200). Raises SourceError for one that failed, that warns, or that is partial."""
    envelope = decoded(body, _Envelope, body)
    if envelope.status != "success":
        fail(
            FailReason.BAD_BODY,
            f"the status is 200, but the answer says {quoted(envelope.status, 20)}: {quoted(envelope.error)}",
        )
    if envelope.warnings:
        fail(
            FailReason.PARTIAL,
            f"the answer may lack data; the server warns: {quoted('; '.join(envelope.warnings))}",
        )
    if envelope.isPartial:
        fail(
            FailReason.PARTIAL,
            "the answer lacks data: some of VictoriaMetrics' storage nodes did not answer (isPartial)",
        )
    data = decoded(envelope.data, Data, body)
    if data.warnings:
        said = quoted("; ".join(map(str, data.warnings)))
        fail(FailReason.PARTIAL, f"the answer may lack data; the server warns: {said}")
    return data


def decoded(part: bytes | msgspec.Raw, kind: type[T], body: bytes) -> T:
    """A part of `body` as `kind`. Raises SourceError."""
    try:
        return msgspec.json.decode(part, type=kind)
    except _UNREADABLE as error:
        problem = quoted(str(error), 80)
        raise SourceError(FailReason.BAD_BODY, f"{_looks(body)} ({problem})") from error


def _looks(body: bytes) -> str:
    """What a body seems to be that is not an answer."""
    start = body[:64].lstrip().lower()
    if not body:
        return "the answer is empty: is this Prometheus' address, or is a proxy in between?"
    if start.startswith((b"<!", b"<html", b"<?xml")):
        return "the answer is a web page, not query results: is this Prometheus' address, or is a login in between?"
    if not start.startswith(b"{"):
        return "the answer is no JSON object: is this Prometheus' address, and what is in between?"
    return "the answer is cut off or not of Prometheus' query API"


def value_of(text: str) -> float:
    """A value as Prometheus writes it. Raises SourceError."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    value = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(value):  # 1e400 is written as a number, but is none that can be kept
        fail(FailReason.BAD_BODY, f"a value of the answer is {quoted(text, 40)!r}, which is no number")
    return value


def samples_touched(stats: msgspec.Raw) -> int | None:
    """How many samples the server touched, where it tells."""
    try:
        return msgspec.json.decode(stats, type=_Stats).samples.totalQueryableSamples
    except _UNREADABLE:  # not told, or told in another way: nothing depends on it
        return None


def _server_words(body: bytes) -> tuple[str, str]:
    """The error text of a refusal, and its type where it is Prometheus' JSON."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except _UNREADABLE:
        text = body[: 4 * _LONGEST_QUOTE].decode("utf-8", errors="replace")
        return "a web page" if text.lstrip().startswith("<") else quoted(text) or "without a word", ""
    return quoted(envelope.error) or "without a word", envelope.errorType


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Whole seconds of Retry-After. A date is not taken: it would need this machine's clock to be right."""
    text = headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
