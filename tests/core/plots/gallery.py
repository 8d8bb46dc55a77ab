"""One example of every chart, and of what is special about it. Keys are the names of golden files."""

from datetime import date, timedelta

from slo_daemon.core.plots.burn_down import BurnDown, burn_down
from slo_daemon.core.plots.burn_rates import burn_rates
from slo_daemon.core.plots.calendar import DayCell, DayState, calendar
from slo_daemon.core.plots.frame import Mark, Point
from slo_daemon.core.plots.intervals import Estimate, Level, band
from slo_daemon.core.plots.latency import Latencies, Threshold, latency
from slo_daemon.core.plots.ramp import RampCourse, ramp
from slo_daemon.core.plots.ratings import distribution
from slo_daemon.core.plots.sparkline import sparkline
from slo_daemon.core.quantity import UNITS
from slo_daemon.core.slo.burn_rate import DEFAULT_PAIRS, BurnRate
from slo_daemon.core.slo.phrases import say_share, say_value
from slo_daemon.core.slo.window import Tally

DAY, HOUR = 86_400.0, 3_600.0
AT = 1_795_255_200.0  # 2026-11-21 10:00 UTC
MARKS = (
    Mark(AT - 9.3 * DAY, AT - 9.1 * DAY, 2, "the index was rebuilt with a wrong schema"),
    Mark(AT - 5 * DAY, AT - 4.6 * DAY, 1, "slow shard"),
    Mark(AT - 0.4 * DAY, None, 0, "cache warming"),
)
NOTHING = Tally(0.0, 0.0, 0.0)


def ms(value: float) -> str:
    return say_value(value, UNITS["ms"])


def change(value: float) -> str:
    return f"{100 * value:+.3g} %"


def falling(days: int, *, gap: range = range(0), part: int = 0) -> list[Point]:
    """A budget that went down by day, in steps of six hours, and fell on one of them."""
    points = []
    for step in range(days * 4 + 1):
        left = 1.0 - 0.011 * step / 4 - (0.22 if step > days * 2 else 0.0)
        points.append(
            Point(AT - days * DAY + step * 6 * HOUR, None if step in gap else left, sure=step >= part)
        )
    return points


def days_of(states: str) -> list[DayCell]:
    """One day for each letter, the last one today."""
    known = {
        "m": DayState.MET,
        "x": DayState.MISSED,
        "p": DayState.UNKNOWN,
        "i": DayState.IDLE,
        ".": DayState.UNSEEN,
    }
    first = date(2026, 11, 21) - timedelta(days=len(states) - 1)
    return [
        DayCell(first + timedelta(days=place), known[letter], "99.93 % of 41,200 events were good")
        for place, letter in enumerate(states)
    ]


def rate(pair: int, long: float | None, short: float | None, firing: bool | None) -> BurnRate:
    own = DEFAULT_PAIRS[pair]
    return BurnRate(own, round(own.factor(30 * DAY), 9), long, short, NOTHING, NOTHING, firing)


EDGES = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5, 1.0, float("inf"))
COUNTS = (120, 900, 4_100, 7_000, 8_800, 9_600, 9_750, 9_900, 9_960, 9_990, 9_998, 10_000, 10_000, 10_000)
LINES = (Threshold("target", 0.05, 0), Threshold("warning", 0.045, 1), Threshold("critical", 0.06, 2))
WIDE = float("inf")
LIFTS = [
    Estimate(
        AT - (14 - day) * DAY, 0.142 + 0.3 / (day + 1), (0.142 - 2.2 / (day + 1), 0.16 + 2.4 / (day + 1))
    )
    for day in range(15)
]

