"""`slo-daemon incident` and `slo-daemon feedback`: tell a running daemon what happened, and list what was told."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from slo_daemon.commands.daemon import (
    DEFAULT_URL,
    LimitOption,
    PilotOption,
    ReporterOption,
    TokenOption,
    UrlOption,
    daemon_at,
    end,
    field_of,
    given,
    moment,
    table,
    tell,
)
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.import_file import FileArgument, import_file
from slo_daemon.commands.options import Output, OutputOption
from slo_daemon.core.pilot.records import Severity

incident_app = typer.Typer(
    name="incident", no_args_is_help=True, help="Record, resolve and list incidents of a pilot."
)
feedback_app = typer.Typer(
    name="feedback", no_args_is_help=True, help="Record and list users' ratings of a pilot."
)


@incident_app.command("add")
def add_incident(
    pilot: PilotOption,
    title: Annotated[str, typer.Option("--title", help="What happened, in one line.")],
    severity: Annotated[Severity, typer.Option("--severity", help="How bad it is.")],
    description: Annotated[str, typer.Option("--description", help="More words.")] = "",
    started_at: Annotated[
        str | None, typer.Option("--started-at", help="When it began (RFC 3339 or Unix seconds); else now.")
    ] = None,
    reporter: ReporterOption = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record an incident. An open critical one makes the pilot NOT_READY."""
    fields = {
        "title": title,
        "severity": severity.value,
        "description": description,
        "started_at": moment(started_at),
        "reporter": reporter,
    }
    with daemon_at(url, token_file) as daemon:
        record = daemon.add_incident(pilot, given(fields))
    tell(output, record, lambda: f"incident {record['id']} recorded: {_incident_line(record)}")


@incident_app.command("resolve")
def resolve_incident(
    incident_id: Annotated[int, typer.Argument(min=1, metavar="ID", help="As told when it was recorded.")],
    pilot: PilotOption,
    resolution: Annotated[str, typer.Option("--resolution", help="How it was resolved.")] = "",
    at: Annotated[str | None, typer.Option("--at", help="When (RFC 3339 or Unix seconds); else now.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite what was said before of how and when.")
    ] = False,
    reporter: ReporterOption = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Mark an incident as resolved. One that was resolved before stays as it is, unless --replace is given."""
    fields = given({"resolved_at": moment(at), "reporter": reporter, "replace": replace or None})
    fields["resolution"] = resolution
    with daemon_at(url, token_file) as daemon:
        record = daemon.change_incident(pilot, incident_id, fields)
    tell(output, record, lambda: f"incident {record['id']} resolved: {_incident_line(record)}")


@incident_app.command("list")
def list_incidents(
    pilot: PilotOption,
    limit: LimitOption = 20,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The latest incidents, newest first."""
    with daemon_at(url, token_file) as daemon:
        found = daemon.incidents(pilot, limit)
    rows = [[str(i.get("id")), field_of(i, "started_at"), field_of(i, "severity"), field_of(i, "state"), field_of(i, "title")]
            for i in found]  # fmt: skip
    tell(
        output,
        {"incidents": found},
        lambda: table(["ID", "STARTED", "SEVERITY", "STATE", "TITLE"], rows) if rows else "no incident",
    )


@feedback_app.command("add")
def add_feedback(
    pilot: PilotOption,
    user: Annotated[str, typer.Option("--user", help="The user's id; the newest rating of a user counts.")],
    rating: Annotated[int, typer.Option("--rating", min=1, max=5, help="1 (worst) to 5 (best).")],
    text: Annotated[str, typer.Option("--text", help="What the user said.")] = "",
    cohort: Annotated[
        str | None, typer.Option("--cohort", help="The user's cohort, one of the pilot's.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option("--variant", help="The user's variant, one of the pilot's.")
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", help="key=value; may be given several times.")
    ] = None,
    given_at: Annotated[
        str | None, typer.Option("--given-at", help="When it was given (RFC 3339 or Unix seconds); else now.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record a user's rating."""
    fields = {
        "user": user,
        "rating": rating,
        "text": text,
        "context": _pairs(context or []),
        "given_at": moment(given_at),
        "cohort": cohort,
        "variant": variant,
    }
    with daemon_at(url, token_file) as daemon:
        record = daemon.add_feedback(pilot, given(fields))
    tell(output, record, lambda: f"feedback {record['id']} recorded: {record['rating']}/5")


@feedback_app.command("list")
def list_feedback(
    pilot: PilotOption,
    limit: LimitOption = 20,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The latest ratings, newest first. Needs the token of the role feedback: they carry users' ids."""
    with daemon_at(url, token_file) as daemon:
        found = daemon.feedback(pilot, limit)
    rows = [[str(f.get("id")), field_of(f, "given_at"), f"{f.get('rating')}/5", field_of(f, "user"), field_of(f, "text")]
            for f in found]  # fmt: skip
    tell(
        output,
        {"feedback": found},
        lambda: table(["ID", "GIVEN", "RATING", "USER", "TEXT"], rows) if rows else "no feedback",
    )


@incident_app.command("change")
def change_incident(
    incident_id: Annotated[int, typer.Argument(min=1, metavar="ID", help="As told when it was recorded.")],
    pilot: PilotOption,
    severity: Annotated[Severity | None, typer.Option("--severity", help="How bad it is.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="More words.")] = None,
    reporter: ReporterOption = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Change an incident; what is not given stays."""
    fields = {
        "severity": None if severity is None else severity.value,
        "description": description,
        "reporter": reporter,
    }
    with daemon_at(url, token_file) as daemon:
        record = daemon.change_incident(pilot, incident_id, given(fields))
    tell(output, record, lambda: f"incident {record['id']} changed: {_incident_line(record)}")


@incident_app.command("import")
def import_incidents(
    file: FileArgument,
    pilot: PilotOption,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record all incidents of a CSV or JSON file, or none of them."""
    import_file("incidents", file, pilot, url, token_file, output)


@feedback_app.command("import")
def import_feedback(
    file: FileArgument,
    pilot: PilotOption,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record all ratings of a CSV or JSON file, or none of them."""
    import_file("feedback", file, pilot, url, token_file, output)


def _pairs(context: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in context:
        key, equals, value = text.partition("=")
        if not equals or not key or key in pairs:
            raise end(Exit.USAGE, f"--context {text!r}: write key=value, each key once")
        pairs[key] = value
    return pairs


def _incident_line(record: Mapping[str, Any]) -> str:
    return f"{field_of(record, 'severity')}, {field_of(record, 'state')}, since {field_of(record, 'started_at')}: {field_of(record, 'title')}"
