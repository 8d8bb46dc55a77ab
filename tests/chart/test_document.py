"""docs/kubernetes.md keeps up with the chart: its values render, its objects are good, its backup is one."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from slo_daemon.spec import load
from tests.chart.made import defaults
from tests.chart.rendering import needs_helm, template, values_of
from tests.documents import DOCS, Block, blocks, codes, prose, text_of

PAGE = DOCS / "kubernetes.md"
VALUES = [block for block in blocks("yaml") if block.info[1:] == ("values",)]
OBJECTS = [block for block in blocks("yaml") if block.info[1:] == ("kubernetes",)]


@needs_helm
@pytest.mark.parametrize("block", VALUES, ids=str)
def test_values_that_a_page_shows_render(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(block.text)
    result = template("--values", values_of("minimal"), "--values", file)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("block", VALUES, ids=str)
def test_pilots_in_shown_values_are_good(block: Block) -> None:
    for name, text in yaml.safe_load(block.text).get("pilots", {}).items():
        load([(name, text)])


@pytest.mark.parametrize("block", OBJECTS, ids=str)
def test_objects_that_a_page_shows_are_good(block: Block) -> None:
    found = yaml.safe_load(block.text)
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    for name, text in found.get("data", {}).items():
        load([(name, text)])


def test_values_that_the_page_names_exist() -> None:
    known = defaults()
    for code in codes(prose(PAGE)):
        path = code.split("=")[0]
        if (
            re.fullmatch(r"[a-z]\w+(\.\w+)+", path)
            and path.split(".")[0] in known
            and not path.endswith(".yaml")
        ):
            value = known
            for key in path.split("."):
                assert isinstance(value, dict)
                assert key in value or path.startswith(("config.", "pilots.")), code
                value = value.get(key, {})


def test_the_backup_that_the_page_shows_copies_what_is_still_in_the_log(tmp_path: Path) -> None:
    """While a connection is open, as the daemon's is, the file alone lacks what was committed last."""
    (program,) = re.findall(r"python -c '\n(.*?)'\n", text_of(PAGE), re.DOTALL)
    store = sqlite3.connect(tmp_path / "slo-daemon.db")
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("CREATE TABLE said (word TEXT)")
    store.execute("INSERT INTO said VALUES ('kept')")
    store.commit()
    there = program.replace("/var/lib/slo-daemon", str(tmp_path))
    result = subprocess.run([sys.executable, "-c", there], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    copy = sqlite3.connect(tmp_path / "backup.db")
    assert copy.execute("SELECT word FROM said").fetchall() == [("kept",)]
    copy.close()
    store.close()
