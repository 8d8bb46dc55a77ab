"""Burn rates: how fast the budget goes, what that proves, and which pairs of lookbacks make sense for which budget."""

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import (
    DEFAULT_PAIRS,
    BurnPair,
    BurnPolicy,
    BurnRate,
    burn_levels,
    burn_rates,
    default_pairs,
    lint_pairs,
)
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.window import Tally, Window
from tests.burn_times import detection_seconds, reset_seconds

MINUTE, HOUR, DAY = 60, 3_600, 86_400
MONTH = 30 * DAY
PAGE = DEFAULT_PAIRS[0]  # 2 % of the budget in 1h, and still going in 5m: 14.4 for 30d
EVENTS = BudgetMethod.OCCURRENCES


def budget(target: float = 0.999) -> BudgetPolicy:
    return BudgetPolicy(Window(MONTH), EVENTS, target)


def seen(bad: float, total: float, coverage: float = 1.0) -> Tally:
    return Tally(good=total - bad, total=total, coverage=coverage, answered=coverage)


def one(long: Tally, short: Tally, target: float = 0.999, min_failures: float = 5) -> BurnRate:
    """The page pair, over these two lookbacks."""
    policy = BurnPolicy((PAGE,), min_failures)
    (rate,) = burn_rates(policy, budget(target), {PAGE.long: long, PAGE.short: short}, MONTH)
    return rate


def test_thirty_days_have_the_thresholds_of_the_book() -> None:
    assert [pair.factor(MONTH) for pair in DEFAULT_PAIRS] == pytest.approx([14.4, 6, 3, 1])


def test_a_rate_is_how_many_times_the_allowed_ratio_fails() -> None:
    rate = one(seen(20, 1_000), seen(1, 100))

    assert rate.long_rate == pytest.approx(20.0)
    assert rate.short_rate == pytest.approx(10.0)
    assert rate.threshold == pytest.approx(14.4)
    assert rate.firing is False  # it goes no more


FAST, SLOW, IDLE = seen(20_000, 1_000_000), seen(10_000, 1_000_000), seen(0, 0)
BLIND = seen(0, 0, coverage=0.0)


@pytest.mark.parametrize(
    ("long", "short", "firing"),
    [
        # both lookbacks seen from end to end
        (FAST, FAST, True),
        (FAST, SLOW, False),
        (SLOW, FAST, False),
        (seen(14_440, 1_000_000), FAST, True),  # 14.44 exceeds 14.4
        (seen(14_440, 1_000_000), seen(14_440, 1_000_000), True),
        (seen(14_390, 1_000_000), FAST, False),
        (FAST, IDLE, False),  # looked at, and there was nothing
        (IDLE, IDLE, False),
        # a lookback that was not seen can be anything
        (FAST, BLIND, None),
        (BLIND, FAST, None),
        (BLIND, BLIND, None),
        (BLIND, SLOW, False),  # the other one has the last word
        (IDLE, BLIND, False),
        # seen in part: proven if what is missing had been all good, possible if all bad
        (seen(20_000, 1_000_000, coverage=0.9), FAST, True),  # 18 at best
        (seen(20_000, 1_000_000, coverage=0.7), FAST, None),  # 14 at best
        (seen(1_000, 1_000_000, coverage=0.995), FAST, False),  # 6 at worst
        (seen(1_000, 1_000_000, coverage=0.98), FAST, None),  # 21 at worst
        (seen(0, 0, coverage=0.5), FAST, None),
    ],
)
def test_a_pair_fires_when_both_lookbacks_surely_exceed(
    long: Tally, short: Tally, firing: bool | None
) -> None:
    assert one(long, short).firing is firing


@pytest.mark.parametrize(
    ("long", "firing"),
    [
        (seen(1, 4), False),  # a quarter failed, but of four
        (seen(4, 4), False),
        (seen(5, 5), True),
        (seen(5, 20), True),
        (seen(4, 4, coverage=0.9), False),  # at most 0.44 more may have failed
        (seen(4, 4, coverage=0.5), None),  # four more may have
        (seen(4, 4, coverage=0.0), None),
    ],
)
def test_few_failures_are_no_alarm(long: Tally, firing: bool | None) -> None:
    assert one(long, FAST).firing is firing


def test_the_least_number_of_failures_is_for_the_long_lookback_only() -> None:
    assert one(FAST, seen(1, 1)).firing is True


