"""Flagger's webhooks. Every hook answers so that silence, doubt and our own faults are harmless in its own protocol.

Flagger takes up to 202 as yes and everything else as no; of 429 and 5xx it asks again and drops the words. So the answers
are 200, 403 and 404 only, with one line of text. What a no does differs: a `confirm-*` hook then waits, `pre-rollout` and
`rollout` count a failed check (enough of them roll back), and of the `rollback` hook it is the *yes* that rolls back.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, assert_never

import structlog
from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import PlainTextResponse

from slo_daemon.core.pilot.gates import Gate, GateVerdict
from slo_daemon.core.pilot.pilot import Canary, Pilot
from slo_daemon.core.slo.phrases import visible
from slo_daemon.web.gates_api import decision_of, pilot_names
from slo_daemon.web.inputs import strict_json
from slo_daemon.web.limits import FirstTimes, TokenBuckets, read_body
from slo_daemon.web.parts import WebParts
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.records_api import PilotName
from slo_daemon.web.security import FLAGGER
from slo_daemon.workflows.rollouts import RolloutEvent

log = structlog.get_logger(__name__)
BODY_LIMIT = 64 * 1024  # bytes; Flagger sends some hundred
LONGEST_LINE = 400
YES = 200
NOTES_PER_SECOND = 5.0  # events that are kept and logged of one pilot, in the long run
NOTES_AT_ONCE = 100
LATEST = 253_402_300_799.0  # Unix seconds: the last that a date can show


class Hook(StrEnum):
    """The types of webhooks that Flagger has."""

    CONFIRM_ROLLOUT = "confirm-rollout"
    PRE_ROLLOUT = "pre-rollout"
    ROLLOUT = "rollout"
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    CONFIRM_PROMOTION = "confirm-promotion"
    POST_ROLLOUT = "post-rollout"
    EVENT = "event"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a hook answers. `gate`: what it asks, None when nothing. The rest are statuses: of the gate's verdicts (a stale
    one is inconclusive), when the pilot or the canary is another, when the body cannot be read, when we fail ourselves.
    """

    gate: Gate | None
    passed: int
    inconclusive: int
    failed: int
    unknown: int
    unreadable: int
    broken: int

    def of(self, verdict: GateVerdict) -> int:
        """The status of a verdict."""
        match verdict:
            case GateVerdict.PASS:
                return self.passed
            case GateVerdict.INCONCLUSIVE:
                return self.inconclusive
            case GateVerdict.FAIL:
                return self.failed
            case _:
                assert_never(verdict)


RULES: Mapping[Hook, Rule] = {
    # waits on no
    Hook.CONFIRM_ROLLOUT: Rule(Gate.ADVANCE, 200, 403, 403, 404, 403, 403),
    Hook.CONFIRM_TRAFFIC_INCREASE: Rule(Gate.ADVANCE, 200, 403, 403, 404, 403, 403),
    Hook.CONFIRM_PROMOTION: Rule(Gate.PROMOTE, 200, 403, 403, 404, 403, 403),
    # a no counts towards a rollback. Before there is traffic that hurts nobody, so a slip in a name is told there
    Hook.PRE_ROLLOUT: Rule(Gate.ROLLBACK, 200, 200, 403, 404, 200, 200),
    Hook.ROLLOUT: Rule(Gate.ROLLBACK, 200, 200, 403, 200, 200, 200),
    # yes rolls back
    Hook.ROLLBACK: Rule(Gate.ROLLBACK, 403, 403, 200, 404, 403, 403),
    # only listens
    Hook.POST_ROLLOUT: Rule(None, 200, 200, 200, 200, 200, 200),
    Hook.EVENT: Rule(None, 200, 200, 200, 200, 200, 200),
}

HookName = Annotated[str, Path(description="The type of the webhook, as in Flagger's Canary.")]


def flagger_routes(app: FastAPI, parts: WebParts) -> None:
    """/hooks/flagger/{pilot}/{hook}"""
    desk = _Desk(parts)

    @app.post(
        f"{FLAGGER}/{{pilot}}/{{hook}}",
        tags=["hooks"],
        summary="A webhook of Flagger",
        response_class=PlainTextResponse,
        responses={
            200: {"description": "Yes. Of `rollback`: roll back now."},
            403: {"description": "No, with the reason in one line."},
            404: {"description": "There is no such hook, pilot or canary."},
        },
    )
    async def webhook(request: Request, pilot: PilotName, hook: HookName) -> Response:
        """The body is Flagger's: name and namespace of the canary, phase, checksum, metadata."""
        if hook not in [known.value for known in Hook]:
            return _line(404, f"there is no hook {hook[:64]!r}; known: {', '.join(Hook)}")
        kind = Hook(hook)
        try:
            return desk.answer(kind, pilot, await _told(request))
        except Exception:  # a bug: what is harmless differs from hook to hook
            log.exception("hook_failed", hook=kind.value, pilot=pilot[:64])
            return _line(RULES[kind].broken, "slo-daemon failed on this question; its log says why")


