"""`help`: the same as `--help`, for people who type that first."""

from typing import Annotated, Any

import typer

from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import complain


def help_page(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", help="For example: incident add.")
    ] = None,
) -> None:
    """Show the help of a command, or of all."""
    shown: Any = ctx.find_root()
    for word in words or ():
        inner = getattr(shown.command, "commands", {})
        if word not in inner:
            complain(f"error: there is no command {' '.join(words or ())!r}; slo-daemon help lists all")
            raise typer.Exit(Exit.USAGE)
        shown = type(shown)(inner[word], info_name=word, parent=shown)
    typer.echo(shown.get_help())
