"""The command line: one table of commands."""

from typing import Annotated

import typer

from slo_daemon import __version__
from slo_daemon.adapters import logs
from slo_daemon.commands import backtest, demo, documents, history, look, serve
from slo_daemon.commands.gate import gate
from slo_daemon.commands.help_page import help_page
from slo_daemon.commands.init import init
from slo_daemon.commands.manual import ManualGroup, with_manuals
from slo_daemon.commands.overrides import override_app
from slo_daemon.commands.ramp import ramp
from slo_daemon.commands.records import feedback_app, incident_app

FIRST_STEPS = """\b
[bold]First steps[/bold]
  slo-daemon demo                     everything on this machine, simulated
  slo-daemon init NAME --requests METRIC > search.yaml
  slo-daemon check search.yaml
  slo-daemon evaluate --spec search.yaml --prometheus http://localhost:9090
  slo-daemon help COMMAND             exit codes, environment, examples"""

app = typer.Typer(
    name="slo-daemon",
    cls=ManualGroup,
    help="Evaluates SLOs from Prometheus, alerts on them, and says whether a pilot's rollout may widen.",
    epilog=FIRST_STEPS,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    serve.run, demo.demo, documents.check, init, documents.schema, documents.rules, look.evaluate, look.explain, look.report,
    backtest.backtest, history.backfill, gate, ramp,
):  # fmt: skip
    app.command(command.__name__)(command)
app.command("help")(help_page)
app.add_typer(incident_app)
app.add_typer(feedback_app)
app.add_typer(override_app)
with_manuals(app)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"slo-daemon {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    logs.configure(level="error")  # for people, on standard error; `run` sets its own


def main() -> None:
    """The program."""
    app()
