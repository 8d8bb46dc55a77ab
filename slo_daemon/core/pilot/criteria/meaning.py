"""What the names of the language stand for."""

from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.core.quantity import Dimension


class Kind(StrEnum):
    """The numbers that a criterion may speak of."""

    SLO_VALUE = "slo_value"  # the indicator of an SLO, over its own window or another
    BUDGET_REMAINING = "budget_remaining"  # what is left of an SLO's error budget, as a ratio
    BURN_RATE = "burn_rate"  # of an SLO's error budget, over a window that must be given
    ALERT_LEVEL = "alert_level"  # 0 none, 1 warning, 2 critical
    INCIDENTS = "incidents"  # that started in the window, resolved or not
    OPEN_INCIDENTS = "open_incidents"  # that are not resolved
    SATISFACTION = "satisfaction"  # the mean rating
    SATISFIED_SHARE = "satisfied_share"  # ratings of 4 and 5
    RESPONSES = "responses"  # votes
    SUCCESS_METRIC = "success_metric"  # one that is measured like an SLO
    LIFT = "lift"  # of an experiment
    RAMP_OBSERVED = "ramp_observed"  # the share of users that is served
    RAMP_SCHEDULED = "ramp_scheduled"  # the share that is planned today
    TIME_IN_STAGE = "time_in_stage"  # since the document's `stage` last changed
    PILOT_AGE = "pilot_age"  # since the first day's midnight


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one operand stands for.

    `subject`: the name of the SLO or success metric, the severity of incidents, the cohort or variant of ratings; empty
    for all. `dimension`: what the number measures, so what it can be compared with.
    """

    kind: Kind
    dimension: Dimension
    subject: str = ""
