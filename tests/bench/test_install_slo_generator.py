"""The tool that installs slo-generator for the benchmark never stands in its way."""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.facts import ROOT

TOOL = ROOT / "tools" / "install-slo-generator"
LOCK = ROOT / "bench" / "slo-generator.txt"


def install(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOL, python, folder], capture_output=True, text=True, timeout=60)


def test_where_it_cannot_be_installed_the_benchmark_goes_on_without(tmp_path: Path) -> None:
    done = install("false", tmp_path / "env")

    assert done.returncode == 0
    assert "goes on without it" in done.stderr
    assert not (tmp_path / "env").exists()


def test_what_is_installed_in_these_versions_is_kept(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(LOCK, tmp_path / "installed.txt")

    done = install("false", tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "bin" / "python").exists()


def test_the_lock_has_hashes_and_names_no_host() -> None:
    text = LOCK.read_text(encoding="utf-8")

    assert "slo-generator==2.6.0" in text
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "://" not in text
