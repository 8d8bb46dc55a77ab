"""A daemon's web as a process of its own: `python -m tests.web.serving PORT_FILE LOG_FILE [fail]`.

Its store takes a second for each record, so that a signal comes while writes are under way. Writes down what happened.
"""

import sys
import threading
from pathlib import Path

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.web.serve import bind, serve
from tests.web.house import PILOT, House

SECONDS = 1.0


class SlowStore(MemoryStore):
    def record_feedback(self, feedback, act):  # type: ignore[no-untyped-def]
        threading.Event().wait(SECONDS)
        return super().record_feedback(feedback, act)


def main() -> None:
    ports, log = Path(sys.argv[1]), Path(sys.argv[2])
    house = House(store=SlowStore())

    def note(text: str) -> None:
        with log.open("a") as file:
            file.write(f"{text}\n")

    def start() -> None:
        note("start")
        if "fail" in sys.argv:
            raise RuntimeError("cannot start")

    def stop() -> None:
        note(f"stop with {len(house.store.feedback(PILOT, 1_000))} records")

    listener = bind("127.0.0.1", 0)
    ports.write_text(str(listener.getsockname()[1]))
    serve(house.app(), listener, on_start=start, on_stop=stop)
    note("returned")


if __name__ == "__main__":
    main()