class _Desk:
    """Answers from what is known, at once. Anybody may ask, so nothing that it keeps or logs grows without bound."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._slips = FirstTimes()
        self._notes = TokenBuckets(NOTES_PER_SECOND, NOTES_AT_ONCE)

    def answer(self, hook: Hook, name: str, told: "Told") -> Response:
        """The answer of a hook of the pilot of that name."""
        rule, snapshot = RULES[hook], self._parts.snapshot()
        pilot = next((one for one in snapshot.specification.pilots if one.name == name), None)
        if pilot is None:
            known = ", ".join(pilot_names(snapshot)) or "none"
            return self._strange(hook, f"there is no pilot {name[:64]!r}; known: {known}", told)
        if rule.gate is None:
            return self._note(hook, pilot, told)
        if hook is Hook.ROLLBACK and pilot.canary is None:
            return self._strange(hook, f"pilot {name} names no canary; set spec.rollout.flagger", told)
        if pilot.canary is not None and told.problem:
            return _line(rule.unreadable, f"the body is not Flagger's: {told.problem}", told.headers)
        if pilot.canary is not None and told.canary != pilot.canary:
            return self._strange(hook, _another(pilot.canary, told.canary), told)
        decision = decision_of(snapshot, self._parts.clock, name, rule.gate.value)
        status = rule.of(decision.verdict)
        if hook is Hook.ROLLBACK and status == YES and not self._notes.take("rollback"):
            log.warning(
                "rollback_signalled",
                pilot=name,
                canary=told.canary.name,
                namespace=told.canary.namespace,
                detail="; ".join(decision.reasons),
            )
        return _line(status, f"{decision.reason.value}: {'; '.join(decision.reasons)}", told.headers)

    def _strange(self, hook: Hook, said: str, told: "Told") -> Response:
        """For a pilot or a canary that the hook is not for: nobody means that, so the log tells it, once."""
        if self._slips.take(hook.value, said):
            log.warning("hook_for_nobody", hook=hook.value, detail=visible(said[:LONGEST_LINE]))
        return _line(RULES[hook].unknown, said, told.headers)

    def _note(self, hook: Hook, pilot: Pilot, told: "Told") -> Response:
        """Keep what a listening hook was told, unless it is of another canary, or cannot be read."""
        problem = told.problem
        if not problem and pilot.canary is not None and told.canary != pilot.canary:
            problem = _another(pilot.canary, told.canary)
        if not problem and self._notes.take(pilot.name):
            problem = "too many at once"
        if problem:
            return _line(YES, f"not kept: {problem}", told.headers)
        event = RolloutEvent(
            at=self._parts.clock.now(),
            hook=hook.value,
            canary=told.canary.name,
            namespace=told.canary.namespace,
            phase=told.phase,
            kind=told.metadata.get("eventType", ""),
            message=told.metadata.get("eventMessage", ""),
            told_at=_milliseconds(told.metadata.get("timestamp", "")),
        )
        self._parts.rollouts.add(pilot.name, event, pilot_names(self._parts.snapshot()))
        return _line(YES, "kept", told.headers)


@dataclass(frozen=True, slots=True)
class Told:
    """What a request's body says. `problem`: why it cannot be read, empty when it can. `headers`: of the answer."""

    canary: Canary
    phase: str
    metadata: Mapping[str, str]
    problem: str
    headers: Mapping[str, str]


async def _told(request: Request) -> Told:
    """Raises nothing that a client could cause."""
    try:
        value = strict_json(await read_body(request, BODY_LIMIT))
    except ProblemError as error:
        return Told(Canary("", ""), "", {}, error.detail, error.headers)
    fields = value if isinstance(value, dict) else {}
    name, namespace = fields.get("name"), fields.get("namespace")
    if not (isinstance(name, str) and isinstance(namespace, str) and name and namespace):
        return Told(Canary("", ""), "", {}, "name and namespace of the canary are missing", {})
    phase, metadata = fields.get("phase"), fields.get("metadata")
    words = {k: v for k, v in metadata.items() if isinstance(v, str)} if isinstance(metadata, dict) else {}
    return Told(Canary(name, namespace), phase if isinstance(phase, str) else "", words, "", {})


def _another(wanted: Canary, got: Canary) -> str:
    return (
        f"the hook is for canary {wanted.name} in namespace {wanted.namespace}, "
        f"not for {got.name[:64]!r} in {got.namespace[:64]!r}"
    )


def _milliseconds(text: str) -> float | None:
    """Unix milliseconds as Unix seconds; None for what is no time."""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        return None
    seconds = int(text) / 1000
    return seconds if math.isfinite(seconds) and seconds <= LATEST else None


def _line(status: int, said: str, headers: Mapping[str, str] | None = None) -> Response:
    line = visible(said)
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE - 1]}…"
    return PlainTextResponse(f"{line}\n", status, headers=dict(headers or {}))
