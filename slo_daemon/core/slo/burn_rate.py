"""Burn rates: how fast the error budget goes, over pairs of a long and a short lookback.

A burn rate of 1 spends exactly the budget in the budget's window. The method and the default pairs are those of the
"multiwindow, multi-burn-rate alerts" in Google's SRE Workbook, chapter 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import BudgetPolicy
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.window import Tally

SHORTEST_LOOKBACK = 300  # seconds; lookbacks are multiples of it, as they are sums of 5-minute chunks
LONGEST_LOOKBACK = 259_200  # seconds; what burns slower than that is the budget's own business
_LEAST_FACTOR = 1.0  # below it the budget is not overspent
_MOST_OF_WINDOW = 0.25  # that a default lookback may take
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class BurnPair:
    """Alert with `severity` when `share` of the budget (0..1) goes within `long` seconds, and still goes in `short`."""

    severity: Level
    share: float
    long: int
    short: int

    def factor(self, budget_seconds: float) -> float:
        """The burn rate that spends `share` of a budget over `budget_seconds` in the long lookback."""
        return self.share * budget_seconds / self.long

    def __str__(self) -> str:
        return f"{show_duration(self.long)} and {show_duration(self.short)}"


_HOUR, _DAY = 3_600, 86_400
DEFAULT_PAIRS = (
    BurnPair(Level.CRITICAL, 0.02, _HOUR, 300),
    BurnPair(Level.CRITICAL, 0.05, 6 * _HOUR, 1_800),
    BurnPair(Level.WARNING, 0.10, _DAY, 2 * _HOUR),
    BurnPair(Level.WARNING, 0.10, 3 * _DAY, 6 * _HOUR),
)
DEFAULT_MIN_FAILURES = 5.0


@dataclass(frozen=True, slots=True)
class BurnPolicy:
    """`alerts`: whether the pairs move the alert level; else their rates are only shown.

    `min_failures`: bad events (or slices) in the long lookback below which a pair does not fire.
    """

    pairs: tuple[BurnPair, ...] = DEFAULT_PAIRS
    min_failures: float = DEFAULT_MIN_FAILURES
    alerts: bool = True

    @property
    def lookbacks(self) -> tuple[int, ...]:
        """Every lookback of the pairs once, in seconds, the shortest first."""
        return tuple(sorted({seconds for pair in self.pairs for seconds in (pair.long, pair.short)}))


@dataclass(frozen=True, slots=True)
class BurnRate:
    """One pair at one slot. Rates are None where nothing was counted.

    `firing`: True when both rates surely exceed the threshold, False when one surely does not, None when what was not
    seen could decide it either way.
    """

    pair: BurnPair
    threshold: float
    long_rate: float | None
    short_rate: float | None
    long: Tally
    short: Tally
    firing: bool | None


@dataclass(frozen=True, slots=True)
class PairDoubt:
    """What the author of a pair may not have meant. `index`: which pair; `key`: where in it."""

    index: int
    key: str
    message: str
    remedy: str


def burn_rates(
    policy: BurnPolicy, budget: BudgetPolicy, tallies: Mapping[int, Tally], budget_seconds: float
) -> tuple[BurnRate, ...]:
    """Every pair's rates. `tallies`: every lookback's, by its seconds; `budget_seconds`: the window's nominal length.

    rate = bad / total / allowed, compared unrounded: at the threshold is not past it. To prove a pair, what was not seen is
    taken at its best: as much traffic as was seen, all good, so that the first minute of a service proves nothing about a
    day. To exclude one, what could not be asked is taken at its worst, all bad; where the answer was that there is
    nothing, nothing was bad. Between two bucket edges the fewest bad ones prove, the most exclude. A lookback without events does not exceed.

    With a target of 100 % any bad event is too fast: a rate is 0 or infinite, the threshold 0, and `min_failures` does
    not apply.
    """
    allowed, least = budget.allowed, policy.min_failures
    if allowed <= 0.0:
        least = 0.0
    found = []
    for pair in policy.pairs:
        long, short = tallies[pair.long], tallies[pair.short]
        threshold = pair.share * budget_seconds / pair.long if allowed > 0.0 else 0.0
        limit = threshold * allowed
        long_rate, long_proven, long_possible = _exceeds(long, limit, allowed, least)
        short_rate, short_proven, short_possible = _exceeds(short, limit, allowed, 0.0)
        firing = None
        if long_proven and short_proven:
            firing = True
        elif not (long_possible and short_possible):
            firing = False
        found.append(BurnRate(pair, threshold, long_rate, short_rate, long, short, firing))
    return tuple(found)


def _exceeds(tally: Tally, limit: float, allowed: float, least: float) -> tuple[float | None, bool, bool]:
    """The rate, whether the ratio of bad ones surely exceeds `limit`, and whether it possibly does."""
    bad, total, seen, answered = tally.bad, tally.total, tally.coverage, tally.answered
    if total <= 0.0:
        return None, False, answered < 1.0 and limit < 1.0
    ratio = bad / total
    rate = ratio / allowed if allowed > 0.0 else (inf if bad > 0.0 else 0.0)
    surely = tally.least_bad
    proven = surely / total * seen > limit and surely >= least
    if answered >= 1.0:
        return rate, proven, ratio > limit and bad >= least
    if answered <= 0.0:
        return rate, False, limit < 1.0
    worst = ratio * answered + 1.0 - answered
    return rate, proven, worst > limit and bad + total * (1.0 / answered - 1.0) >= least


def burn_levels(rates: tuple[BurnRate, ...]) -> tuple[Level, Level]:
    """The level that the rates prove, and the level that they cannot exclude."""
    proven = possible = Level.NONE
    for rate in rates:
        if rate.firing is False:
            continue
        severity = rate.pair.severity
        possible = max(possible, severity)
        if rate.firing:
            proven = max(proven, severity)
    return proven, possible


def default_pairs(allowed: float, budget_seconds: float) -> tuple[tuple[BurnPair, ...], tuple[str, ...]]:
    """The default pairs that make sense for a budget, and what became of the others, in words.

    The lookbacks stay, the thresholds follow from the budget's window. Left out: a long lookback of more than a quarter
    of the window (too late to do something about it), a threshold that no rate can exceed, and a critical one below 1
    (nobody is called for a pace that the budget endures). A warning's threshold is raised to 1.
    """
    kept, left_out = [], []
    for pair in DEFAULT_PAIRS:
        factor = pair.factor(budget_seconds)
        if factor < _LEAST_FACTOR and pair.severity is Level.WARNING:
            pair, factor = replace(pair, share=pair.long / budget_seconds), _LEAST_FACTOR  # noqa: PLW2901
        if pair.long > budget_seconds * _MOST_OF_WINDOW:
            why = "its long lookback is more than a quarter of the budget's window"
        elif factor < _LEAST_FACTOR:
            why = f"its threshold would be a burn rate of {factor:.3g}, which does not overspend the budget"
        elif _never_fires(factor, allowed):
            why = _why_never(factor, allowed)
        else:
            kept.append(pair)
            continue
        left_out.append(f"the default pair {pair} is left out: {why}")
    return tuple(kept), tuple(left_out)


def lint_pairs(policy: BurnPolicy, allowed: float, budget_seconds: float) -> tuple[PairDoubt, ...]:
    """What is doubtful about the pairs of a policy. `allowed`: the ratio that may go wrong."""
    doubts = []
    for index, pair in enumerate(policy.pairs):
        factor = pair.factor(budget_seconds)
        if pair.long > budget_seconds:
            said = f"the long lookback {show_duration(pair.long)} is longer than the budget's window"
            doubts.append(PairDoubt(index, "long", said, "write less"))
        if pair.short >= pair.long:
            said = f"the short lookback {show_duration(pair.short)} is not shorter than the long one"
            usual = f"a twelfth of it is usual: {show_duration(_twelfth(pair.long))}"
            doubts.append(PairDoubt(index, "short", said, usual))
        if allowed > 0.0 and _never_fires(factor, allowed):
            most = pair.long / (budget_seconds * allowed)
            said = f"this pair never fires: {_why_never(factor, allowed)}"
            doubts.append(PairDoubt(index, "share", said, f"write less than {100 * most:.3g}%"))
        elif factor < _LEAST_FACTOR - _ROUNDING:
            said = f"this pair fires at a burn rate of {factor:.3g}, which does not overspend the budget"
            least = 100 * pair.long / budget_seconds
            what = f"at least {least:.3g}%" if least <= 100 else "a shorter lookback"
            doubts.append(PairDoubt(index, "share", said, f"write {what}, or leave it if that is meant"))
    return tuple(doubts)


def can_fire(policy: BurnPolicy, allowed: float, budget_seconds: float) -> bool:
    """Whether any pair can ever exceed its threshold."""
    return any(
        allowed <= 0.0 or not _never_fires(pair.factor(budget_seconds), allowed) for pair in policy.pairs
    )


def _never_fires(factor: float, allowed: float) -> bool:
    return factor * allowed >= 1.0 - _ROUNDING


def _why_never(factor: float, allowed: float) -> str:
    return (
        f"with {allowed * 100:.4g} % allowed no burn rate exceeds {1 / allowed:.4g}, "
        f"and the threshold is {factor:.4g}"
    )


def _twelfth(seconds: int) -> int:
    return max(SHORTEST_LOOKBACK, seconds // 12 // SHORTEST_LOOKBACK * SHORTEST_LOOKBACK)
