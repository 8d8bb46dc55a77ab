"""Results as the tables of docs/performance.md: everything between two markers is written, the rest stays as it is."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.measure import AVAILABILITY, FULL

Result = Mapping[str, Any]

NAMES = {
    "direct": "one query for each window",
    "sloth": "Sloth's rules (7 windows, 30d from recorded ratios)",
    "pyrra": "Pyrra's rule `increase[30d]` alone",
    "pyrra-subquery": "Pyrra's rule `sum_over_time(increase5m[30d:5m])` alone",
    "slo-generator": "slo-generator 2.6.0",
    "slo-daemon": "**slo-daemon**",
    "slo-daemon-verify": "slo-daemon with `verify`: each minute one SLO is asked directly, too",
}
_OWN = "slo-daemon"
_NOTHING = "–"
_COSTS = ("queries", "samples touched", "Prometheus CPU", "client CPU", "wall")


class DocumentError(ValueError):
    """The page lacks a marker that a table belongs to, or has one that no table belongs to."""


def write_tables(text: str, tables: Mapping[str, str]) -> str:
    """The page with each table between its markers `<!-- table NAME -->` and `<!-- end -->`. Raises DocumentError."""
    for name, table in tables.items():
        marked = re.compile(rf"(<!-- table {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, times = marked.subn(lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", text)  # type: ignore[misc]
        if times != 1:
            raise DocumentError(
                f"the page has the marker <!-- table {name} --> with its <!-- end --> {times} times, not once"
            )
    return text


def bench_tables(result: Result) -> dict[str, str]:
    """All tables of a benchmark's result, by marker."""
    return {
        "run": run_table(result),
        "availability": cost_table(result, AVAILABILITY),
        "full": cost_table(result, FULL),
        "windows": windows_table(result),
        "growth": growth_table(result),
        "backfill": backfill_table(result),
        "accuracy": accuracy_table(result),
        "shorter": shorter_table(result),
        "quantiles": quantiles_table(result),
        "goals": goals_table(result),
    }


def run_table(result: Result) -> str:
    """Machine, versions, data."""
    history, machine = result["history"], result["machine"]
    rows = [
        ["command", f"`{result['command']}`, took {result['seconds'] / 60:.0f} minutes"],
        ["date", result["date"]],
        ["machine", _machine(machine)],
        ["versions", _versions(result)],
        ["history", _history(history)],
        ["what goes wrong in it", _trouble(history)],
    ]
    return markdown_table(["what", "value"], rows)


def _history(history: Result) -> str:
    return (
        f"{history['services']} services with {history['series_per_service']} live series each, "
        f"{history['hours'] / 24:g} days, {history['samples'] / 1e6:.0f} million samples, "
        f"{history['bytes_on_disk'] / 2**20:.0f} MiB in {history['blocks']} blocks"
    )


def _trouble(history: Result) -> str:
    return (
        f"{history['incidents']} incidents, {history['restarts_and_rollouts']:,} restarts and replaced pods, "
        f"{history['scrapes_failed_share']:.1%} of the scrapes failed"
    )


def _machine(machine: Result) -> str:
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    )


def _versions(result: Result) -> str:
    return ", ".join(f"{name} {number}" for name, number in result["versions"].items())


def cost_table(result: Result, what: str) -> str:
    """What one service costs in one evaluation, each approach with its ratio to the daemon."""
    found = [row for row in result["cost"] if row["set"] == what]
    own: Result = next((row for row in found if row["approach"] == _OWN and "samples" in row), {})
    heads = ["approach", *_COSTS, "samples, × slo-daemon", "CPU, × slo-daemon"]
    return markdown_table(heads, [_cost_row(row, own) for row in found], left=1)


def _cost_row(row: Result, own: Result) -> list[str]:
    name = NAMES[row["approach"]]
    if "not_measured" in row:
        return [name, f"not measured: {row['not_measured']}", *[_NOTHING] * 6]
    ratios = [_times(row[cost], own.get(cost)) for cost in ("samples", "prometheus_cpu")]
    return [name, *_costs(row), *ratios]


def windows_table(result: Result) -> str:
    """What the direct query over each window costs."""
    rows = [[row["window"], *_costs(row)] for row in result["windows"]]
    return markdown_table(["window", *_COSTS], rows, left=1)


def growth_table(result: Result) -> str:
    """Whole ticks with many SLOs."""
    rows = [
        [
            f"{row['slos']:,}",
            *_costs(row),
            _time(row["wall_max"]),
            _time(row["prometheus_cpu"] / row["slos"]),
        ]
        for row in result["growth"]
    ]
    return markdown_table(["SLOs", *_COSTS, "longest", "Prometheus CPU for each SLO"], rows, left=1)


def backfill_table(result: Result) -> str:
    """The cold start: 30 days for each service."""
    return markdown_table(
        ["what", *_COSTS], [[row["what"], *_costs(row)] for row in result["backfill"]], left=1
    )


def accuracy_table(result: Result) -> str:
    """The 30d budget against truth."""
    rows = [
        [NAMES[row["approach"]], *_spreads(row, ("total", "failed", "budget")), _cases(row)]
        for row in result["accuracy"]
        if row["window"] == "30d"
    ]
    heads = ["approach", "total requests", "failed requests", "budget of 99.9 %", "cases"]
    return markdown_table(heads, rows, left=1)


