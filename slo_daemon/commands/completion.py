"""What a shell offers after TAB: names from the files that are given, or from the running daemon. Errors offer nothing."""

import os
from contextlib import suppress
from pathlib import Path

import typer

from slo_daemon.core.snapshot import Specification


def slo_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of SLOs, and with a slash their ids, of `--spec` and `--config`."""
    found = _specification(ctx)
    if found is None:
        return []
    names = [slo.id if "/" in incomplete else slo.name for slo in found.slos]
    return _beginning(names, incomplete)


def pilot_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of pilots: of the files, where the command takes files, else of the daemon at `--url`."""
    if "spec" in ctx.params:
        found = _specification(ctx)
        return _beginning([pilot.name for pilot in found.pilots] if found else [], incomplete)
    from slo_daemon.adapters.daemon_api import DaemonApi, DaemonRefusedError, DaemonUnreachableError

    with suppress(DaemonRefusedError, DaemonUnreachableError, ValueError):
        daemon = DaemonApi(str(ctx.params.get("url") or ""))
        try:
            return _beginning(daemon.pilots(), incomplete)
        finally:
            daemon.close()
    return []


def _specification(ctx: typer.Context) -> Specification | None:
    from slo_daemon.adapters.spec_files import read
    from slo_daemon.settings import override, read_settings
    from slo_daemon.spec.load import load
    from slo_daemon.spec.problems import SpecError

    config, specs = ctx.params.get("config"), ctx.params.get("spec") or ()
    with suppress(SpecError, ValueError, OSError):
        options = override(specs=[str(path) for path in specs])
        settings = read_settings(Path(config) if config else None, os.environ, options).settings
        found = read(settings.specs)
        return load(
            found.texts, scrape_interval=settings.prometheus.scrape_interval, problems=found.problems
        ).specification
    return None


def _beginning(names: list[str], incomplete: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
