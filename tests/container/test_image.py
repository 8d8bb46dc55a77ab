"""The Dockerfile's steps done by hand, and the container's own commands on what came of them.

As root the daemon runs as user 65532 in a mount namespace in which only the state folder can be written, as with
`docker run --read-only`; elsewhere it runs as whoever runs the tests.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import requests

from slo_daemon.demo.child import Child
from slo_daemon.demo.servers import free_port
from tests.container.dockerfile import Image
from tests.container.test_dockerfile import LAST, ROOT, STAGES
from tests.e2e.world import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("image")]

WAIT = 60.0  # seconds
TOKEN = "a-token-of-the-tests"
PILOT = "ecommerce-semantic-search"

_READ_ONLY = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cut -d ' ' -f 5 /proc/self/mountinfo | while read -r place; do
    case $place in
        "$1"|/proc|/proc/*|/sys|/sys/*|/dev|/dev/*) ;;
        *) mount -o remount,bind,ro "$place" ;;
    esac
done
cd "$1"
shift
exec setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
"""


def may_mount() -> bool:
    """Whether a read-only root and another user can be had here."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@dataclass
class Built:
    """What the last stage came to, and how programs are started in it."""

    image: Image

    @property
    def state(self) -> Path:
        return Path(self.image.here("/var/lib/slo-daemon"))

    @property
    def pilots(self) -> Path:
        return Path(self.image.here("/etc/slo-daemon/pilots"))

    def command(self, arguments: Sequence[str], environment: dict[str, str]) -> list[str]:
        """With the image's environment and nothing else, in the image's folder."""
        whole = {"HOME": "/nonexistent"} | self.image.environment | environment
        clean = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in whole.items()), *arguments]
        if may_mount():
            return ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", _READ_ONLY, "sh", str(self.state), *clean]
        return ["/usr/bin/env", "-C", str(self.state), *clean]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = self.command(arguments, environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT)

    @contextmanager
    def started(self, log: Path, port: int) -> Iterator[Child]:
        """ENTRYPOINT and CMD as they stand, on a free port of loopback."""
        arguments = [*LAST.last("ENTRYPOINT").exec_form(), *LAST.last("CMD").exec_form()]
        environment = {
            "SLO_DAEMON_WEB_LISTEN": f"127.0.0.1:{port}",
            "SLO_DAEMON_EVALUATION_INTERVAL": "2s",  # Prometheus is not there: a slot says so at once
            "SLO_DAEMON_WEB_TOKENS_ADMIN": TOKEN,
        }
        child = Child(self.command(arguments, environment), log)
        try:
            yield child
        finally:
            child.stop(20.0)

    def health(self, port: int) -> int:
        """The exit code of the HEALTHCHECK."""
        _, _, command = LAST.last("HEALTHCHECK").rest.partition(" CMD ")
        return self.run(*json.loads(command), SLO_DAEMON_URL=f"http://127.0.0.1:{port}").returncode


def base_python() -> str:
    """A Python of this version that every user may run, as that of the base image; this one where there is none."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys._base_executable, f"/usr/local/bin/python{version}", f"/usr/bin/python{version}"):
        path = Path(candidate).resolve()
        if path.exists() and all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents)):
            return str(path)
    return sys.executable