@pytest.mark.parametrize(
    ("long", "short", "firing"),
    [
        (seen(1, 1_000_000), seen(1, 100_000), True),
        (seen(1, 1_000_000), seen(0, 100_000), False),
        (seen(0, 1_000_000), seen(0, 100_000), False),
        (seen(1, 1_000_000, coverage=0.5), seen(1, 100_000), True),
        (seen(0, 1_000_000, coverage=0.5), seen(0, 100_000, coverage=0.5), None),
        (BLIND, seen(1, 100), None),
        (IDLE, IDLE, False),
    ],
)
def test_a_target_of_100_percent_has_no_budget_to_burn(
    long: Tally, short: Tally, firing: bool | None
) -> None:
    rate = one(long, short, target=1.0)

    assert rate.firing is firing
    assert rate.threshold == 0.0
    assert rate.long_rate == (None if long.total == 0 else inf if long.bad else 0.0)


def test_levels_are_the_most_severe_that_is_proven_and_that_is_possible() -> None:
    def rates(*firing: bool | None) -> tuple[BurnRate, ...]:
        return tuple(
            BurnRate(pair, 1.0, None, None, IDLE, IDLE, is_firing)
            for pair, is_firing in zip(DEFAULT_PAIRS, firing, strict=True)
        )

    none, warning, critical = Level
    assert burn_levels(()) == (none, none)
    assert burn_levels(rates(False, False, False, False)) == (none, none)
    assert burn_levels(rates(False, False, True, False)) == (warning, warning)
    assert burn_levels(rates(None, False, True, False)) == (warning, critical)
    assert burn_levels(rates(None, None, None, None)) == (none, critical)
    assert burn_levels(rates(False, True, None, None)) == (critical, critical)


def test_a_policy_knows_the_lookbacks_that_it_needs() -> None:
    assert BurnPolicy().lookbacks == (300, 1_800, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY)
    assert BurnPolicy(()).lookbacks == ()


# Which pairs a budget gets when nobody names any.
@pytest.mark.parametrize(
    ("days", "target", "thresholds"),
    [
        (30, 0.999, {"1h": 14.4, "6h": 6.0, "1d": 3.0, "3d": 1.0}),
        (28, 0.999, {"1h": 13.44, "6h": 5.6, "1d": 2.8, "3d": 1.0}),
        (14, 0.999, {"1h": 6.72, "6h": 2.8, "1d": 1.4, "3d": 1.0}),
        (7, 0.999, {"1h": 3.36, "6h": 1.4, "1d": 1.0}),
        (3, 0.999, {"1h": 1.44}),
        (1, 0.999, {}),
        (90, 0.99, {"1h": 43.2, "6h": 18.0, "1d": 9.0, "3d": 3.0}),
        (366, 0.99, {"6h": 73.2, "1d": 36.6, "3d": 12.2}),
        (30, 0.9, {"6h": 6.0, "1d": 3.0, "3d": 1.0}),
        (30, 1.0, {"1h": 14.4, "6h": 6.0, "1d": 3.0, "3d": 1.0}),
    ],
)
def test_default_pairs_follow_the_budgets_window(
    days: int, target: float, thresholds: dict[str, float]
) -> None:
    pairs, left_out = default_pairs(budget(target).allowed, days * DAY)

    assert {str(p).partition(" ")[0]: p.factor(days * DAY) for p in pairs} == pytest.approx(thresholds)
    assert len(pairs) + len(left_out) == len(DEFAULT_PAIRS)
    assert lint_pairs(BurnPolicy(pairs), budget(target).allowed, days * DAY) == ()


def test_what_is_left_out_is_said_with_the_reason() -> None:
    assert default_pairs(0.001, 3 * DAY)[1] == (
        "the default pair 6h and 30m is left out: its threshold would be a burn rate of 0.6, which does not overspend the budget",
        "the default pair 1d and 2h is left out: its long lookback is more than a quarter of the budget's window",
        "the default pair 3d and 6h is left out: its long lookback is more than a quarter of the budget's window",
    )
    assert default_pairs(0.1, MONTH)[1] == (
        "the default pair 1h and 5m is left out: with 10 % allowed no burn rate exceeds 10, and the threshold is 14.4",
    )


@pytest.mark.parametrize(
    ("pair", "doubts"),
    [
        (BurnPair(Level.CRITICAL, 0.02, HOUR, 300), []),
        (
            BurnPair(Level.CRITICAL, 0.02, HOUR, HOUR),
            [
                (
                    "short",
                    "the short lookback 1h is not shorter than the long one",
                    "a twelfth of it is usual: 5m",
                )
            ],
        ),
        (
            BurnPair(Level.CRITICAL, 0.2, HOUR, 300),
            [
                (
                    "share",
                    "this pair never fires: with 1 % allowed no burn rate exceeds 100, and the threshold is 144",
                    "write less than 13.9%",
                )
            ],
        ),
        (
            BurnPair(Level.WARNING, 0.02, DAY, 2 * HOUR),
            [
                (
                    "share",
                    "this pair fires at a burn rate of 0.6, which does not overspend the budget",
                    "write at least 3.33%, or leave it if that is meant",
                )
            ],
        ),
        (
            BurnPair(Level.WARNING, 1.0, 40 * DAY, 3 * DAY),
            [
                ("long", "the long lookback 40d is longer than the budget's window", "write less"),
                (
                    "share",
                    "this pair fires at a burn rate of 0.75, which does not overspend the budget",
                    "write a shorter lookback, or leave it if that is meant",
                ),
            ],
        ),
    ],
)
def test_doubtful_pairs_are_told(pair: BurnPair, doubts: list[tuple[str, str, str]]) -> None:
    found = lint_pairs(BurnPolicy((PAGE, pair)), 0.01, MONTH)

    assert [(d.index, d.key, d.message, d.remedy) for d in found] == [(1, *doubt) for doubt in doubts]


