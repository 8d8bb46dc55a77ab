"""How long alerts on burn rates take, as docs/budgets.md tells it; what the engine does is held against it."""

from math import inf

from slo_daemon.core.slo.burn_rate import BurnPair


def detection_seconds(pair: BurnPair, factor: float, allowed: float, error_rate: float) -> float:
    """How long after an error rate (0..1) sets in a pair exceeds its threshold, if there were no errors before.

    The long lookback fills up with errors; it exceeds when its own share of them does. Infinite if it never does.
    """
    limit = factor * allowed
    return pair.long * limit / error_rate if error_rate > limit else inf


def reset_seconds(pair: BurnPair, factor: float, allowed: float, error_rate: float) -> float:
    """How long after an error rate (0..1) that filled the short lookback ends a pair stops, at the latest.

    The short lookback empties; 0 for an error rate at which the pair does not fire.
    """
    limit = factor * allowed
    return pair.short * (1.0 - limit / error_rate) if error_rate > limit else 0.0
