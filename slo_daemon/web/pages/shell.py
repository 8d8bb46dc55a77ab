"""What all pages have in common: the frame around them, what is wrong with the daemon itself, and their policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files

from fastapi import Request, Response
from jinja2 import DictLoader, Environment, StrictUndefined

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.readiness import as_of
from slo_daemon.core.pilot.slo_facts import LONGEST_SLOT_AGE
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.plots.style import STYLE
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.phrases import rfc3339, say_minute, say_share, say_time, visible
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.web.parts import WebParts
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.security import ASSETS
from slo_daemon.web.sessions import Session, Sessions
from slo_daemon.workflows.desk import UnknownPilotError

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HTML_TYPE = "text/html; charset=utf-8"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_SHORTEST, _USUAL, _LONGEST = 5.0, 30.0, 60.0  # seconds after which a page renews itself


@dataclass(frozen=True)
class Visit:
    """Who looks, when (Unix seconds), and at what. `here`: the page's address, to come back to after signing in."""

    snapshot: Snapshot
    now: float
    session: Session | None
    here: str
    stuck: str = ""

    @property
    def age(self) -> float | None:
        """Seconds since the latest evaluation when they are too many for it to be the present."""
        slot = self.snapshot.slot
        if slot is None or self.now - slot.time <= max(LONGEST_SLOT_AGE, 3 * slot.interval):
            return None
        return self.now - slot.time

    @property
    def every(self) -> float:
        """Seconds after which there is something new: a slot, within bounds."""
        interval = self.snapshot.slot.interval if self.snapshot.slot is not None else _USUAL
        return min(_LONGEST, max(_SHORTEST, interval))

    @cached_property
    def trouble(self) -> tuple[str, ...]:
        """What is wrong with the daemon or its source, in sentences."""
        source, age = self.snapshot.source, self.age
        found = []
        if self.snapshot.slot is None:
            found.append("Nothing was evaluated yet since the start: levels are those of before.")
        elif age is not None:
            found.append(
                f"The last evaluation is {show_duration(age)} old. What is shown here is not the present."
            )
        if source is not None and not source.up:
            found.append(
                f"Prometheus cannot be asked ({source.reason}: {visible(source.detail)}). "
                "Alert levels are held until it answers."
            )
        if self.stuck:
            found.append(f"The evaluation loop is stuck: {self.stuck}")
        return tuple(found)

    def pilot(self, name: str) -> Pilot:
        """The pilot of this name. Raises UnknownPilotError."""
        pilots = self.snapshot.specification.pilots
        found = next((pilot for pilot in pilots if pilot.name == name), None)
        if found is None:
            raise UnknownPilotError(name, tuple(pilot.name for pilot in pilots))
        return found

    def assessment(self, pilot: str) -> Assessment | None:
        """The pilot's assessment as it may be told now; None before the first."""
        found = self.snapshot.assessments.get(pilot)
        return None if found is None else as_of(found, self.now)


class Shell:
    """Makes pages of templates, for one daemon."""

    def __init__(self, parts: WebParts, sessions: Sessions) -> None:
        self._parts = parts
        self._sessions = sessions
        self._version = parts.version

    def visit(self, request: Request, here: str | None = None, session: Session | None = None) -> Visit:
        """The visit of a request. `session`: one that has begun with it. Called on the event loop."""
        if here is None:
            query = request.scope["query_string"].decode("ascii", "replace")
            path = request.scope["raw_path"].decode("ascii", "replace")
            here = f"{path}?{query}" if query else path
        return Visit(
            self._parts.snapshot(),
            self._parts.clock.now(),
            session or self._sessions.of(request),
            here,
            self._parts.stuck(),
        )

    def page(
        self,
        template: str,
        visit: Visit,
        title: str,
        *,
        status: int = 200,
        still: bool = False,
        headline: str = "",
        **values: object,
    ) -> Response:
        """A page. `still`: it does not renew itself. `headline`: what is told aloud when it changes."""
        text = (
            _environment()
            .get_template(template)
            .render(
                version=self._version,
                visit=visit,
                title=title,
                every=0 if still else visit.every,
                headline=headline,
                **values,
            )
        )
        headers = {"content-security-policy": POLICY, "referrer-policy": "same-origin"}
        return Response(text, status, headers, HTML_TYPE)

    def problem(self, visit: Visit, problem: ProblemError) -> Response:
        """A refusal, for people."""
        answer = self.page(
            "problem.html", visit, "Not shown", status=problem.status, still=True, problem=problem
        )
        for name, value in problem.headers.items():
            answer.headers[name] = value
        return answer

    def asset(self, name: str) -> Response:
        """Style sheet, script or icon. Raises ProblemError."""
        text = _assets().get(name)
        if text is None:
            raise ProblemError(404, "unknown_path", "there is no such file")
        kind = _TYPES[name.rpartition(".")[2]]
        return Response(text, headers={"cache-control": "public, max-age=86400"}, media_type=kind)


@cache
def _texts() -> Mapping[str, str]:
    folder = files("slo_daemon.web") / "templates"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}


@cache
def _assets() -> Mapping[str, str]:
    texts = _texts()
    return {
        "pages.css": STYLE + texts["pages.css"],
        "pages.js": texts["pages.js"],
        "icon.svg": texts["icon.svg"],
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({name: text for name, text in _texts().items() if name.endswith(".html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "minute": say_minute,
        "moment": say_time,
        "rfc3339": rfc3339,
        "share": say_share,
        "visible": visible,
        "lines": _lines,
    }
    addresses = {name: f"{_asset(name)}?v={_digest(text)}" for name, text in _assets().items()}
    environment.globals |= {"zip": zip, "assets": addresses}
    return environment


def _lines(text: str) -> str:
    """Text of people, visible as it is, line by line."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _asset(name: str) -> str:
    return ASSETS.replace("{name}", name)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
