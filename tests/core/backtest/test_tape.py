"""Snapshots folded into a story: alerts, criteria, verdicts and advice as spans of time."""

import json
from dataclasses import replace

from slo_daemon.core.backtest.shape import backtest_json
from slo_daemon.core.backtest.tape import Tape
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import TransitionReason
from tests.core.backtest.world import START, STEP, backtest, eventful, finding, snapshot


def hour(number: float) -> float:
    return START + number * STEP


def test_every_level_above_none_is_an_episode_with_its_reason() -> None:
    (slo,) = eventful().story().slos

    assert [(e.level, e.start, e.end) for e in slo.episodes] == [
        (Level.WARNING, hour(20), hour(21)),
        (Level.CRITICAL, hour(21), hour(23)),
        (Level.WARNING, hour(23), hour(24)),
    ]
    assert all(e.reason is TransitionReason.THRESHOLD and "99.9 %" in e.detail for e in slo.episodes)
    assert slo.seconds_at(Level.WARNING) == 2 * STEP
    assert slo.seconds_at(Level.NONE) == 68 * STEP
    assert slo.share(True) == 1.0


def test_what_lasts_to_the_end_has_no_end() -> None:
    tape = Tape()
    tape.take(snapshot(0))
    tape.take(snapshot(1, level=Level.CRITICAL))

    (episode,) = tape.story().slos[0].episodes
    assert (episode.start, episode.end) == (hour(1), None)


def test_a_criterion_has_its_first_and_its_longest_time_and_its_shares() -> None:
    told, trigger = eventful().story().pilots[0].findings

    assert told.first_true == hour(10)
    best = told.longest_true
    assert best is not None
    assert (best.start, best.end) == (hour(24), hour(50))
    assert [told.share(truth) for truth in (Truth.TRUE, Truth.FALSE, Truth.UNKNOWN)] == [
        56 / 72,
        4 / 72,
        12 / 72,
    ]
    assert (told.reason, told.detail) == ("why", "because")
    assert trigger.role is Role.ROLLBACK
    assert [(span.start, span.end) for span in trigger.blind] == [(hour(51), hour(52))]


def test_ready_and_rollbacks_are_told_with_their_time_and_triggers() -> None:
    (pilot,) = eventful().story().pilots

    assert pilot.first_ready == hour(10)
    assert pilot.share(Verdict.NOT_READY) == 4 / 72
    (rollback,) = pilot.rollbacks
    assert (rollback.start, rollback.end) == (hour(21), hour(23))
    assert rollback.triggers == ("Availability < 99.5% & <b>more</b>",)


def test_the_time_without_a_source_is_told_with_its_reason() -> None:
    (down,) = eventful().story().source_down

    assert (down.value, down.start, down.end) == ("connect", hour(50), hour(52))


def test_memory_follows_changes_and_not_slots() -> None:
    tape = Tape()
    for number in range(5_000):
        tape.take(snapshot(number, findings=(finding(Truth.TRUE),)))
    story = tape.story()

    assert [len(story.slos[0].levels), len(story.pilots[0].verdicts)] == [1, 1]
    assert story.pilots[0].findings[0].states[0].seconds == 5_000 * STEP


def test_a_snapshot_that_was_never_evaluated_tells_nothing() -> None:
    tape = Tape()
    tape.take(replace(snapshot(0), slot=None))

    assert (tape.story().slos, tape.story().pilots) == ((), ())


def test_the_shape_is_plain_and_tells_the_same() -> None:
    shape = json.loads(json.dumps(backtest_json(backtest(eventful(), slots=72)), allow_nan=False))

    assert (shape["from"], shape["to"], shape["slots"]) == (
        "2026-11-22T00:00:00Z",
        "2026-11-25T00:00:00Z",
        72,
    )
    (variant,) = shape["variants"]
    assert variant["what_if"] is None
    (slo,) = variant["slos"]
    assert [alert["level"] for alert in slo["alerts"]] == ["warning", "critical", "warning"]
    assert slo["seconds_at"] == {"none": 68 * STEP, "warning": 2 * STEP, "critical": 2 * STEP}
    (pilot,) = variant["pilots"]
    assert pilot["first_ready"] == "2026-11-22T10:00:00Z"
    assert pilot["rollbacks"] == [
        {
            "start": "2026-11-22T21:00:00Z",
            "end": "2026-11-22T23:00:00Z",
            "triggers": ["Availability < 99.5% & <b>more</b>"],
        }
    ]
    assert [one["state"] for one in pilot["criteria"][0]["states"]] == [
        "unknown", "true", "false", "true", "unknown", "true",
    ]  # fmt: skip
