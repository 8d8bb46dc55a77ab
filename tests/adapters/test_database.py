"""The database on a real disk: kill, damage, full and read-only disks, a second daemon, files that vanish, and its speed."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.database.tables import feedback, incidents
from slo_daemon.core.pilot.records import Severity
from slo_daemon.ports import StoreError
from tests.adapters.stores import act, incident, open_store, rating, state, transition

ROOT = Path(__file__).resolve().parents[2]
KILLS = 15


def program(name: str, folder: Path, *before: str) -> list[str]:
    return [*before, sys.executable, "-m", "tests.adapters.store_child", name, str(folder)]


def run(command: list[str]) -> list[Any]:
    """What a program told, line by line."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_on_small_disk(name: str, folder: Path) -> list[Any]:
    """On 8 MiB that only the program sees and that end with it; skips where nothing can be mounted."""
    mine = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]
    mount = f"mount -t tmpfs -o size=8m tmpfs '{folder}'"
    if subprocess.run([*mine, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here; the test with a limit on file sizes runs in its place")
    return run([*mine, "sh", "-c", f'{mount} && exec "$@"', "sh", *program(name, folder)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[DatabaseStore]:
    with closing(open_store(path)) as opened:
        yield opened


def refused(call: Callable[[], object]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        call()
    return caught.value


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


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


# Settings and schema


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


# Kill


@pytest.mark.slow
def test_killed_at_any_instant_no_acknowledged_record_is_lost_and_none_is_doubled(tmp_path: Path) -> None:
    instants = random.Random(20261122)
    acked: set[tuple[str, int]] = set()
    for _ in range(KILLS):
        writer = subprocess.Popen(
            program("write_until_killed", tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        with writer.stdout:
            assert json.loads(writer.stdout.readline()) == "open"
            killer = threading.Timer(instants.uniform(0.0, 0.3), writer.send_signal, [signal.SIGKILL])
            killer.start()
            lines = writer.stdout.read().splitlines(keepends=True)
        assert writer.wait(timeout=30) == -signal.SIGKILL
        acked |= {tuple(json.loads(line)) for line in lines if line.endswith("\n")}
    assert len(acked) > KILLS
    with closing(open_store(tmp_path / "store.db")) as store:
        told = store.transitions(limit=10**6)
        titles = [one.title for one in store.incidents("shop", 10**6)]
        users = [one.user for one in store.feedback("shop", 10**6)]
        last = store.states()["shop/latency"]
        assert last.sequence == told[0].sequence
        assert len(store.undelivered("am", 10**6)) == len(told)
        assert len(store.audit(10**6)) == len(titles) + len(users)
    assert len({one.sequence for one in told}) == len(told)
    assert len(set(titles)) == len(titles)
    assert len(set(users)) == len(users)
    assert {n for kind, n in acked if kind == "slot"} <= {one.sequence for one in told}
    assert {f"incident {n}" for kind, n in acked if kind == "incident"} <= set(titles)
    assert {f"user {n}" for kind, n in acked if kind == "rating"} <= set(users)
    with raw(tmp_path / "store.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_an_unfinished_new_database_is_thrown_away(path: Path) -> None:
    for suffix in (".new", ".new-wal", ".new-journal"):
        path.with_name(path.name + suffix).write_bytes(b"half")
    with closing(open_store(path)) as store:
        store.check()
    assert not list(path.parent.glob("*.new*"))


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


# Disks that are full or read-only


def test_a_full_disk_refuses_loses_nothing_can_still_be_cleaned_and_recovers_by_itself(
    tmp_path: Path,
) -> None:
    full, then, roomy, reopened, opened_full, at_last = run_on_small_disk("fill_disk", tmp_path)
    assert full["refused"] == "full"
    assert full["acked"] == full["stored"] > 10
    assert not full["ballast"]
    assert then == {
        "check": "full",
        "small": "full",
        "forget": "full",
        "delivered": "ok",
        "undelivered": 0,
        "states": ["shop/latency"],
    }
    assert roomy == {"check": "ok", "write": "ok", "stored": full["acked"] + 1, "ballast": True}
    assert reopened == full["acked"] + 1
    assert opened_full == {"states": ["shop/latency"], "check": "full"}
    assert at_last == {"check": "ok"}


def test_a_file_that_may_not_grow_refuses_loses_nothing_and_recovers_by_itself(tmp_path: Path) -> None:
    full, _, roomy, reopened = run(program("fill_to_limit", tmp_path))
    assert full["refused"] in ("full", "io")
    assert full["acked"] == full["stored"] > 10
    assert (roomy["check"], roomy["write"]) == ("ok", "ok")
    assert roomy["stored"] == reopened == full["acked"] + 1


def test_a_folder_without_the_right_to_write_is_named_and_nothing_is_left_in_it() -> None:
    with temporary_folder() as folder:
        open_store(folder / "store.db").close()
        folder.chmod(0o555)
        for file in folder.iterdir():
            file.chmod(0o444)
        (told,) = run(program("open_without_rights", folder))
        assert (told["new"], told["existing"]) == ("readonly", "readonly")
        assert told["there"] == ["store.db", "store.db.ballast", "store.db.lock"]


def test_a_read_only_disk_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    reasons, untouched = run_on_small_disk("open_on_read_only_disk", tmp_path)
    assert reasons == ["readonly"] * 3
    assert untouched


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """One that every user can read, which pytest's own are not."""
    made = subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()
    folder = Path(made)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


# Speed


def quickest(call: Callable[[], object]) -> float:
    """Seconds, the best of three: other tests run beside this one."""
    took = []
    for _ in range(3):
        started = time.monotonic()
        call()
        took.append(time.monotonic() - started)
    return min(took)


def test_a_slot_of_ten_thousand_slos_is_committed_within_a_second(store: DatabaseStore) -> None:
    ids = [f"shop/slo-{n}" for n in range(10_000)]
    slots = iter(range(60, 600, 60))

    def commit() -> None:
        slot = float(next(slots))
        told = [transition(slo_id, int(slot), slot) for slo_id in ids[:1000]]
        store.commit_slot([state(slo_id, slot) for slo_id in ids], told, ["am"])

    assert quickest(commit) < 1.0
    assert quickest(store.states) < 1.0


def test_records_are_summed_up_without_loading_them_all(path: Path) -> None:
    some = random.Random(20261122)
    file = SqliteFile(path)
    with closing(DatabaseStore(file)) as store:
        with file.write() as connection:
            connection.execute(
                insert(feedback),
                [
                    {
                        "pilot": "shop",
                        "username": f"user {some.randrange(60_000)}",
                        "rating": some.randrange(1, 6),
                    }
                    | {"text": "x" * 300, "given_at": some.random(), "recorded_at": 1.0, "context": {"n": n}}
                    for n in range(100_000)
                ],
            )
            connection.execute(
                insert(incidents),
                [
                    {"pilot": "shop", "title": f"incident {n}", "severity": some.choice([*Severity])}
                    | {"description": "x" * 300, "started_at": some.random(), "recorded_at": 1.0}
                    for n in range(10_000)
                ],
            )
        assert quickest(lambda: store.records("shop", since=0.5)) < 0.3
        assert quickest(lambda: store.undelivered("am")) < 0.1
        assert quickest(lambda: store.record_feedback(rating(), act())) < 0.1
