"""`backfill`: fetch the past that windows and budgets need, before the daemon runs or while it is stopped."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import (
    ConfigOption,
    Output,
    OutputOption,
    PrometheusOption,
    SpecOption,
    complain,
    settings_of,
    told_problems,
)
from slo_daemon.commands.progress import fetching
from slo_daemon.core.quantity import Dimension, QuantityError, parse_quantity
from slo_daemon.core.slo.phrases import say_count
from slo_daemon.ports import SourceError, StoreError

if TYPE_CHECKING:
    from slo_daemon.backfilled import Backfilled

LEAST_SHARE = 0.01  # of the time


def backfill(
    config: ConfigOption = None,
    spec: SpecOption = None,
    prometheus: PrometheusOption = None,
    share: Annotated[
        str, typer.Option("--share", help="Share of the time in which Prometheus is asked, e.g. 20%.")
    ] = "50%",
    output: OutputOption = Output.TEXT,
) -> None:
    """Fetch the past that windows and budgets need into the store, newest first. What is there already is not asked again.

    The running daemon does this by itself; use it to have budgets complete before the first start. It may be interrupted
    and started again at any time.
    """
    from slo_daemon.backfilled import backfill_store

    pace = _share(share)
    with told_problems():
        settings = settings_of(config, spec, prometheus)
        try:
            with fetching() as shown:
                found = backfill_store(settings, pace, shown)
        except StoreError as error:
            held = error.reason == "locked"
            complain(f"error: the store {settings.store.url} cannot be used: {error}")
            if held:
                complain(
                    "A running daemon fetches its history by itself; see slo_daemon_backfill_missing_chunks."
                )
            raise typer.Exit(Exit.USAGE) from error
        except SourceError as error:
            complain(
                f"error: Prometheus does not answer: {error.detail}\nWhat was fetched is kept; start again to go on."
            )
            raise typer.Exit(Exit.UNREACHABLE) from error
        except KeyboardInterrupt:
            complain("interrupted; what was fetched is kept, start again to go on")
            raise typer.Exit(Exit.INCONCLUSIVE) from None
    _tell(found, output)
    raise typer.Exit(Exit.INCONCLUSIVE if found.refused else Exit.OK)


def _share(text: str) -> float:
    try:
        found = parse_quantity(text)
    except QuantityError as error:
        raise typer.BadParameter(str(error), param_hint="--share") from error
    if found.dimension is not Dimension.RATIO or not LEAST_SHARE <= found.base <= 1.0:
        raise typer.BadParameter(f"{found} is out of range; write 1% to 100%", param_hint="--share")
    return found.base


def _tell(found: "Backfilled", output: Output) -> None:
    if output is Output.JSON:
        shape = {
            "wanted": found.wanted,
            "fetched": found.fetched,
            "queries": found.queries,
            "samples": found.samples,
            "refused": list(found.refused),
        }
        print(json.dumps(shape))
        return
    if not found.queries:
        print("nothing is missing: all history that windows and budgets need is in the store")
    else:
        touched = f", {found.samples:,} samples" if found.samples is not None else ""
        print(
            f"fetched {found.fetched:,} hours of questions in {say_count(found.queries, 'query', 'queries')}{touched}"
        )
    for promql in found.refused:
        complain(f"not to be had now, so its windows stay incomplete: {promql}")
