"""The error budget: what is left of it, what that stands on, and when it will be gone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.budget import (
    FULL_COVERAGE,
    Budget,
    BudgetMethod,
    BudgetPolicy,
    BudgetState,
    budget,
    spent_out,
)
from slo_daemon.core.slo.window import BudgetWindow, CalendarUnit, CalendarWindow, Tally, Window

DAY = 86_400
ROLLING = Window(30 * DAY)
MONTH = CalendarWindow(CalendarUnit.MONTH)
NOON_OF_THE_11TH = datetime(2026, 9, 11, tzinfo=UTC).timestamp()  # a third of September has passed
EVENTS, SLICES = BudgetMethod.OCCURRENCES, BudgetMethod.TIMESLICES


def policy(
    target: float = 0.99, window: BudgetWindow = ROLLING, method: BudgetMethod = EVENTS
) -> BudgetPolicy:
    return BudgetPolicy(window, method, target)


def seen(bad: float, total: float, coverage: float = 1.0) -> Tally:
    return Tally(good=total - bad, total=total, coverage=coverage)


def at_slot(which: BudgetPolicy, tally: Tally, pace: Tally | None = None) -> Budget:
    return budget(which, tally, NOON_OF_THE_11TH, pace=pace, pace_seconds=DAY)


@pytest.mark.parametrize(
    ("bad", "remaining"),
    [(0, 1.0), (1, 0.9), (5, 0.5), (10, 0.0), (25, -1.5), (1_000, -99.0)],
)
def test_what_remains_of_a_budget_of_ten_in_a_thousand(bad: int, remaining: float) -> None:
    found = at_slot(policy(0.99), seen(bad, 1_000))

    assert found.remaining == pytest.approx(remaining)
    assert found.spent == pytest.approx(1 - remaining)
    assert found.state is BudgetState.COMPLETE


@pytest.mark.parametrize("target", [0.9, 0.95, 0.99, 0.999, 0.9999, 0.3])
def test_what_is_allowed_has_no_digits_of_the_machine(target: float) -> None:
    assert str(policy(target).allowed) == str(float(f"{1 - target:.6f}"))


def test_slices_of_a_calendar_window_are_measured_against_the_whole_period() -> None:
    """September has 8,640 slices of 5 minutes; 99 % of them must meet. A third of them has passed."""
    passed = seen(bad=43.2, total=2_880)

    assert at_slot(policy(0.99, MONTH, SLICES), passed).remaining == pytest.approx(0.5)
    assert at_slot(policy(0.99, ROLLING, SLICES), passed).remaining == pytest.approx(-0.5)


def test_events_of_a_calendar_window_are_measured_against_those_that_the_whole_period_will_bring() -> None:
    """A third of September has passed: 3,000 events will come if it goes on like that, and 30 may be bad."""
    assert at_slot(policy(0.99, MONTH, EVENTS), seen(5, 1_000)).remaining == pytest.approx(25 / 30)


def test_a_bad_first_minute_does_not_spend_a_month() -> None:
    start = MONTH.start(NOON_OF_THE_11TH)
    left = budget(policy(0.999, MONTH, EVENTS), seen(30, 100), start + 60.0)
    assert left.remaining is not None
    assert left.remaining > 0.99
    assert spent_out(left) is False


def test_a_bad_slice_spends_the_same_on_the_first_and_on_the_last_day() -> None:
    slices, half_an_hour = policy(0.99, MONTH, SLICES), 6
    first, last = (datetime(2026, 9, day, 12, tzinfo=UTC).timestamp() for day in (1, 30))
    start = MONTH.start(first)

    spent = [budget(slices, seen(half_an_hour, (at - start) / 300), at).spent for at in (first, last)]
    assert spent[0] == pytest.approx(spent[1]) == pytest.approx(6 / 86.4)


@pytest.mark.parametrize("window", [ROLLING, MONTH])
@pytest.mark.parametrize("method", list(BudgetMethod))
def test_a_target_of_100_percent_is_spent_by_anything_bad(window: BudgetWindow, method: BudgetMethod) -> None:
    strict = policy(1.0, window, method)

    assert at_slot(strict, seen(0, 1_000_000)).remaining == 1.0
    assert at_slot(strict, seen(1, 1_000_000)).remaining == 0.0
    assert spent_out(at_slot(strict, seen(1, 1_000_000))) is True
    assert spent_out(at_slot(strict, seen(0, 1_000_000))) is False


@pytest.mark.parametrize("window", [ROLLING, MONTH])
@pytest.mark.parametrize("method", list(BudgetMethod))
@pytest.mark.parametrize("coverage", [0.0, 0.5, 1.0])
def test_without_events_nothing_is_known(window: BudgetWindow, method: BudgetMethod, coverage: float) -> None:
    found = at_slot(policy(0.99, window, method), Tally(0.0, 0.0, coverage))

    assert (found.remaining, found.spent, found.exhausted_at, spent_out(found)) == (None, None, None, None)


def test_a_period_that_begins_at_this_very_slot_has_no_slices_yet() -> None:
    start = MONTH.start(NOON_OF_THE_11TH)
    assert budget(policy(0.99, MONTH, SLICES), Tally(1.0, 1.0, 1.0), start).remaining is None


@pytest.mark.parametrize(
    ("coverage", "backfilling", "state"),
    [
        (1.0, False, BudgetState.COMPLETE),
        (FULL_COVERAGE, False, BudgetState.COMPLETE),
        (0.94, False, BudgetState.PARTIAL),
        (0.0, False, BudgetState.PARTIAL),
        (0.1, True, BudgetState.BACKFILLING),
        (1.0, True, BudgetState.BACKFILLING),
    ],
)
def test_the_state_says_what_a_budget_stands_on(
    coverage: float, backfilling: bool, state: BudgetState
) -> None:
    found = budget(policy(), seen(0, 1_000, coverage), NOON_OF_THE_11TH, backfilling=backfilling)
    assert found.state is state


@pytest.mark.parametrize(
    ("bad", "coverage", "spent"),
    [
        (0, 1.0, False),
        (9, 1.0, False),
        (10, 1.0, True),
        (0, 0.5, None),  # healthy as far as was seen: proves nothing
        (10, 0.5, None),  # the other half may have been all good
        (19, 0.5, None),
        (20, 0.5, True),  # even then it would be spent
        (1_000, 0.001, None),
        (1_000, 0.01, True),
    ],
)
def test_a_partial_budget_proves_only_that_it_is_spent(bad: int, coverage: float, spent: bool | None) -> None:
    assert spent_out(at_slot(policy(0.99), seen(bad, 1_000, coverage))) is spent


def test_a_target_of_100_percent_is_proven_spent_from_the_smallest_part() -> None:
    assert spent_out(at_slot(policy(1.0), seen(1, 10, coverage=0.001))) is True
    assert spent_out(at_slot(policy(1.0), seen(0, 10, coverage=0.001))) is None


# The forecast. Budget: 10 bad of 1,000 events; half of it is left.
HALF_LEFT = seen(5, 1_000)


@pytest.mark.parametrize(
    ("pace", "days"),
    [
        (seen(0, 100), None),
        (seen(1, 100), None),  # burn rate 1: a rolling budget endures it for ever
        (seen(2, 100), 7.5),  # burn rate 2: half a budget lasts a quarter of the window
        (seen(10, 100), 1.5),
        (seen(100, 100), 0.15),
        (seen(10, 100, coverage=0.5), 1.5),  # a rate of what was seen
        (seen(0, 0), None),
        (seen(0, 0, coverage=0.0), None),
        (None, None),
    ],
)
def test_a_rolling_budget_is_gone_when_the_pace_has_spent_the_rest(
    pace: Tally | None, days: float | None
) -> None:
    found = at_slot(policy(0.99), HALF_LEFT, pace).exhausted_at

    assert found == (None if days is None else pytest.approx(NOON_OF_THE_11TH + days * DAY))


@pytest.mark.parametrize("window", [ROLLING, MONTH])
@pytest.mark.parametrize("target", [0.99, 1.0])
def test_a_budget_that_is_spent_is_gone_now(window: BudgetWindow, target: float) -> None:
    assert at_slot(policy(target, window), seen(40, 1_000), seen(0, 100)).exhausted_at == NOON_OF_THE_11TH


@pytest.mark.parametrize(
    ("pace", "days"),
    [
        (seen(0, 100), None),
        (seen(1, 100), None),  # 25 are left, which is 25 days: October has a new budget by then
        (seen(1.2, 100), None),
        (seen(2, 100), 12.5),
        (seen(6, 100), 25 / 6),
        (seen(3, 50, coverage=0.5), 25 / 6),
    ],
)
def test_a_calendar_budget_of_events_is_spent_by_every_bad_event(pace: Tally, days: float | None) -> None:
    found = at_slot(policy(0.99, MONTH), HALF_LEFT, pace).exhausted_at

    assert found == (None if days is None else pytest.approx(NOON_OF_THE_11TH + days * DAY))


@pytest.mark.parametrize(
    ("bad_in_a_day", "days"),
    [(0.0, None), (2.0, None), (4.32, 10.0), (43.2, 1.0)],
)
def test_a_calendar_budget_of_slices_is_spent_by_every_bad_slice(
    bad_in_a_day: float, days: float | None
) -> None:
    """86.4 slices of September may be bad, 43.2 were."""
    found = at_slot(policy(0.99, MONTH, SLICES), seen(43.2, 2_880), seen(bad_in_a_day, 288)).exhausted_at

    assert found == (None if days is None else pytest.approx(NOON_OF_THE_11TH + days * DAY))


def test_a_forecast_from_a_part_takes_the_rest_to_be_like_it() -> None:
    half = at_slot(policy(0.99, MONTH), seen(2.5, 500, coverage=0.5), seen(2, 100))

    assert half.state is BudgetState.PARTIAL
    assert half.exhausted_at == pytest.approx(NOON_OF_THE_11TH + 12.5 * DAY)


# Properties.
TARGETS = st.sampled_from([0.5, 0.9, 0.99, 0.999, 0.9999, 1.0])
POLICIES = st.builds(
    policy, TARGETS, st.sampled_from([ROLLING, MONTH, Window(7 * DAY)]), st.sampled_from(BudgetMethod)
)
COUNTS = st.integers(min_value=0, max_value=1_000_000)
COVERAGES = st.floats(min_value=0.0, max_value=1.0)


@given(POLICIES, COUNTS, COUNTS, COUNTS, COVERAGES)
def test_more_bad_ones_never_leave_more(
    which: BudgetPolicy, good: int, bad: int, more: int, coverage: float
) -> None:
    total = good + bad + more
    less, worse = (at_slot(which, seen(b, total, coverage)) for b in (bad, bad + more))

    assert (less.remaining is None) == (worse.remaining is None) == (total == 0)
    if less.remaining is not None and worse.remaining is not None:
        assert worse.remaining <= less.remaining <= 1.0
    if spent_out(less):
        assert spent_out(worse)


@given(POLICIES, COUNTS, COUNTS, st.floats(min_value=0.01, max_value=1.0))
def test_what_is_proven_of_a_part_is_true_however_the_rest_was(
    which: BudgetPolicy, good: int, bad: int, coverage: float
) -> None:
    part = at_slot(which, seen(bad, good + bad, coverage))
    if spent_out(part) is False:
        assert part.state is BudgetState.COMPLETE
    if coverage < FULL_COVERAGE and spent_out(part):
        rest = (good + bad) * (1 / coverage - 1)
        whole = at_slot(which, seen(bad, good + bad + rest))
        assert whole.remaining is not None
        assert whole.remaining <= 1e-6


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=5), TARGETS.filter(lambda t: t < 1))
def test_parts_come_to_the_whole_when_they_are_weighted_by_their_events(
    parts: list[tuple[int, int]], target: float
) -> None:
    tallies = [seen(bad, good + bad) for good, bad in parts]
    total = sum(t.total for t in tallies)
    whole = at_slot(policy(target), Tally(sum(t.good for t in tallies), total, 1.0)).remaining
    each = [(t.total, at_slot(policy(target), t).remaining) for t in tallies]

    if total == 0:
        assert whole is None
    else:
        weighted = sum(events * left for events, left in each if left is not None) / total
        assert whole == pytest.approx(weighted, abs=1e-3, rel=1e-3)


@given(POLICIES, COUNTS, COUNTS, COVERAGES, COUNTS, COUNTS, COVERAGES)
def test_a_forecast_lies_ahead_and_in_a_calendar_window_before_its_end(
    which: BudgetPolicy, good: int, bad: int, coverage: float, ok: int, failed: int, pace_coverage: float
) -> None:
    found = at_slot(which, seen(bad, good + bad, coverage), seen(failed, ok + failed, pace_coverage))

    if found.exhausted_at is not None:
        latest = which.window.end(NOON_OF_THE_11TH)
        if isinstance(which.window, Window):
            latest += which.window.seconds
        assert NOON_OF_THE_11TH <= found.exhausted_at <= latest
