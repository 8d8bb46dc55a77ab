"""Advice for the ramp: the next step, the present one, or back. The daemon observes and proposes; it changes nothing.

The verdict says whether everybody may get what is tried. The ramp is about the step on the way there: it may be taken when
it is planned, nothing speaks against going on, and everything that would could be seen. What only the full rollout needs,
such as two weeks in a row, does not hold it up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum

from slo_daemon.core.pilot.pilot import Pilot, Ramp
from slo_daemon.core.slo.phrases import say_share

EVERYBODY = 1.0
SLACK = 0.15  # of a step's share, by which the served one may differ and still be that step
LEAST_SLACK = 0.005  # in shares of all users


class Advice(StrEnum):
    """What the daemon proposes for the ramp; it never changes production."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class RampAdvice:
    """Three shares of users (ratios 0..1), and what to do.

    `scheduled`: planned for today; `observed`: really served, None where that is not known; `advised`: what the daemon
    proposes from now on. `reasons`: why, most important first. `next_date` (Unix s): when the next step may be taken at
    the earliest, None when there is none or nobody can tell.
    """

    advice: Advice
    scheduled: float
    observed: float | None
    advised: float
    reasons: tuple[str, ...]
    next_date: float | None = None
    observed_detail: str = ""  # why `observed` is not known


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ramp must know of the findings, each as sentences, most important first.

    `fired`: rollback triggers. `against`: what speaks against a wider rollout. `unseen`: what would, but cannot be seen.
    `held`: people who want to wait. `ready`: the verdict is READY.
    """

    fired: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    ready: bool = False


def advise(
    pilot: Pilot,
    ramp: Ramp,
    at: float,
    standing: Standing,
    observed: float | None,
    observed_detail: str = "",
    *,
    last: float | None = None,
) -> RampAdvice:
    """The advice at time `at` (Unix seconds). `observed`: the share of users that is served (ratio), None if not known.

    `last`: what was observed last, which is taken to be served while nothing is known: the plan may be far ahead of it,
    and who cannot see must not propose more. Without both, the planned share is taken to be served.
    """
    today = datetime.fromtimestamp(at, UTC).date()
    scheduled = ramp.scheduled(pilot.start, today)
    now = next(share for share in (observed, last, scheduled) if share is not None)
    step = _step_of(ramp, now)

    def told(
        advice: Advice, advised: float, reasons: Sequence[str], next_date: float | None = None
    ) -> RampAdvice:
        return RampAdvice(advice, scheduled, observed, advised, tuple(reasons), next_date, observed_detail)

    if standing.fired:
        return told(Advice.ROLLBACK, 0.0, standing.fired)
    if today < pilot.start:
        return told(Advice.HOLD, 0.0, [f"the pilot starts on {pilot.start}"], _midnight(pilot.start))
    # To hold is not to narrow: where more is served than the last step of the plan, that is held.
    present = step if now <= step + _slack(step) else round(min(now, EVERYBODY), 3)
    against = (*standing.held, *standing.against, *standing.unseen)
    if against:
        return told(Advice.HOLD, present, against)
    if now >= EVERYBODY - LEAST_SLACK:
        return told(Advice.HOLD, EVERYBODY, ["everybody is served already"])
    following = next((share for share in _shares(ramp) if share > step + _slack(step)), EVERYBODY)
    if standing.ready:
        return told(Advice.ADVANCE, following, ["every criterion is met"], at)
    if following == EVERYBODY and step >= ramp.maximum - _slack(ramp.maximum):
        return told(
            Advice.HOLD,
            present,
            [f"{say_share(step)} is the last step of the plan; more waits for the verdict READY"],
        )
    if following <= scheduled + _slack(scheduled):
        behind = "" if observed is None else f"{say_share(observed)} are served, "
        return told(
            Advice.ADVANCE,
            following,
            [f"{behind}{say_share(scheduled)} are planned, and nothing speaks against it"],
            at,
        )
    return told(Advice.HOLD, present, *_until_planned(pilot, ramp, today, following, observed, scheduled))


def _until_planned(
    pilot: Pilot, ramp: Ramp, today: date, following: float, observed: float | None, scheduled: float
) -> tuple[list[str], float | None]:
    ahead = observed is not None and observed > scheduled + _slack(scheduled)
    reasons = (
        [f"{say_share(observed or 0.0)} are served, but only {say_share(scheduled)} are planned"]
        if ahead
        else []
    )
    days = [step.first_day(pilot.start) for step in ramp.steps if step.percentage >= following]
    first = min((day for day in days if day > today), default=None)
    if first is None:
        return [*reasons, "no further step is planned"], None
    reasons.append(f"the step to {say_share(following)} is planned for {first}")
    return reasons, _midnight(first)


def step_served(ramp: Ramp, observed: float | None) -> float | None:
    """The planned share that is being served; None where not even the first one is, or nobody knows.

    The rate of a counter that has died sags for some minutes, before it is gone: that is no step to be remembered.
    """
    first = _shares(ramp)[0]
    return None if observed is None or observed < first - _slack(first) else _step_of(ramp, observed)


def _shares(ramp: Ramp) -> list[float]:
    """The shares of the plan, ascending."""
    planned = {
        min(ramp.maximum, share) for share in (ramp.initial, *(step.percentage for step in ramp.steps))
    }
    return sorted(planned | {ramp.maximum})


def _step_of(ramp: Ramp, share: float) -> float:
    """The planned share that is being served, as nearly as one can tell: the first one, unless nobody is served.

    The rate of a counter that dies sags for some minutes before it is gone: what is advised must not sag with it.
    """
    shares = _shares(ramp)
    reached = [planned for planned in shares if planned <= share + _slack(planned)]
    return reached[-1] if reached else shares[0] if share > LEAST_SLACK else 0.0


def _slack(share: float) -> float:
    return max(LEAST_SLACK, SLACK * share)


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
