"""What `--help` says below the options: exit codes, variables of the environment, examples. Set in one place for all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.models import CommandInfo, DefaultPlaceholder

LOOKING, ASKING, FILES = "Ask Prometheus once", "Speak with a running daemon", "Files"
_SETTINGS = ("SLO_DAEMON_CONFIG", "the settings' file")
_EVERY = ("SLO_DAEMON_*", "every setting, see docs/settings.md")
_URL = ("SLO_DAEMON_URL", "where the daemon listens")
_TOKEN = ("SLO_DAEMON_TOKEN", "the token, where there is no --token-file")
_FOR_ALL = ("NO_COLOR, FORCE_COLOR", "no colour anywhere, or also in pipes")
_DONE = (0, "done")
_USAGE = (2, "wrong usage, files or settings")
_REFUSED = (2, "wrong usage, or the daemon refuses it and says why")
_AWAY = (4, "the daemon cannot be reached")
_WRITE = dict((_DONE, _REFUSED, _AWAY))
_HERE = "--spec config/pilots --prometheus http://localhost:9090"


@dataclass(frozen=True, slots=True)
class Page:
    """The end of one command's help. `exits`: exit code to meaning; each of `examples` may have several lines."""

    exits: Mapping[int, str]
    examples: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    panel: str | None = None


PAGES: Mapping[str, Page] = {
    "run": Page(
        {0: "stopped by SIGTERM or SIGINT", 2: "files, settings, the store or the address cannot be used"},
        (
            "slo-daemon run --config config/slo-daemon.yaml",
            "slo-daemon run --spec config/pilots \\\n  --prometheus http://localhost:9090 --log-format json",
        ),
        (_SETTINGS, _EVERY),
    ),
    "evaluate": Page(
        {
            0: "all SLOs are met", 1: "one is missed", _USAGE[0]: _USAGE[1], 3: "of one it cannot be told",
            4: "Prometheus cannot be reached, or data is stale",
        },
        (
            f"slo-daemon evaluate {_HERE}",
            ("slo-daemon evaluate --spec search.yaml --at 2026-11-22T10:00:00Z \\\n"
            "  --prometheus http://localhost:9090 --output json"),
        ),
        (_SETTINGS, _EVERY), LOOKING,
    ),
    "explain": Page(
        {0: "explained", 2: "no such SLO; wrong usage, files or settings", 4: "Prometheus cannot be reached"},
        (
            f"slo-daemon explain availability \\\n  {_HERE}",
            "slo-daemon explain ecommerce-semantic-search/error-rate \\\n  --config config/slo-daemon.yaml --output json",
        ),
        (_SETTINGS, _EVERY), LOOKING,
    ),
    "report": Page(
        {0: "READY", 1: "NOT_READY", _USAGE[0]: _USAGE[1], 3: "INCONCLUSIVE", 4: "Prometheus cannot be reached"},
        (
            f"slo-daemon report {_HERE}",
            "slo-daemon report --config config/slo-daemon.yaml \\\n  --output markdown > report.md",
        ),
        (_SETTINGS, _EVERY), LOOKING,
    ),
    "backtest": Page(
        {
            0: "replayed", _USAGE[0]: _USAGE[1], 4: "Prometheus, or the daemon at --url, cannot be reached",
            130: "interrupted",
        },
        (
            f"slo-daemon backtest --from 14d --plot backtest.svg \\\n  {_HERE}",
            f"slo-daemon backtest --what-if availability=99.5%,99.95% \\\n  {_HERE}",
        ),
        (_SETTINGS, _EVERY, ("SLO_DAEMON_TOKEN", "to read ratings from the daemon at --url")), LOOKING,
    ),
    "backfill": Page(
        {
            0: "everything is there", 2: "wrong usage or settings, or the store cannot be used",
            3: "some questions were refused, or it was interrupted", 4: "Prometheus cannot be reached",
        },
        (
            "slo-daemon backfill --config config/slo-daemon.yaml",
            "slo-daemon backfill --config config/slo-daemon.yaml --share 20%",
        ),
        (_SETTINGS, _EVERY), LOOKING,
    ),
    "gate": Page(
        {
            0: "pass", 1: "fail: roll back; of promote also: NOT_READY", 2: "wrong usage, unknown pilot or gate",
            3: "inconclusive", 4: "the daemon cannot be reached, or what it knows is too old",
        },
        (
            "slo-daemon gate ecommerce-semantic-search",
            "slo-daemon gate ecommerce-semantic-search --gate advance --wait 30m",
        ),
        (_URL,), ASKING,
    ),
    "ramp": Page(
        {
            0: "printed", 2: "wrong usage, or no such pilot",
            3: "no file to propose: the ramp is held and nobody sees what is served", _AWAY[0]: _AWAY[1],
        },
        (
            "slo-daemon ramp ecommerce-semantic-search",
            "slo-daemon ramp ecommerce-semantic-search --output flagd > flags.json",
        ),
        (_URL,), ASKING,
    ),
    "check": Page(
        {0: "good; there may be warnings", 2: "something is wrong"},
        ("slo-daemon check config/pilots", "slo-daemon check --config config/slo-daemon.yaml --output json"),
        (_SETTINGS, _EVERY), FILES,
    ),
    "init": Page(
        {0: "printed", 2: "wrong usage: the file would not be valid, and why"},
        (
            "slo-daemon init new-search --requests http_requests_total > search.yaml",
            ("slo-daemon init new-search --requests http_requests_total \\\n"
            "  --labels 'job=\"search\"' --latency http_request_duration_seconds"),
            "slo-daemon init jobs --kind Slos --requests jobs_total \\\n  --bad 'result=\"failed\"'",
        ),
        (), FILES,
    ),
    "schema": Page(
        dict((_DONE, (2, "wrong usage"))), ("slo-daemon schema > slo-daemon.schema.json",), (), FILES
    ),
    "rules": Page(
        dict((_DONE, (2, "wrong usage"))),
        (
            "slo-daemon rules > slo-daemon.rules.yaml",
            "slo-daemon rules --format prometheusrule --namespace monitoring \\\n  --label release=kube-prometheus-stack > rule.yaml",
            "slo-daemon rules --daemon-url https://slo.example.org \\\n  --keep-firing-for 5m --output json",
        ),
        (), FILES,
    ),
    "demo": Page(
        {
            0: "stopped; with --once: READY", 1: "--once: NOT_READY", 2: "wrong usage, or a server is missing",
            3: "--once: INCONCLUSIVE", 4: "there was no verdict", 130: "interrupted while it was being prepared",
        },
        ("slo-daemon demo", "slo-daemon demo --once --output json"),
    ),
    "help": Page(dict((_DONE, (2, "no such command"))), ("slo-daemon help", "slo-daemon help incident add")),
    "incident add": Page(
        _WRITE,
        (
            ("slo-daemon incident add --pilot new-search --severity critical \\\n"
            '  --title "Search answers with errors" --token-file token'),
        ),
        (_URL, _TOKEN),
    ),
    "incident resolve": Page(
        _WRITE,
        (
            'slo-daemon incident resolve 1 --pilot new-search \\\n  --resolution "index rolled back"',
            'slo-daemon incident resolve 1 --pilot new-search --replace \\\n  --resolution "cache emptied" --at 2026-11-22T10:00:00Z',
        ),
        (_URL, _TOKEN),
    ),
    "incident change": Page(
        _WRITE, ("slo-daemon incident change 1 --pilot new-search --severity warning",), (_URL, _TOKEN)
    ),
    "incident list": Page(
        _WRITE, ("slo-daemon incident list --pilot new-search --limit 5 --output json",), (_URL, _TOKEN)
    ),
    "incident import": Page(
        _WRITE, ("slo-daemon incident import incidents.csv --pilot new-search",), (_URL, _TOKEN)
    ),
    "feedback add": Page(
        _WRITE,
        (
            ("slo-daemon feedback add --pilot new-search --user u-4711 --rating 4 \\\n"
            '  --text "finds what I mean" --context device=mobile'),
        ),
        (_URL, _TOKEN),
    ),
    "feedback list": Page(_WRITE, ("slo-daemon feedback list --pilot new-search",), (_URL, _TOKEN)),
    "feedback import": Page(
        _WRITE, ("slo-daemon feedback import ratings.csv --pilot new-search",), (_URL, _TOKEN)
    ),
    "override add": Page(
        _WRITE,
        (
            ('slo-daemon override add --pilot new-search --by "Ada, release manager" \\\n'
            '  --waive "Error rate > 1%" --reason "load test" --for 7d'),
            ('slo-daemon override add --pilot new-search --by Ada --hold \\\n'
            '  --reason "Black Friday" --until 2026-11-28T00:00:00Z'),
        ),
        (_URL, _TOKEN),
    ),
    "override revoke": Page(
        _WRITE, ("slo-daemon override revoke 1 --pilot new-search --by Ada",), (_URL, _TOKEN)
    ),
    "override list": Page(_WRITE, ("slo-daemon override list --pilot new-search",), (_URL, _TOKEN)),
}  # fmt: skip


