"""The report on budgets, burn rates and what was seen: never healthier than is known."""

from dataclasses import replace

from slo_daemon.core.report import Report, compose
from slo_daemon.core.report_json import report_json
from slo_daemon.core.snapshot import SloView
from tests.budgets import BURNING, spending, with_budget
from tests.core.scenarios import bad_day_report, healthy_report
from tests.core.test_report import NO_TRANSITIONS, section
from tests.factories import NOW, PILOT, healthy_readings, plain_pilot, records_of, snapshot_of, view


def cells(report: Report, heading: str) -> list[list[str]]:
    """The rows of a table below a heading of SLO compliance."""
    body = section(report, "SLO compliance").split(f"### {heading}\n\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in body.splitlines()[2:]]


def test_budgets_say_what_is_left_and_when_it_will_be_gone() -> None:
    assert cells(healthy_report(), "Error budgets") == [
        ["query-latency-p95", "✓ 75 %", "25 %", "30d", "100 %", "–"],
        ["availability", "✓ 62.3 %", "37.7 %", "30d", "100 %", "at this pace spent on 2026-12-07 23:48 UTC"],
    ]


def test_a_budget_that_is_spent_or_not_whole_never_looks_healthy() -> None:
    spent, partial = cells(bad_day_report(), "Error budgets")
    assert spent[1:] == ["✗ -34 %", "134 %", "30d", "100 %", "already spent"]
    assert partial[1:] == ["? 40 % (partial: 43 % of 30d seen)", "60 %", "30d", "43 %", "–"]
    slo = with_budget(plain_pilot().slos[2])
    (fetched,) = cells(one_slo(spending(slo, 0.1, coverage=0.2, backfilling=True)), "Error budgets")
    assert fetched[1] == "? not known yet (backfilling: 20 % of 30d seen)"


def test_every_pair_of_burn_rates_says_whether_it_fires() -> None:
    rows = cells(bad_day_report(), "Burn rates")
    assert rows[0] == [
        "query-latency-p95",
        "1h and 5m",
        "critical, only shown",
        "40 and 40",
        "14.4",
        "✗ fires",
    ]
    assert rows[4] == ["availability", "1h and 5m", "critical", "20.1 and 25", "14.4", "✗ fires"]
    assert rows[5][-1] == "? cannot be told"


def test_a_level_by_burn_rates_is_explained_below_the_table() -> None:
    report = one_slo(spending(with_budget(plain_pilot().slos[2]), burn=BURNING))
    assert (
        "- **availability**: 99.95 % against at least 99.9 %; burning 20.1 x over 1h and 25 x over 5m; "
        "more than 14.4 x is too fast; level critical since 2026-11-22 10:00:00 UTC (burn rate)"
    ) in section(report, "SLO compliance")


def test_windows_that_were_hardly_seen_are_listed() -> None:
    assert "less than 95 %: none" in section(healthy_report(), "Data coverage")
    assert "less than 95 %: availability 30d (43 %)" in section(bad_day_report(), "Data coverage")
    shape = report_json(bad_day_report())
    assert shape["data_coverage"]["incomplete_windows"] == [
        {"slo": f"{PILOT}/availability", "window": "30d", "coverage": 0.43}
    ]


def test_budgets_that_were_not_evaluated_or_are_not_there_are_told_apart() -> None:
    slo = with_budget(plain_pilot().slos[2])
    unseen = one_slo(replace(spending(slo), evaluation=None))
    assert "### Error budgets\n\nNone was evaluated." in section(unseen, "SLO compliance")
    without = one_slo(view(plain_pilot().slos[2], healthy_readings(slo)))
    assert "### Error budgets\n\nThere are no error budgets." in section(without, "SLO compliance")


def one_slo(shown: SloView) -> Report:
    """A report on a pilot with one SLO."""
    pilot = replace(plain_pilot(), slos=(shown.instance.slo,))
    return compose(pilot, snapshot_of(pilot, [shown], records_of()), NOW, transitions=NO_TRANSITIONS)
