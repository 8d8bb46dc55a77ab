"""How many users gave which rating."""

from collections.abc import Iterator, Sequence

from slo_daemon.core.plots.drawing import WIDTH, Scale, box, chart, label, nothing
from slo_daemon.core.slo.phrases import say_count, say_share

_LEFT, _RIGHT = 78.0, WIDTH - 84.0
_ROW, _BAR = 22.0, 14.0


def distribution(key: str, title: str, counts: Sequence[int]) -> str:
    """`counts`: of the ratings from 1 up; the best one is drawn on top."""
    total = sum(counts)
    if not total:
        return nothing(key, title, "nobody has rated yet")
    told = ", ".join(f"{rating}: {count:,}" for rating, count in enumerate(counts, 1))
    height = 6 + _ROW * len(counts)
    return chart(key, title, f"{say_count(total, 'vote')}; {told}.", height, _body(counts, total))


def _body(counts: Sequence[int], total: int) -> Iterator[str]:
    scale = Scale(0.0, float(max(counts)), _LEFT, _RIGHT)
    best = len(counts)
    for place, rating in enumerate(range(best, 0, -1)):
        count, y = counts[rating - 1], 4 + place * _ROW
        yield label(_LEFT - 6, y + 11, "★" * rating if best <= 5 else str(rating), "plot-ink", anchor="end")
        said = f"{count:,} ({say_share(count / total) if count else '0 %'})"
        if count:
            yield box(
                _LEFT, y, max(scale(count) - _LEFT, 1.0), _BAR, "plot-point", f"{rating}/{best}: {said}"
            )
        yield label(WIDTH - 2, y + 11, said, "plot-ink", anchor="end")
