"""Incidents, feedback and overrides as JSON. Times are RFC 3339 in UTC."""

from slo_daemon.core.pilot.records import Feedback, Incident, Override
from slo_daemon.core.slo.phrases import rfc3339


def incident_json(incident: Incident) -> dict[str, object]:
    """One incident, all fields always there."""
    return {
        "id": incident.id,
        "pilot": incident.pilot,
        "title": incident.title,
        "severity": incident.severity.value,
        "description": incident.description,
        "state": "resolved" if incident.resolved else "open",
        "started_at": rfc3339(incident.started_at),
        "recorded_at": rfc3339(incident.recorded_at),
        "resolution": incident.resolution,
        "resolved_at": None if incident.resolved_at is None else rfc3339(incident.resolved_at),
        "source": incident.source.value,
        "fingerprint": incident.fingerprint,
    }


def feedback_json(feedback: Feedback) -> dict[str, object]:
    """One rating, all fields always there."""
    return {
        "id": feedback.id,
        "pilot": feedback.pilot,
        "user": feedback.user,
        "rating": feedback.rating,
        "text": feedback.text,
        "given_at": rfc3339(feedback.given_at),
        "recorded_at": rfc3339(feedback.recorded_at),
        "context": dict(feedback.context),
        "cohort": feedback.cohort,
        "variant": feedback.variant,
    }


def override_json(override: Override, at: float) -> dict[str, object]:
    """One override, all fields always there. `at`: the time (Unix seconds) of which `in_force` speaks."""
    return {
        "id": override.id,
        "pilot": override.pilot,
        "kind": override.kind.value,
        "criterion": override.criterion,
        "by": override.by,
        "reason": override.reason,
        "created_at": rfc3339(override.created_at),
        "expires_at": rfc3339(override.expires_at),
        "revoked_at": None if override.revoked_at is None else rfc3339(override.revoked_at),
        "revoked_by": override.revoked_by,
        "in_force": override.in_force(at),
    }
