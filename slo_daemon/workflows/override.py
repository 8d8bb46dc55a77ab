"""Overrides: a person decides against the daemon, for a time, with a name and a reason."""

from slo_daemon.core.pilot.records import DAY, NewOverride, Override, OverrideKind
from slo_daemon.ports import Recorded
from slo_daemon.workflows.checks import (
    LONGEST_TEXT,
    LONGEST_USER,
    FieldProblem,
    line_problems,
    moment_problems,
    named,
    refuse,
    text_problems,
)
from slo_daemon.workflows.desk import Author, Desk

LONGEST_OVERRIDE = 90 * DAY


class UnknownOverrideError(Exception):
    """The pilot has no override with this id."""

    def __init__(self, pilot: str, override_id: int) -> None:
        super().__init__(f"{pilot}: {override_id}")
        self.pilot = pilot
        self.override_id = override_id


class Overrider:
    """The verbs. All raise UnknownPilotError and StoreError; writes raise RefusedError and KeyReusedError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add(
        self,
        pilot: str,
        author: Author,
        *,
        kind: OverrideKind,
        criterion: str,
        by: str,
        reason: str,
        expires_at: float,
    ) -> Recorded[Override]:
        """It counts at once, until `expires_at` (Unix seconds, at most 90 days ahead).

        `criterion` is the text of a finding of the pilot's latest assessment, for a waiver; empty for a hold.
        """
        self._desk.pilot(pilot)
        now = self._desk.clock.now()
        problems = [
            *self._criterion_problems(pilot, kind, criterion),
            *line_problems("by", by, LONGEST_USER),
            *_reason_problems(reason),
            *_expiry_problems(expires_at, now),
        ]
        refuse(problems)
        new = NewOverride(pilot, kind, criterion, by, reason, expires_at)
        with self._desk.watched():
            recorded = self._desk.store.record_override(new, author.at(now))
        if recorded.created:
            self._desk.told(pilot, "override_recorded", id=recorded.record.id)
        return recorded

    def revoke(self, pilot: str, override_id: int, by: str, author: Author) -> Override:
        """It counts no longer. Revoking again changes nothing. Raises UnknownOverrideError."""
        self._desk.pilot(pilot)
        refuse(line_problems("by", by, LONGEST_USER))
        now = self._desk.clock.now()
        with self._desk.watched():
            revoked = self._desk.store.revoke_override(pilot, override_id, by, author.at(now))
        if revoked is None:
            raise UnknownOverrideError(pilot, override_id)
        if revoked.revoked_at == now:
            self._desk.told(pilot, "override_revoked", id=override_id)
        return revoked

    def overrides(self, pilot: str, limit: int) -> tuple[Override, ...]:
        """The latest that were recorded, newest first, in force or not."""
        self._desk.pilot(pilot)
        with self._desk.watched():
            return self._desk.store.overrides(pilot, limit)

    def now(self) -> float:
        """The time by which it is told whether one is in force."""
        return self._desk.clock.now()

    def _criterion_problems(self, pilot: str, kind: OverrideKind, criterion: str) -> list[FieldProblem]:
        if kind is OverrideKind.HOLD:
            said = "a hold is of the whole rollout: leave the criterion out"
            return [FieldProblem("criterion", said)] if criterion else []
        problems = line_problems("criterion", criterion, LONGEST_TEXT)
        assessment = self._desk.snapshot().assessments.get(pilot)
        if problems or assessment is None:
            return problems
        known = tuple(dict.fromkeys(finding.text for finding in assessment.findings))
        if criterion in known:
            return []
        listed = named([repr(text) for text in known]) or "none"
        return [FieldProblem("criterion", f"is no criterion of the pilot's assessment; known: {listed}")]


def _reason_problems(reason: str) -> list[FieldProblem]:
    if not reason.strip():
        return [FieldProblem("reason", "must not be empty: others will ask for it")]
    return text_problems("reason", reason)


def _expiry_problems(expires_at: float, now: float) -> list[FieldProblem]:
    if expires_at > now + LONGEST_OVERRIDE:
        return [FieldProblem("expires_at", "is more than 90 days ahead; decide again when it has expired")]
    problems = moment_problems("expires_at", min(expires_at, now), now)
    if not problems and expires_at <= now:
        return [FieldProblem("expires_at", "is not in the future")]
    return problems
