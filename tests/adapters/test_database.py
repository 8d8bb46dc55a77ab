"""The database: its settings, damage, a second daemon, other programs, and files that vanish. See `test_database_disk.py`."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from slo_daemon.adapters.database import DatabaseStore
from slo_daemon.ports import StoreError
from tests.adapters.stores import (
    ROOT,
    act,
    incident,
    open_store,
    program,
    raw,
    refused,
    run,
    state,
    transition,
)


def image(path: Path) -> dict[str, bytes]:
    """The files of a database, byte for byte."""
    return {
        file.name: file.read_bytes() for file in path.parent.glob(f"{path.name}*") if file.suffix != ".lock"
    }


def filled(path: Path) -> None:
    """A store with enough in it to have many pages."""
    with closing(open_store(path)) as store:
        store.commit_slot([state(f"shop/{n}") for n in range(500)], [transition()], ["am"])
        for n in range(50):
            store.record_incident(incident(f"incident {n}", description="x" * 500), act())


# Settings


@pytest.mark.parametrize("side", ["_writer", "_readers"])
def test_a_commit_is_on_the_disk_before_it_returns(store: DatabaseStore, side: str) -> None:
    with getattr(store._file, side).connect() as connection:
        got = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only")
        }
    readers = side == "_readers"
    full = 2
    assert got == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "query_only": int(readers),
    }


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    run(program("write_some", tmp_path, "strace", "-f", "-e", "trace=fdatasync,fsync", "-o", str(log)))
    assert log.read_text(encoding="utf-8").count("sync(") >= 20


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_disk_that_fails_to_write_through_acknowledges_nothing_and_is_checked_before_it_goes_on(
    tmp_path: Path,
) -> None:
    failing = "inject=fdatasync:error=EIO:when=9..11"
    *told, (_, stored) = run(
        program("write_some", tmp_path, "strace", "-qq", "-f", "-o", "/dev/null", "-e", failing)
    )
    endings = [reason for _, reason in told]
    assert set(endings) == {"ok", "io"}
    assert 1 <= endings.count("io") <= 3
    assert stored == sorted(f"incident {n}" for n, reason in told if reason == "ok")


def test_a_setting_that_sqlite_does_not_take_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(path).close()
    monkeypatch.setattr("slo_daemon.adapters.database.sqlite_file.PRAGMAS", {"journal_mode": "paper"})
    assert "journal_mode = paper" in refused(lambda: open_store(path)).detail
    monkeypatch.undo()
    open_store(path).close()


def test_what_fails_in_the_middle_of_a_call_changes_nothing(store: DatabaseStore) -> None:
    store.commit_slot([state()], [], [])
    half = [transition("shop/a"), transition("shop/b", detail="half a pair: \ud800")]
    with pytest.raises(UnicodeEncodeError):
        store.commit_slot([state(slot=120.0)], half, ["am"])
    assert store.states() == {"shop/latency": state()}
    assert store.undelivered("am") == ()
    store.commit_slot([state(slot=120.0)], half[:1], ["am"])
    assert store.undelivered("am") == (half[0],)


# Damage


def corrupt_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[2 * 4096 : 3 * 4096] = os.urandom(4096)
    path.write_bytes(data)


def corrupt_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:16] = b"not a database.."
    path.write_bytes(data)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lose_all_but_the_log(path: Path) -> None:
    path.unlink()
    path.with_name(path.name + "-wal").write_bytes(b"something")


def take_another_program_s_database(path: Path) -> None:
    path.unlink()
    with raw(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (corrupt_page, "is damaged|malformed"),
        (corrupt_header, "not a database"),
        (cut_in_half, "is damaged|malformed"),
        (empty, "is empty"),
        (lose_all_but_the_log, "holds writes"),
        (take_another_program_s_database, "not a store of slo-daemon"),
    ],
)
def test_a_damaged_store_is_refused_and_left_as_it_is(
    path: Path, damage: Callable[[Path], None], words: str
) -> None:
    filled(path)
    damage(path)
    before = image(path)
    for _ in range(2):
        with pytest.raises(StoreError, match=words) as caught:
            open_store(path)
        assert caught.value.reason == "corrupt"
        assert image(path) == before


def test_damage_in_the_log_that_a_crash_left_is_not_taken_for_data(path: Path, tmp_path: Path) -> None:
    with closing(open_store(path)) as store:
        store.commit_slot([state()], [], [])
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for name in ("store.db", "store.db-wal"):
            shutil.copy(tmp_path / name, crashed)
    log = crashed / "store.db-wal"
    log.write_bytes(log.read_bytes() + os.urandom(10_000))
    with closing(open_store(crashed / "store.db")) as store:
        assert store.states() == {"shop/latency": state()}


def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    filled(path)
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = image(path)
    error = refused(lambda: open_store(path))
    assert error.reason == "newer_schema"
    assert "9999" in error.detail
    assert image(path) == before


def test_a_folder_in_place_of_the_file_is_an_error(path: Path) -> None:
    path.mkdir()
    assert refused(lambda: open_store(path)).reason == "io"


def test_the_folder_of_a_new_store_is_made(tmp_path: Path) -> None:
    open_store(tmp_path / "a" / "b c#?%41" / "store.db").close()
    assert (tmp_path / "a" / "b c#?%41" / "store.db").exists()


# Another process


def test_a_second_daemon_is_refused_and_told_who_has_the_store(path: Path, tmp_path: Path) -> None:
    first = subprocess.Popen(
        program("hold", tmp_path), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert json.loads(first.stdout.readline()) == first.pid
        error = refused(lambda: open_store(path))
        assert error.reason == "locked"
        assert f"process {first.pid} " in error.detail
    finally:
        first.communicate(timeout=30)
    assert first.returncode == 0
    open_store(path).close()


def test_the_same_process_cannot_open_a_store_twice(store: DatabaseStore, path: Path) -> None:
    error = refused(lambda: open_store(path))
    assert error.reason == "locked"
    assert f"process {os.getpid()} " in error.detail
    store.check()


def test_a_failed_opening_lets_the_next_one_in(path: Path) -> None:
    path.write_bytes(b"")
    refused(lambda: open_store(path))
    path.unlink()
    open_store(path).close()


def test_a_write_gives_up_when_another_program_has_the_database_and_readers_never_wait(
    store: DatabaseStore, path: Path
) -> None:
    store.commit_slot([state()], [], [])
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert store.states() == {"shop/latency": state()}
        assert time.monotonic() - started < 1
        assert refused(lambda: store.commit_slot([state(slot=120.0)], [], [])).reason == "locked"
        assert 4 < time.monotonic() - started < 15
        other.execute("ROLLBACK")
    store.commit_slot([state(slot=120.0)], [], [])
    assert store.states() == {"shop/latency": state(slot=120.0)}


def test_readers_do_not_wait_for_the_writer_and_see_what_was_committed(store: DatabaseStore) -> None:
    store.commit_slot([state()], [], [])
    with store._file.write() as connection:
        connection.execute(text("DELETE FROM slo_states"))
        started = time.monotonic()
        assert store.states() == {"shop/latency": state()}
        assert time.monotonic() - started < 1
    assert store.states() == {}


# Files that vanish


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_file_that_is_moved_away_is_noticed_and_nothing_is_acknowledged_until_it_is_back(
    store: DatabaseStore, path: Path, suffix: str
) -> None:
    store.commit_slot([state()], [], [])
    victim = path.with_name(path.name + suffix)
    hidden = victim.rename(path.parent / "hidden")
    for _ in range(2):
        assert refused(store.check).reason == "io"
        error = refused(lambda: store.record_incident(incident(), act()))
        assert (error.reason, "deleted or replaced" in error.detail) == ("io", True)
        assert not victim.exists()
    hidden.rename(victim)
    store.check()
    assert store.incidents("shop") == ()
    store.record_incident(incident(), act())


def test_a_database_that_was_replaced_is_noticed(store: DatabaseStore, path: Path) -> None:
    store.commit_slot([state()], [], [])
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.replace(path)
    assert refused(store.check).reason == "io"
    assert refused(lambda: store.commit_slot([state(slot=120.0)], [], [])).reason == "io"
