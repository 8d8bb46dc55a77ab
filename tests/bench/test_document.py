"""Tables are written by the program between markers, and the page shows the result that is committed."""

import json
from typing import Any

import pytest

from bench.__main__ import PAGE, RESULTS
from bench.accuracy import Estimate, compare
from bench.document import DocumentError, bench_tables, cost_table, goals_table, write_tables
from bench.goals import all_reached, bench_goals
from bench.options import BenchOptions, OptionError, bench_options, soak_options
from bench.plan import END
from bench.truth import Happened

PAGE_TEXT = "before\n<!-- table x -->\nold\n<!-- end -->\nafter\n"


def row(approach: str, samples: float, cpu: float) -> dict[str, Any]:
    costs = {"queries": 1, "samples": samples, "prometheus_cpu": cpu, "client_cpu": 0.001, "wall": 0.002}
    return {"approach": approach, "set": "availability", **costs}


RESULT: dict[str, Any] = {
    "cost": [row("direct", 890_000, 0.15), row("slo-daemon", 77, 0.0001)],
    "windows": [{"window": "30d", "samples": 776_000, "prometheus_cpu": 0.13}],
    "accuracy": [],
    "history": {"services": 30},
    "growth": [{"slos": 1_000, "wall": 0.4, "prometheus_cpu": 0.2}],
    "backfill": [],
}


def test_only_what_stands_between_the_markers_is_written() -> None:
    written = write_tables(PAGE_TEXT, {"x": "| new |"})

    assert written == "before\n<!-- table x -->\n\n| new |\n\n<!-- end -->\nafter\n"
    assert write_tables(written, {"x": "| new |"}) == written


@pytest.mark.parametrize("text", ["no marker", PAGE_TEXT * 2])
def test_a_page_without_the_marker_or_with_two_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="<!-- table x -->"):
        write_tables(text, {"x": ""})


def test_every_approach_has_its_ratio_to_the_daemon() -> None:
    first, *_, last = cost_table(RESULT, "availability").splitlines()[2:]

    assert first.endswith("| 11,558× | 1,500× |")
    assert last.endswith("| 1× | 1× |")


def test_what_was_not_measured_says_why() -> None:
    missing = {"approach": "slo-generator", "set": "availability", "not_measured": "it is not installed"}

    assert "| not measured: it is not installed |" in cost_table({"cost": [missing]}, "availability")


def test_a_goal_is_reached_missed_or_not_measured() -> None:
    verdicts = {goal["goal"]: goal["verdict"] for goal in bench_goals(RESULT)}

    assert verdicts["samples of one ratio SLO and tick"] == "reached"
    assert verdicts["samples, direct queries to the daemon"] == "reached"
    assert verdicts["Prometheus' CPU, direct queries to the daemon, 30 services"] == "reached"
    assert verdicts["Prometheus' CPU, direct queries to the daemon, 1,000 services"] == "reached"
    assert verdicts["seconds of a tick with 1,000 SLOs"] == "missed"
    assert verdicts["seconds of a tick with 10,000 SLOs"] == "not measured"
    assert not all_reached(bench_goals(RESULT))


class Always:
    """A truth that is the same in every span."""

    def between(self, start: float, end: float) -> Happened:
        return Happened(total=100_000, failed=50, buckets=None)  # type: ignore[arg-type]


def test_errors_are_told_in_percent_of_counts_and_of_the_budget() -> None:
    said = {
        (END, "s00000"): Estimate(0.0006, total=101_000, failed=51),
        (END, "s00001"): Estimate(float("nan")),
    }
    compared = compare("direct", "30d", said, dict.fromkeys(("s00000", "s00001"), Always()), expected=3)  # type: ignore[arg-type]

    assert compared["total"]["max"] == pytest.approx(1)
    assert compared["failed"]["max"] == pytest.approx(2)
    assert compared["budget"]["max"] == pytest.approx(10)  # 0.06 % instead of 0.05 %, of a budget of 0.1 %
    assert (compared["cases"], compared["unanswered"]) == (1, 2)


@pytest.mark.skipif(not (RESULTS / "bench.json").exists(), reason="no result is committed yet")
def test_the_page_shows_the_committed_result() -> None:
    result = json.loads((RESULTS / "bench.json").read_text())
    text = PAGE.read_text(encoding="utf-8")

    assert write_tables(text, bench_tables(result)) == text


def test_goals_of_the_committed_page_are_not_written_by_hand() -> None:
    table = goals_table({"goals": bench_goals(RESULT)})

    assert "| seconds of a tick with 1,000 SLOs | at most 0.3 | 0.4 | missed |" in table


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"BENCH_SERVICES": "many"}, "BENCH_SERVICES=30"),
        ({"BENCH_SERVICES": "0"}, "BENCH_SERVICES=30"),
        ({"BENCH_WIDE": "1000,x"}, "BENCH_WIDE"),
        ({"BENCH_CPU": "-1"}, "BENCH_CPU=1"),
        ({"RECORD": "yes"}, "RECORD"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_with_an_example(
    variables: dict[str, str], named: str
) -> None:
    with pytest.raises(OptionError, match=named):
        bench_options(variables)


def test_variables_that_are_not_set_have_their_defaults() -> None:
    assert bench_options({"PATH": "/bin"}) == BenchOptions()
    assert bench_options({"BENCH_WIDE": "1000, 50", "BENCH_SERVICES": ""}).wide == (1000, 50)
    assert soak_options({"SOAK_SLOS": "1000", "SOAK_MINUTES": "2.5"}).minutes == 2.5
