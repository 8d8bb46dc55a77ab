"""Starting and stopping the daemon: what a start that fails leaves behind, and what a stop still does."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from slo_daemon import app
from slo_daemon.adapters.database import DatabaseStore
from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.app import Daemon, open_store
from slo_daemon.cli import app as cli
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState
from slo_daemon.demo.servers import free_port
from slo_daemon.ports import SinkError, StoreError
from slo_daemon.settings import Settings, read_settings
from slo_daemon.web.serve import bind

SPEC = """\
apiVersion: slo-daemon/v1
kind: Slos
metadata: {{name: {name}}}
spec:
  slos:
    - name: availability
      sli: {{ratio: {{bad: 'r{{code="500"}}', total: r}}, as: good}}
      objective: {{at_least: 99.9%, warning: 99.9%, critical: 99.5%}}
      window: 5m
"""


class House:
    """A folder with a specification and settings; Prometheus is a port that nobody listens on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = folder / "slos.yaml"
        self.write("shop")
        self.document: dict[str, Any] = {
            "apiVersion": "slo-daemon/v1",
            "kind": "Settings",
            "specs": [str(self.spec)],
            "prometheus": {"url": f"http://127.0.0.1:{free_port()}", "timeout": "500ms"},
            "evaluation": {"interval": "1s"},
            "store": {"url": f"sqlite:///{folder / 'state.db'}"},
            "web": {"listen": f"127.0.0.1:{free_port()}"},
            "reports": {"folder": str(folder / "reports")},
        }

    def write(self, name: str) -> None:
        self.spec.write_text(SPEC.format(name=name))

    @property
    def file(self) -> Path:
        file = self.folder / "settings.yaml"
        file.write_text(yaml.safe_dump(self.document))
        return file

    @property
    def settings(self) -> Settings:
        return read_settings(self.file, {}).settings


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def run_until() -> Iterator[Callable[[Daemon, Callable[[], object]], object]]:
    """Run a daemon in this thread until something is true (or 20 s are over); SIGTERM ends it."""
    watchers: list[Thread] = []

    def run(daemon: Daemon, done: Callable[[], object]) -> object:
        def watch() -> None:
            for _ in range(400):
                if done():
                    break
                Event().wait(0.05)
            os.kill(os.getpid(), signal.SIGTERM)

        watcher = Thread(target=watch)
        watchers.append(watcher)
        watcher.start()
        return daemon.run()

    yield run
    for watcher in watchers:
        watcher.join()


def free_again(house: House) -> None:
    """The address and the store can be taken by somebody else."""
    settings = house.settings
    bind(settings.web.listen.host, settings.web.listen.port).close()
    open_store(settings).close()


def test_a_folder_for_reports_that_cannot_be_used_is_told_and_leaves_nothing_open(house: House) -> None:
    (house.folder / "reports").write_text("I am a file")
    with pytest.raises(SinkError):
        Daemon(house.settings)
    free_again(house)
    result = CliRunner().invoke(cli, ["run", "--config", str(house.file)])
    assert result.exit_code == 2
    assert "reports" in result.stderr
    assert "Traceback" not in result.output


def test_a_token_that_cannot_be_read_leaves_nothing_open(house: House) -> None:
    house.document["web"]["tokens"] = {"admin": {"file": str(house.folder / "missing")}}
    result = CliRunner().invoke(cli, ["run", "--config", str(house.file)])
    assert result.exit_code == 2
    del house.document["web"]["tokens"]
    free_again(house)


def test_a_store_that_fails_when_it_is_first_read_ends_with_2(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_store: DatabaseStore) -> dict[str, SloState]:
        raise StoreError("io", "disk I/O error")

    monkeypatch.setattr(DatabaseStore, "states", broken)
    result = CliRunner().invoke(cli, ["run", "--config", str(house.file)])
    assert result.exit_code == 2
    assert "disk I/O error" in result.stderr
    free_again(house)


def test_a_web_that_cannot_be_made_leaves_nothing_open(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "create_web", lambda _parts: 1 / 0)
    daemon = Daemon(house.settings)
    with pytest.raises(ZeroDivisionError):
        daemon.run()
    free_again(house)