def base_environment(folder: Path) -> dict[str, str]:
    """What the base image has: `python` with pip on PATH. Where packages come from is this machine's business.

    pip is that of the tests' environment: Debian's Python has none.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "python"
    pip = f'[ "$1 $2" = "-m pip" ] && exec {sys.executable} "$@"'
    program.write_text(f'#!/bin/sh\n{pip}\nexec {base_python()} "$@"\n')
    program.chmod(0o755)
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy")
    }
    return {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(Path.home())} | ours


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    folder = Path(tempfile.mkdtemp(prefix="slo-daemon-image-"))
    folder.chmod(0o755)  # the image's user must get through
    try:
        image = Image(ROOT, folder / "image")
        image.build(STAGES, base_environment(folder))
        shutil.copytree(ROOT / "config" / "pilots", image.here("/etc/slo-daemon/pilots"))
        yield Built(image)
    finally:
        shutil.rmtree(folder)


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its content."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_the_daemon_becomes_ready_and_healthy_with_a_read_only_root_and_logs_json(
    built: Built, tmp_path: Path
) -> None:
    before = contents(built.image.root / "opt"), contents(built.image.root / "etc")
    port, log = free_port(), tmp_path / "log"
    assert built.health(port) != 0, "nothing listens yet"

    with built.started(log, port) as child:

        def ready() -> bool:
            assert child.exit_code is None, log.read_text()
            try:
                return requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=5).ok
            except requests.ConnectionError:
                return False

        wait_until(ready, WAIT, "the daemon is ready")
        assert built.health(port) == 0
        incidents = f"http://127.0.0.1:{port}/api/v1/pilots/{PILOT}/incidents"
        told = {"title": "Index broken", "severity": "critical"}
        answer = requests.post(incidents, json=told, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        assert answer.status_code == 201, answer.text
        report = built.state / "reports" / PILOT / "latest" / "report.json"
        wait_until(report.exists, WAIT, "a report is written")
        if may_mount():
            status = Path(f"/proc/{child.pid}/status").read_text()
            assert "Uid:\t65532\t65532\t65532\t65532" in status
            assert "CapEff:\t0000000000000000" in status
        child.send(signal.SIGTERM)  # the STOPSIGNAL
        wait_until(lambda: child.exit_code is not None, WAIT, "the daemon stops")
        assert child.exit_code == 0, log.read_text()

    assert built.health(port) != 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines
    assert all("event" in line for line in lines)
    assert (contents(built.image.root / "opt"), contents(built.image.root / "etc")) == before
    assert (built.state / "slo-daemon.db").exists()


def test_a_second_start_finds_what_the_first_one_stored(built: Built, tmp_path: Path) -> None:
    for number in (1, 2):
        port, log = free_port(), tmp_path / f"log{number}"
        with built.started(log, port) as child:

            def alive(port: int = port) -> bool:
                try:
                    return requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=5).ok
                except requests.ConnectionError:
                    return False

            wait_until(lambda: alive() or child.exit_code is not None, WAIT, "the daemon is ready or gone")
            assert child.exit_code is None, log.read_text()


def test_only_the_state_folder_can_be_written(built: Built) -> None:
    if not may_mount():
        pytest.skip("needs root, and mount namespaces, to stand for a read-only root")
    script = "for place in / /tmp /etc $HERE/opt/slo-daemon $HERE/etc/slo-daemon; do touch $place/x 2>/dev/null && echo $place; done; touch x && rm x"
    result = built.run("/bin/sh", "-c", script, HERE=str(built.image.root))
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_without_pilots_it_says_what_is_missing(built: Built) -> None:
    aside = built.pilots.rename(built.pilots.with_name("aside"))
    try:
        result = built.run("slo-daemon", "run")
    finally:
        aside.rename(built.pilots)
    assert result.returncode == 2
    assert str(built.pilots) in result.stderr


def test_the_other_commands_find_the_same_settings(built: Built) -> None:
    assert built.run("slo-daemon", "--version").stdout.startswith("slo-daemon ")
    result = built.run("slo-daemon", "check", str(built.pilots))
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_that_builds_is_in_the_image(built: Built) -> None:
    result = built.run(
        "python",
        "-c",
        "import importlib.util as u; print([n for n in ('pip', 'hatchling', 'pytest', 'setuptools') if u.find_spec(n)])",
    )
    assert result.stdout.strip() == "[]"


def test_modules_are_compiled_so_that_a_read_only_container_starts_quickly(built: Built) -> None:
    program = "import slo_daemon.cli as c, slo_daemon.settings as s; print(c.__cached__, s.__cached__)"
    files = built.run("python", "-c", program).stdout.split()
    assert len(files) == 2
    for file in files:
        assert int.from_bytes(Path(file).read_bytes()[4:8], "little") == 0b01, "by hash, unchecked"


def test_a_second_build_is_the_same_to_the_last_byte(built: Built) -> None:
    root = built.image.root
    first = contents(Path(built.image.here("/opt/slo-daemon")))
    aside = root.rename(root.with_name("first"))
    again = Image(ROOT, root)  # in the same place: scripts name it
    shutil.rmtree(root.with_name("stage-builder"))
    try:
        again.build(STAGES, base_environment(root.parent))
        assert contents(Path(again.here("/opt/slo-daemon"))) == first
    finally:
        shutil.rmtree(root)
        aside.rename(root)
