"""`python -m bench run`, `soak`, `statistics`, `assess` or `tables`; make has goals for the first three.

Options are variables: see docs/performance.md and, for statistics, docs/experiments.md.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.asking import QueryError
from bench.assess import assess_costs
from bench.document import DocumentError, bench_tables, soak_tables, write_tables
from bench.facts import ROOT
from bench.goals import all_reached
from bench.options import OptionError, bench_options, soak_options, statistics_options
from bench.progress import Steps
from bench.promise_tables import promise_goals, promise_tables
from bench.promises import run_promises
from bench.run import run_bench
from bench.soak.run import run_soak
from bench.soak.watch import SoakError
from slo_daemon.adapters import logs
from slo_daemon.demo.servers import ServerError

CACHE = ROOT / "build" / "bench"
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"
STATISTICS_PAGE = ROOT / "docs" / "experiments.md"
TABLES: Mapping[str, tuple[Path, Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    "bench": (PAGE, bench_tables),
    "soak": (PAGE, soak_tables),
    "statistics": (STATISTICS_PAGE, promise_tables),
}  # by name of the result: the page, and what makes its tables
_USAGE = 2


def main(arguments: list[str], variables: Mapping[str, str]) -> int:
    """Returns the exit code: 0 done, 1 not, 2 used wrongly."""
    console = Console(highlight=False)
    logs.configure("auto", "error")  # of the daemon's own code, where this process runs it
    match arguments:
        case ["run"]:
            action = _run
        case ["soak"]:
            action = _soak
        case ["statistics"]:
            action = _statistics
        case ["assess"]:
            action = _assess
        case ["tables"]:
            action = _tables
        case _:
            console.print("usage: python -m bench run|soak|statistics|assess|tables")
            return _USAGE
    try:
        action(console, variables)
    except OptionError as error:
        console.print(str(error), style="red", markup=False)
        return _USAGE
    except (ServerError, QueryError, SoakError, DocumentError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing was recorded")
        return 130
    return 0


def _assess(console: Console, variables: Mapping[str, str]) -> None:
    del variables  # it has none
    for cost in assess_costs(console.print):
        console.print(f"{cost.seconds * 1000:10,.0f} ms  {cost.what}")


def _run(console: Console, variables: Mapping[str, str]) -> None:
    options = bench_options(variables)
    with Steps(console) as steps:
        result = run_bench(options, CACHE, steps)
    _keep(console, "bench", result, record=options.record)


def _soak(console: Console, variables: Mapping[str, str]) -> None:
    options = soak_options(variables)
    with Steps(console) as steps:
        result = run_soak(options, CACHE, steps)
    _keep(console, "soak", result, record=options.record)


def _statistics(console: Console, variables: Mapping[str, str]) -> None:
    options = statistics_options(variables)
    with Steps(console) as steps:
        result = run_promises(options.pilots, steps.step)
    told = {
        "command": " ".join(["make statistics", *options.given]),
        **result,
        "goals": promise_goals(result),
    }
    _keep(console, "statistics", told, record=options.record)


def _tables(console: Console, variables: Mapping[str, str]) -> None:
    """Write the page's tables anew from the recorded results."""
    del variables
    for name, (page, tables_of) in TABLES.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            _write(page, tables_of(json.loads(file.read_text())))
            console.print(f"written: {page.relative_to(ROOT)}")


def _keep(console: Console, name: str, result: Mapping[str, Any], *, record: bool) -> None:
    """Show the tables and keep the result: with `record` as the documented one."""
    page, tables_of = TABLES[name]
    tables = tables_of(result)
    for table in tables.values():
        console.print(table, markup=False, soft_wrap=True)
        console.print()
    file = (RESULTS if record else CACHE) / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")
    if record:
        _write(page, tables)
    console.print(f"written: {file.relative_to(ROOT)}")
    console.print("all goals reached" if all_reached(result["goals"]) else "NOT all goals are reached")


def _write(page: Path, tables: Mapping[str, str]) -> None:
    page.write_text(write_tables(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
