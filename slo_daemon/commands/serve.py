"""`run`: the daemon itself."""

import os
from typing import Annotated, NoReturn

import typer

from slo_daemon.adapters import logs
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import (
    ConfigOption,
    PrometheusOption,
    SpecOption,
    complain,
    settings_of,
    told_problems,
)
from slo_daemon.ports import SinkError, StoreError
from slo_daemon.settings import Settings
from slo_daemon.spec.settings_shape import LogFormat, LogLevel


def run(
    config: ConfigOption = None,
    spec: SpecOption = None,
    prometheus: PrometheusOption = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            "--log-format", help="Lines for people or for machines; auto: by whether it is a terminal."
        ),
    ] = None,
    log_level: Annotated[
        LogLevel | None, typer.Option("--log-level", help="From which severity on a line is written.")
    ] = None,
) -> None:
    """Run the daemon until SIGTERM. SIGHUP loads the specification again."""
    from slo_daemon.app import Daemon

    with told_problems():
        settings = settings_of(config, spec, prometheus)
        logs.configure(log_format or settings.logs.format, log_level or settings.logs.level)
        try:
            daemon = Daemon(settings)
        except StoreError as error:
            _refuse(settings, error)
        except SinkError as error:
            complain(f"error: reports cannot be written to {settings.reports.folder}: {error}")
            raise typer.Exit(Exit.USAGE) from error
        except OSError as error:
            complain(f"error: {error.strerror or error}")
            raise typer.Exit(Exit.USAGE) from error
    try:
        clean = daemon.run()
    except StoreError as error:
        _refuse(settings, error)
    if not clean:  # the interpreter would wait for the thread that hangs, and we promise to be gone in 20 s
        os._exit(Exit.OK)


def _refuse(settings: Settings, error: StoreError) -> NoReturn:
    complain(f"error: the store {settings.store.url} cannot be used: {error}")
    raise typer.Exit(Exit.USAGE) from error
