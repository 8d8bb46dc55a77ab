"""`for 5m`: for how long a comparison has been true, over every evaluation.

| now | what happens to the clock |
| --- | --- |
| true, and true at the evaluation before | it goes on |
| true, after one that was not known or did not take place | it goes on, without the time in between |
| true, after anything else | it starts |
| false | it stops at 0 |
| not known, once | it pauses |
| not known, or no evaluation, twice in a row | it stops at 0 |

A slot that is evaluated twice counts once, and one shortly before it not at all. One long before it means that the clock was
set back: what was known is of no known time, so all begins anew.
"""

from dataclasses import dataclass

from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.slo.window import Slot

MOST_UNKNOWN = 1  # evaluations in a row that a clock survives


@dataclass(frozen=True, slots=True)
class Hold:
    """The clock of one comparison after the slot at `at` (Unix s).

    `truth`: what it was then, taken alone; `seconds`: for how long it has been true; `unknown`: how many evaluations in a
    row were missing or unknown; `false_at` (Unix s): the last one at which it was surely false, None for none.
    """

    at: float
    truth: Truth
    seconds: float = 0.0
    unknown: int = 0
    false_at: float | None = None

    def surely_shorter(self, seconds: float, interval: float) -> bool:
        """Whether it has been true for less than that, whatever the unknown evaluations would have shown."""
        return self.false_at is not None and self.at - (self.false_at + interval) < seconds


def held(previous: Hold | None, truth: Truth, slot: Slot) -> Hold:
    """The clock after a slot in which the comparison, taken alone, was `truth`."""
    at = slot.time
    if previous is not None and previous.at - at > slot.interval:
        previous = None
    if previous is not None and at < previous.at:
        return previous
    if truth is Truth.FALSE:
        return Hold(at, truth, false_at=at)
    if previous is None:
        return Hold(at, truth, unknown=int(truth is Truth.UNKNOWN))
    if at == previous.at:
        return previous
    elapsed = at - previous.at
    missing = previous.unknown + max(0, round(elapsed / slot.interval) - 1)
    unknown = missing + (truth is Truth.UNKNOWN)
    seconds = previous.seconds if unknown <= MOST_UNKNOWN else 0.0
    if truth is Truth.UNKNOWN:
        return Hold(at, truth, seconds, unknown, previous.false_at)
    if previous.truth is Truth.TRUE and not missing:
        seconds += elapsed
    return Hold(at, truth, seconds, 0, previous.false_at)