GALLERY = {
    "sparkline": sparkline("a", "availability", falling(14), say_share, target=0.7),
    "sparkline-gaps": sparkline("b", "availability", falling(14, gap=range(20, 30), part=8), say_share),
    "sparkline-nothing": sparkline("c", "availability", [Point(AT, None)], say_share, target=0.9),
    "burn-down": burn_down("d", "left", BurnDown(falling(30), AT - 30 * DAY, AT, AT + 6 * DAY), MARKS),
    "burn-down-gap-and-part": burn_down(
        "e", "left", BurnDown(falling(30, gap=range(50, 70), part=30), AT - 30 * DAY, AT)
    ),
    "burn-down-spent": burn_down(
        "f",
        "left",
        BurnDown([Point(p.at, (p.value or 0) - 0.9) for p in falling(7)], AT - 7 * DAY, AT, AT),
        MARKS[1:],
    ),
    "burn-down-nothing": burn_down("g", "left", BurnDown([], AT - DAY, AT)),
    "calendar": calendar("h", "days", days_of("..ppmmmmmmxmmmmmmmpmmiimmm.mmxxmmmmmmmp")),
    "calendar-one-day": calendar("i", "days", days_of("m")),
    "calendar-long": calendar("j", "days", days_of("m" * 90 + "x" * 10 + "." * 20 + "p")),
    "burn-rates": burn_rates(
        "k",
        "burn rates",
        [
            rate(0, 20.14, 41.0, True),
            rate(1, 5.2, 7.7, False),
            rate(2, 0.4, None, None),
            rate(3, 0.0, 0.02, False),
        ],
    ),
    "latency-quantile": latency("l", "latency", Latencies(EDGES, COUNTS, LINES, ("p95", 0.04, 0.05)), ms),
    "latency-share": latency("m", "latency", Latencies(EDGES, COUNTS, LINES[1:2]), ms),
    "latency-beyond": latency(
        "n",
        "latency",
        Latencies(EDGES[:4] + EDGES[-1:], COUNTS[:4] + COUNTS[-1:], LINES, ("p95", 0.03, WIDE)),
        ms,
    ),
    "lift": band(
        "o", "lift", LIFTS, change, (Level("no lift", 0.0, "plot-axis"), Level("target", 0.15)), MARKS
    ),
    "lift-first-day": band("p", "lift", LIFTS[:1], change, (Level("target", 0.15),)),
    "ratings-over-time": band(
        "q",
        "ratings",
        [
            Estimate(AT - 21 * DAY, 3.9, (2.8, 5.0), "4 votes"),
            Estimate(AT - 14 * DAY, 4.1, (3.7, 4.5), "31 votes"),
            Estimate(AT - 7 * DAY, None),
            Estimate(AT, 4.2, None, "1 vote"),
        ],
        lambda rating: f"{rating:.1f}",
        (Level("wanted", 4.0),),
    ),
    "ratings": distribution("r", "ratings", (3, 0, 12, 48, 97)),
    "ratings-nobody": distribution("s", "ratings", (0, 0, 0, 0, 0)),
    "ramp": ramp(
        "t",
        "ramp",
        RampCourse(
            [(AT - 28 * DAY, 0.05), (AT - 21 * DAY, 0.1), (AT - 7 * DAY, 0.15), (AT + 7 * DAY, 0.2)],
            [
                Point(AT - day * DAY, None if 12 < day < 15 else 0.05 if day > 20 else 0.097)
                for day in range(28, -1, -1)
            ],
            AT - 28 * DAY,
            AT + 28 * DAY,
            AT,
        ),
        MARKS,
    ),
    "ramp-counted": ramp(
        "v",
        "ramp",
        RampCourse(
            [(AT - 14 * DAY, 0.05), (AT - 7 * DAY, 0.1)],
            [Point(AT, 0.098)],
            AT - 14 * DAY,
            AT + 14 * DAY,
            AT,
            [
                Point(AT - day * DAY, None if day == 5 else 0.051 if day > 7 else 0.097)
                for day in range(14, 0, -1)
            ],
        ),
    ),
    "ramp-not-served": ramp("u", "ramp", RampCourse([(AT, 0.05)], [], AT, AT + 14 * DAY, AT - DAY)),
}
