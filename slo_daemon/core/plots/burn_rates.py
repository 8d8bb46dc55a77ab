"""Burn rates: every pair of lookbacks against the rate that is too fast, which stands at the same place for all."""

from collections.abc import Iterator, Sequence
from math import isfinite

from slo_daemon.core.plots.drawing import WIDTH, Scale, box, chart, label, nothing, straight
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.burn_rate import BurnRate
from slo_daemon.core.slo.phrases import say_rate, say_threshold

_LEFT, _RIGHT = 40.0, WIDTH - 58.0
_FARTHEST = 1.6  # times the threshold; what is faster ends in an arrow
_ROW, _BAR, _TOP = 56.0, 10.0, 20.0
_FIRING = {
    True: ("✗ fires", "plot-bad"),
    False: ("✓ does not fire", "plot-good"),
    None: ("? cannot be told", "plot-open"),
}


def burn_rates(key: str, title: str, rates: Sequence[BurnRate], *, alerts: bool = True) -> str:
    """Two bars for each pair: the long lookback filled, the short one in outline. A bar that is missing was not counted.

    `alerts`: see BurnPolicy.
    """
    if not rates:
        return nothing(key, title, "there are no burn rates")
    height = _TOP + _ROW * len(rates) + 2
    only = "" if alerts else ", only shown"
    about = " ".join(_said(rate, only) for rate in rates)
    return chart(key, title, about, height, _body(rates, height, only))


def _body(rates: Sequence[BurnRate], height: float, only: str) -> Iterator[str]:
    scale = Scale(0.0, _FARTHEST, _LEFT, _RIGHT)
    middle = scale(1.0)
    yield label(middle, 10, "too fast →", "plot-bad")
    yield straight(middle, 14, middle, height - 4, "plot-critical")
    for row, rate in enumerate(rates):
        y = _TOP + row * _ROW
        word, tone = _FIRING[rate.firing]
        name = f"{rate.pair.severity.word} above {say_threshold(rate.threshold)}{only}"
        yield label(2, y + 9, name, "plot-ink plot-over")
        yield label(WIDTH - 2, y + 9, word, tone, anchor="end")
        lookbacks = ((rate.pair.long, rate.long_rate), (rate.pair.short, rate.short_rate))
        for place, (seconds, value) in enumerate(lookbacks):
            yield from _bar(rate, seconds, value, y + 16 + place * (_BAR + 5), scale, filled=place == 0)


def _bar(
    rate: BurnRate, seconds: int, value: float | None, y: float, scale: Scale, *, filled: bool
) -> Iterator[str]:
    yield label(_LEFT - 5, y + 9, show_duration(seconds), anchor="end")
    said = say_rate(value, rate.threshold)
    yield label(WIDTH - 2, y + 9, said, "plot-ink", anchor="end")
    yield straight(_LEFT, y - 1, _LEFT, y + _BAR + 1, "plot-axis")
    if value is None:
        return
    share = _share(value, rate.threshold)
    end = scale(share)
    fast = share > 1.0
    fill = ("plot-bad" if fast else "plot-point") if filled else ("plot-bad-back" if fast else "plot-band")
    edge = " plot-edge-bad" if fast else " plot-edge-line"
    yield box(_LEFT, y, max(end - _LEFT, 1.0), _BAR, f"{fill}{edge}", f"{show_duration(seconds)}: {said}")
    if share > _FARTHEST:
        yield label(_RIGHT + 3, y + 9, "»", "plot-bad")


def _share(value: float, threshold: float) -> float:
    """The rate in thresholds."""
    if threshold > 0.0 and isfinite(value):
        return min(value / threshold, 1e9)
    return 1e9 if value > threshold else 0.0


def _said(rate: BurnRate, only: str) -> str:
    word = _FIRING[rate.firing][0].partition(" ")[2]
    return (
        f"{rate.pair}, {rate.pair.severity.word} above {say_threshold(rate.threshold)}{only}: "
        f"{say_rate(rate.long_rate, rate.threshold)} and {say_rate(rate.short_rate, rate.threshold)}, {word}."
    )
