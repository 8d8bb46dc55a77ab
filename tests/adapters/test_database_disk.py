"""The database on a real disk: killed at any instant, on full and read-only disks, and its speed."""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.database.tables import feedback, incidents
from slo_daemon.core.pilot.records import RecordsQuery, Severity
from slo_daemon.core.slo.chunks import CELL, HOUR, ChunkBlock
from tests.adapters.stores import (
    ROOT,
    act,
    column,
    open_store,
    point,
    program,
    rating,
    raw,
    run,
    state,
    told,
    transition,
)

KILLS = 15


def run_on_small_disk(name: str, folder: Path) -> list[Any]:
    """On 8 MiB that only the program sees and that end with it; skips where nothing can be mounted."""
    mine = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]
    mount = f"mount -t tmpfs -o size=8m tmpfs '{folder}'"
    if subprocess.run([*mine, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here; the test with a limit on file sizes runs in its place")
    return run([*mine, "sh", "-c", f'{mount} && exec "$@"', "sh", *program(name, folder)])


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
        transitions = store.transitions(limit=10**6)
        titles = [one.title for one in store.incidents("shop", 10**6)]
        users = [one.user for one in store.feedback("shop", 10**6)]
        chunks = told(store.chunks(["events"], {HOUR: 0.0, CELL: 0.0}))
        points = [one.at for one in store.budget_points("shop/latency", 0.0)]
        last = store.states()["shop/latency"]
        assert last.sequence == transitions[0].sequence
        assert len(store.undelivered("am", 10**6)) == len(transitions)
        assert len(store.audit(10**6)) == len(titles) + len(users)
    assert len({one.sequence for one in transitions}) == len(transitions)
    assert len(set(titles)) == len(titles)
    assert len(set(users)) == len(users)
    assert {n for kind, n in acked if kind == "slot"} <= {one.sequence for one in transitions}
    assert {f"incident {n}" for kind, n in acked if kind == "incident"} <= set(titles)
    assert {f"user {n}" for kind, n in acked if kind == "rating"} <= set(users)
    numbers = {end // HOUR for span, _, end in chunks if span == HOUR}
    assert chunks == {
        (span, "events", n * span): {column(): (float(n), 12)} for n in numbers for span in (HOUR, CELL)
    }
    assert {n for kind, n in acked if kind == "chunks"} <= numbers
    assert points[-1] >= HOUR * max(n for kind, n in acked if kind == "point")
    with raw(tmp_path / "store.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_an_unfinished_new_database_is_thrown_away(path: Path) -> None:
    for suffix in (".new", ".new-wal", ".new-journal"):
        path.with_name(path.name + suffix).write_bytes(b"half")
    with closing(open_store(path)) as store:
        store.check()
    assert not list(path.parent.glob("*.new*"))


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
        "chunks": "full",
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

    assert quickest(commit) < 0.5
    assert quickest(store.states) < 1.0


def test_chunks_of_thirty_thousand_columns_are_stored_and_loaded_quickly(store: DatabaseStore) -> None:
    """Two days of hours; what thirty take is a matter of arithmetic."""
    asks = tuple(f"events of service {n}" for n in range(10_000))
    columns = tuple(column(ask, code=code) for ask in asks for code in ("2xx", "4xx", "5xx"))
    some = np.random.default_rng(20261122)
    hours = iter(range(1, 49))

    def hour() -> None:
        counts = some.poisson(1000.0, (1, len(columns))).astype(np.float32)
        seen = np.full(counts.shape, 12, np.uint8)
        store.save_chunks([ChunkBlock(HOUR, next(hours) * HOUR, asks, columns, counts, seen)])

    def load() -> None:
        loaded = sum(one.values.size for one in store.chunks(asks, {HOUR: 0.0}))
        assert loaded == 48 * len(columns)

    took = [quickest(hour) for _ in range(16)]
    assert min(took) < 0.3
    assert quickest(load) < 1.5


def test_points_of_ten_thousand_budgets_are_stored_and_thinned_out_quickly(store: DatabaseStore) -> None:
    ids = [f"shop/slo-{n}" for n in range(10_000)]
    hours = iter(range(165, 1000))

    def save() -> None:
        at = next(hours) * HOUR
        store.save_budget_points([point(slo_id, at) for slo_id in ids])

    store.save_budget_points([point(slo_id, hour * HOUR) for hour in range(12) for slo_id in ids])
    assert quickest(save) < 0.5
    assert quickest(save) < 0.5  # some hours have become a week old
    assert quickest(lambda: store.budget_points("shop/slo-7", 0.0)) < 0.1


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
        assert quickest(lambda: store.records("shop", RecordsQuery(1.0))) < 0.3
        assert quickest(lambda: store.undelivered("am")) < 0.1
        assert quickest(lambda: store.record_feedback(rating(), act())) < 0.1
