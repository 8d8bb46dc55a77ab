"""tools/install-chart-schemas against a PATH that holds only what a test puts there; go is a small stand-in."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "install-chart-schemas"
KINDS = ("servicemonitors", "prometheusrules")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the script in a tree of its own, with the programs it may use in `bin`."""
    (tmp_path / "tools").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "sed", "mkdir", "cp", "chmod", "mv", "dirname"):
        real = shutil.which(tool)
        assert real is not None
        (tmp_path / "bin" / tool).symlink_to(real)
    return tmp_path


def run(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tree / "tools" / SCRIPT.name],
        env={"PATH": str(tree / "bin")},
        capture_output=True,
        text=True,
        timeout=60,
    )


def with_go(tree: Path, answer: str) -> None:
    program = tree / "bin" / "go"
    program.write_text(f"#!/bin/sh\necho called >> '{tree}/calls'\nprintf '%s\\n' '{answer}'\n")
    program.chmod(0o755)


def module(tree: Path) -> Path:
    """The module as go would have unpacked it: read-only files."""
    folder = tree / "module" / "example" / "prometheus-operator-crd"
    folder.mkdir(parents=True)
    for kind in KINDS:
        file = folder / f"monitoring.coreos.com_{kind}.yaml"
        file.write_text(f"kind: {kind}\n")
        file.chmod(0o444)
    return tree / "module"


def test_definitions_are_taken_from_the_module_once(tree: Path) -> None:
    with_go(tree, f'\t"Dir": "{module(tree)}",')
    for _ in range(2):
        result = run(tree)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    found = sorted(file.name.partition("-")[0] for file in (tree / "build" / "tools" / "crds").iterdir())
    assert found == sorted(KINDS)
    assert (tree / "calls").read_text().splitlines() == ["called"]


@pytest.mark.parametrize("go", [None, '\t"Error": "no such module"'])
def test_without_them_it_names_what_is_skipped_and_the_next_step(tree: Path, go: str | None) -> None:
    if go is not None:
        with_go(tree, go)
    result = run(tree)
    assert result.returncode == 0
    assert "will be listed as skipped" in result.stderr
    assert "Next step: install Go" in result.stderr
    assert not (tree / "build" / "tools" / "crds").exists()