def test_a_change_between_reading_and_starting_is_not_overlooked(
    house: House, run_until: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a large store takes its time; meanwhile somebody may write the specification."""
    monkeypatch.setattr(app, "LOOK_AT_FILES", 0.5)
    daemon = Daemon(house.settings)
    house.write("new-shop")

    def names() -> set[str]:
        return {slo.pilot for slo in daemon.board.current.specification.slos}

    run_until(daemon, lambda: names() == {"new-shop"})
    assert names() == {"new-shop"}


def test_a_file_that_is_still_being_written_is_left_until_two_looks_agree(
    house: House, run_until: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file may be good YAML with fewer SLOs, and their history would be forgotten."""
    monkeypatch.setattr(app, "LOOK_AT_FILES", 3_600.0)
    daemon = Daemon(house.settings)
    reloads: list[str] = []
    monkeypatch.setattr(daemon, "reload", lambda: reloads.append(house.spec.read_text()))

    def looked() -> bool:
        if daemon.board.current.slot is None:
            return False  # it has not begun yet
        for name in ("half", "whole"):
            house.write(name)
            daemon._look_at_files()
        assert reloads == []
        daemon._look_at_files()
        return True

    run_until(daemon, looked)
    assert reloads == [house.spec.read_text()]


def test_what_the_store_did_not_take_is_stored_at_the_stop(
    house: House, run_until: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    store.commit_slot([SloState("gone/slo", Level.CRITICAL, last_slot=60.0)], [], [])
    monkeypatch.setattr(app, "open_store", lambda _settings: store)
    monkeypatch.setattr(store, "close", lambda: None)  # so that we can look into it afterwards
    daemon = Daemon(house.settings)
    forget = store.forget

    def only_at_the_end(*arguments: Any) -> None:
        if not daemon._asker.stopping:
            raise StoreError("locked", "another process writes")
        forget(*arguments)

    monkeypatch.setattr(store, "forget", only_at_the_end)
    run_until(daemon, lambda: daemon.board.current.slot is not None)
    assert "gone/slo" not in store.states()
    assert store.transitions("gone/slo")[0].before is Level.CRITICAL


def test_a_slot_that_hangs_is_left_behind_and_the_caller_is_told(
    house: House, run_until: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon itself ends no process: whoever runs it may have things of his own to clean up."""
    monkeypatch.setattr(app, "STOP_SECONDS", 0.2)

    def silent(listener: socket.socket) -> None:
        connections = [listener.accept()[0] for _ in range(2)]  # of the slot, and of what fills the history
        Event().wait(3.0)
        for connection in connections:
            connection.close()

    with closing(bind("127.0.0.1", 0)) as listener:
        server = Thread(target=silent, args=(listener,))
        server.start()
        house.document["prometheus"]["url"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        house.document["prometheus"]["timeout"] = "2s"
        house.document["evaluation"]["interval"] = "3s"
        daemon = Daemon(house.settings)
        assert run_until(daemon, lambda: daemon._evaluator.busy) is False
        free_again(house)
        server.join()


def test_a_stop_without_trouble_is_a_clean_one(house: House, run_until: Callable[..., object]) -> None:
    daemon = Daemon(house.settings)
    assert run_until(daemon, lambda: daemon.board.current.slot is not None) is True
    free_again(house)


def test_no_report_is_written_before_anything_was_evaluated(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[object] = []
    daemon = Daemon(house.settings)
    monkeypatch.setattr(daemon._reporter, "report_all", lambda *arguments: reports.append(arguments))
    daemon._report()
    assert reports == []
    daemon._opened.close()


@pytest.mark.parametrize(
    ("listen", "host"),
    [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("[::]:0", "[::1]"), (":0", "127.0.0.1")],
)
def test_the_address_can_be_opened(house: House, listen: str, host: str) -> None:
    house.document["web"]["listen"] = listen
    try:
        daemon = Daemon(house.settings)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with daemon._opened:
        assert daemon.url == f"http://{host}:{daemon.listener.getsockname()[1]}"
