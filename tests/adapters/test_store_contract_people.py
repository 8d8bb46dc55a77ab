"""What every Store does with what people tell: incidents, feedback, idempotency keys, audit. See `test_store_contract.py`."""

from dataclasses import replace
from typing import Any

import pytest

from slo_daemon.core.pilot.records import WEEK, IncidentChange, RecordsQuery, Severity, Votes
from slo_daemon.ports import AlreadyResolvedError, AuditEntry, KeyReusedError, Store, WriteKind
from tests.adapters.stores import act, incident, rating


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


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


def test_a_resolution_is_not_overwritten_unless_that_is_asked_for(store: Store) -> None:
    stored = store.record_incident(incident(), act()).record
    first = IncidentChange(resolution="restarted", resolved_at=1500.0)
    resolved = store.change_incident("shop", stored.id, first, act("k1"))
    for other in (IncidentChange(resolution="went away"), IncidentChange(resolved_at=1600.0)):
        with pytest.raises(AlreadyResolvedError) as refused:
            store.change_incident("shop", stored.id, other, act())
        assert refused.value.incident == resolved == store.incident("shop", stored.id)
    assert store.change_incident("shop", stored.id, IncidentChange(resolution="restarted"), act()) == resolved
    assert store.change_incident("shop", stored.id, first, act("k1")) == resolved
    replaced = store.change_incident("shop", stored.id, IncidentChange(resolution="x", replaces=True), act())
    assert replaced is not None
    assert (replaced.resolution, replaced.resolved_at) == ("x", 1500.0)


def test_words_may_be_added_to_a_resolution_without_words(store: Store) -> None:
    stored = store.record_incident(incident(), act()).record
    store.change_incident("shop", stored.id, IncidentChange(resolution="", resolved_at=1500.0), act())
    told = store.change_incident("shop", stored.id, IncidentChange(resolution="restarted"), act())
    assert told is not None
    assert (told.resolution, told.resolved_at) == ("restarted", 1500.0)


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
    ratings = store.records("shop", RecordsQuery(100.0)).ratings
    assert ratings.votes == Votes((0, 0, 1, 0, 1))
    assert (ratings.count, ratings.total, ratings.squares) == (2, 5 + 3, 25 + 9)
    assert ratings.recent == store.feedback("shop")
    assert store.records("shop", RecordsQuery(100.0, recent_feedback=3)).ratings.recent == store.feedback(
        "shop", limit=3
    )


def test_incidents_are_summed_up_by_severity_state_and_start(store: Store) -> None:
    over: dict[str, Any] = {"resolution": "done", "resolved_at": 450.0}
    store.record_incident(incident(started_at=100.0), act())
    store.record_incident(incident(started_at=200.0, **over), act())
    store.record_incident(incident(started_at=300.0, severity=Severity.INFO), act())
    store.record_incident(incident(started_at=400.0, severity=Severity.INFO, **over), act())
    store.record_incident(incident(started_at=400.0, severity=Severity.INFO, **over), act())
    store.record_incident(incident(started_at=400.0, pilot="other"), act())
    windows = frozenset({WEEK, 300.0, 299.9})
    summary = store.records("shop", RecordsQuery(500.0, windows, recent_incidents=2)).incidents
    assert summary.total == 5
    assert summary.open_by_severity == {Severity.CRITICAL: 1, Severity.WARNING: 0, Severity.INFO: 1}
    assert summary.resolved_by_severity == {Severity.CRITICAL: 1, Severity.WARNING: 0, Severity.INFO: 2}
    assert summary.started == {
        WEEK: {Severity.CRITICAL: 2, Severity.WARNING: 0, Severity.INFO: 3},
        300.0: {Severity.CRITICAL: 1, Severity.WARNING: 0, Severity.INFO: 3},  # one at that very time
        299.9: {Severity.CRITICAL: 0, Severity.WARNING: 0, Severity.INFO: 3},
    }
    assert summary.started_since == 5
    assert summary.recent == store.incidents("shop", limit=2)


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
