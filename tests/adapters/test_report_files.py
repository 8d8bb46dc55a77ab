"""The report folder on a real disk: kill, full and read-only disks, leftovers, the link, and another process beside it."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slo_daemon.adapters.report_files import MemoryReports, ReportFolder
from slo_daemon.ports import SinkError
from tests.adapters.report_child import TEXT

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {"md": "# Ready\n", "json": "{}\n"}
CHILD = [sys.executable, "-m", "tests.adapters.report_child"]


def everything(folder: Path) -> list[str]:
    return sorted(str(entry.relative_to(folder)) for entry in folder.rglob("*"))


def test_the_folder_is_plain_to_read_for_people(tmp_path: Path) -> None:
    sink = ReportFolder(tmp_path / "deep" / "reports", keep=2)
    for report_id in ("r1", "r2", "r3"):
        sink.write("shop", report_id, {**TEXTS, "md": f"# {report_id}\n"})
    folder = tmp_path / "deep" / "reports"
    assert everything(folder) == [
        "shop",
        "shop/latest",
        "shop/r2",
        "shop/r2/report.json",
        "shop/r2/report.md",
        "shop/r3",
        "shop/r3/report.json",
        "shop/r3/report.md",
    ]
    assert (folder / "shop" / "latest" / "report.md").read_text(encoding="utf-8") == "# r3\n"
    assert (folder / "shop" / "latest").readlink() == Path("r3")


def test_leftovers_of_a_crash_are_removed_at_the_start_and_the_link_is_put_right(tmp_path: Path) -> None:
    sink = ReportFolder(tmp_path, keep=3)
    sink.write("shop", "r1", TEXTS)
    sink.write("shop", "r2", TEXTS)
    shop = tmp_path / "shop"
    (shop / ".unfinished-r3").mkdir()
    (shop / ".unfinished-r3" / "report.md").write_text("# hal", encoding="utf-8")
    (shop / ".unfinished-latest").symlink_to("r1")
    (shop / "latest").unlink()
    (shop / "latest").symlink_to("r1")
    assert sink.reports("shop") == ("r2", "r1")
    again = ReportFolder(tmp_path, keep=3)
    assert sorted(entry.name for entry in shop.iterdir()) == ["latest", "r1", "r2"]
    assert (shop / "latest").readlink() == Path("r2")
    assert again.reports("shop") == ("r2", "r1")


def test_what_another_process_is_writing_is_no_leftover_and_a_write_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = tmp_path / "shop" / ".unfinished-r1"
    writing.mkdir(parents=True)
    descriptor = os.open(tmp_path / "shop", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        sink = ReportFolder(tmp_path, keep=3)
        assert writing.exists()
        monkeypatch.setattr("slo_daemon.adapters.report_files.PATIENCE", 0.1)
        with pytest.raises(SinkError, match="another process is writing") as caught:
            sink.write("shop", "r2", TEXTS)
        assert not caught.value.permanent
        assert sink.reports("shop") == ()
    finally:
        os.close(descriptor)
    sink.write("shop", "r2", TEXTS)
    ReportFolder(tmp_path, keep=3)
    assert sorted(entry.name for entry in (tmp_path / "shop").iterdir()) == ["latest", "r2"]


def test_files_of_other_people_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "lost+found").mkdir()
    sink = ReportFolder(tmp_path, keep=1)
    for report_id in ("r1", "r2"):
        sink.write("shop", report_id, TEXTS)
    assert sink.reports("shop") == ("r2",)
    assert {"README.txt", "lost+found", "shop/notes.txt"} <= set(everything(tmp_path))


def test_a_folder_that_vanished_is_made_again(tmp_path: Path) -> None:
    sink = ReportFolder(tmp_path / "reports", keep=3)
    sink.write("shop", "r1", TEXTS)
    shutil.rmtree(tmp_path / "reports")
    assert sink.reports("shop") == ()
    sink.write("shop", "r2", TEXTS)
    assert sink.reports("shop") == ("r2",)


def test_a_file_in_place_of_the_folder_is_an_error_that_may_pass(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("", encoding="utf-8")
    with pytest.raises(SinkError, match="reports") as caught:
        ReportFolder(tmp_path / "reports", keep=3)
    assert not caught.value.permanent


def test_a_report_changed_by_another_hand_into_no_text_is_an_error(tmp_path: Path) -> None:
    sink = ReportFolder(tmp_path, keep=3)
    sink.write("shop", "r1", TEXTS)
    (tmp_path / "shop" / "r1" / "report.md").write_bytes(b"\xff\xfe")
    with pytest.raises(SinkError, match="another hand"):
        sink.read("shop", "r1", "md")
    assert sink.read("shop", "r1", "json") == "{}\n"


def test_a_full_disk_leaves_the_reports_as_they_were_and_recovers_by_itself(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: writing fails in the middle of a file."""
    told = subprocess.run(
        ["prlimit", "--fsize=5000", *CHILD, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told[0] == "open"
    assert all(line.startswith("refused: ") for line in told[1:])
    assert everything(tmp_path) == ["shop"]
    sink = ReportFolder(tmp_path, keep=5)
    sink.write("shop", "r000001", TEXTS)
    assert sink.reports("shop") == ("r000001",)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EACCES"])
@pytest.mark.parametrize("call", ["mkdir", "fsync", "rename", "symlink"])
def test_whatever_call_fails_the_report_is_whole_or_not_there(tmp_path: Path, call: str, error: str) -> None:
    failing = [
        "strace",
        "-qq",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"inject=/^{call}(at)?$:error={error}:when=4+3",
    ]
    done = subprocess.run([*failing, *CHILD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()[1:]
    written = [line for line in told if not line.startswith("refused")]
    assert len(written) < len(told) == 20
    assert_whole(tmp_path, written)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_killed_at_any_call_every_report_is_whole_and_those_told_of_are_there(tmp_path: Path) -> None:
    """Killed at one call after the other of the writing of a report, and of the removal of another."""
    calls = "inject=mkdir,write,fsync,rename,symlink,unlink,unlinkat,rmdir:signal=KILL"
    written: list[str] = []
    for nth in range(1, 40, 2):
        killed = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", f"{calls}:when={nth}"]
        told = subprocess.run(
            [*killed, *CHILD, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
        ).stdout
        written += [line for line in told.splitlines() if line.startswith("r")]
        assert_whole(tmp_path, written)
    assert len(written) > 10


def assert_whole(folder: Path, written: list[str]) -> None:
    """All that is there is whole, what was told as written is there (unless newer ones pushed it out), nothing else is."""
    sink = ReportFolder(folder, keep=5)
    there = sink.reports("shop")
    assert set(sorted(written, reverse=True)[:3]) <= set(there)
    for report_id in there:
        assert sink.read("shop", report_id, "md") == f"# {report_id} {TEXT}"
        assert sink.read("shop", report_id, "json") == f'"{report_id} {TEXT}"'
    names = {entry.name for entry in (folder / "shop").iterdir()} if (folder / "shop").exists() else set()
    assert names == {*there, "latest"} if there else not names
    if there:
        assert (folder / "shop" / "latest").readlink() == Path(there[0])


def test_memory_can_be_told_to_fail(tmp_path: Path) -> None:
    sink = MemoryReports(keep=1)
    sink.failure = SinkError("the disk is full")
    with pytest.raises(SinkError):
        sink.write("shop", "r1", TEXTS)
    sink.failure = None
    assert sink.reports("shop") == ()
