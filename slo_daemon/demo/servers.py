"""Real Prometheus and Alertmanager servers on free loopback ports, each in a folder of its own."""

import shutil
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from slo_daemon.demo.child import Child

LOOPBACK = "127.0.0.1"
_PORT_TRIES = 5
_LISTEN_SECONDS = 20.0
_POLL_SECONDS = 0.05
_TAIL_LINES = 15

# Debian renames one program; other systems use the upstream names.
_PROGRAMS = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
}


class ServerError(RuntimeError):
    """A server could not be started, died, did not become ready, or refused its configuration."""


class ProgramMissingError(ServerError):
    """A program is not installed; the message names the next step."""


def find_binary(program: str) -> str:
    """Absolute path of `prometheus`, `promtool`, `alertmanager` or `amtool`, under any of its usual names.

    Raises ProgramMissingError when PATH has none of them, KeyError for a program this module does not know.
    """
    names = _PROGRAMS[program]
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return str(Path(found).absolute())
    looked_for = " or ".join(names)
    raise ProgramMissingError(
        f"{program} is not installed: PATH has no {looked_for}.\n"
        "  Debian or Ubuntu: apt-get install prometheus prometheus-alertmanager\n"
        "  elsewhere: unpack the archives from https://prometheus.io/download/ and put their folders on PATH"
    )


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago. Someone may take it before we do: be ready to retry."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Server(ABC):
    """One server: its port is chosen at the first start and kept by every later one, like its data folder.

    Used as a context manager it is started and ready inside the block, and stopped with nothing running after it.
    """

    name: str
    stop_grace_seconds = 15.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{self.name}.log"
        self._port: int | None = None
        self._child: Child | None = None
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy named in the environment must not see loopback requests

    @property
    def address(self) -> str:
        """host:port, as Prometheus' configuration wants targets and Alertmanagers."""
        if self._port is None:
            raise ServerError(f"{self.name} has no address before its first start")
        return f"{LOOPBACK}:{self._port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.exit_code is None

    def start(self) -> Self:
        """Start and return once the server listens (not yet ready: `wait_ready`). Raises ServerError when it dies."""
        if self.running:
            raise ServerError(f"{self.name} is running already")
        self.write_configuration()
        for attempt in range(1, _PORT_TRIES + 1):
            port = self._port if self._port is not None else free_port()
            self._child = Child(self._command(f"{LOOPBACK}:{port}"), self.log)
            if self._listens(self._child, port):
                self._port = port
                return self
            if "address already in use" not in self._child.log_of_this_run():
                raise self._died()
            threading.Event().wait(0.1 * attempt)  # matters only for a kept port: its last owner may be going
        raise ServerError(f"{self.name} found no free port in {_PORT_TRIES} tries\n{self.log_tail()}")

    def wait_ready(self, deadline_seconds: float = 30.0) -> Self:
        """Wait for /-/ready. Raises ServerError when the server dies or is not ready in time."""
        end = time.monotonic() + deadline_seconds
        last = "no answer"
        while time.monotonic() < end:
            if not self.running:
                raise self._died()
            try:
                answer = self._http.get(f"{self.url}/-/ready", timeout=1.0)
            except requests.RequestException as error:
                last = type(error).__name__
            else:
                if answer.ok:
                    return self
                last = f"{answer.status_code} {answer.text.strip()}"
            threading.Event().wait(_POLL_SECONDS)
        raise ServerError(
            f"{self.name} was not ready within {deadline_seconds:g} s (last answer: {last})\n{self.log_tail()}"
        )

    def reload(self) -> None:
        """Write the configuration anew and have the server load it. Raises ServerError with the server's own words."""
        self.write_configuration()
        answer = self._http.post(f"{self.url}/-/reload", timeout=10.0)
        if not answer.ok:
            raise ServerError(f"{self.name} refused its new configuration: {answer.text.strip()}")

    def stop(self) -> None:
        """SIGTERM, a bounded wait, SIGKILL. The folder stays; stopping twice is allowed."""
        if self._child is not None:
            self._child.stop(self.stop_grace_seconds)
        self._http.close()

    def restart(self) -> Self:
        """Stop and start on the same port with the same data."""
        self.stop()
        return self.start()

    def kill(self) -> None:
        """SIGKILL, as a crash would be. `start` brings it back on the same port with the same data."""
        self._running().kill()

    def freeze(self) -> None:
        """SIGSTOP, in force on return: connections are still accepted by the kernel, answers never come."""
        self._running().freeze()

    def thaw(self) -> None:
        self._running().thaw()

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines of the log, headed by the log file's path."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"last lines of {self.log}:", *(f"  {line}" for line in text[-lines:])])

    def __enter__(self) -> Self:
        try:
            return self.start().wait_ready()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def write_configuration(self) -> None: ...

    @abstractmethod
    def _command(self, address: str) -> list[str]: ...

    def _running(self) -> Child:
        if self._child is None or self._child.exit_code is not None:
            raise ServerError(f"{self.name} is not running")
        return self._child

    def _listens(self, child: Child, port: int) -> bool:
        """True once the child itself listens on the port, False when it died."""
        end = time.monotonic() + _LISTEN_SECONDS
        while time.monotonic() < end:
            if child.exit_code is not None:
                return False
            if _owns_listener(child.pid, port):
                return True
            threading.Event().wait(_POLL_SECONDS / 2)
        child.kill()
        raise ServerError(f"{self.name} did not listen within {_LISTEN_SECONDS:g} s\n{self.log_tail()}")

    def _died(self) -> ServerError:
        code = self._child.exit_code if self._child is not None else None
        return ServerError(f"{self.name} died with exit code {code}\n{self.log_tail()}")


