"""What every Store counts of people's records, and how it takes whole files. See `test_store_contract.py`."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.database.sqlite_file import USUAL_CACHE
from slo_daemon.core.pilot.records import (
    NewFeedback,
    RecordsQuery,
    Severity,
    VoteCounting,
    Votes,
    VotesQuery,
)
from slo_daemon.ports import AuditEntry, Imported, KeyReusedError, RowConflictError, Store, WriteKind
from slo_daemon.ports.people import Row
from tests.adapters.stores import act, incident, rating

EVER = VotesQuery()


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def asked(
    store: Store, at: float, *queries: VotesQuery, votes: VoteCounting = VoteCounting.NEWEST
) -> list[Votes]:
    found = store.records("shop", RecordsQuery(at, vote_windows=frozenset(queries), votes=votes)).votes
    assert set(found) == set(queries)
    return [found[query] for query in queries]


def give(store: Store, *given: NewFeedback) -> None:
    for one in given:
        store.record_feedback(one, act())


def test_a_rating_comes_back_with_its_segments(store: Store) -> None:
    recorded = store.record_feedback(rating(cohort="mobile", variant="treatment"), act()).record
    assert (recorded.cohort, recorded.variant) == ("mobile", "treatment")
    assert store.feedback("shop") == (recorded,)
    assert store.record_feedback(rating(), act()).record.cohort is None


def test_the_same_key_with_another_segment_is_refused(store: Store) -> None:
    store.record_feedback(rating(cohort="mobile"), act("k1"))
    with pytest.raises(KeyReusedError):
        store.record_feedback(rating(cohort="desktop"), act("k1"))


def test_votes_are_counted_in_windows_that_end_at_the_time_asked_for(store: Store) -> None:
    give(
        store,
        rating("ada", 5, given_at=10.0),
        rating("bob", 4, given_at=20.0),
        rating("eve", 1, given_at=30.0),
    )
    last_ten, shorter = VotesQuery(10.0), VotesQuery(9.9)
    assert asked(store, 30.0, EVER, last_ten, shorter) == [
        Votes((1, 0, 0, 1, 1)),
        Votes((1, 0, 0, 1, 0)),
        Votes((1, 0, 0, 0, 0)),
    ]
    assert asked(store, 29.9, EVER, VotesQuery(5.0)) == [Votes((0, 0, 0, 1, 1)), Votes()]
    assert store.records("shop", RecordsQuery(29.9)).ratings.votes == Votes((0, 0, 0, 1, 1))


def test_the_newest_rating_as_of_a_time_is_the_vote(store: Store) -> None:
    give(store, rating("ada", 1, given_at=10.0), rating("ada", 5, given_at=20.0))
    assert asked(store, 15.0, EVER) == [Votes((1, 0, 0, 0, 0))]
    assert asked(store, 20.0, EVER) == [Votes((0, 0, 0, 0, 1))]
    assert asked(store, 30.0, VotesQuery(15.0)) == [Votes((0, 0, 0, 0, 1))]


def test_every_rating_is_a_vote_where_the_pilot_counts_all(store: Store) -> None:
    give(
        store,
        rating("ada", 1, given_at=10.0),
        rating("ada", 5, given_at=20.0),
        rating("bob", 5, given_at=40.0),
    )
    window = VotesQuery(5.0)
    assert asked(store, 20.0, EVER, window, votes=VoteCounting.ALL) == [
        Votes((1, 0, 0, 0, 1)),
        Votes((0, 0, 0, 0, 1)),
    ]
    everything = store.records("shop", RecordsQuery(20.0, votes=VoteCounting.ALL)).ratings
    assert everything.votes == Votes((1, 0, 0, 0, 1))


def test_a_segment_is_a_cohort_or_a_variant_and_has_a_vote_of_each_of_its_users(store: Store) -> None:
    give(
        store,
        rating("ada", 5, given_at=10.0, cohort="mobile", variant="treatment"),
        rating("ada", 1, given_at=20.0, variant="control"),
        rating("ada", 2, given_at=30.0),
        rating("bob", 4, given_at=10.0, cohort="mobile", variant="control"),
        rating("bob", 3, given_at=20.0, cohort="mobile", variant="control"),
        rating("eve", 1, given_at=10.0, pilot="other", cohort="mobile"),
    )
    mobile, control, both = (VotesQuery(None, name) for name in ("mobile", "control", "treatment"))
    assert asked(store, 40.0, mobile, control, both, EVER) == [
        Votes((0, 0, 1, 0, 1)),
        Votes((1, 0, 1, 0, 0)),
        Votes((0, 0, 0, 0, 1)),
        Votes((0, 1, 1, 0, 0)),
    ]
    assert asked(store, 40.0, VotesQuery(20.0, "mobile"), VotesQuery(20.0, "treatment")) == [
        Votes((0, 0, 1, 0, 0)),
        Votes(),
    ]
    assert asked(store, 40.0, VotesQuery(None, "nobody")) == [Votes()]
    assert asked(store, 40.0, control, votes=VoteCounting.ALL) == [Votes((1, 0, 1, 1, 0))]


def test_a_name_that_is_a_cohort_and_a_variant_has_the_votes_of_both(store: Store) -> None:
    give(
        store,
        rating("ada", 5, given_at=10.0, cohort="beta"),
        rating("ada", 4, given_at=20.0, variant="beta"),
        rating("bob", 1, given_at=10.0, variant="beta"),
    )
    assert asked(store, 30.0, VotesQuery(None, "beta")) == [Votes((1, 0, 0, 1, 0))]


def test_an_incident_counts_as_it_was_at_the_time_asked_for(store: Store) -> None:
    store.record_incident(incident(started_at=10.0, resolution="over", resolved_at=20.0), act(at=12.0))
    then = store.records("shop", RecordsQuery(15.0)).incidents
    assert (then.open_by_severity[Severity.CRITICAL], then.resolved_by_severity[Severity.CRITICAL]) == (1, 0)
    assert then.recent[0].resolved is False
    now = store.records("shop", RecordsQuery(20.0)).incidents
    assert (now.open_by_severity[Severity.CRITICAL], now.resolved_by_severity[Severity.CRITICAL]) == (0, 1)
    assert store.records("shop", RecordsQuery(9.0)).incidents.total == 0


def test_an_incident_of_a_clock_that_is_ahead_blocks_at_once(store: Store) -> None:
    store.record_incident(incident(started_at=300.0), act(at=12.0))
    found = store.records("shop", RecordsQuery(12.0)).incidents
    assert found.open_by_severity[Severity.CRITICAL] == 1
    assert len(found.recent) == 1


def rows(*users: str, key: bool = True) -> list[Row[NewFeedback]]:
    return [Row(rating(user), f"row of {user}" if key else None) for user in users]


def test_a_file_is_recorded_whole_with_one_entry_in_the_audit(store: Store) -> None:
    done = store.import_feedback("shop", rows("ada", "bob"), act("file", at=7.0))
    assert done == Imported(2, 0, created=True)
    assert {(one.user, one.recorded_at) for one in store.feedback("shop")} == {("ada", 7.0), ("bob", 7.0)}
    assert dict(store.feedback("shop")[0].context) == {"query": "boots"}
    assert store.audit() == (AuditEntry("ops", 7.0, WriteKind.IMPORT_FEEDBACK, "shop", 2, "file"),)


def test_the_same_file_again_is_not_recorded_again(store: Store) -> None:
    mine = rows("ada", "bob", key=False)
    store.import_feedback("shop", mine, act("file"))
    assert store.import_feedback("shop", mine, act("file")) == Imported(2, 0, created=False)
    with pytest.raises(KeyReusedError):
        store.import_feedback("shop", mine[:1], act("file"))
    assert len(store.feedback("shop")) == 2
    assert len(store.audit()) == 1


def test_overlapping_files_do_not_double_rows_that_have_keys(store: Store) -> None:
    store.import_feedback("shop", rows("ada", "bob"), act())
    assert store.import_feedback("shop", rows("bob", "eve", "eve"), act()) == Imported(1, 2, created=True)
    assert sorted(one.user for one in store.feedback("shop")) == ["ada", "bob", "eve"]
    assert store.import_feedback("other", rows("ada"), act()) == Imported(1, 0, created=True)


def test_a_row_that_says_something_else_under_its_key_refuses_the_whole_file(store: Store) -> None:
    store.import_feedback("shop", rows("ada"), act())
    changed = [Row(rating("new"), "row of new"), Row(rating("ada", 1), "row of ada")]
    with pytest.raises(RowConflictError) as caught:
        store.import_feedback("shop", changed, act("file"))
    assert caught.value.rows == (1,)
    assert [one.user for one in store.feedback("shop")] == ["ada"]
    assert len(store.audit()) == 1
    assert store.import_feedback("shop", changed[:1], act("file")) == Imported(1, 0, created=True)


def test_incidents_are_imported_likewise_and_their_keys_are_their_own(store: Store) -> None:
    over = replace(incident("b"), resolution="done", resolved_at=2000.0)
    mine = [Row(incident("a"), "k"), Row(over, None)]
    assert store.import_incidents("shop", mine, act("file", at=3.0)) == Imported(2, 0, created=True)
    assert {(one.title, one.resolved_at, one.recorded_at) for one in store.incidents("shop")} == {
        ("a", None, 3.0),
        ("b", 2000.0, 3.0),
    }
    assert store.import_feedback("shop", [Row(rating(), "k")], act("file")) == Imported(1, 0, created=True)
    assert store.record_incident(incident(), act("k")).created
    assert store.import_incidents("shop", [], act()) == Imported(0, 0, created=True)


def test_a_database_takes_its_memory_back_after_an_import(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "store.db")
    with closing(DatabaseStore(file)) as opened:
        opened.import_feedback("shop", rows("ada"), act())
        with file.write() as connection:
            assert connection.exec_driver_sql("PRAGMA cache_size").scalar_one() == USUAL_CACHE
