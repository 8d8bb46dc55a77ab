"""How much, how often, how many at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from slo_daemon.web.problems import ProblemError

BODY_LIMIT = 1 << 20  # bytes kept of a body
DISCARDED = 4  # times the limit is read and thrown away, so that an honest client hears why it is refused
DISCARD_LIMIT = DISCARDED * BODY_LIMIT
JSON_TYPE = "application/json"

ResultT = TypeVar("ResultT")


class TokenBuckets:
    """A token bucket for each source: `rate` a second in the long run, `burst` at once. Remembers `most` sources."""

    def __init__(
        self, rate: float, burst: int, *, most: int = 4_096, clock: Callable[[], float] = monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._most = most
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when

    def take(self, source: str) -> float:
        """Take one; returns 0, or the seconds until one is there. Called on the event loop only."""
        now = self._clock()
        level, then = self._levels.pop(source, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._rate)
        wait = 0.0 if level >= 1.0 else (1.0 - level) / self._rate
        self._levels[source] = (level if wait else level - 1.0, now)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return wait


class FirstTimes:
    """Whether something happens for the first time. Remembers `most` of them; then nothing is new any more."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._seen: set[tuple[str, ...]] = set()

    def take(self, *what: str) -> bool:
        """True once for each. Called on the event loop only."""
        if what in self._seen or len(self._seen) >= self._most:
            return False
        self._seen.add(what)
        return True


class Workers:
    """A few threads with a short queue, for everything that may block: the event loop only ever waits for it."""

    def __init__(self, name: str, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + queue
        self._count = 0
        self._lock = Lock()

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """`work()` on a thread. Raises ProblemError (503) when the queue is full or the daemon stops."""
        with self._lock:
            if self._count >= self._most:
                raise _busy("too much is waiting already")
            self._count += 1
        try:
            future = self._pool.submit(work)
        except RuntimeError:  # the pool was closed
            self._done(None)
            raise _busy("the daemon is stopping") from None
        future.add_done_callback(self._done)  # not when the caller gave up: the thread may still be at it
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish what has begun; drop what has not."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self, _future: Future[Any] | None) -> None:
        with self._lock:
            self._count -= 1


def media_type_of(request: Request) -> str:
    """What the client says that its body is."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(
    request: Request, limit: int = BODY_LIMIT, types: frozenset[str] = frozenset({JSON_TYPE})
) -> bytes:
    """The body. Raises ProblemError: an encoded one is refused before, a long one while it is read."""
    discard = DISCARDED * limit
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(
            415, "content_encoding", "compressed bodies are not accepted; send the JSON as it is"
        )
    if media_type_of(request) not in types:
        wanted = " or ".join(f"'Content-Type: {name}'" for name in sorted(types))
        what = "JSON" if types == {JSON_TYPE} else "JSON or CSV"
        raise ProblemError(415, "content_type", f"send {what} with the header {wanted}")
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > discard:
        raise _too_large(limit)
    body = bytearray()
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                body += chunk
            else:
                body.clear()
            if size > discard:
                break
    except ClientDisconnect:
        raise ProblemError(400, "body_cut", "the body ended too early") from None
    if size > limit:
        raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> ProblemError:
    # What is left of the body must not be read as the next request.
    return ProblemError(
        413, "body_too_large", f"the body may have {limit} bytes", headers={"Connection": "close"}
    )


def _busy(detail: str) -> ProblemError:
    return ProblemError(503, "busy", detail, headers={"Retry-After": "1"})
