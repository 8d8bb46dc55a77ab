"""Alertmanager's webhook: other people's alerts become incidents of a pilot.

Alertmanager sends again after 5xx only. So an answer of 2xx means committed, what may work later is a 503, and a 4xx is only
for what can never be taken. Fields that are not needed may be missing, unknown or odd: losing an alert is worse.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import Any

from fastapi import FastAPI, Request, Response

from slo_daemon.core.pilot.alert_reports import AlertOutcome, AlertReport, is_own, severity_of
from slo_daemon.core.slo.phrases import visible
from slo_daemon.web.documents import ALERT_NOTIFICATION, BEARER, HOOK
from slo_daemon.web.inputs import moment
from slo_daemon.web.limits import read_body
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError, json_response
from slo_daemon.web.records_api import PilotName
from slo_daemon.web.security import ALERTMANAGER_HOOK
from slo_daemon.workflows.checks import LONGEST_TEXT, LONGEST_TITLE
from slo_daemon.workflows.desk import Author
from slo_daemon.workflows.take_alerts import AlertIntake

HOOK_LIMIT = 8 << 20  # bytes: some thousand alerts of one group
LONGEST_FINGERPRINT = 128
LARGEST_COUNT = 10**9


@dataclass(frozen=True, slots=True)
class Notification:
    """What a payload says. `own`: alerts that slo-daemon itself caused; `unreadable`: those that are none."""

    reports: tuple[AlertReport, ...]
    own: int
    unreadable: int
    truncated: int


def alertmanager_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/hooks/alertmanager/{pilot}"""
    intake = AlertIntake(parts.recorder)

    @app.post(
        ALERTMANAGER_HOOK,
        tags=["hooks"],
        summary="Alertmanager's webhook (version 4): alerts become incidents",
        openapi_extra=BEARER | ALERT_NOTIFICATION,
        responses=HOOK,
    )
    async def take(request: Request, pilot: PilotName) -> Response:
        """Each outage once, however often it is told. Alerts that slo-daemon caused are left out."""
        body = await read_body(request, HOOK_LIMIT)

        def work() -> Response:
            told = read_notification(body)
            author = Author(f"{request.state.role}: Alertmanager")
            counts, left_out = intake.take(pilot, told.reports, author, truncated=told.truncated)
            answer = {outcome.value: counts.outcomes.get(outcome, 0) for outcome in AlertOutcome}
            more = {"own": told.own, "left_out": left_out + told.unreadable, "truncated": told.truncated}
            return json_response(answer | more)

        return await rooms.store.run(work)


def read_notification(body: bytes) -> Notification:
    """Raises ProblemError when it is no JSON object with a list of `alerts`."""
    try:
        payload = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ProblemError(400, "bad_json", "the body is not acceptable JSON") from None
    alerts = payload.get("alerts") if isinstance(payload, dict) else None
    if not isinstance(alerts, list):
        raise ProblemError(
            422, "no_alerts", "a notification of Alertmanager is an object with a list of alerts"
        )
    reports, own, unreadable = [], 0, 0
    for alert in alerts:
        labels = alert.get("labels") if isinstance(alert, dict) else None
        report = _report(alert, labels) if isinstance(labels, dict) else None
        if isinstance(labels, dict) and is_own(labels):
            own += 1
        elif report is None:
            unreadable += 1
        else:
            reports.append(report)
    truncated = payload.get("truncatedAlerts")
    missing = truncated if isinstance(truncated, int) and 0 < truncated < LARGEST_COUNT else 0
    return Notification(tuple(reports), own, unreadable, int(missing))


def _report(alert: Mapping[str, Any], labels: Mapping[str, Any]) -> AlertReport | None:
    annotations = alert.get("annotations")
    said: Mapping[str, Any] = annotations if isinstance(annotations, dict) else {}
    starts_at = _moment(alert.get("startsAt"))
    if starts_at is None:
        return None
    title = visible(_first(said, "summary") or _first(labels, "alertname") or "alert")
    description = _first(said, "description") or _first(said, "message")
    ends_at = None
    if alert.get("status") == "resolved":
        told = _moment(alert.get("endsAt"))
        ends_at = inf if told is None or told < starts_at else told  # over now, whenever that was
    return AlertReport(
        fingerprint=_fingerprint(alert.get("fingerprint"), labels),
        starts_at=starts_at,
        ends_at=ends_at,
        severity=severity_of(_first(labels, "severity")),
        title=title[:LONGEST_TITLE],
        description=description.replace("\0", "\ufffd")[:LONGEST_TEXT],
    )


def _fingerprint(given: object, labels: Mapping[str, Any]) -> str:
    """Alertmanager's, which older servers do not send; then one of the labels, as it is there."""
    text = visible(_text(given))
    if text and len(text) <= LONGEST_FINGERPRINT:
        return text
    return sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()


def _moment(value: object) -> float | None:
    try:
        return moment(value)
    except (ValueError, OverflowError):
        return None


def _first(words: Mapping[str, Any], name: str) -> str:
    return _text(words.get(name)).strip()


def _text(value: object) -> str:
    """Text without halves of surrogate pairs, which no store takes."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