def shorter_table(result: Result) -> str:
    """Shorter windows: direct queries and the daemon."""
    rows = [
        [row["window"], NAMES[row["approach"]], *_spreads(row, ("total", "failed", "budget")), _cases(row)]
        for row in sorted(result["accuracy"], key=lambda row: _order(row["window"]))
        if row["window"] != "30d"
    ]
    heads = ["window", "approach", "total requests", "failed requests", "burn rate", "cases"]
    return markdown_table(heads, rows, left=2)


def quantiles_table(result: Result) -> str:
    rows = [
        [
            f"p{row['quantile'] * 100:g}",
            NAMES[row["approach"]],
            _against(row["against"]),
            _spread(row["error"]),
        ]
        for row in result["quantiles"]
    ]
    return markdown_table(["quantile over 30d", "approach", "against", "error"], rows, left=3)


def goals_table(result: Result) -> str:
    """Goals and what was reached; the verdict is the program's, not the author's."""
    rows = [
        [
            row["goal"],
            row["wanted"],
            _NOTHING if row["reached"] is None else _number(row["reached"]),
            row["verdict"],
        ]
        for row in result["goals"]
    ]
    return markdown_table(["goal", "wanted", "reached", "verdict"], rows, left=1)


def soak_tables(result: Result) -> dict[str, str]:
    """All tables of a soak's result, by marker."""
    return {"soak": soak_table(result), "soak-goals": goals_table(result)}


def soak_table(result: Result) -> str:
    """What was watched from outside."""
    seen = result["seen"]
    store = f"{result['hours_in_store']} hours of each SLO at the start, {_size(result['store_bytes'])} at the end"
    slots = (
        f"{seen['slots']} in {seen['watched'] / 60:.0f} minutes, missed: {seen['missed']:.0f}; "
        f"closed hours among them: {result['hours_closed']}"
    )
    took = " / ".join(_time(seen[name]) for name in ("slot_median", "slot_p95", "slot_max"))
    pages = f"{_time(seen['page_median'])} / {_time(seen['page_max'])}, {_size(seen['page_bytes'])}"
    asked = f"{_number(seen['queries'])}, failed: {seen['query_failures']:.0f}; {seen['samples']:,.0f} samples touched"
    before = result["prometheus_cpu_per_second_before"]
    used = seen["prometheus_cpu_per_second"]
    rows = [
        ["command", f"`{result['command']}`"],
        ["date", result["date"]],
        ["machine", _machine(result["machine"])],
        ["versions", _versions(result)],
        ["SLOs", f"{result['slos']:,}, every {result['interval']} s, on {result['series']:,} series"],
        ["store", store],
        ["ready after", _time(seen["ready"])],
        ["first slot done after", f"{_time(seen['first_slot_done'])} (took {_time(seen['first_slot'])})"],
        ["slots after it", slots],
        ["seconds of a slot, median / p95 / max", took],
        ["SLOs without usable data in the last slot", f"{seen['not_ok']:,}"],
        ["queries", asked],
        ["failed accesses to the store", f"{seen['store_errors']:.0f}"],
        ["/metrics, median / max", pages],
        ["memory, second half / most", f"{_size(seen['resident_median'])} / {_size(seen['resident_max'])}"],
        ["CPU of the daemon", f"{seen['daemon_cpu_per_second']:.1%} of a core"],
        ["CPU of Prometheus", f"{used:.1%} of a core; {before:.1%} before the daemon was started"],
    ]
    return markdown_table(["what", "value"], rows)


def _size(count: float) -> str:
    return f"{count / 2**20:,.1f} MiB"


def _costs(row: Result) -> list[str]:
    counts = [_number(row[name]) for name in ("queries", "samples")]
    return counts + [_time(row[name]) for name in ("prometheus_cpu", "client_cpu", "wall")]


def _order(window: str) -> int:
    return int(window[:-1]) * {"m": 1, "h": 60, "d": 1440}[window[-1]]


def _against(name: str) -> str:
    return {"truth": "what happened", "direct": "`histogram_quantile`"}[name]


def _cases(row: Result) -> str:
    return f"{row['cases']:,}" + (f" ({row['unanswered']} without an answer)" if row["unanswered"] else "")


def _spreads(row: Result, names: Iterable[str]) -> list[str]:
    return [_spread(row[name]) for name in names]


def _spread(found: Mapping[str, float] | None) -> str:
    """Median / p95 / maximum, in percent."""
    if found is None:
        return _NOTHING
    return " / ".join(_share(found[name]) for name in ("median", "p95", "max")) + " %"


def _share(percent: float) -> str:
    return f"{percent:.3f}" if percent < 1 else f"{percent:.2g}" if percent < 100 else f"{percent:,.0f}"


def _times(much: float, little: float | None) -> str:
    return _NOTHING if not little else f"{_number(much / little)}×"


def _number(value: float) -> str:
    """Three digits that count; whole thousands as they are."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3g} ms"


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 99) -> str:
    """Markdown; columns from `left` on are numbers, and stand at the right."""
    rule = [" --- " if at < left else " ---: " for at in range(len(heads))]
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join(rule)}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
