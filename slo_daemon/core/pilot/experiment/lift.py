"""The relative lift of treatment over control, with an interval that may be looked at as often as one likes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import inf

from slo_daemon.core.pilot.criteria.evidence import Evidence, Known, Source, Unknown
from slo_daemon.core.pilot.experiment.contrast import Contrast, bucket_contrast_of, contrast_of
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum, comparable, total_of
from slo_daemon.core.quantity import UNITS
from slo_daemon.core.slo.phrases import say_share

ENOUGH = 30  # conversions of each variant, from which on sums of them are nearly normal
FEWEST_BUCKETS = 16  # fewer replicates tell too little of the variance
_PERCENT = UNITS["%"]


class LiftReason(StrEnum):
    """Why a lift cannot be told."""

    NO_USERS = "no_users"
    TOO_FEW_CONVERSIONS = "too_few_conversions"
    MORE_CONVERSIONS_THAN_USERS = "more_conversions_than_users"
    TOO_FEW_BUCKETS = "too_few_buckets"
    NOT_INDEPENDENT = "not_independent"
    SAMPLE_RATIO_MISMATCH = "sample_ratio_mismatch"


@dataclass(frozen=True, slots=True)
class Lift:
    """What an experiment shows.

    `treatment`, `control`: pooled over the days that count; their rates are for people, the lift is not their ratio.
    `point`: the lift (0.1 is 10 % more), None where control has no conversion. `interval`: of the lift, true at all
    looks together with probability 1 - `alpha`; an end may be infinite. `fixed`: the narrower one of a fixed sample,
    for the final report only: it holds for one look whose time was fixed beforehand. Both are None exactly when there
    is a `reason` why nothing can be told; `detail` is the sentence for it.
    """

    treatment: Arm
    control: Arm
    alpha: float
    expected_users: float
    point: float | None = None
    interval: tuple[float, float] | None = None
    fixed: tuple[float, float] | None = None
    contrast: Contrast | None = None
    reason: LiftReason | None = None
    detail: str = ""

    @property
    def users(self) -> float:
        """Of both variants, on the days that count."""
        return self.treatment.exposed + self.control.exposed

    def p_value(self, margin: float) -> float | None:
        """Always valid, of the hypothesis that the true lift is `margin`; None where nothing can be told.

        At most `alpha` exactly when `interval` leaves the margin out. The running minimum over looks is valid too.
        """
        if self.contrast is None:
            return None
        return self.contrast.p_value(margin, self.alpha, self.expected_users)

    def withheld(self, reason: LiftReason, detail: str) -> "Lift":
        """The same with nothing to be told from it."""
        return replace(self, interval=None, fixed=None, contrast=None, reason=reason, detail=detail)

    def evidence(self, source: Source) -> Evidence:
        """What criteria are judged by."""
        n = self.users
        if self.point is None or self.interval is None:
            reason = self.reason or LiftReason.NO_USERS
            return Unknown(reason, self.detail, self.point, None, _PERCENT, n, source=source)
        low, high = self.interval
        about = (
            f"an always-valid {self.sure} interval; treatment {say_arm(self.treatment)}, "
            f"control {say_arm(self.control)}"
        )
        return Known(self.point, low, high, _PERCENT, n, "sampling", about, source, "users")

    @property
    def sure(self) -> str:
        """The confidence of the interval: `95 %`."""
        return f"{100 * (1 - self.alpha):g} %"

    def __str__(self) -> str:
        """`lift +14.2 %, always-valid 95 % interval +3.1 % to +25.8 % (treatment 3.5 % of 41,200 users, control ...)`."""
        counts = f"treatment {say_arm(self.treatment)}, control {say_arm(self.control)}"
        if self.interval is None:
            return f"{self.detail} ({counts})"
        return f"lift {say_lift(self.point)}, always-valid {self.sure} interval {say_interval(self.interval)} ({counts})"


def lift(strata: Sequence[Stratum], alpha: float, expected_users: float) -> Lift:
    """The lift of the days in `strata`, whose units must be independent of each other; with buckets, only users must be.

    `alpha`: how often the interval may ever leave the truth. `expected_users`: fixed before the first look.
    """
    used = comparable(strata)
    treatment, control = total_of(s.treatment for s in used), total_of(s.control for s in used)
    blank = Lift(treatment, control, alpha, expected_users)
    if not used:
        return blank.withheld(LiftReason.NO_USERS, "no day yet has users in both variants")
    if min(treatment.exposed - treatment.converted, control.exposed - control.converted) < 0.0:
        return blank.withheld(
            LiftReason.MORE_CONVERSIONS_THAN_USERS,
            f"more conversions than users were counted: treatment {_of(treatment)}, control {_of(control)}",
        )
    buckets = {len(s.buckets) for s in used}
    by_bucket = buckets != {0}
    if by_bucket and (len(buckets) > 1 or min(buckets) < FEWEST_BUCKETS):
        return blank.withheld(
            LiftReason.TOO_FEW_BUCKETS,
            f"{min(buckets)} hash buckets were counted; {FEWEST_BUCKETS} are needed, the same on all days",
        )
    contrast = (bucket_contrast_of if by_bucket else contrast_of)(used) if control.converted > 0.0 else None
    shown = replace(blank, point=contrast.lift if contrast else None)
    if contrast is None or min(_events(treatment), _events(control)) < ENOUGH:
        return shown.withheld(
            LiftReason.TOO_FEW_CONVERSIONS,
            f"{treatment.converted:,.0f} conversions in treatment and {control.converted:,.0f} in control; "
            f"{ENOUGH} in each are needed, and {ENOUGH} users who did not convert",
        )
    return replace(
        shown,
        contrast=contrast,
        interval=contrast.always_valid(alpha, expected_users),
        fixed=contrast.fixed_sample(alpha),
    )


def series(strata: Sequence[Stratum], alpha: float, expected_users: float) -> Iterator[tuple[date, Lift]]:
    """The lift as it stood at the end of each day, for a plot over time."""
    used = comparable(strata)
    for count, stratum in enumerate(used, start=1):
        yield stratum.day, lift(used[:count], alpha, expected_users)


def say_arm(arm: Arm) -> str:
    """`3.52 % of 41,200`."""
    return f"{say_share(arm.rate)} of {arm.exposed:,.0f}"


def say_lift(lift: float | None) -> str:
    """`+14.2 %`; `unbounded` where there is no end."""
    if lift is None:
        return "unknown"
    return "unbounded" if lift == inf else f"{100 * lift:+.1f} %"


def say_interval(interval: tuple[float, float]) -> str:
    """`+3.1 % to +25.8 %`."""
    return f"{say_lift(interval[0])} to {say_lift(interval[1])}"


def _events(arm: Arm) -> float:
    """The rarer of converting and not converting: the normal approximation needs both."""
    return min(arm.converted, arm.exposed - arm.converted)


def _of(arm: Arm) -> str:
    return f"{arm.converted:,.0f} of {arm.exposed:,.0f}"
