"""What people and Alertmanager tell the daemon: incidents, feedback, overrides. Times are Unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

DAY = 86_400.0
WEEK = 7 * DAY
OVERRIDE_MEMORY = 30 * DAY  # for so long after its end an override is still told
SATISFIED = 4  # the lowest rating of a satisfied user


class Severity(StrEnum):
    """How bad an incident is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 is the least bad."""
        return list(Severity).index(self)


class IncidentSource(StrEnum):
    """Who told of an incident first."""

    PEOPLE = "people"
    ALERTMANAGER = "alertmanager"


@dataclass(frozen=True, slots=True)
class NewIncident:
    """An incident as it is reported. `started_at`: when it began, not when it was told."""

    pilot: str
    title: str
    severity: Severity
    description: str
    started_at: float
    resolution: str | None = None
    resolved_at: float | None = None


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What may change in a recorded incident; None leaves a field as it is.

    `replaces`: what was said before of how and when it was resolved may be overwritten.
    """

    severity: Severity | None = None
    description: str | None = None
    resolution: str | None = None
    resolved_at: float | None = None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Incident:
    """A recorded incident. It is resolved when it has a resolution time.

    `fingerprint` and `told_severity` are of the alerts that told of it: their identity in Alertmanager, and the highest
    severity that they had, which is not the incident's when a person has changed that.
    """

    id: int
    pilot: str
    title: str
    severity: Severity
    description: str
    started_at: float
    recorded_at: float
    resolution: str | None = None
    resolved_at: float | None = None
    source: IncidentSource = IncidentSource.PEOPLE
    fingerprint: str | None = None
    told_severity: Severity | None = None

    @property
    def resolved(self) -> bool:
        """Whether it is over."""
        return self.resolved_at is not None

    def as_of(self, at: float) -> "Incident":
        """The incident as it was at a time: not resolved yet, if that came later."""
        if self.resolved_at is None or self.resolved_at <= at:
            return self
        return replace(self, resolution=None, resolved_at=None)

    def contradicts(self, change: IncidentChange) -> bool:
        """Whether the change would lose what somebody told of the resolution. More words where there were none do not."""
        told = ((self.resolution, change.resolution), (self.resolved_at, change.resolved_at))
        lost = any(old not in (None, "") and new not in (None, old) for old, new in told)
        return self.resolved and lost and not change.replaces

    def changed(self, change: IncidentChange) -> "Incident":
        """The incident after a change."""
        return replace(
            self,
            severity=self.severity if change.severity is None else change.severity,
            description=self.description if change.description is None else change.description,
            resolution=self.resolution if change.resolution is None else change.resolution,
            resolved_at=self.resolved_at if change.resolved_at is None else change.resolved_at,
        )


class OverrideKind(StrEnum):
    """What a person may decide against the daemon, for a time."""

    WAIVE = "waive"  # one criterion counts as passed, or one trigger does not fire
    HOLD = "hold"  # the rollout is to be held, whatever the criteria say


@dataclass(frozen=True, slots=True)
class NewOverride:
    """A person's decision. `criterion`: the text of the finding that is waived; empty for a hold."""

    pilot: str
    kind: OverrideKind
    criterion: str
    by: str
    reason: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Override:
    """A recorded decision. It is in force until it expires or is revoked."""

    id: int
    pilot: str
    kind: OverrideKind
    criterion: str
    by: str
    reason: str
    created_at: float
    expires_at: float
    revoked_at: float | None = None
    revoked_by: str | None = None

    def in_force(self, at: float) -> bool:
        """Whether it counts at a time (Unix seconds)."""
        end = self.expires_at if self.revoked_at is None else min(self.expires_at, self.revoked_at)
        return self.created_at <= at < end

    def as_of(self, at: float) -> "Override":
        """The override as it was at a time: not revoked yet, if that came later."""
        if self.revoked_at is None or self.revoked_at <= at:
            return self
        return replace(self, revoked_at=None, revoked_by=None)


ContextValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class NewFeedback:
    """A user's rating, 1 to 5, with what they said. `cohort` and `variant`: the segments that the user was in."""

    pilot: str
    user: str
    rating: int
    text: str
    given_at: float
    context: Mapping[str, ContextValue]
    cohort: str | None = None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """A recorded rating."""

    id: int
    pilot: str
    user: str
    rating: int
    text: str
    given_at: float
    recorded_at: float
    context: Mapping[str, ContextValue]
    cohort: str | None = None
    variant: str | None = None


class VoteCounting(StrEnum):
    """Which ratings of one user count as votes."""

    NEWEST = "newest"  # one vote a user
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Votes:
    """How many votes there are of each rating, from 1 to 5."""

    counts: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    @property
    def count(self) -> int:
        """How many votes."""
        return sum(self.counts)

    @property
    def total(self) -> int:
        """The sum of the ratings."""
        return sum(rating * count for rating, count in enumerate(self.counts, 1))

    @property
    def squares(self) -> int:
        """The sum of the squared ratings."""
        return sum(rating * rating * count for rating, count in enumerate(self.counts, 1))

    @property
    def satisfied(self) -> int:
        """Votes of 4 and 5."""
        return sum(self.counts[SATISFIED - 1 :])

    @property
    def mean(self) -> float | None:
        """The mean rating; None without a vote."""
        return self.total / self.count if self.count else None


NO_VOTES = Votes()


@dataclass(frozen=True, slots=True)
class VotesQuery:
    """Which votes are asked for: given in the last `seconds` (None: ever), by users of `segment` ("": by everybody).

    A segment is a cohort or a variant, by its name. Of a user who rated in two segments the newest rating in the segment
    counts in each.
    """

    seconds: float | None = None
    segment: str = ""


ALL_VOTES = VotesQuery()


@dataclass(frozen=True, slots=True)
class RecordsQuery:
    """What is asked about a pilot's records, as of `at` (Unix seconds): nothing that came later counts.

    `incident_windows` are seconds back from `at`.
    """

    at: float
    incident_windows: frozenset[float] = frozenset({WEEK})
    vote_windows: frozenset[VotesQuery] = frozenset()
    votes: VoteCounting = VoteCounting.NEWEST
    recent_incidents: int = 10
    recent_feedback: int = 5


@dataclass(frozen=True, slots=True)
class Ratings:
    """All votes of a pilot. `recent`: the last few ratings that were given, votes or not, newest first."""

    votes: Votes = NO_VOTES
    recent: tuple[Feedback, ...] = ()

    @property
    def count(self) -> int:
        """How many votes."""
        return self.votes.count

    @property
    def total(self) -> int:
        """The sum of the ratings."""
        return self.votes.total

    @property
    def squares(self) -> int:
        """The sum of the squared ratings."""
        return self.votes.squares


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """All incidents of a pilot, summed up. Every severity has an entry. `recent`: the last few by start, newest first.

    `started`: for each window that was asked for (seconds) how many started in it, by severity, resolved or not.
    """

    total: int
    open_by_severity: Mapping[Severity, int]
    resolved_by_severity: Mapping[Severity, int]
    started: Mapping[float, Mapping[Severity, int]]
    recent: tuple[Incident, ...] = ()

    @property
    def started_since(self) -> int:
        """How many started in the last 7 days."""
        return sum(self.started[WEEK].values())


@dataclass(frozen=True, slots=True)
class Records:
    """What readiness needs to know of the people's side of one pilot.

    `votes`: an entry for each query that was asked. `overrides`: those in force, and those that ended in the last 30
    days, newest first.
    """

    incidents: IncidentSummary
    ratings: Ratings
    votes: Mapping[VotesQuery, Votes] = field(default_factory=lambda: MappingProxyType({}))
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordsUnavailable:
    """The store could not be read, so nobody knows what people told. `reason` is a name, `detail` a sentence.

    `overrides`: the decisions as they were last read. Each holds until its own end, as nobody can revoke one meanwhile.
    """

    reason: str
    detail: str
    overrides: tuple[Override, ...] = ()
