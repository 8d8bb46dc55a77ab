"""A backtest for programs: plain dicts, ready for any JSON encoder. Times are RFC 3339 in UTC, durations seconds."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from slo_daemon.core.backtest.spans import Span
from slo_daemon.core.backtest.story import Backtest, Episode, FindingStory, PilotStory, SloStory, Story
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.shapes import number
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import rfc3339

Json = dict[str, Any]
ValueT = TypeVar("ValueT")


def backtest_json(backtest: Backtest) -> Json:
    """What `slo-daemon backtest --output json` prints."""
    return {
        "from": rfc3339(backtest.start),
        "to": rfc3339(backtest.end),
        "step": backtest.step,
        "slots": backtest.slots,
        "incidents_known": backtest.told,
        "variants": [_story(story) for story in backtest.stories],
    }


def _story(story: Story) -> Json:
    return {
        "what_if": story.variant or None,
        "slos": [_slo(slo) for slo in story.slos],
        "pilots": [_pilot(pilot) for pilot in story.pilots],
        "source_down": _spans(story.source_down, "reason", str),
    }


def _slo(slo: SloStory) -> Json:
    budget = slo.budget
    return {
        "id": slo.id,
        "pilot": slo.pilot,
        "objective": {
            "direction": slo.objective.direction.value,
            "target": number(slo.objective.target.base),
            "unit": slo.objective.dimension.value,
        },
        "met": number(slo.share(True)),
        "missed": number(slo.share(False)),
        "unknown": number(slo.share(None)),
        "seconds_at": {level.word: number(slo.seconds_at(level)) for level in Level},
        "alerts": [_episode(episode) for episode in slo.episodes],
        "blind": _spans(slo.blind, "reason", str),
        "budget": {
            "remaining": number(budget.remaining),
            "coverage": number(budget.tally.coverage),
            "state": budget.state.value,
        }
        if budget
        else None,
    }


def _episode(episode: Episode) -> Json:
    return {
        "level": episode.level.word,
        "start": rfc3339(episode.start),
        "end": _moment(episode.end),
        "reason": episode.reason.value if episode.reason else None,
        "detail": episode.detail,
    }


def _pilot(pilot: PilotStory) -> Json:
    return {
        "pilot": pilot.name,
        "first_ready": _moment(pilot.first_ready),
        "shares": {verdict.value: number(pilot.share(verdict)) for verdict in Verdict},
        "verdicts": _spans(pilot.verdicts, "verdict", lambda verdict: verdict.value),
        "advice": _spans(pilot.advice, "advice", lambda advice: advice.value),
        "rollbacks": [
            {"start": rfc3339(one.start), "end": _moment(one.end), "triggers": list(one.triggers)}
            for one in pilot.rollbacks
        ],
        "criteria": [_finding(finding) for finding in pilot.findings],
    }


def _finding(finding: FindingStory) -> Json:
    longest = finding.longest_true
    return {
        "role": finding.role.value,
        "text": finding.text,
        "shares": {truth.value: number(finding.share(truth)) for truth in Truth},
        "first_true": _moment(finding.first_true),
        "longest_true": {"start": rfc3339(longest.start), "end": rfc3339(longest.end)} if longest else None,
        "states": _spans(finding.states, "state", lambda truth: truth.value),
        "blind": [{"start": rfc3339(span.start), "end": rfc3339(span.end)} for span in finding.blind],
        "last_reason": finding.reason,
        "last_detail": finding.detail,
    }


def _spans(spans: Iterable[Span[ValueT]], name: str, shown: Callable[[ValueT], str]) -> list[Json]:
    return [
        {name: shown(span.value), "start": rfc3339(span.start), "end": rfc3339(span.end)} for span in spans
    ]


def _moment(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
