"""`demo`: the whole product on simulated users."""

from typing import Annotated

import typer

from slo_daemon.commands.options import Output, OutputOption


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the first report, with the verdict's exit code.")
    ] = False,
    output: OutputOption = Output.TEXT,
    days: Annotated[float, typer.Option("--days", min=1, max=60, help="Days of history.")] = 30.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another service.")] = 7,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            metavar="HOST:PORT",
            help="Only the simulated service, to be scraped there; for a Prometheus of your own.",
        ),
    ] = None,
) -> None:
    """Run everything on this machine: a simulated service, Prometheus, Alertmanager and slo-daemon, until Ctrl-C.

    Needs prometheus and alertmanager on PATH. Leaves nothing behind.
    """
    from slo_daemon.commands.demo_show import only_service, show

    if service is not None:
        only_service(service, seed)
    show(once=once, output=output, days=days, seed=seed)