class PrometheusServer(Server):
    """A Prometheus with static targets. Change the attributes and call `reload` (or `restart`) to apply them."""

    name = "prometheus"

    def __init__(
        self,
        folder: Path,
        *,
        targets: Mapping[str, str] | None = None,
        scrape_interval: float = 5.0,
        evaluation_interval: float = 5.0,
        rule_files: Sequence[Path] = (),
        alertmanagers: Sequence[str] = (),
        flags: Sequence[str] = (),
        retention: str = "60d",
    ) -> None:
        """`targets` maps a job to its host:port; intervals are seconds; `alertmanagers` are host:port.

        Prometheus needs up to 5 s to find its Alertmanagers (and targets). An alert that fires before is sent again only
        after `--rules.alert.resend-delay` (1 m).
        The retention must exceed any generated history: Prometheus' own default of 15 days would delete the rest.
        """
        super().__init__(folder)
        self.targets = dict(targets or {})
        self.scrape_interval = scrape_interval
        self.evaluation_interval = evaluation_interval
        self.rule_files = list(rule_files)
        self.alertmanagers = list(alertmanagers)
        self.flags = list(flags)
        self.retention = retention
        self.data_folder = self.folder / "data"
        self.configuration_file = self.folder / "prometheus.yml"

    def write_configuration(self) -> None:
        missing = [str(file) for file in self.rule_files if not file.exists()]
        if missing:  # Prometheus takes these for globs and would say nothing
            raise ServerError(f"rule files do not exist: {', '.join(missing)}")
        configuration: dict[str, Any] = {
            "global": {
                "scrape_interval": _duration(self.scrape_interval),
                "scrape_timeout": _duration(min(10.0, self.scrape_interval)),
                "evaluation_interval": _duration(self.evaluation_interval),
            },
            "rule_files": [str(file.absolute()) for file in self.rule_files],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]}
                for job, target in self.targets.items()
            ],
        }
        if self.alertmanagers:
            receivers = {"static_configs": [{"targets": self.alertmanagers}]}
            configuration["alerting"] = {"alertmanagers": [receivers]}
        self.configuration_file.write_text(yaml.safe_dump(configuration, sort_keys=False))

    def _command(self, address: str) -> list[str]:
        return [
            find_binary("prometheus"),
            f"--config.file={self.configuration_file}",
            f"--storage.tsdb.path={self.data_folder}",
            f"--storage.tsdb.retention.time={self.retention}",
            f"--web.listen-address={address}",
            "--web.enable-lifecycle",
            *self.flags,
        ]


class AlertmanagerServer(Server):
    """An Alertmanager without clustering. Set `configuration` and call `reload` to change it."""

    name = "alertmanager"

    def __init__(self, folder: Path, configuration: str, *, flags: Sequence[str] = ()) -> None:
        """`configuration` is the text of an alertmanager.yml."""
        super().__init__(folder)
        self.configuration = configuration
        self.flags = list(flags)
        self.configuration_file = self.folder / "alertmanager.yml"

    def write_configuration(self) -> None:
        self.configuration_file.write_text(self.configuration)

    def _command(self, address: str) -> list[str]:
        return [
            find_binary("alertmanager"),
            f"--config.file={self.configuration_file}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            *self.flags,
        ]


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _owns_listener(pid: int, port: int) -> bool:
    """Whether the process listens on the loopback port: a connection alone could reach somebody else's server."""
    if not Path("/proc/self/net/tcp").exists():  # no procfs here: a connection must do
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0
    listening = "0A"
    try:
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
        sockets = {
            f"socket:[{row[9]}]" for row in rows if row[3] == listening and row[1].endswith(f":{port:04X}")
        }
        return any(str(descriptor.readlink()) in sockets for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # a descriptor was closed, or the process ended, while we looked
        return False
