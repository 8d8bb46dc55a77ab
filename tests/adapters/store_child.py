"""Programs for `test_database.py` that are killed, run out of disk, or have no rights: `python -m tests.adapters.store_child NAME FOLDER`.

Each prints one JSON value per line.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.ports import StoreError
from tests.adapters.stores import (
    act,
    block,
    column,
    incident,
    open_store,
    point,
    rating,
    removal,
    state,
    transition,
)


def tell(value: Any) -> None:
    print(json.dumps(value), flush=True)


def reason(call: Callable[[], object]) -> str:
    """`ok`, or why the call was refused."""
    try:
        call()
    except StoreError as error:
        return error.reason
    return "ok"


def write_until_killed(folder: Path) -> None:
    """Writes under numbers that go on from the last time, and tells each one when its call has returned."""
    store = open_store(folder / "store.db")
    first = 1 + max((one.sequence for one in store.transitions(limit=1)), default=0)
    tell("open")
    for n in range(first, first + 100_000):
        store.commit_slot([state(slot=float(n), sequence=n)], [transition(sequence=n, slot=float(n))], ["am"])
        tell(["slot", n])
        store.record_incident(incident(f"incident {n}"), act(f"incident {n}"))
        tell(["incident", n])
        store.record_feedback(rating(f"user {n}"), act(f"rating {n}"))
        tell(["rating", n])
        store.save_chunks(
            [block({column(): [float(n)]}, n * span, span) for span in (HOUR, CELL)]  # two rows of the table
        )
        tell(["chunks", n])
        store.save_budget_points([point(at=n * HOUR)])
        tell(["point", n])


def write_some(folder: Path) -> None:
    """Twenty writes, each told with how it ended."""
    store = open_store(folder / "store.db")
    for n in range(20):
        tell([n, reason(lambda n=n: store.record_incident(incident(f"incident {n}"), act(f"incident {n}")))])
    tell(["stored", sorted(one.title for one in store.incidents("shop"))])
    store.close()


def fill(folder: Path, make_room: Callable[[], object]) -> None:
    """Write until nothing more goes in, look around, make room, and go on."""
    store = open_store(folder / "store.db")
    ballast = folder / "store.db.ballast"
    store.commit_slot([state()], [transition()], ["am"])
    acked, why = 0, "ok"
    while why == "ok" and acked < 1000:
        why = reason(lambda: store.record_feedback(rating(f"user {acked}", text="x" * 50_000), act()))  # noqa: B023
        acked += why == "ok"
    tell(
        {
            "refused": why,
            "acked": acked,
            "stored": len(store.feedback("shop", 2000)),
            "ballast": ballast.exists(),
        }
    )
    tell(
        {
            "check": reason(store.check),
            "small": reason(lambda: store.commit_slot([state()], [], [])),
            "forget": reason(lambda: store.forget([removal("shop/other")], [])),
            "delivered": reason(lambda: store.delivered("am", [transition()])),
            "chunks": reason(lambda: store.save_chunks([block({column(): [2.0]})])),
            "undelivered": len(store.undelivered("am")),
            "states": list(store.states()),
        }
    )
    make_room()
    tell(
        {
            "check": reason(store.check),
            "write": reason(lambda: store.record_feedback(rating("late"), act())),
            "stored": len(store.feedback("shop", 2000)),
            "ballast": ballast.exists(),
        }
    )
    store.close()
    store = open_store(folder / "store.db")
    tell(len(store.feedback("shop", 2000)))
    store.close()


def fill_disk(folder: Path) -> None:
    """`folder` is on a disk of few MiB."""
    other = folder / "somebody-else"
    other.write_bytes(bytes(2 << 20))
    fill(folder, other.unlink)
    with other.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1024)):
            pass
    store = open_store(folder / "store.db")
    tell({"states": list(store.states()), "check": reason(store.check)})
    other.unlink()
    tell({"check": reason(store.check)})


def fill_to_limit(folder: Path) -> None:
    """No file may be longer than a few MiB, as a disk that is full for each file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, most))
    fill(folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))


def open_on_read_only_disk(folder: Path) -> None:
    """`folder` is a mount of its own; it is made read-only."""
    open_store(folder / "store.db").close()
    before = sorted((entry.name, entry.stat().st_mtime_ns) for entry in folder.iterdir())
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    names = ("store.db", "new.db", "deeper/new.db")
    tell([reason(partial(open_store, folder / name)) for name in names])
    tell(before == sorted((entry.name, entry.stat().st_mtime_ns) for entry in folder.iterdir()))


def open_without_rights(folder: Path) -> None:
    """`folder` belongs to root. Everything is loaded before the rights are given up."""
    with tempfile.TemporaryDirectory() as own:
        open_store(Path(own) / "store.db").close()
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    tell(
        {
            "new": reason(lambda: open_store(folder / "new.db")),
            "existing": reason(lambda: open_store(folder / "store.db")),
            "there": sorted(entry.name for entry in folder.iterdir()),
        }
    )


def hold(folder: Path) -> None:
    """Open the store and keep it."""
    store = open_store(folder / "store.db")
    tell(os.getpid())
    sys.stdin.read()
    store.close()


if __name__ == "__main__":
    {
        program.__name__: program
        for program in (
            write_until_killed,
            write_some,
            fill_disk,
            fill_to_limit,
            open_on_read_only_disk,
            open_without_rights,
            hold,
        )
    }[sys.argv[1]](Path(sys.argv[2]))
