"""What every Store does, whatever it is made of: one suite over the database, the database reopened for each call, and memory.

Here: states, transitions, outbox, and what holds for all. `test_store_contract_people.py` goes on with what people tell.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import WEEK, IncidentSummary, Ratings, Records, RecordsQuery, Severity
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState, TransitionReason
from slo_daemon.ports import Store, StoreError
from tests.adapters.stores import act, incident, rating, removal, state, transition


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def test_a_new_store_knows_nothing(store: Store) -> None:
    assert store.states() == {}
    assert store.undelivered("am") == ()
    assert store.transitions() == ()
    assert store.incidents("shop") == ()
    assert store.incident("shop", 1) is None
    assert store.feedback("shop") == ()
    assert store.audit() == ()
    none = dict.fromkeys(Severity, 0)
    assert store.overrides("shop") == ()
    assert store.records("shop", RecordsQuery(0.0)) == Records(
        IncidentSummary(0, none, none, {WEEK: none}), Ratings()
    )
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


@pytest.mark.parametrize("any_store", ["database", "memory"], indirect=True)
def test_many_threads_may_write_and_read_at_once(store: Store) -> None:
    """Half of the requests come twice, with the same key; nothing is lost or doubled, and ids are unique."""

    def write(n: int) -> int:
        store.commit_slot([state(f"shop/{n % 5}", float(n))], [transition("shop/0", n, float(n))], ["am"])
        store.records("shop", RecordsQuery(0.0))
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
