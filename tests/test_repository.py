"""What must hold for the repository as a whole: its locks, its import contracts, and what is committed."""

import html
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = "constraints.txt"
DEVELOPMENT = "constraints-dev.txt"
MAX_LINES = 400

# urllib3-future, which niquests brings, installs itself over urllib3, and requests then runs on another library than the one we test.
FORBIDDEN = {"niquests", "urllib3-future"}

# Folders where a checkout may lie by chance; naming one of them says nothing about this checkout.
SHARED_FOLDERS = {
    Path(f"/{name}") for name in ("", "tmp", "home", "root", "opt", "srv", "usr/src", "var/tmp", "mnt")
}


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def locked(name: str) -> dict[str, Version]:
    """The lock's packages: canonical name to the one version allowed."""
    pins: dict[str, Version] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", " ")):
            requirement = Requirement(line.removesuffix("\\"))
            (pin,) = requirement.specifier
            assert pin.operator == "==", line
            pins[canonicalize_name(requirement.name)] = Version(pin.version)
    return pins


def committed_files() -> Iterator[Path]:
    """Every file that is, or without further ado would be, committed. A source archive has no history: then all of its files."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            [
                "git",
                "-c",
                f"safe.directory={ROOT}",
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        yield from (ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())
        return
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not name.startswith((".", "__pycache__"))]
        yield from (Path(folder) / name for name in names)


def committed_texts() -> Iterator[tuple[str, str]]:
    for file in committed_files():
        try:
            yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    for part in ("://", "index-url", "find-links", "trusted-host", "file:/", " @ ", "-e "):
        assert part not in text
    assert not re.search(r"(^|\s)\.{0,2}/\w", text)


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8"))
    packages = [block for block in blocks if not block.startswith("#")]

    assert packages
    assert [block.splitlines()[0] for block in packages if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        (RUNTIME, project()["dependencies"]),
        (DEVELOPMENT, project()["dependencies"] + project()["optional-dependencies"]["dev"]),
    ],
)
def test_every_dependency_is_locked_within_its_range(lock: str, requirements: list[str]) -> None:
    pins = locked(lock)

    for requirement in map(Requirement, requirements):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_the_build_backend_is_in_the_development_lock() -> None:
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]

    for requirement in map(Requirement, backend):
        assert requirement.specifier.contains(locked(DEVELOPMENT)[canonicalize_name(requirement.name)])


def test_the_development_lock_is_the_runtime_lock_and_more() -> None:
    runtime, development = locked(RUNTIME), locked(DEVELOPMENT)

    assert {name: development.get(name) for name in runtime} == runtime
    assert set(runtime) < set(development)


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT])
def test_no_lock_holds_a_package_that_replaces_urllib3(lock: str) -> None:
    assert FORBIDDEN.isdisjoint(locked(lock))


def test_nothing_installed_replaces_urllib3() -> None:
    owners = importlib.metadata.packages_distributions()["urllib3"]

    assert {canonicalize_name(name) for name in owners} == {"urllib3"}
    assert FORBIDDEN.isdisjoint(
        canonicalize_name(d.metadata["Name"]) for d in importlib.metadata.distributions()
    )


def test_no_source_file_is_too_long_to_read_in_one_go() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in (ROOT / "slo_daemon").rglob("*.py")
    }

    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_nothing_committed_names_the_place_it_was_written_in() -> None:
    places = {str(ROOT), f"{ROOT.parent}/"} if ROOT.parent not in SHARED_FOLDERS else {str(ROOT)}
    if ROOT.parent == Path("/"):  # in a container, where a Dockerfile says the same on purpose
        places = set()
    somebodys_home = re.compile(r"(?<![\w.])/(?:home|Users)/\w")

    for name, text in committed_texts():
        assert {place for place in places if place in text} == set(), name
        assert not somebodys_home.search(text), name


def test_what_the_build_server_runs_is_what_make_test_runs() -> None:
    run = ROOT / ".ci" / "run"

    assert os.access(run, os.X_OK)
    assert re.search(r"^(exec )?make test\b", run.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_picture_of_the_terminal_is_small_has_real_output_and_asks_no_other_server() -> None:
    file = ROOT / "docs" / "pictures" / "terminal.svg"
    text = file.read_text(encoding="utf-8")
    words = html.unescape(re.sub(r"<[^>]+>", "", text)).replace("\xa0", " ")

    assert file.stat().st_size < 200_000
    assert not re.search(r"@import|@font-face|url\(['\"]?http|(?:href|src)=['\"]http", text)
    for heading in (
        "slo-daemon demo --once",
        "Error budget of",
        "Go-live criteria",
        "Rollback triggers",
        "Gates",
    ):
        assert heading in words


@pytest.mark.parametrize("script", sorted((ROOT / "tools").iterdir()), ids=lambda script: script.name)
def test_a_tool_is_executable_and_valid_posix_shell(script: Path) -> None:
    shell = shutil.which("dash") or shutil.which("sh")
    assert shell is not None

    assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(script, os.X_OK)
    assert subprocess.run([shell, "-n", script], check=False).returncode == 0


# Room to modules: enough of the house for every contract to have something to look at.
HOUSE = {
    "": ["__main__", "cli", "once", "backfilled", "backtesting", "app", "console", "settings", "ports"],
    "commands": ["look"],
    "demo": ["servers"],
    "web": ["api"],
    "workflows": ["evaluate"],
    "adapters": ["prometheus", "database"],
    "spec": ["text"],
    "core": ["report", "alert", "backtest", "snapshot", "quantity"],
    "core/pilot": ["readiness"],
    "core/slo": [
        "step",
        "measure",
        "course",
        "state",
        "streak",
        "evaluation",
        "slices",
        "seen",
        "compare",
        "tallies",
        "sight",
        "edge_windows",
        "hours",
        "book",
        "ledger",
        "chunk_table",
        "chunk_ring",
        "feed",
        "slo",
        "sli",
        "chunks",
        "grouping",
        "budget",
        "burn_rate",
        "measurement",
        "query",
        "selector",
    ],
}


def lint_imports(root: Path, file: str, statement: str) -> subprocess.CompletedProcess[str]:
    """Checks our contracts on a house of empty modules in which one file holds one import."""
    package = root / "slo_daemon"
    for room, modules in HOUSE.items():
        (package / room).mkdir(parents=True, exist_ok=True)
        for module in ("__init__", *modules):
            (package / room / f"{module}.py").touch()
    (package / f"{file}.py").write_text(f"{statement}\n", encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", root)
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_house_without_wrong_imports_keeps_the_contracts(tmp_path: Path) -> None:
    result = lint_imports(
        tmp_path, "core/pilot/readiness", "import slo_daemon.core.slo.state, promql_parser, datetime"
    )

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("core/slo/state", "import time"),
        ("core/slo/state", "from os import path"),
        ("core/quantity", "import yaml"),
        ("core/slo/budget", "import numpy"),
        ("core/slo/ledger", "import slo_daemon.core.slo.book"),
        ("core/slo/query", "import slo_daemon.core.slo.measurement"),
        ("core/report", "import slo_daemon.core.alert"),
        ("workflows/evaluate", "import sqlalchemy"),
        ("core/slo/state", "import slo_daemon.core.pilot.readiness"),
        ("core/snapshot", "import slo_daemon.ports"),
        ("spec/text", "import slo_daemon.ports"),
        ("spec/text", "import requests"),
        ("workflows/evaluate", "import slo_daemon.adapters.database"),
        ("adapters/prometheus", "import slo_daemon.adapters.database"),
        ("adapters/prometheus", "import slo_daemon.workflows.evaluate"),
        ("app", "import slo_daemon.demo"),
        ("helpers", ""),
        ("core/helpers", ""),
    ],
)
def test_a_wrong_import_or_a_stray_module_breaks_a_contract(
    tmp_path: Path, file: str, statement: str
) -> None:
    result = lint_imports(tmp_path, file, statement)

    assert result.returncode == 1
    assert "1 broken" in result.stdout
