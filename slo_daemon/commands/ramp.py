"""`slo-daemon ramp`: which share of users a running daemon advises, and the files that would serve it."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from slo_daemon.commands.daemon import DEFAULT_URL, PilotArgument, UrlOption, daemon_at
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import complain
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.slo.phrases import say_share, visible


class RampForm(StrEnum):
    """What is printed."""

    TEXT = "text"
    JSON = "json"
    FLAGD = "flagd"
    ARGO_ROLLOUTS = "argo-rollouts"
    FLAGGER = "flagger"


def ramp(
    pilot: PilotArgument,
    form: Annotated[
        RampForm,
        typer.Option(
            "--output",
            help="text, json, or the advised share as a file: a flagd flag file, steps of an Argo Rollouts canary, a "
            "Flagger analysis. Nothing is applied.",
        ),
    ] = RampForm.TEXT,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Print which share of users is planned, served and advised, with the reasons, or the file that would serve it."""
    with daemon_at(url, None) as daemon:
        found = daemon.ramp(pilot)
    advice, proposal = found["ramp"], found["proposal"]
    if proposal is None and form not in (RampForm.TEXT, RampForm.JSON):
        complain(
            "error: the ramp is to be held, and the share that is served cannot be seen now; there is nothing to propose"
        )
        raise typer.Exit(Exit.INCONCLUSIVE)
    match form:
        case RampForm.JSON:
            print(json.dumps(found, indent=2, ensure_ascii=False))
        case RampForm.FLAGD:
            if proposal["left_out"]:
                names = ", ".join(visible(str(name)) for name in proposal["left_out"])
                complain(f"note: these cohorts are no rule that flagd understands, add them by hand: {names}")
            print(json.dumps(proposal["flagd"], indent=2, ensure_ascii=False))
        case RampForm.ARGO_ROLLOUTS:
            print(proposal["argo_rollouts"], end="")
        case RampForm.FLAGGER:
            print(proposal["flagger"], end="")
        case _:
            print(_text(pilot, advice))


def _text(pilot: str, advice: dict[str, Any]) -> str:
    served = (
        f"{say_share(advice['observed'])} served"
        if advice["observed"] is not None
        else "served share not known"
    )
    lines = [
        f"{visible(pilot)}: {advice['advice']}, {_advised(advice)}",
        f"  {say_share(advice['scheduled'])} planned today, {served}",
        *(f"  {visible(str(reason))}" for reason in advice["reasons"]),
    ]
    if advice["next_date"]:
        lines.append(f"  next step at the earliest {advice['next_date']}")
    return "\n".join(lines)


def _advised(advice: dict[str, Any]) -> str:
    if advice["advice"] == Advice.HOLD and advice["observed"] is None:
        return "whatever is served now"
    return f"{say_share(advice['advised'])} of the users"
