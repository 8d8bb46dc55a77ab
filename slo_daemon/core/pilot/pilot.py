"""A pilot: a change that a growing part of the users gets, with what it must reach before all of them do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from slo_daemon.core.pilot.criteria.criterion import Criterion
from slo_daemon.core.pilot.records import VoteCounting
from slo_daemon.core.slo.objective import Objective
from slo_daemon.core.slo.query import Labels
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli import Indicator
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window


class Stage(StrEnum):
    """Where the pilot runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    CANARY = "canary"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Cohort:
    """A segment of users. The criteria are the product's own words; the daemon shows them."""

    name: str
    criteria: str


@dataclass(frozen=True, slots=True)
class RampStep:
    """From week `week` of the pilot (1 = the first) the share `percentage` (ratio 0..1) of users is planned."""

    week: int
    percentage: float

    def first_day(self, start: date) -> date:
        """When the step begins in a pilot that begins on `start`."""
        return start + timedelta(weeks=self.week - 1)


@dataclass(frozen=True, slots=True)
class Ramp:
    """The planned share of users (ratios 0..1). `observed`: a PromQL expression of the share that really is served."""

    initial: float
    maximum: float
    steps: tuple[RampStep, ...] = ()
    observed: str = ""

    def scheduled(self, start: date, today: date) -> float:
        """The planned share on a day; 0 before the start."""
        if today < start:
            return 0.0
        week = (today - start).days // 7 + 1
        reached = [step for step in self.steps if step.week <= week]
        latest = max(reached, key=lambda step: step.week).percentage if reached else self.initial
        return min(self.maximum, latest)


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to call."""

    name: str
    role: str
    contact: str


@dataclass(frozen=True, slots=True)
class Canary:
    """The Canary object of Flagger that carries the pilot out: only it is answered by the pilot's hooks."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class MeasuredMetric:
    """A success metric measured like an SLO."""

    indicator: Indicator
    window: Window


class CountedUnit(StrEnum):
    """What the counters of an experiment count."""

    USERS = "users"  # each once, when first exposed and when first converted
    REQUESTS = "requests"  # or sessions, or anything of which one user has several


class SplitKind(StrEnum):
    """How users are meant to be split between the variants."""

    RAMP = "ramp"  # treatment gets the ramp's share, control the rest
    EQUAL = "equal"
    FIXED = "fixed"
    UNCHECKED = "unchecked"  # nobody says, so nothing is checked


@dataclass(frozen=True, slots=True)
class Split:
    """The planned split. `treatment`: for FIXED its share (0..1) of the users in both variants together."""

    kind: SplitKind
    treatment: float = 0.5


EXPECTED_USERS = 50_000


@dataclass(frozen=True, slots=True)
class ExperimentMetric:
    """A success metric that compares two variants: converted of exposed units, split by the label `by`.

    `bucket`: the label of hash buckets, empty without. `independent`: why the units are said not to depend on each
    other, empty where nobody says so. `expected_users`: of both variants, at which an answer is expected; it tunes the
    intervals and must not change while the pilot runs. The last three say what the author reckons with: the share of
    control that converts, new users of both variants a day, and the true relative lift.
    """

    exposed: Selector
    converted: Selector
    by: str
    control: str
    treatment: str
    unit: CountedUnit = CountedUnit.USERS
    bucket: str = ""
    independent: str = ""
    split: Split = Split(SplitKind.EQUAL)
    expected_users: int = EXPECTED_USERS
    base_rate: float | None = None
    users_per_day: int | None = None
    expected_lift: float | None = None


@dataclass(frozen=True, slots=True)
class FeedbackMetric:
    """A success metric from ratings: their mean."""


@dataclass(frozen=True, slots=True)
class SuccessMetric:
    """A named number that the pilot is meant to reach, from one of three sources."""

    name: str
    source: MeasuredMetric | ExperimentMetric | FeedbackMetric
    objective: Objective


class Role(StrEnum):
    """What a criterion is for; it decides what `unknown` means."""

    DEFAULT = "default"
    GO_LIVE = "go_live"
    SUCCESS = "success"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class CriterionText:
    """A criterion as its author wrote it, and what it says. Of one that was written as a mapping, `text` is the printed one."""

    text: str
    role: Role
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class TriggerPolicy:
    """How rollback triggers behave, in seconds.

    `clear_for`: one that has fired stays fired until it was surely false for so long. `blind_for`: one that nobody could
    tell for so long is blind.
    """

    clear_for: int = 300
    blind_for: int = 900


@dataclass(frozen=True, slots=True)
class Pilot:
    """Everything one pilot document says."""

    name: str
    title: str
    stage: Stage
    start: date
    duration: timedelta
    slos: tuple[Slo, ...]
    labels: Labels = ()
    cohorts: tuple[Cohort, ...] = ()
    ramp: Ramp | None = None
    features: Mapping[str, bool] | None = None
    variants: tuple[str, ...] = ()
    success_metrics: tuple[SuccessMetric, ...] = ()
    go_live_criteria: tuple[CriterionText, ...] = ()
    rollback_triggers: tuple[CriterionText, ...] = ()
    contacts: tuple[Contact, ...] = ()
    votes: VoteCounting = VoteCounting.NEWEST
    canary: Canary | None = None
    triggers: TriggerPolicy = TriggerPolicy()

    @property
    def cohort_names(self) -> tuple[str, ...]:
        """The segments of users that it knows."""
        return tuple(cohort.name for cohort in self.cohorts)

    @property
    def end(self) -> date:
        """The first day after the pilot."""
        return self.start + self.duration

    @property
    def last_day(self) -> date:
        """The last day of the pilot."""
        return self.end - timedelta(days=1)

    def day(self, today: date) -> int:
        """Which day of the pilot `today` is: 1 on the first, 0 or less before it."""
        return (today - self.start).days + 1
