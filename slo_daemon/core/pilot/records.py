"""What people tell the daemon: incidents and feedback. Times are Unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How bad an incident is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


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
    """What may change in a recorded incident; None leaves a field as it is."""

    severity: Severity | None = None
    description: str | None = None
    resolution: str | None = None
    resolved_at: float | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A recorded incident. It is resolved when it has a resolution time."""

    id: int
    pilot: str
    title: str
    severity: Severity
    description: str
    started_at: float
    recorded_at: float
    resolution: str | None = None
    resolved_at: float | None = None

    @property
    def resolved(self) -> bool:
        """Whether it is over."""
        return self.resolved_at is not None

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


@dataclass(frozen=True, slots=True)
class NewFeedback:
    """A user's rating, 1 to 5, with what they said."""

    pilot: str
    user: str
    rating: int
    text: str
    given_at: float
    context: Mapping[str, str | int | float | bool | None]


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
    context: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Ratings:
    """All votes of a pilot, summed up: one vote a user, the newest. `recent`: the last few, newest first."""

    count: int
    total: int  # sum of ratings
    squares: int  # sum of squared ratings
    recent: tuple[Feedback, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """All incidents of a pilot, summed up. `recent`: the last few by start, newest first."""

    total: int
    open_by_severity: Mapping[Severity, int]
    resolved_by_severity: Mapping[Severity, int]
    started_since: int  # how many started in the last 7 days
    recent: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True)
class Records:
    """What readiness needs to know of the people's side of one pilot."""

    incidents: IncidentSummary
    ratings: Ratings


@dataclass(frozen=True, slots=True)
class RecordsUnavailable:
    """The store could not be read, so nobody knows what people told. `reason` is a name, `detail` a sentence."""

    reason: str
    detail: str
