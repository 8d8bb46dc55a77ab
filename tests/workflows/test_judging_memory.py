"""What the judges remember, when the store comes late, when its notes are nonsense, and when one pilot breaks."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.gates import Gate, GateVerdict, decide
from slo_daemon.core.pilot.memory import PilotMemory
from slo_daemon.core.pilot.pilot import CriterionText, Pilot, Ramp, RampStep, Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import NewOverride, OverrideKind
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Verdict
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import Act, StoreError
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.notes import read_notes, write_notes
from tests.factories import NOW, bad_readings, healthy_readings, plain_pilot, view
from tests.telling import Told

EVERY = 30.0
TRIGGER = "Availability < 99.5%"
PILOT = replace(plain_pilot(), rollback_triggers=(CriterionText(TRIGGER, Role.ROLLBACK, parse(TRIGGER)),))


class NotesStore(MemoryStore):
    """A store whose notes alone can fail."""

    notes_failure: StoreError | None = None

    def notes(self) -> dict[str, str]:
        if self.notes_failure is not None:
            raise self.notes_failure
        return super().notes()


class Judging:
    """An assessor of one pilot, slot by slot."""

    def __init__(self, store: MemoryStore, *pilots: Pilot) -> None:
        self.pilots = pilots or (PILOT,)
        self.store, self.told, self.slot = store, Told(), -1
        self.board = Board(Snapshot(Specification((), self.pilots, "h"), None, None, {}))
        self.assessor = Assessor(store, self.board, self.told)

    def run(self, *, bad: bool = False, at: float | None = None) -> Mapping[str, Assessment]:
        self.slot += 1
        slot = Slot(NOW + EVERY * self.slot if at is None else at, EVERY)
        slos = tuple(slo for pilot in self.pilots for slo in pilot.slos)
        views = [view(slo, bad_readings(slo) if bad else healthy_readings(slo), slot) for slo in slos]
        self.board.change(
            lambda now: replace(
                now,
                specification=Specification(slos, self.pilots, "h"),
                slot=slot,
                slos={v.instance.id: v for v in views},
            )
        )
        return self.assessor.assess_all(slot.time).assessments

    def fired(self, *, bad: bool = False, at: float | None = None) -> bool:
        return bool(self.run(bad=bad, at=at)["plain"].fired)


def test_a_trigger_that_fired_before_a_restart_is_still_fired_when_the_notes_could_be_read_only_later() -> (
    None
):
    store = NotesStore()
    assert Judging(store).fired(bad=True)
    after = Judging(store)
    store.notes_failure = StoreError("locked", "busy")
    assert not after.fired(at=NOW + 60)
    store.notes_failure = None
    assert after.fired(at=NOW + 90)


def test_a_trigger_that_fired_while_the_notes_could_not_be_read_is_not_forgotten_when_they_can() -> None:
    store = NotesStore()
    assert not Judging(store).fired()  # a quiet time, written down
    after = Judging(store)
    store.notes_failure = StoreError("locked", "busy")
    assert after.fired(bad=True, at=NOW + 60)
    store.notes_failure = None
    assert after.fired(at=NOW + 90)


def test_how_long_a_stage_lasts_is_not_forgotten_when_the_notes_are_read_late() -> None:
    older, newer = PilotMemory("canary", NOW - 5_000.0), PilotMemory("canary", NOW)
    assert newer.after(older).stage_since == NOW - 5_000.0
    assert PilotMemory("beta", NOW).after(older) == PilotMemory("beta", NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["stage", "stage_since", "criteria", "watch", "holds", "at", "since", "seen", "truth"]),
    JSON,
)
def test_notes_that_are_nonsense_are_refused_and_break_nothing_later(name: str, value: object) -> None:
    store = MemoryStore()
    Judging(store).run(bad=True)
    content = json.loads(store.notes()["plain"])
    criterion = content["criteria"][0]
    for place in (content, criterion, criterion["watch"]):
        if name in place:
            place[name] = value
    with suppress(KeyError, TypeError, ValueError):
        read_notes(json.dumps(content))
    store.save_notes("plain", json.dumps(content), NOW)
    Judging(store).run(at=NOW + 60)


@pytest.mark.parametrize(
    "text", ["[]", "null", '{"stage": 1}', "{", '{"stage":"a","stage_since":null,"criteria":[{}]}']
)
def test_other_texts_are_no_notes(text: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_notes(text)


def test_notes_are_the_same_text_for_the_same_memory() -> None:
    store = MemoryStore()
    Judging(store).run(bad=True)
    text = store.notes()["plain"]
    assert write_notes(read_notes(text)) == text


def test_the_verdict_is_the_same_after_a_restart() -> None:
    store = MemoryStore()
    before = Judging(store)
    for bad in (False, True, False):
        before.run(bad=bad)
    again = Judging(store).run(at=NOW + 2 * EVERY)["plain"]
    assert again == before.board.current.assessments["plain"]
    assert again.verdict is Verdict.NOT_READY


def waive(store: MemoryStore, criterion: str = TRIGGER, seconds: float = 3_600.0) -> None:
    override = NewOverride("plain", OverrideKind.WAIVE, criterion, "Ada", "a known spike", NOW + seconds)
    store.record_override(override, Act("Ada", NOW))


def test_a_trigger_that_a_person_has_waived_does_not_roll_back_because_the_store_is_down() -> None:
    store = MemoryStore()
    judging = Judging(store)
    waive(store)
    assert not judging.fired(bad=True)
    store.failure = StoreError("io", "disk gone")
    assessment = judging.run(bad=True)["plain"]
    assert (assessment.fired, assessment.advice) == ((), Advice.HOLD)
    assert decide(Gate.ROLLBACK, assessment, assessment.at, EVERY).verdict is not GateVerdict.FAIL


def test_a_waiver_ends_while_the_store_is_down() -> None:
    store = MemoryStore()
    judging = Judging(store)
    waive(store, seconds=60.0)
    judging.run(bad=True)
    store.failure = StoreError("io", "disk gone")
    assert not judging.fired(bad=True, at=NOW + 30)
    assert judging.fired(bad=True, at=NOW + 60)


def test_waivers_from_before_make_nothing_pass_while_the_store_is_down() -> None:
    store = MemoryStore()
    judging = Judging(store)
    for text in ("no critical incident is unresolved", TRIGGER):
        waive(store, text)
    assert judging.run()["plain"].verdict is Verdict.READY
    store.failure = StoreError("io", "disk gone")
    assert judging.run()["plain"].verdict is Verdict.INCONCLUSIVE


def test_a_person_who_holds_the_rollout_holds_it_while_the_store_is_down() -> None:
    store = MemoryStore()
    judging = Judging(store)
    hold = NewOverride("plain", OverrideKind.HOLD, "", "Ada", "sale weekend", NOW + 3_600.0)
    store.record_override(hold, Act("Ada", NOW))
    judging.run()
    store.failure = StoreError("io", "disk gone")
    assert [one.by for one in judging.run()["plain"].holds] == ["Ada"]


@pytest.mark.parametrize("ramp", [None, Ramp(0.05, 0.2, (RampStep(1, 0.05), RampStep(2, 0.2)))])
def test_a_stalled_daemon_advises_no_rollback_by_what_fired_hours_ago(ramp: Ramp | None) -> None:
    judging = Judging(MemoryStore(), replace(PILOT, ramp=ramp))
    assert judging.run(bad=True)["plain"].advice is Advice.ROLLBACK
    later = judging.assessor.assess_all(NOW + 7_200.0).assessments["plain"]
    assert later.advice is Advice.HOLD
    assert later.advice_reason.startswith("last evaluated 2h ago")
    assert later.ramp is None or later.ramp.advised > 0.0
    assert later.verdict is Verdict.NOT_READY


def test_a_pilot_that_cannot_be_judged_for_a_bug_takes_no_other_along_and_has_no_verdict() -> None:
    broken = replace(PILOT, name="broken", success_metrics=(None,))  # type: ignore[arg-type]
    judging = Judging(MemoryStore(), PILOT)
    judging.pilots = (broken, PILOT)
    assert set(judging.run()) == {"plain"}
    judging.pilots = (replace(broken, success_metrics=()), PILOT)
    assert set(judging.run()) == {"broken", "plain"}


HELD = "availability >= 99% for 1m"


def test_what_was_held_of_another_indicator_does_not_count_after_a_reload() -> None:
    """The text is the same, but what it speaks of was not seen for a minute yet."""
    criterion = CriterionText(HELD, Role.GO_LIVE, parse(HELD))
    pilot = replace(plain_pilot(), go_live_criteria=(criterion,))
    judging = Judging(MemoryStore(), pilot)

    def held() -> Truth:
        found = judging.run()["plain"].findings
        return next(one.state for one in found if one.text == HELD)

    assert [held() for _ in range(3)] == [Truth.UNKNOWN, Truth.UNKNOWN, Truth.TRUE]
    judging.pilots = (replace(pilot, title="another title"),)
    assert held() is Truth.TRUE
    availability = pilot.slos[2]
    assert availability.name == "availability"
    errors, requests = parse_selector('other_total{code="500"}'), parse_selector("other_total")
    other = Ratio(errors, requests, counts_good=False, as_good=True)
    slos = (*pilot.slos[:2], replace(availability, indicator=other))
    judging.pilots = (replace(pilot, slos=slos),)
    assert held() is not Truth.TRUE


def test_what_is_held_goes_on_after_a_restart() -> None:
    criterion = CriterionText(HELD, Role.GO_LIVE, parse(HELD))
    store, pilot = MemoryStore(), replace(plain_pilot(), go_live_criteria=(criterion,))
    before = Judging(store, pilot)
    for _ in range(2):
        before.run()
    found = Judging(store, pilot).run(at=NOW + 2 * EVERY)["plain"].findings
    assert next(one.state for one in found if one.text == HELD) is Truth.TRUE
