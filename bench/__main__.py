"""`python -m bench run`, `soak` or `tables`; make has goals for the first two. Options are variables: see docs/performance.md."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from bench.asking import QueryError
from bench.document import DocumentError, bench_tables, write_tables
from bench.facts import ROOT
from bench.options import OptionError, bench_options
from bench.progress import Steps
from bench.run import run_bench
from slo_daemon.demo.servers import ServerError

CACHE = ROOT / "build" / "bench"
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "performance.md"
_USAGE = 2


def main(arguments: list[str], variables: Mapping[str, str]) -> int:
    """Returns the exit code: 0 done, 1 not, 2 used wrongly."""
    console = Console()
    match arguments:
        case ["run"]:
            action = _run
        case ["tables"]:
            action = _tables
        case _:
            console.print("usage: python -m bench run|soak|tables")
            return _USAGE
    try:
        action(console, variables)
    except OptionError as error:
        console.print(str(error), style="red", markup=False)
        return _USAGE
    except (ServerError, QueryError, DocumentError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing was recorded")
        return 130
    return 0


def _run(console: Console, variables: Mapping[str, str]) -> None:
    options = bench_options(variables)
    with Steps(console) as steps:
        result = run_bench(options, CACHE, steps)
    _keep(console, "bench", result, bench_tables(result), record=options.record)


def _tables(console: Console, variables: Mapping[str, str]) -> None:
    """Write the page's tables anew from the recorded results."""
    del variables
    result = json.loads((RESULTS / "bench.json").read_text())
    _page(bench_tables(result))
    console.print(f"written: {PAGE.relative_to(ROOT)}")


def _keep(
    console: Console, name: str, result: Mapping[str, Any], tables: Mapping[str, str], *, record: bool
) -> None:
    """Show the tables and keep the result: with `record` as the documented one."""
    for table in tables.values():
        console.print(table, markup=False, soft_wrap=True)
        console.print()
    file = (RESULTS if record else CACHE) / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")
    if record:
        _page(tables)
    console.print(f"written: {file.relative_to(ROOT)}")


def _page(tables: Mapping[str, str]) -> None:
    PAGE.write_text(write_tables(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
