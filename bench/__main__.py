"""`python -m bench run`, `soak`, `assess` or `tables`; make has goals for the first two. Options are variables: see docs/performance.md."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from bench.asking import QueryError
from bench.assess import assess_costs
from bench.document import DocumentError, bench_tables, soak_tables, write_tables
from bench.facts import ROOT
from bench.goals import all_reached
from bench.options import OptionError, bench_options, soak_options
from bench.progress import Steps
from bench.run import run_bench
from bench.soak.run import run_soak
from bench.soak.watch import SoakError
from slo_daemon.adapters import logs
from slo_daemon.demo.servers import ServerError

CACHE = ROOT / "build" / "bench"
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"
TABLES = {"bench": bench_tables, "soak": soak_tables}
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
        case ["assess"]:
            action = _assess
        case ["tables"]:
            action = _tables
        case _:
            console.print("usage: python -m bench run|soak|assess|tables")
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


def _assess(console: Console, _variables: Mapping[str, str]) -> None:
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


def _tables(console: Console, variables: Mapping[str, str]) -> None:
    """Write the page's tables anew from the recorded results."""
    del variables
    for name, tables_of in TABLES.items():
        file = RESULTS / f"{name}.json"
        if file.exists():
            _page(tables_of(json.loads(file.read_text())))
    console.print(f"written: {PAGE.relative_to(ROOT)}")


def _keep(console: Console, name: str, result: Mapping[str, Any], *, record: bool) -> None:
    """Show the tables and keep the result: with `record` as the documented one."""
    tables = TABLES[name](result)
    for table in tables.values():
        console.print(table, markup=False, soft_wrap=True)
        console.print()
    file = (RESULTS if record else CACHE) / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")
    if record:
        _page(tables)
    console.print(f"written: {file.relative_to(ROOT)}")
    console.print("all goals reached" if all_reached(result["goals"]) else "NOT all goals are reached")


def _page(tables: Mapping[str, str]) -> None:
    PAGE.write_text(write_tables(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
