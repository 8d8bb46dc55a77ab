"""`slo-daemon override`: decide against the daemon, for a time, with a name and a reason."""

from typing import Annotated

import typer

from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.commands.daemon import (
    DEFAULT_URL,
    LimitOption,
    PilotOption,
    TokenOption,
    UrlOption,
    daemon_at,
    end,
    field_of,
    moment,
    table,
    tell,
)
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import Output, OutputOption
from slo_daemon.core.pilot.records import OverrideKind
from slo_daemon.core.quantity import parse_duration

override_app = typer.Typer(
    name="override",
    no_args_is_help=True,
    help="Waive a criterion or hold a rollout for a time, revoke that, list it.",
)
ByOption = Annotated[str, typer.Option("--by", help="Who decides.")]


@override_app.command("add")
def add_override(
    pilot: PilotOption,
    by: ByOption,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    waive: Annotated[
        str | None,
        typer.Option(
            "--waive", help="The criterion's text: it counts as passed, or the trigger does not fire."
        ),
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="Hold the rollout, whatever the criteria say.")
    ] = False,
    lasting: Annotated[str | None, typer.Option("--for", help="For how long, e.g. 7d; at most 90d.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Until when (RFC 3339 or Unix seconds), instead of --for.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record an override. It counts at once. Needs the token of the role admin."""
    if hold == (waive is not None):
        raise end(Exit.USAGE, "give either --waive with the text of a criterion, or --hold")
    fields = {
        "kind": (OverrideKind.HOLD if hold else OverrideKind.WAIVE).value,
        "criterion": waive or "",
        "by": by,
        "reason": reason,
        "expires_at": _end_of(lasting, until),
    }
    with daemon_at(url, token_file) as daemon:
        record = daemon.add_override(pilot, fields)
    tell(output, record, lambda: f"override {record['id']} recorded, until {field_of(record, 'expires_at')}")


@override_app.command("revoke")
def revoke_override(
    override_id: Annotated[int, typer.Argument(min=1, metavar="ID", help="As told when it was recorded.")],
    pilot: PilotOption,
    by: Annotated[str, typer.Option("--by", help="Who revokes it.")],
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """It counts no longer, and stays on record. Needs the token of the role admin."""
    with daemon_at(url, token_file) as daemon:
        record = daemon.revoke_override(pilot, override_id, by)
    tell(output, record, lambda: f"override {record['id']} revoked by {field_of(record, 'revoked_by')}")


@override_app.command("list")
def list_overrides(
    pilot: PilotOption,
    limit: LimitOption = 20,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The latest overrides, newest first, in force or not."""
    with daemon_at(url, token_file) as daemon:
        found = daemon.overrides(pilot, limit)
    rows = [
        [
            str(one.get("id")),
            "yes" if one.get("in_force") is True else "no",
            field_of(one, "expires_at"),
            field_of(one, "by"),
            field_of(one, "criterion") or field_of(one, "kind"),
            field_of(one, "reason"),
        ]
        for one in found
    ]
    head = ["ID", "IN FORCE", "EXPIRES", "BY", "WHAT", "REASON"]
    tell(output, {"overrides": found}, lambda: table(head, rows) if rows else "no override")


def _end_of(lasting: str | None, until: str | None) -> float | str:
    if (lasting is None) == (until is None):
        raise end(Exit.USAGE, "give either --for, for example --for 7d, or --until with a time")
    if until is not None:
        return moment(until) or until
    try:
        return SystemClock().now() + parse_duration(lasting or "")
    except ValueError as error:
        raise end(Exit.USAGE, f"--for: {error}") from None
