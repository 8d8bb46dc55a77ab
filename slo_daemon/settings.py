"""The daemon's own settings: a file, overridden by the environment, overridden by the command line.

All three are laid over each other before anything is checked, so a problem names the file and line, the variable or the
option that it comes from. Secrets come from files or the environment only, and are read when they are used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_origin

from slo_daemon.core.spelling import did_you_mean
from slo_daemon.spec import leaves
from slo_daemon.spec.load import SETTINGS, kind_of_document
from slo_daemon.spec.nodes import Entry, Items, Node, Scalar, Table
from slo_daemon.spec.pilot_shape import ApiVersion
from slo_daemon.spec.problems import (
    FieldPath,
    Mark,
    Problem,
    Severity,
    SpecError,
    errors_of,
    problem_at,
)
from slo_daemon.spec.settings_shape import (
    MOST_AT_ONCE,
    OWN_PARAMETERS,
    AlertmanagerShape,
    EvaluationShape,
    Listen,
    LogsShape,
    ReportsShape,
    SecretShape,
    SettingsShape,
    StoreShape,
    WebShape,
)
from slo_daemon.spec.shape import Place, Shape, check, shapes_in
from slo_daemon.spec.yaml_text import LONGEST_TEXT, parse

PREFIX = "SLO_DAEMON_"
DEFAULT_TIMEOUT = 10.0  # seconds
DEFAULT_INTERVAL = EvaluationShape().interval
LONGEST_RESEND = 60  # seconds
LONGEST_SECRET = 8_192  # bytes

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")

# Read by commands, not by the daemon's settings.
_OF_COMMANDS = frozenset({"SLO_DAEMON_CONFIG", "SLO_DAEMON_TOKEN", "SLO_DAEMON_URL"})
# Kubernetes adds these for a Service named slo-daemon.
_OF_KUBERNETES = re.compile(
    r"SLO_DAEMON_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by its origin. The value is read when it is used, so a rotated file needs no restart; it is never shown."""

    origin: str
    problem: Problem = field(repr=False)
    file: Path | None = None
    _value: str = field(default="", repr=False)

    def reveal(self) -> str:
        """The value. Raises SpecError when it cannot be read, or is empty."""
        if self.file is None:
            value, why = self._value, "the variable is empty or not set"
        else:
            value, why = _secret_in(self.file)
        if not value:
            raise SpecError([_because(self.problem, why)])
        return value


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """How the metric source is asked; times in seconds. `url` may carry credentials when it comes from the environment."""

    url: str = field(repr=False)
    timeout: float
    concurrency: int
    scrape_interval: int
    headers: Mapping[str, str] = field(repr=False)
    parameters: Mapping[str, str]
    bearer_token: Secret | None
    ca_file: Path | None
    stats: bool


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where pages, API and metrics are served. `tokens` by role; a role without one may not write."""

    listen: Listen
    external_url: str | None
    tokens: Mapping[str, Secret]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the daemon is told about itself."""

    specs: tuple[Path, ...]
    prometheus: PrometheusSettings
    evaluation: EvaluationShape
    store: StoreShape
    web: WebSettings
    alertmanager: AlertmanagerShape
    reports: ReportsShape
    logs: LogsShape


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and what their author may not have meant."""

    settings: Settings
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """A setting from the command line. `origin`: the option as people write it."""

    path: tuple[str, ...]
    value: str | tuple[str, ...]
    origin: str


def override(*, specs: Sequence[str] = (), prometheus: str | None = None) -> tuple[Override, ...]:
    """The options of a command as overrides; what is not given changes nothing."""
    given = (
        Override(("specs",), tuple(specs), "option --spec"),
        Override(("prometheus", "url"), prometheus or "", "option --prometheus"),
    )
    return tuple(one for one in given if one.value)


def read_settings(
    file: Path | None, environment: Mapping[str, str], overrides: Sequence[Override] = ()
) -> LoadedSettings:
    """The settings of a file (None: no file, only defaults), the environment and the command line. Raises SpecError."""
    return load_settings((str(file), _read(file)) if file is not None else None, environment, overrides)


def load_settings(
    document: tuple[str, str] | None, environment: Mapping[str, str], overrides: Sequence[Override] = ()
) -> LoadedSettings:
    """The same from a text: (file name, text). Raises SpecError."""
    problems: list[Problem] = []
    root = _root(document, problems) if document is not None else _empty()
    for path, node in _from_environment(environment, problems):
        root = _lay(root, path, node)
    for one in overrides:
        root = _lay(root, one.path, _node(one.value, Mark(one.origin)))
    place = Place(root, (), root.mark, problems)
    check(place, SettingsShape)
    settings = _settings(place, document[0] if document else "", environment)
    if settings is None or errors_of(problems):
        raise SpecError(sorted(problems, key=lambda p: (p.line is None, p.line or 0, p.column or 0)))
    return LoadedSettings(settings, tuple(problems))


def variables() -> dict[str, FieldPath]:
    """The variables of the environment that are read, with the setting that each overrides."""
    found = {f"{PREFIX}{'_'.join(path).upper()}": path for path, _ in _paths(SettingsShape, ())}
    found[f"{PREFIX}PROMETHEUS_BEARER_TOKEN"] = ("prometheus", "bearer_token")
    for path, _ in _paths(SettingsShape, ()):
        if path[:2] == ("web", "tokens"):
            found[f"{PREFIX}{'_'.join(path[:3]).upper()}"] = path[:3]
    return dict(sorted(found.items()))


def _paths(shape: type[Shape], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], bool]]:
    """Every setting that fits into one variable, and whether it is a list."""
    found = []
    for name, info in shape.model_fields.items():
        inner, origin = shapes_in(info.annotation), get_origin(info.annotation)
        if inner and origin is not dict:
            found.extend(_paths(inner[0], (*path, name)))
        elif origin is not dict and name not in ("api_version", "kind"):
            found.append(((*path, name), origin is list))
    return found


def _from_environment(
    environment: Mapping[str, str], problems: list[Problem]
) -> list[tuple[tuple[str, ...], Node]]:
    lists = {path for path, is_list in _paths(SettingsShape, ()) if is_list}
    known = variables()
    found: list[tuple[tuple[str, ...], Node]] = []
    for name in sorted(name for name in environment if name.startswith(PREFIX)):
        mark, value = Mark(f"environment variable {name}"), environment[name]
        path = tuple(str(part) for part in known.get(name, ()))
        if not path:
            if name not in _OF_COMMANDS and not _OF_KUBERNETES.fullmatch(name):
                remedy = did_you_mean(name, list(known), "variables")
                problems.append(problem_at(mark, (), "no setting has this name", remedy, Severity.WARNING))
        elif not value:
            continue
        elif path[:2] == ("web", "tokens"):
            secret = {path[3]: value} if len(path) == 4 else {"env": name}
            entries = {key: Entry(Scalar(key, mark), Scalar(text, mark)) for key, text in secret.items()}
            found.append((path[:3], Table(entries, mark)))
        elif path[-1] != "bearer_token":
            given = tuple(part.strip() for part in value.split(",")) if path in lists else value
            found.append((path, _node(given, mark)))
    return found


def _node(value: str | tuple[str, ...], mark: Mark) -> Node:
    if isinstance(value, str):
        return Scalar(value, mark)
    return Items(tuple(Scalar(text, mark) for text in value), mark)


def _empty() -> Table:
    mark = Mark("settings")
    head = {"apiVersion": ApiVersion.V1.value, "kind": SETTINGS}
    return Table({key: Entry(Scalar(key, mark), Scalar(text, mark)) for key, text in head.items()}, mark)


def _root(document: tuple[str, str], problems: list[Problem]) -> Table:
    """The one document of the file. Raises SpecError when there is nothing to lay other settings over."""
    documents, found = parse(*document)
    problems.extend(found)
    problems.extend(
        problem_at(extra.root.mark, (), "a settings file holds one document") for extra in documents[1:]
    )
    if documents:
        root = documents[0].root
        kind = kind_of_document(Place(root, (), root.mark, problems), [SETTINGS])
        if kind is not None and isinstance(root, Table):
            return root
    raise SpecError(problems)


def _lay(table: Table, path: Sequence[str], node: Node) -> Table:
    """`table` with `node` at `path`."""
    key, rest = path[0], path[1:]
    if rest:
        below = table.entries.get(key)
        inner = below.value if below and isinstance(below.value, Table) else Table({}, node.mark)
        node = _lay(inner, rest, node)
    entry = Entry(Scalar(key, node.mark), node)
    return Table({**table.entries, key: entry}, table.mark, table.size)


def _settings(place: Place, file: str, environment: Mapping[str, str]) -> Settings | None:
    _check(place)
    shape = place.read(SettingsShape.model_validate)
    if shape is None:
        return None
    given, web = shape.prometheus, shape.web
    timeout = given.timeout
    if timeout is None:
        timeout = min(DEFAULT_TIMEOUT, shape.evaluation.interval / 2)
    files = place.at("prometheus")
    return Settings(
        specs=tuple(_path(item, file) for item in place.at("specs").items()),
        prometheus=PrometheusSettings(
            url=given.url,
            timeout=timeout,
            concurrency=given.concurrency,
            scrape_interval=given.scrape_interval,
            headers=dict(given.headers),
            parameters=dict(given.parameters),
            bearer_token=_bearer_token(files.at("bearer_token_file"), file, environment),
            ca_file=_path(files.at("ca_file"), file) if given.ca_file else None,
            stats=given.stats,
        ),
        evaluation=shape.evaluation,
        store=shape.store,
        web=WebSettings(
            web.listen, web.external_url, _tokens(place.at("web", "tokens"), file, web, environment)
        ),
        alertmanager=shape.alertmanager,
        reports=shape.reports,
        logs=shape.logs,
    )


def _check(place: Place) -> None:
    """What must fit together. Every piece is read on its own, so that a slip in one hides nothing in another."""
    source = place.at("prometheus")
    concurrency = source.at("concurrency").read(leaves.count)
    if concurrency is not None and concurrency > MOST_AT_ONCE:
        source.at("concurrency").report(
            f"{concurrency} queries at the same time are too many for Prometheus",
            f"write 1 to {MOST_AT_ONCE}",
        )
    timeout = source.at("timeout").read(leaves.short_duration)
    interval = place.at("evaluation", "interval").read(leaves.duration) or DEFAULT_INTERVAL
    if timeout is not None and timeout >= interval:
        source.at("timeout").report(
            f"a query may take {timeout:g}s, but the next slot begins after {interval}s",
            "write a timeout shorter than evaluation.interval",
        )
    _check_sent(source)
    resend = place.at("alertmanager", "resend").read(leaves.duration)
    if resend is not None and resend > LONGEST_RESEND:
        place.at("alertmanager", "resend").report(
            f"{resend}s is too long: Alertmanager would take the alerts for resolved",
            f"write at most {LONGEST_RESEND}s",
        )
    seen: set[str] = set()
    for item in place.at("alertmanager", "urls").items():
        url = (item.read(leaves.text) or "").rstrip("/")
        if url in seen:
            item.report("this Alertmanager is named twice", "leave one of them out")
        seen.add(url)
    for role, _ in place.at("web", "tokens").keys_with_marks():
        token = place.at("web", "tokens", role)
        if isinstance(token.node, Table) and ("file" in token) == ("env" in token):
            token.report("a token comes from one place", "give either file or env")


def _check_sent(source: Place) -> None:
    """Headers and parameters of every query."""
    for name, mark in source.at("headers").keys_with_marks():
        if not _HEADER_NAME.fullmatch(name):
            source.at("headers", name).report(f"{name!r} is not a header's name", mark=mark)
        elif name.lower() in _SECRET_HEADERS:
            source.at("headers", name).report(
                "a secret does not belong into this file", "use prometheus.bearer_token_file", mark=mark
            )
    for name, mark in source.at("parameters").keys_with_marks():
        if name in OWN_PARAMETERS:
            remedy = "leave it out, or use prometheus.stats or prometheus.timeout"
            source.at("parameters", name).report("slo-daemon sets this itself", remedy, mark=mark)


def _path(place: Place, file: str) -> Path:
    """A path that is read. Relative to the settings file when it stands there, else to the working directory."""
    node = place.node
    text = node.text if isinstance(node, Scalar) else ""
    return Path(file).parent / text if place.mark.file == file else Path(text)


def _bearer_token(place: Place, file: str, environment: Mapping[str, str]) -> Secret | None:
    name = f"{PREFIX}PROMETHEUS_BEARER_TOKEN"
    if environment.get(name):
        problem = problem_at(Mark(f"environment variable {name}"), (), "")
        return Secret(f"environment variable {name}", problem, None, environment[name].strip())
    return _secret_file(place, file) if place.node is not None else None


def _tokens(place: Place, file: str, web: WebShape, environment: Mapping[str, str]) -> dict[str, Secret]:
    found = {}
    for role in type(web.tokens).model_fields:
        source: SecretShape | None = getattr(web.tokens, role)
        if source is None:
            continue
        if source.file is not None:
            found[role] = _secret_file(place.at(role, "file"), file)
        elif source.env is not None:
            problem = problem_at(place.at(role, "env").mark, place.at(role, "env").path, source.env)
            origin = f"environment variable {source.env}"
            found[role] = Secret(origin, problem, None, environment.get(source.env, "").strip())
    return found


def _secret_file(place: Place, file: str) -> Secret:
    path = _path(place, file)
    return Secret(f"file {path}", problem_at(place.mark, place.path, str(path)), path)


def _secret_in(file: Path) -> tuple[str, str]:
    """The content of a secret's file, and why there is none."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_SECRET + 1)
    except OSError as error:
        return "", error.strerror or str(error)
    if len(content) > LONGEST_SECRET:
        return "", f"the file is longer than {LONGEST_SECRET} bytes"
    try:
        return content.decode("utf-8").strip(), "the file is empty"
    except UnicodeDecodeError:
        return "", "the file is not UTF-8"


def _because(problem: Problem, why: str) -> Problem:
    said = f"the secret in {problem.message} cannot be read: {why}" if problem.message else why
    return Problem(problem.file, problem.line, problem.column, problem.field, said)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(LONGEST_TEXT + 1).decode("utf-8", "surrogateescape")
    except OSError as error:
        said = f"the settings cannot be read: {error.strerror or error}"
        raise SpecError([Problem(str(file), None, None, "", said)]) from None
