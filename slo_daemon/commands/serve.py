"""`run`: the daemon itself."""

import os
from typing import NoReturn

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


def run(config: ConfigOption = None, spec: SpecOption = None, prometheus: PrometheusOption = None) -> None:
    """Run the daemon until SIGTERM. SIGHUP loads the specification again.

    Example: slo-daemon run --config config/slo-daemon.yaml
    """
    from slo_daemon.app import Daemon

    with told_problems():
        settings = settings_of(config, spec, prometheus)
        logs.configure(settings.logs.format, settings.logs.level)
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