class ManualCommand(TyperCommand):
    """A command whose help says what kind of value an option takes, and nothing of switches, which take none."""

    def get_params(self, ctx: Any) -> Any:
        """All options and arguments, `--help` too."""
        return _plain(super().get_params(ctx))


class ManualGroup(TyperGroup):
    """The same for groups of commands."""

    def get_params(self, ctx: Any) -> Any:
        """All options, `--help` too."""
        return _plain(super().get_params(ctx))


def _plain(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.metavar is None and parameter.is_flag:
            parameter.metavar = ""
    return parameters


def with_manuals(app: typer.Typer) -> None:
    """Give every command of the program its page. Raises KeyError for a command that has none."""
    for words, info in _commands(app):
        page = PAGES[words]
        info.cls, info.epilog = ManualCommand, epilog(page)
        if page.panel is not None:
            info.rich_help_panel = page.panel
    for group in app.registered_groups:
        group.rich_help_panel, group.cls = ASKING, ManualGroup


def _commands(app: typer.Typer, before: str = "") -> Iterator[tuple[str, CommandInfo]]:
    for info in app.registered_commands:
        yield f"{before} {info.name}".strip(), info
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance, _name(group.typer_instance))


def _name(app: typer.Typer) -> str:
    name = app.info.name
    return str(name.value if isinstance(name, DefaultPlaceholder) else name)


def epilog(page: Page) -> str:
    """The page as typer wants it: one paragraph whose lines stay as they are."""
    width = max(len(name) for name, _ in (*page.environment, _FOR_ALL))
    parts = (
        ["Exit codes", *(f"  {code:<4} {meaning}" for code, meaning in sorted(page.exits.items()))],
        ["Environment", *(f"  {name:<{width}}  {about}" for name, about in (*page.environment, _FOR_ALL))],
        ["Examples", *("  " + example.replace("\n", "\n  ") for example in page.examples)],
    )
    told = ["\n".join([f"[bold]{head}[/bold]", *map(escape, lines)]) for head, *lines in parts]
    return "\b\n" + "\n \n".join(told)  # an empty line would begin another paragraph, with more room above it
