"""Writing reports: assessed at their time, compared with the one before, and one failure stops nothing else."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.adapters.report_files import MemoryReports, ReportFolder
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import NewIncident, Severity
from slo_daemon.core.report import SlotTally
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import Act, ReportFiles, ReportSink, SinkError, StoreError
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.report import Reporter, WrittenReport
from tests.factories import (
    NOW,
    SLOT,
    bad_readings,
    healthy_readings,
    plain_pilot,
    seed_pilot,
    seed_slos,
    view,
)
from tests.telling import Told

PLAIN = plain_pilot()
OTHER = replace(plain_pilot(seed_slos("other")), name="other")
MISSED = Transition(
    "plain/error-rate", 1, NOW + 60, Level.NONE, Level.CRITICAL, TransitionReason.THRESHOLD, "2.4%", 0.024
)


class World:
    """Pilots with healthy SLOs, a store in memory, and a reporter."""

    def __init__(self, *pilots: Pilot, sink: ReportSink | None = None) -> None:
        self.store = MemoryStore()
        self.told = Told()
        self.pilots = pilots
        self.board = Board(
            Snapshot(Specification(tuple(s for p in pilots for s in p.slos), pilots, "h"), None, None, {})
        )
        self.reporter = Reporter(Assessor(self.store, self.board, self.told), self.store, self.told, sink)
        self.measure(SLOT)

    def measure(self, slot: Slot, *, bad: bool = False) -> None:
        readings = bad_readings if bad else healthy_readings
        views = [view(slo, readings(slo), slot) for slo in self.board.current.specification.slos]
        self.board.change(
            lambda now: replace(now, slot=slot, slos={v.instance.id: v for v in views})
        )  # fmt: skip

    def report(self, at: float = NOW) -> WrittenReport:
        (written,) = self.reporter.report_all(at)
        return written


@pytest.fixture(params=["memory", "folder"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> ReportSink:
    return MemoryReports(keep=10) if request.param == "memory" else ReportFolder(tmp_path, keep=10)


def test_every_pilot_gets_its_report_in_both_formats(sink: ReportSink) -> None:
    world = World(PLAIN, OTHER, sink=sink)
    written = world.reporter.report_all(NOW, SlotTally(NOW - 60, 2, 0))
    assert [w.report.pilot.name for w in written] == ["plain", "other"]
    for one in written:
        assert one.files is not None
        assert one.files.id == "2026-11-22T10-00-00Z"
        for form in ("md", "html", "json"):
            assert sink.read(one.report.pilot.name, "latest", form) == one.texts[form]
        assert json.loads(one.texts["json"])["verdict"] == "READY"
    assert world.told.named("report_written") == [(NOW,)]


def test_the_second_report_tells_what_has_changed(sink: ReportSink) -> None:
    world = World(PLAIN, sink=sink)
    assert "There is no earlier report to compare with." in world.report().texts["md"]
    world.measure(Slot(NOW + 60, 30.0), bad=True)
    world.store.commit_slot([], [MISSED], [])
    world.store.record_incident(NewIncident("plain", "down", Severity.CRITICAL, "", NOW), Act("a", NOW))
    second = world.report(NOW + 60)
    changes = json.loads(second.texts["json"])["changes"]
    assert changes["since"] == "2026-11-22T10-00-00Z"
    assert "verdict: READY -> NOT_READY" in changes["told"]
    assert "1 incident more, 1 in total" in changes["told"]
    assert [t["slo"] for t in changes["transitions"]] == ["plain/error-rate"]
    assert "| 2026-11-22 10:01 | error-rate | none -> critical | threshold |" in second.texts["md"]
    assert sink.reports("plain") == ("2026-11-22T10-01-00Z", "2026-11-22T10-00-00Z")


def test_a_third_report_does_not_tell_old_level_changes_again(sink: ReportSink) -> None:
    world = World(PLAIN, sink=sink)
    world.store.commit_slot([], [MISSED], [])
    world.measure(Slot(NOW + 60, 30.0))
    world.report(NOW + 60)
    world.measure(Slot(NOW + 120, 30.0))
    changes = json.loads(world.report(NOW + 120).texts["json"])["changes"]
    assert (changes["transitions"], changes["told"]) == ([], [])


def test_the_same_state_gives_the_same_bytes() -> None:
    first, second = (World(seed_pilot(), sink=MemoryReports(keep=1)).report().texts for _ in range(2))
    assert first == second


def test_a_report_assesses_anew_at_its_own_time() -> None:
    world = World(PLAIN)
    assert json.loads(world.report(NOW).texts["json"])["verdict"] == "READY"
    late = json.loads(world.report(NOW + 3600).texts["json"])
    assert late["verdict"] == "INCONCLUSIVE"
    assert "last evaluated 1h ago" in late["advice_reason"]


def test_without_a_sink_the_texts_are_returned_and_nothing_is_claimed_to_be_written() -> None:
    world = World(PLAIN)
    written = world.report()
    assert (written.files, written.problem) == (None, "")
    assert set(written.texts) == {"md", "html", "json"}
    assert world.told.named("report_written") == []


class Choosy(MemoryReports):
    """Refuses one pilot's reports."""

    def write(self, pilot: str, report_id: str, texts: Mapping[str, str]) -> ReportFiles:
        if pilot == "plain":
            raise SinkError("disk full")
        return super().write(pilot, report_id, texts)


def test_a_refused_report_is_returned_with_its_problem_and_does_not_stop_the_others() -> None:
    world = World(PLAIN, OTHER, sink=Choosy(keep=1))
    refused, kept = world.reporter.report_all(NOW)
    assert (refused.files, refused.problem) == (None, "disk full")
    assert refused.texts["md"]
    assert kept.files is not None
    assert world.told.named("report_written") == []


def test_an_unreadable_sink_is_said_in_the_report_and_refused_in_the_end() -> None:
    sink = MemoryReports(keep=1)
    sink.failure = SinkError("folder gone")
    written = World(PLAIN, sink=sink).report()
    assert "The previous report cannot be read: folder gone" in written.texts["md"]
    assert written.problem == "folder gone"


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "{}", '{"verdict": "READY"}', "null"])
def test_a_damaged_previous_report_is_said_and_stops_nothing(text: str) -> None:
    sink = MemoryReports(keep=5)
    sink.write("plain", "2026-11-20T00-00-00Z", {"md": "x", "json": text})
    written = World(PLAIN, sink=sink).report()
    assert written.files is not None
    assert "The previous report cannot be read: it is not a report of this program" in written.texts["md"]


def test_without_the_store_the_report_is_inconclusive_and_says_so() -> None:
    world = World(PLAIN, sink=MemoryReports(keep=1))
    world.store.failure = StoreError("io", "disk gone")
    written = world.report()
    shape = json.loads(written.texts["json"])
    assert (shape["verdict"], shape["incidents"]) == ("INCONCLUSIVE", None)
    assert shape["changes"]["problem"] == "the store cannot be read: disk gone"
    assert "Not known: the store cannot be read: disk gone" in written.texts["md"]
    assert written.files is not None
