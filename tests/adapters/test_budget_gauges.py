"""/metrics: error budgets, burn rates and coverage, and their silence where nobody knows."""

from dataclasses import replace

import pytest

from slo_daemon.adapters.gauges import FAMILIES, MetricsPage, SelfMetrics
from slo_daemon.adapters.gauges.snapshot_text import _WRITERS
from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.burn_rate import DEFAULT_PAIRS
from slo_daemon.core.slo.window import CalendarUnit, CalendarWindow, Window
from slo_daemon.core.snapshot import SloView, Snapshot, Specification
from tests.adapters.pages import one_hot, samples, values
from tests.budgets import BURNING, CALM, DAY, HOUR, slices, spending, with_budget
from tests.factories import NOW, SLOT, healthy_readings, seed_slos, view

REMAINING, STATE = "slo_error_budget_remaining_ratio", "slo_error_budget_state"
EXHAUSTED = "slo_error_budget_exhausted_timestamp_seconds"
OF_BUDGETS = (REMAINING, STATE, EXHAUSTED, "slo_burn_rate", "slo_burn_rate_threshold", "slo_coverage_ratio")


def page_of(*views: SloView, now: float = NOW + 1) -> str:
    slos = {v.instance.id: v for v in views}
    snapshot = Snapshot(Specification((), (), "h"), SLOT, None, slos)
    return MetricsPage(SelfMetrics()).render(snapshot, now).decode()


def test_a_whole_budget_shows_what_is_left_and_its_state() -> None:
    text = page_of(spending(with_budget(), 0.377))

    assert values(text, REMAINING, "slo", "window") == {("availability", "30d"): pytest.approx(0.623)}
    assert one_hot(text, STATE, "state", slo="availability") == "complete"
    assert values(text, EXHAUSTED) == {}


def test_a_partial_budget_shows_its_number_beside_its_state() -> None:
    text = page_of(spending(with_budget(), 0.377, coverage=0.43))

    assert values(text, REMAINING) == {"availability": pytest.approx(0.623)}
    assert one_hot(text, STATE, "state") == "partial"
    assert values(text, "slo_coverage_ratio", "window") == {"1h": 1.0, "30d": 0.43}


def test_while_history_is_being_fetched_there_is_a_state_and_no_number() -> None:
    text = page_of(spending(with_budget(), 0.377, burn=BURNING | {DAY: 2.0}, coverage=0.1, backfilling=True))

    assert values(text, REMAINING) == values(text, EXHAUSTED) == {}
    assert one_hot(text, STATE, "state") == "backfilling"
    assert values(text, "slo_coverage_ratio", "window") == {"1h": 1.0, "30d": 0.1}


def test_a_budget_of_nothing_counted_has_no_number() -> None:
    text = page_of(spending(with_budget(), coverage=0.0))

    assert values(text, REMAINING) == {}
    assert one_hot(text, STATE, "state") == "partial"


def test_the_forecast_is_there_when_the_end_is_in_sight() -> None:
    text = page_of(spending(with_budget(), 0.4, burn=CALM | {DAY: 2.0}))

    assert values(text, EXHAUSTED) == {"availability": pytest.approx(NOW + 0.6 * 30 * DAY / 2.0)}


def test_a_spent_budget_is_below_nothing_and_exhausted_now() -> None:
    text = page_of(spending(with_budget(), 1.34))

    assert values(text, REMAINING) == {"availability": pytest.approx(-0.34)}
    assert values(text, EXHAUSTED) == {"availability": NOW}


def test_every_lookback_has_its_rate_once_and_every_long_one_its_threshold() -> None:
    text = page_of(spending(with_budget(), burn=BURNING))

    rates = values(text, "slo_burn_rate", "lookback")
    assert list(rates) == ["1h", "5m", "6h", "30m", "1d", "2h", "3d"]
    assert [rates[lookback] for lookback in ("1h", "5m", "1d")] == pytest.approx([20.1, 25.0, 0.7])
    assert values(text, "slo_burn_rate_threshold", "lookback") == {
        "1h": pytest.approx(14.4), "6h": pytest.approx(6.0), "1d": pytest.approx(3.0), "3d": pytest.approx(1.0),
    }  # fmt: skip
    assert len([s for s in samples(text) if s.name == "slo_burn_rate"]) == len(
        entry_of(with_budget()).lookbacks
    )


def test_pairs_that_share_a_long_lookback_show_the_smallest_threshold() -> None:
    first = DEFAULT_PAIRS[0]
    pairs = (first, replace(first, share=0.01, short=600), replace(first, share=0.05))
    text = page_of(spending(with_budget(pairs=pairs)))

    assert values(text, "slo_burn_rate_threshold", "lookback") == {"1h": pytest.approx(7.2)}


def test_a_lookback_in_which_nothing_was_counted_has_no_rate() -> None:
    text = page_of(spending(with_budget(), lookback_coverage=0.0))

    assert values(text, "slo_burn_rate") == {}
    assert len(values(text, "slo_burn_rate_threshold", "lookback")) == 4


def test_a_calendar_window_is_named_by_its_period() -> None:
    month = CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin")
    text = page_of(spending(with_budget(window=month)))

    assert list(values(text, REMAINING, "window")) == ["month (Europe/Berlin)"]
    assert set(values(text, "slo_coverage_ratio", "window")) == {"1h", "month (Europe/Berlin)"}


def test_a_budget_over_the_slo_s_own_window_is_covered_once() -> None:
    slo = replace(with_budget(window=Window(DAY)), window=Window(DAY))
    text = page_of(spending(slo))

    assert [s.labels["window"] for s in samples(text) if s.name == "slo_coverage_ratio"] == ["1d"]


def test_slices_of_time_have_a_budget_too() -> None:
    text = page_of(spending(slices(), 0.25))

    assert values(text, REMAINING) == {"query-latency-p95": pytest.approx(0.75)}
    assert values(text, "slo_burn_rate", "lookback")["1h"] == pytest.approx(CALM[HOUR])


def test_without_a_budget_there_is_only_the_coverage_of_the_own_window() -> None:
    slo = seed_slos()[2]
    text = page_of(view(slo, healthy_readings(slo), coverage=0.75))

    assert {name: values(text, name) for name in OF_BUDGETS if name != "slo_coverage_ratio"} == {
        name: {} for name in OF_BUDGETS if name != "slo_coverage_ratio"
    }
    assert values(text, "slo_coverage_ratio", "window") == {"1h": 0.75}


def test_on_a_stall_budgets_and_burn_rates_vanish_with_the_other_values() -> None:
    shown = spending(with_budget(), burn=BURNING | {DAY: 2.0})

    for name in OF_BUDGETS:
        assert values(page_of(shown), name) != {}
        assert values(page_of(shown, now=NOW + 301), name) == {}
    assert values(page_of(shown, now=NOW + 301), "slo_alert_level") == {"availability": 2.0}


def test_families_come_in_the_order_of_the_table() -> None:
    assert list(_WRITERS) == [name for name in FAMILIES if name in _WRITERS]
