"""Where Prometheus is and how it may be asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from slo_daemon.spec.settings_shape import OWN_PARAMETERS

_SHORTEST_SECRET = 4  # characters; masking shorter header values would only make messages unreadable


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """How Prometheus is asked. Raises ValueError when it could never work; the message names the remedy.

    `url` may carry `user:password@`. `timeout`: the most seconds that one query may take, retry included.
    `concurrency`: instant queries at once; one range query may be under way beside them. `parameters`: sent with every query,
    such as `dedup` for Thanos; no secrets, and none of OWN_PARAMETERS. `bearer_token` is called for every request, so that a
    rotated one is taken; it may raise. `ca_file`: the certificates (PEM) to trust instead
    of the public ones. `max_body`, `max_range_body`: bytes of an answer. `stats`: also ask how many samples a query touched.
    """

    url: str = field(repr=False)
    timeout: float = 10.0
    concurrency: int = 2
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    bearer_token: Callable[[], str] | None = field(default=None, repr=False)
    ca_file: Path | None = None
    max_body: int = 16 * 1024 * 1024
    max_range_body: int = 32 * 1024 * 1024  # a day in hours of 1,000 histograms with 12 buckets has 10 MB
    stats: bool = True

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number, or half a bracket
            usable = False
        if not usable or not self.url.isprintable() or " " in self.url:
            raise ValueError("the Prometheus URL must look like http://prometheus.example.org:9090")
        if parts.query or parts.fragment:
            raise ValueError(f"the Prometheus URL {self.shown_url} ends with ?... or #...; leave that out")
        if not 0 < self.timeout < float("inf"):
            raise ValueError(f"the Prometheus timeout is {self.timeout:g} s; it must be more than 0")
        if min(self.concurrency, self.max_body, self.max_range_body) < 1:
            raise ValueError("Prometheus' concurrency and the largest body must be at least 1")
        for name, value in self.headers.items():
            if not fits_a_header(value):
                raise ValueError(
                    f"{name} is empty, or has a line break, a space at an end or a character that HTTP headers do "
                    "not allow"
                )
        taken = OWN_PARAMETERS & self.parameters.keys()
        if taken:
            raise ValueError(f"the query parameters {', '.join(sorted(taken))} are set by slo-daemon itself")
        ways = [self.bearer_token is not None, self.credentials is not None]
        ways.append(any(name.lower() == "authorization" for name in self.headers))
        if sum(ways) > 1:
            raise ValueError(
                "give one of: a bearer token, user:password in the URL, an Authorization header; there are several"
            )

    @property
    def shown_url(self) -> str:
        """The URL without credentials and without a slash at its end."""
        parts = urlsplit(self.url)
        bare = SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
        return bare.geturl()

    @property
    def credentials(self) -> tuple[bytes, bytes] | None:
        """User and password from the URL, as they are sent."""
        parts = urlsplit(self.url)
        if parts.username is None and parts.password is None:
            return None
        return unquote(parts.username or "").encode(), unquote(parts.password or "").encode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, longest first."""
        found = {value for value in self.headers.values() if len(value) >= _SHORTEST_SECRET}
        password = urlsplit(self.url).password
        if password:
            found.add(password)
        if self.credentials and self.credentials[1]:
            found.add(self.credentials[1].decode())
        return tuple(sorted(found, key=len, reverse=True))


def fits_a_header(value: str) -> bool:
    return bool(value) and value == value.strip() and value.isascii() and value.isprintable()
