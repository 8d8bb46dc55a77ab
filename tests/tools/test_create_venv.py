"""tools/create-venv with the Python that runs the tests, and with small stand-ins for Pythons and machines this one is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "create-venv"
SYSTEM_TOOLS = ("sh", "sed", "rm")


class Machine:
    """A machine with one Python, whose version and abilities the test chooses."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.notes = root / "notes"
        self.notes.touch()
        self.ensurepip = root / "ensurepip"
        self.user(1000)
        for tool in SYSTEM_TOOLS:
            real = shutil.which(tool)
            assert real is not None
            (self.bin / tool).symlink_to(real)

    def program(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def user(self, number: int) -> None:
        self.program("id", f"echo {number}")

    def python(self, version: str, *, supported: bool = True, can_create: bool = True) -> None:
        if can_create:
            self.ensurepip.touch()
        self.program(
            "python",
            f"""case "$2" in
    *"< (3, 11)"*) exit {0 if supported else 1} ;;
    *version_info*) echo {version} ;;
    *ensurepip*) [ -e '{self.ensurepip}' ] ;;
    venv) echo "python $*" >>'{self.notes}' ;;
esac""",
        )

    def debian(self, *, brings_ensurepip: bool = True) -> None:
        made = f"touch '{self.ensurepip}'" if brings_ensurepip else ":"
        self.program("touch", f": >\"$1\"; echo 'ensurepip arrives' >>'{self.notes}'")
        self.program("apt-get", f'echo "apt-get $*" >>\'{self.notes}\'; [ "$1" = update ] || {made}')

    def run(self, python: str = "python") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, python, ".venv"],
            env={"PATH": str(self.bin), "HOME": os.devnull},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=self.bin.parent,
        )

    def noted(self) -> list[str]:
        return self.notes.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_environment_is_created_where_there_is_none(machine: Machine) -> None:
    machine.python("3.11")

    assert machine.run().returncode == 0
    assert machine.noted() == ["python -m venv --clear .venv"]


def test_a_python_that_does_not_exist_is_told_with_the_next_step(machine: Machine) -> None:
    result = machine.run("python3.99")

    assert result.returncode == 1
    assert "there is no working python3.99 on PATH" in result.stderr
    assert "Next step" in result.stderr


def test_a_python_that_is_too_old_is_told_with_its_version(machine: Machine) -> None:
    machine.python("3.10", supported=False)

    result = machine.run()

    assert result.returncode == 1
    assert "python is Python 3.10; slo-daemon needs Python 3.11 or newer." in result.stderr
    assert "make PYTHON=python3.11" in result.stderr
    assert machine.noted() == []


def test_root_on_debian_gets_the_package_with_ensurepip(machine: Machine) -> None:
    machine.user(0)
    machine.python("3.12", can_create=False)
    machine.debian()

    result = machine.run()

    assert result.returncode == 0, result.stderr
    assert machine.noted() == [
        "apt-get update",
        "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 python3.12-venv",
        "ensurepip arrives",
        "python -m venv --clear .venv",
    ]


def test_a_user_on_debian_gets_the_exact_command(machine: Machine) -> None:
    machine.python("3.11", can_create=False)
    machine.debian()

    result = machine.run()

    assert result.returncode == 1
    assert "Next step: sudo apt-get install python3.11-venv" in result.stderr
    assert machine.noted() == []


def test_a_package_that_does_not_help_is_noticed(machine: Machine) -> None:
    machine.user(0)
    machine.python("3.13", can_create=False)
    machine.debian(brings_ensurepip=False)

    result = machine.run()

    assert result.returncode == 1
    assert "still cannot create virtual environments, although python3.13-venv is installed" in result.stderr


def test_a_machine_without_debian_packages_names_what_is_missing(machine: Machine) -> None:
    machine.python("3.11", can_create=False)

    result = machine.run()

    assert result.returncode == 1
    assert "its ensurepip module is missing" in result.stderr


def create_for_real(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, sys.executable, ".venv"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_good_environment_is_kept_and_a_copied_one_made_afresh(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    assert create_for_real(here).returncode == 0
    (here / ".venv" / "kept").touch()

    assert create_for_real(here).returncode == 0
    assert (here / ".venv" / "kept").exists()

    there = tmp_path / "there"
    shutil.copytree(here, there, symlinks=True)
    assert create_for_real(there).returncode == 0
    assert not (there / ".venv" / "kept").exists()
    pip = (there / ".venv" / "bin" / "pip").read_text(encoding="utf-8")
    assert pip.startswith(f"#!{there}")
