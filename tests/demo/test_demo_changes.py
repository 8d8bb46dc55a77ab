"""What changed between two looks at the board, and the story of an outage told from them."""

from dataclasses import replace

from slo_daemon.core.pilot.gates import Gate, decide
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.verdict import Finding, Verdict
from slo_daemon.core.slo.objective import Level
from slo_daemon.demo.changes import Standing, changes, standing
from slo_daemon.demo.incidents import Incident, IncidentKind, outage_among, past_incidents
from slo_daemon.demo.replay import moments
from tests.assessments import FIRED, INTERVAL, NOW, QUIET, READY, assessed
from tests.core.scenarios import bad_day_report
from tests.factories import SLOT, seed_pilot, seed_records, snapshot_of


def stood(*findings: Finding, at: float = NOW, **levels: Level) -> Standing:
    assessment = assessed(*findings)
    gates = tuple(decide(gate, assessment, NOW, INTERVAL) for gate in Gate)
    fired = {finding.text: finding for finding in assessment.fired}
    return Standing(at, assessment.verdict, assessment.advice, levels, fired, gates)


WELL = stood(READY, QUIET)
ILL = stood(READY, replace(FIRED, since=NOW), at=NOW, latency=Level.CRITICAL)


def test_a_trigger_that_fires_is_told_with_its_measure_the_verdict_the_advice_and_every_gate() -> None:
    assert list(changes(WELL, ILL)) == [
        "latency is at level critical",
        "rollback trigger fired: Error rate > 1% (2.4 % over 5m)",
        "verdict NOT_READY",
        "advice rollback",
        "gate promote fail (trigger_fired)",
        "gate advance fail (trigger_fired)",
        "gate rollback fail (trigger_fired)",
    ]


def test_a_trigger_that_clears_is_told_with_how_long_it_had_fired() -> None:
    assert list(changes(ILL, stood(READY, QUIET, at=NOW + 420, latency=Level.NONE))) == [
        "latency is at level none",
        "rollback trigger cleared: Error rate > 1%, after 7m",
        "verdict READY",
        "advice advance",
        "gate promote pass (ready)",
        "gate advance pass (ready)",
        "gate rollback pass (no_trigger_fired)",
    ]


def test_what_stays_as_it_is_is_not_told_again() -> None:
    assert list(changes(ILL, ILL)) == []
    assert list(changes(ILL, replace(ILL, at=NOW + 60))) == []


def test_text_from_a_file_brings_no_escape_code_into_the_terminal() -> None:
    odd = replace(FIRED, text="\x1b[31mred", detail="\x07")
    assert all("\x1b" not in said and "\x07" not in said for said in changes(WELL, stood(READY, odd)))


def test_a_standing_is_read_from_the_board_and_gates_turn_stale_with_time() -> None:
    report = bad_day_report()
    pilot = seed_pilot()
    snapshot = snapshot_of(pilot, report.views, seed_records(), SLOT, SLOT.time)
    now = standing(snapshot, pilot.name, SLOT.time, SLOT.interval)
    assert now.verdict is Verdict.NOT_READY
    assert now.advice is Advice.ROLLBACK
    assert "Error rate > 1%" in now.fired
    assert {one.gate: one.verdict.value for one in now.gates} == dict.fromkeys(Gate, "fail")
    later = standing(snapshot, pilot.name, SLOT.time + 3600, SLOT.interval)
    assert "gate rollback inconclusive (stale)" in list(changes(now, later))


def test_a_pilot_that_is_not_on_the_board_stands_nowhere_and_fires_nothing() -> None:
    snapshot = snapshot_of(seed_pilot(), [], seed_records(), SLOT, SLOT.time)
    nowhere = standing(snapshot, "another", SLOT.time, SLOT.interval)
    assert (nowhere.verdict, nowhere.fired, nowhere.levels) == (None, {}, {})
    assert {one.verdict.value for one in nowhere.gates} == {"inconclusive"}


def test_the_story_of_an_outage_has_only_the_moments_in_which_something_changed() -> None:
    over = stood(READY, QUIET, at=NOW + 600)
    found = moments(
        [WELL, replace(WELL, at=NOW + 60), replace(ILL, at=NOW + 120), replace(ILL, at=NOW + 180), over]
    )
    assert [moment.at for moment in found] == [NOW, NOW + 120, NOW + 600]
    assert found[0].said == ("advice advance", "gates: promote pass, advance pass, rollback pass")
    assert found[1].said == (
        "rollback trigger fired: Error rate > 1% (2.4 % over 5m)",
        "advice rollback",
        "gates: promote fail, advance fail, rollback fail",
    )
    assert found[2].said[0] == "rollback trigger cleared: Error rate > 1%, after 10m"


def test_the_outage_that_is_replayed_is_the_big_one_that_fails_requests() -> None:
    found = outage_among(past_incidents(7, NOW, 30))
    assert found is not None
    assert found.end - found.start == 3600
    assert found.error_share > 0.1
    assert outage_among(past_incidents(7, NOW, 14)) is None
    assert outage_among([Incident.of(IncidentKind.LATENCY, NOW, 7200)]) is None
