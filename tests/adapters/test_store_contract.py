"""What every Store does, whatever it is made of: one suite over the database, the database reopened for each call, and memory."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import IncidentChange, IncidentSummary, Ratings, Severity
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState, TransitionReason
from slo_daemon.ports import AuditEntry, KeyReusedError, Store, StoreError, WriteKind
from tests.adapters.stores import (
    Reopening,
    act,
    incident,
    open_store,
    rating,
    removal,
    state,
    transition,
)


@pytest.fixture(params=["database", "database reopened for each call", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    makers: dict[str, Callable[[], Store]] = {
        "database": lambda: open_store(tmp_path / "store.db"),
        "database reopened for each call": lambda: Reopening(tmp_path / "store.db"),
        "memory": MemoryStore,
    }
    made = makers[request.param]()
    yield made
    made.close()


def test_a_new_store_knows_nothing(store: Store) -> None:
    assert store.states() == {}
    assert store.undelivered("am") == ()
    assert store.transitions() == ()
    assert store.incidents("shop") == ()
    assert store.incident("shop", 1) is None
    assert store.feedback("shop") == ()
    assert store.audit() == ()
    none = dict.fromkeys(Severity, 0)
    records = store.records("shop", since=0.0)
    assert records.incidents == IncidentSummary(0, none, none, 0)
    assert records.ratings == Ratings(0, 0, 0)
    store.check()


def test_every_field_of_a_state_comes_back_as_it_was(store: Store) -> None:
    full = SloState(
        'shop/ratio{region="eu",zone="ü\'\\""}',
        level=Level.CRITICAL,
        since=1700000000.123456,
        reason=TransitionReason.MISSING_DATA,
        data_state=DataState.STALE,
        last_slot=1700000060.1,
        last_good_slot=1699999999.9,
        warning_run=3,
        critical_run=2,
        clear_run=1,
        clear_to=Level.WARNING,
        missing_seconds=0.1 + 0.2,
        missing_slots=7,
        sequence=41,
    )
    bare = SloState("shop/new")
    store.commit_slot([full, bare], [], ["am"])
    back = store.states()
    assert back == {full.slo_id: full, "shop/new": bare}
    assert isinstance(back[full.slo_id].level, Level)
    assert isinstance(back[full.slo_id].clear_to, Level)
    assert isinstance(back[full.slo_id].data_state, DataState)
    assert isinstance(back[full.slo_id].reason, TransitionReason)


def test_a_newer_state_replaces_the_stored_one_and_leaves_others_alone(store: Store) -> None:
    store.commit_slot([state("shop/a"), state("shop/b")], [], [])
    store.commit_slot([state("shop/a", 120.0, warning_run=1)], [], [])
    assert store.states() == {"shop/a": state("shop/a", 120.0, warning_run=1), "shop/b": state("shop/b")}


def test_a_state_of_an_older_slot_is_not_written(store: Store) -> None:
    store.commit_slot([state(slot=120.0, level=Level.CRITICAL)], [], [])
    store.commit_slot([state(slot=60.0)], [], [])
    store.commit_slot([state(slot=None)], [], [])
    assert store.states() == {"shop/latency": state(slot=120.0, level=Level.CRITICAL)}


def test_a_state_of_the_same_slot_and_one_after_no_slot_are_written(store: Store) -> None:
    store.commit_slot([state(slot=None, warning_run=1)], [], [])
    store.commit_slot([state(slot=None, warning_run=2)], [], [])
    assert store.states()["shop/latency"].warning_run == 2
    store.commit_slot([state(slot=60.0, warning_run=3)], [], [])
    store.commit_slot([state(slot=60.0, warning_run=4)], [], [])
    assert store.states()["shop/latency"].warning_run == 4


def test_the_transition_of_an_older_slot_is_kept_though_its_state_is_not(store: Store) -> None:
    """A slot that could not be stored in time is stored later, and its alert is not lost."""
    store.commit_slot([state(slot=120.0)], [], ["am"])
    store.commit_slot([state(slot=60.0)], [transition(slot=60.0)], ["am"])
    assert store.undelivered("am") == (transition(slot=60.0),)


def test_a_transition_waits_for_every_sink_until_that_one_has_taken_it(store: Store) -> None:
    first, second = transition(), transition(sequence=2, slot=120.0)
    store.commit_slot([state()], [first, second], ["am-0", "am-1"])
    store.delivered("am-0", [first])
    assert store.undelivered("am-0") == (second,)
    assert store.undelivered("am-1") == (first, second)
    assert store.undelivered("nobody") == ()


def test_marking_as_delivered_twice_or_what_never_waited_changes_nothing(store: Store) -> None:
    first, second = transition(), transition(sequence=2, slot=120.0)
    store.commit_slot([], [first, second], ["am"])
    store.delivered("am", [first, first])
    store.delivered("am", [first, transition("shop/never")])
    store.delivered("am", [])
    store.delivered("nobody", [second])
    assert store.undelivered("am") == (second,)


def test_undelivered_is_oldest_first_by_slot_and_can_be_read_in_parts(store: Store) -> None:
    late, early = transition("shop/a", 9, 180.0), transition("shop/z", 1, 60.0)
    middle = [transition("shop/b", 1, 120.0), transition("shop/c", 1, 120.0), transition("shop/c", 2, 120.0)]
    store.commit_slot([], [late, *reversed(middle)], ["am"])
    store.commit_slot([], [early], ["am"])
    assert store.undelivered("am") == (early, *middle, late)
    assert store.undelivered("am", limit=2) == (early, middle[0])


def test_the_latest_transitions_come_newest_first_of_one_slo_or_of_all(store: Store) -> None:
    a = [transition("shop/a", n, 60.0 * n) for n in range(1, 4)]
    b = [transition("shop/b", n, 60.0 * n + 30.0) for n in range(1, 4)]
    store.commit_slot([], a + b, [])
    assert store.transitions() == (b[2], a[2], b[1], a[1], b[0], a[0])
    assert store.transitions("shop/a") == (a[2], a[1], a[0])
    assert store.transitions("shop/a", limit=2) == (a[2], a[1])
    assert store.transitions(limit=1) == (b[2],)
    assert store.transitions("shop/none") == ()


def test_committing_a_transition_again_changes_nothing(store: Store) -> None:
    store.commit_slot([state()], [transition()], ["am"])
    store.commit_slot([state()], [transition()], ["am", "am-new"])
    assert store.transitions() == (transition(),)
    assert store.undelivered("am") == (transition(),)
    assert store.undelivered("am-new") == ()
    store.delivered("am", [transition()])
    store.commit_slot([state()], [transition(), transition()], ["am"])
    assert store.undelivered("am") == ()


def test_the_first_transition_of_a_number_stays(store: Store) -> None:
    store.commit_slot([], [transition(), transition(slot=120.0)], ["am"])
    store.commit_slot([], [transition(detail="another story"), transition(slot=180.0)], ["am"])
    assert store.transitions() == (transition(),)
    assert store.undelivered("am") == (transition(),)


def test_a_sink_named_twice_gets_one_entry(store: Store) -> None:
    store.commit_slot([], [transition()], ["am", "am"])
    store.delivered("am", [transition()])
    assert store.undelivered("am") == ()


def test_forgetting_deletes_the_state_and_tells_every_sink(store: Store) -> None:
    store.commit_slot([state("shop/a"), state("shop/b")], [transition("shop/a")], ["am"])
    store.forget([removal("shop/a")], ["am"])
    assert set(store.states()) == {"shop/b"}
    assert store.undelivered("am") == (transition("shop/a"), removal("shop/a"))
    assert store.transitions("shop/a") == (removal("shop/a"), transition("shop/a"))


def test_forgetting_twice_or_what_is_not_there_tells_once(store: Store) -> None:
    store.forget([removal()], ["am"])
    store.forget([removal()], ["am"])
    store.forget([], ["am"])
    assert store.undelivered("am") == (removal(),)
    assert store.states() == {}


def test_an_slo_that_comes_back_counts_anew_and_its_alerts_are_not_taken_for_old_ones(store: Store) -> None:
    store.commit_slot([state()], [transition()], ["am"])
    store.forget([removal()], ["am"])
    store.delivered("am", store.undelivered("am"))
    again = transition(slot=180.0)
    store.commit_slot([state(slot=180.0)], [again], ["am"])
    assert store.undelivered("am") == (again,)
    store.commit_slot([state(slot=180.0)], [again, transition(slot=240.0)], ["am"])
    assert store.undelivered("am") == (again,)
    store.delivered("am", [again])
    assert store.undelivered("am") == ()
    assert store.transitions() == (again, removal(), transition())


def test_old_and_new_namesakes_of_a_removed_slo_may_be_owed_in_one_call(store: Store) -> None:
    """While the store is down the daemon collects what it owes; a removal and a return may lie in between."""
    store.forget([removal()], ["am"])
    store.commit_slot([state(slot=180.0)], [transition(slot=60.0), transition(slot=180.0)], ["am"])
    assert store.undelivered("am") == (transition(slot=60.0), removal(), transition(slot=180.0))


def test_an_incident_gets_an_id_and_comes_back_as_it_was(store: Store) -> None:
    told = incident("¡caído! 🔥", description="line 1\nline 2", severity=Severity.WARNING, started_at=1.5)
    recorded = store.record_incident(told, act(at=7.25))
    assert recorded.created
    stored = recorded.record
    assert stored.id == 1
    assert (stored.title, stored.description, stored.severity) == (
        "¡caído! 🔥",
        "line 1\nline 2",
        Severity.WARNING,
    )
    assert (stored.started_at, stored.recorded_at, stored.resolved) == (1.5, 7.25, False)
    assert store.incident("shop", 1) == stored
    assert store.incidents("shop") == (stored,)
    assert store.record_incident(told, act()).record.id == 2


def test_an_incident_can_be_told_when_it_is_over(store: Store) -> None:
    stored = store.record_incident(incident(resolution="restarted", resolved_at=1500.0), act()).record
    assert stored.resolved
    assert store.incident("shop", stored.id) == stored


def test_incidents_come_by_start_newest_first_and_only_of_their_pilot(store: Store) -> None:
    old = store.record_incident(incident(started_at=10.0), act()).record
    new = store.record_incident(incident(started_at=30.0), act()).record
    middle = store.record_incident(incident(started_at=20.0), act()).record
    twin = store.record_incident(incident(started_at=20.0), act()).record
    other = store.record_incident(incident(pilot="other", started_at=99.0), act()).record
    assert store.incidents("shop") == (new, twin, middle, old)
    assert store.incidents("shop", limit=2) == (new, twin)
    assert store.incidents("other") == (other,)


@pytest.mark.parametrize("unknown", [0, -1, 2, 2**31, 2**63 - 1, 2**63, 10**30])
def test_an_id_that_was_never_given_is_no_incident(store: Store, unknown: int) -> None:
    store.record_incident(incident(), act())
    assert store.incident("shop", unknown) is None
    assert store.change_incident("shop", unknown, IncidentChange(resolution="?"), act()) is None
    assert len(store.audit()) == 1


def test_an_incident_of_another_pilot_is_neither_seen_nor_changed(store: Store) -> None:
    stored = store.record_incident(incident(), act()).record
    assert store.incident("other", stored.id) is None
    assert store.change_incident("other", stored.id, IncidentChange(resolution="mine"), act()) is None
    assert store.incident("shop", stored.id) == stored


def test_a_change_touches_only_the_fields_that_are_given(store: Store) -> None:
    stored = store.record_incident(incident(), act()).record
    resolved = store.change_incident(
        "shop", stored.id, IncidentChange(resolution="restarted", resolved_at=1500.0), act()
    )
    assert resolved == replace(stored, resolution="restarted", resolved_at=1500.0)
    changed = store.change_incident(
        "shop", stored.id, IncidentChange(severity=Severity.INFO, description=""), act()
    )
    assert changed == replace(
        stored, severity=Severity.INFO, description="", resolution="restarted", resolved_at=1500.0
    )
    assert store.incident("shop", stored.id) == changed
    assert store.incidents("shop") == (changed,)


def test_the_same_key_with_the_same_incident_gives_the_first_record(store: Store) -> None:
    first = store.record_incident(incident(), act("k1", at=1.0))
    again = store.record_incident(incident(), act("k1", at=2.0, actor="somebody else"))
    assert (first.created, again.created) == (True, False)
    assert again.record == first.record
    assert store.incidents("shop") == (first.record,)


def test_a_repeated_key_gives_the_record_as_it_is_now(store: Store) -> None:
    first = store.record_incident(incident(), act("k1")).record
    changed = store.change_incident("shop", first.id, IncidentChange(severity=Severity.INFO), act())
    again = store.record_incident(incident(), act("k1"))
    assert (again.record, again.created) == (changed, False)


def test_the_same_key_with_another_incident_is_refused_and_stores_nothing(store: Store) -> None:
    store.record_incident(incident(), act("k1"))
    for other in (
        incident("another title"),
        incident(severity=Severity.INFO),
        incident(description="less"),
        incident(started_at=1000.5),
        incident(resolution="over", resolved_at=2000.0),
    ):
        with pytest.raises(KeyReusedError, match="k1"):
            store.record_incident(other, act("k1"))
    assert len(store.incidents("shop")) == 1
    assert len(store.audit()) == 1


def test_the_content_that_was_asked_for_decides_when_it_is_given(store: Store) -> None:
    """A request without a start time asks for the same when it comes again later."""
    first = store.record_incident(incident(started_at=1.0), act("k1", content="digest of the request"))
    again = store.record_incident(incident(started_at=2.0), act("k1", content="digest of the request"))
    assert (again.record, again.created) == (first.record, False)
    with pytest.raises(KeyReusedError):
        store.record_incident(incident(started_at=1.0), act("k1", content="digest of another request"))


def test_keys_count_for_one_kind_of_write_and_one_pilot(store: Store) -> None:
    assert store.record_incident(incident(), act("k1")).created
    assert store.record_incident(incident(pilot="other"), act("k1")).created
    assert store.record_feedback(rating(), act("k1")).created
    assert store.record_feedback(rating(pilot="other"), act("k1")).created
    assert store.change_incident("shop", 1, IncidentChange(resolution="over"), act("k1")) is not None
    assert len(store.audit()) == 5


def test_without_a_key_the_same_is_recorded_again(store: Store) -> None:
    assert store.record_incident(incident(), act()).record.id == 1
    assert store.record_incident(incident(), act()).record.id == 2
    assert store.record_feedback(rating(), act()).record.id == 1
    assert store.record_feedback(rating(), act()).record.id == 2


def test_a_repeated_change_does_not_undo_a_newer_one(store: Store) -> None:
    stored = store.record_incident(incident(), act()).record
    down = IncidentChange(severity=Severity.INFO)
    store.change_incident("shop", stored.id, down, act("k1"))
    newer = store.change_incident("shop", stored.id, IncidentChange(severity=Severity.CRITICAL), act("k2"))
    assert store.change_incident("shop", stored.id, down, act("k1")) == newer
    assert store.incident("shop", stored.id) == newer
    assert len(store.audit()) == 3
    with pytest.raises(KeyReusedError):
        store.change_incident("shop", stored.id, IncidentChange(severity=Severity.WARNING), act("k1"))


def test_a_change_of_an_unknown_incident_leaves_its_key_free(store: Store) -> None:
    change = IncidentChange(resolution="over")
    assert store.change_incident("shop", 1, change, act("k1")) is None
    store.record_incident(incident(), act())
    changed = store.change_incident("shop", 1, change, act("k1"))
    assert changed is not None
    assert changed.resolution == "over"


def test_feedback_comes_back_as_it_was_with_the_kinds_of_its_context(store: Store) -> None:
    context = {"query": "boots \u2028", "rank": 3, "score": 0.1, "paid": True, "code": None, "big": 2**53 + 1}
    told = rating("zoë", 5, text="süper", given_at=1.5, context=context)
    recorded = store.record_feedback(told, act(at=2.5))
    stored = recorded.record
    assert recorded.created
    assert (stored.id, stored.user, stored.rating, stored.text) == (1, "zoë", 5, "süper")
    assert (stored.given_at, stored.recorded_at) == (1.5, 2.5)
    (back,) = store.feedback("shop")
    assert back == stored
    assert {key: (type(value), value) for key, value in back.context.items()} == {
        key: (type(value), value) for key, value in context.items()
    }


def test_feedback_comes_newest_first_and_only_of_its_pilot(store: Store) -> None:
    early = store.record_feedback(rating(given_at=10.0), act()).record
    late = store.record_feedback(rating(given_at=20.0), act()).record
    twin = store.record_feedback(rating(given_at=20.0), act()).record
    store.record_feedback(rating(pilot="other", given_at=99.0), act())
    assert store.feedback("shop") == (twin, late, early)
    assert store.feedback("shop", limit=1) == (twin,)


def test_the_same_key_with_the_same_rating_gives_the_first_and_with_another_is_refused(store: Store) -> None:
    first = store.record_feedback(rating(context={"a": 1, "b": 2}), act("k1"))
    again = store.record_feedback(rating(context={"b": 2, "a": 1}), act("k1"))
    assert (again.record, again.created) == (first.record, False)
    for other in (
        rating("bob"),
        rating(stars=1),
        rating(text="no"),
        rating(given_at=1.0),
        rating(context={"a": 1}),
        rating(context={"a": True, "b": 2}),
        rating(context={"a": 1.0, "b": 2}),
        rating(context={"a": "1", "b": 2}),
    ):
        with pytest.raises(KeyReusedError):
            store.record_feedback(other, act("k1"))
    assert store.feedback("shop") == (first.record,)


def test_a_user_has_one_vote_and_it_is_the_newest(store: Store) -> None:
    store.record_feedback(rating("ada", 5, given_at=30.0), act())
    store.record_feedback(rating("ada", 1, given_at=20.0), act())  # told later, given earlier
    store.record_feedback(rating("bob", 2, given_at=10.0), act())
    store.record_feedback(rating("bob", 3, given_at=10.0), act())  # of the same time: the later record
    store.record_feedback(rating("eve", 1, pilot="other"), act())
    ratings = store.records("shop", since=0.0).ratings
    assert (ratings.count, ratings.total, ratings.squares) == (2, 5 + 3, 25 + 9)
    assert ratings.recent == store.feedback("shop")
    assert store.records("shop", since=0.0, recent_feedback=3).ratings.recent == store.feedback(
        "shop", limit=3
    )


def test_incidents_are_summed_up_by_severity_state_and_start(store: Store) -> None:
    over = {"resolution": "done", "resolved_at": 5000.0}
    store.record_incident(incident(started_at=100.0), act())
    store.record_incident(incident(started_at=200.0, **over), act())
    store.record_incident(incident(started_at=300.0, severity=Severity.INFO), act())
    store.record_incident(incident(started_at=400.0, severity=Severity.INFO, **over), act())
    store.record_incident(incident(started_at=400.0, severity=Severity.INFO, **over), act())
    store.record_incident(incident(started_at=400.0, pilot="other"), act())
    summary = store.records("shop", since=200.0, recent_incidents=2).incidents
    assert summary.total == 5
    assert summary.open_by_severity == {Severity.CRITICAL: 1, Severity.WARNING: 0, Severity.INFO: 1}
    assert summary.resolved_by_severity == {Severity.CRITICAL: 1, Severity.WARNING: 0, Severity.INFO: 2}
    assert summary.started_since == 4  # one started at that very time
    assert summary.recent == store.incidents("shop", limit=2)
    assert store.records("shop", since=200.1).incidents.started_since == 3


def test_the_audit_names_who_wrote_what_and_leaves_repetitions_out(store: Store) -> None:
    store.record_incident(incident(), act("k1", at=1.0, actor="ada"))
    store.record_feedback(rating(pilot="other"), act(at=2.0, actor="bob"))
    store.change_incident("shop", 1, IncidentChange(resolution="over"), act(at=3.0, actor="eve"))
    store.record_incident(incident(), act("k1", at=4.0, actor="ada"))
    newest_first = (
        AuditEntry("eve", 3.0, WriteKind.CHANGE_INCIDENT, "shop", 1, None),
        AuditEntry("bob", 2.0, WriteKind.RECORD_FEEDBACK, "other", 1, None),
        AuditEntry("ada", 1.0, WriteKind.RECORD_INCIDENT, "shop", 1, "k1"),
    )
    assert store.audit() == newest_first
    assert store.audit(limit=1) == newest_first[:1]
    assert isinstance(store.audit()[0].kind, WriteKind)


@pytest.mark.parametrize(
    "text", ["", "'; DROP TABLE incidents; --", "NUL \0 inside", "\u2028\u2029\x85", "%s ? :name", "a" * 4000]
)
def test_any_text_is_kept_as_text(store: Store, text: str) -> None:
    stored = store.record_incident(incident(text, description=text), act(text, actor=text)).record
    assert store.incident("shop", stored.id) == stored
    assert (stored.title, stored.description) == (text, text)
    assert store.record_feedback(rating(text, text=text, context={text: text}), act(text)).record.text == text
    assert store.feedback("shop")[0].context == {text: text}
    assert store.audit()[0].key == text
    store.commit_slot([state(text)], [transition(text, detail=text)], [text])
    assert store.undelivered(text) == (transition(text, detail=text),)


@pytest.mark.parametrize("store", ["database", "memory"], indirect=True)
def test_many_threads_may_write_and_read_at_once(store: Store) -> None:
    """Half of the requests come twice, with the same key; nothing is lost or doubled, and ids are unique."""

    def write(n: int) -> int:
        store.commit_slot([state(f"shop/{n % 5}", float(n))], [transition("shop/0", n, float(n))], ["am"])
        store.records("shop", since=0.0)
        store.undelivered("am")
        return store.record_incident(incident(f"incident {n // 2}"), act(f"key {n // 2}")).record.id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(write, range(80)))
    assert sorted(ids) == sorted([*range(1, 41), *range(1, 41)])
    assert len(store.incidents("shop")) == 40
    assert len(store.audit(limit=1000)) == 40
    assert len(store.undelivered("am")) == 80
    assert {one.last_slot for one in store.states().values()} == {75.0, 76.0, 77.0, 78.0, 79.0}


def test_a_closed_store_says_so_and_may_be_closed_again(store: Store) -> None:
    store.close()
    store.close()
    for call in (store.states, store.check, lambda: store.commit_slot([], [], []), store.audit):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.reason == "closed"


def test_memory_can_be_told_to_fail_and_changes_nothing_then() -> None:
    store = MemoryStore()
    store.commit_slot([state()], [], ["am"])
    store.failure = StoreError("full", "no room")
    for call in (
        store.states,
        store.check,
        lambda: store.commit_slot([state("shop/b")], [transition()], ["am"]),
    ):
        with pytest.raises(StoreError, match="no room"):
            call()
    store.failure = None
    assert store.states() == {"shop/latency": state()}
    assert store.undelivered("am") == ()