# How long it takes.
@pytest.mark.parametrize(
    ("error_rate", "detection", "reset"),
    [(1.0, 52, 296), (0.1, 8.64 * MINUTE, 257), (0.02, 43.2 * MINUTE, 84), (0.0144, inf, 0), (0.001, inf, 0)],
)
def test_the_page_comes_the_sooner_the_more_fails(error_rate: float, detection: float, reset: float) -> None:
    assert detection_seconds(PAGE, 14.4, 0.001, error_rate) == pytest.approx(detection, abs=0.5)
    assert reset_seconds(PAGE, 14.4, 0.001, error_rate) == pytest.approx(reset, abs=0.5)


RATIOS = st.floats(min_value=1e-4, max_value=1.0)
PAIRS = st.sampled_from(DEFAULT_PAIRS)


def fired(pair: BurnPair, error_rate: float, errors_since: float, errors_until: float, now: float) -> bool:
    """Whether a pair fires when errors came at a steady rate in a span of time, and traffic always."""

    def lookback(seconds: int) -> Tally:
        erroneous = max(0.0, min(now, errors_until) - max(now - seconds, errors_since))
        return seen(error_rate * erroneous * 1_000, seconds * 1_000)

    tallies = {pair.long: lookback(pair.long), pair.short: lookback(pair.short)}
    return burn_rates(BurnPolicy((pair,)), budget(), tallies, MONTH)[0].firing is True


@given(PAIRS, RATIOS)
def test_a_pair_fires_when_its_detection_time_has_passed(pair: BurnPair, error_rate: float) -> None:
    after = detection_seconds(pair, pair.factor(MONTH), 0.001, error_rate)
    if after == inf:
        assert not fired(pair, error_rate, 0.0, inf, 10 * DAY)
    else:
        assert not fired(pair, error_rate, 0.0, inf, after * 0.999)
        assert fired(pair, error_rate, 0.0, inf, after * 1.001)


@given(PAIRS, RATIOS)
def test_a_pair_stops_when_its_reset_time_has_passed(pair: BurnPair, error_rate: float) -> None:
    assume(detection_seconds(pair, pair.factor(MONTH), 0.001, error_rate) < pair.long * 0.999)
    end = 10.0 * DAY  # errors for so long that they filled both lookbacks
    after = reset_seconds(pair, pair.factor(MONTH), 0.001, error_rate)

    assert fired(pair, error_rate, 0.0, end, end + after - 1)
    assert not fired(pair, error_rate, 0.0, end, end + after + 1)


# Properties of the three answers.
COUNTS = st.integers(min_value=0, max_value=100_000)
COVERAGES = st.one_of(st.just(1.0), st.just(0.0), st.floats(min_value=0.01, max_value=0.99))
TARGETS = st.sampled_from([0.9, 0.99, 0.999, 1.0])
CERTAINTY = {True: 2, None: 1, False: 0}


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    coverage = draw(COVERAGES)
    good, bad = (draw(COUNTS), draw(COUNTS)) if coverage else (0, 0)
    return seen(bad, good + bad, coverage)


@given(tallies(), tallies(), TARGETS, COUNTS)
def test_one_more_failure_never_makes_a_pair_less_sure(
    long: Tally, short: Tally, target: float, more: int
) -> None:
    worse = Tally(max(0.0, long.good - more), long.total, long.coverage, long.answered)

    before, after = one(long, short, target).firing, one(worse, short, target).firing
    assert CERTAINTY[after] >= CERTAINTY[before]


@given(tallies(), tallies(), TARGETS, st.floats(min_value=0.0, max_value=1.0))
def test_what_is_sure_of_a_part_stays_true_whatever_the_rest_was(
    long: Tally, short: Tally, target: float, failed: float
) -> None:
    """`failed`: the share of the unseen events that failed, if they came at the rate of the others."""
    assume(long.coverage > 0 and short.coverage > 0)

    def whole(part: Tally) -> Tally:
        rest = part.total * (1 / part.coverage - 1)
        return Tally(part.good + rest * (1 - failed), part.total + rest, 1.0)

    before, after = one(long, short, target).firing, one(whole(long), whole(short), target).firing
    if before is not None:
        assert after is before
