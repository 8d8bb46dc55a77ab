"""Reports as files: `FOLDER/PILOT/REPORT/report.html`, `report.md` and `report.json`, and the link `FOLDER/PILOT/latest`.

A report is a folder of its own because a folder is renamed in one step: whoever looks, also from outside, finds all
formats of a report or none. A report that was written once stays as it is.
"""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock
from time import monotonic

from slo_daemon.ports import ReportFiles, SinkError

LATEST = "latest"
PATIENCE = 5.0  # seconds that a write waits for another process

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)  # no dot and no slash: it leads nowhere else
_FORM = re.compile(r"[a-z]{1,16}", re.ASCII)
_UNFINISHED = ".unfinished-"  # being written, or being removed
_ATTEMPTS = 3


class _BusyError(SinkError):
    """Another process is writing."""


class ReportFolder:
    """A `ports.ReportSink` that keeps the `keep` newest reports of each pilot; ids must sort by time.

    What a crash has left unfinished is removed at the start. Raises SinkError when the folder cannot be written.
    """

    def __init__(self, folder: Path, *, keep: int) -> None:
        self._folder = folder.absolute()
        self._keep = keep
        self._turn = Lock()
        with _told():
            self._folder.mkdir(parents=True, exist_ok=True)
            for pilot in sorted(self._folder.iterdir()):
                if _NAME.fullmatch(pilot.name) and pilot.is_dir():
                    self._tidy(pilot)

    def write(self, pilot: str, report_id: str, texts: Mapping[str, str]) -> ReportFiles:
        """See ports.ReportSink. Other texts under an id that is taken are refused for good."""
        contents = _checked(pilot, report_id, texts)
        home = self._folder / pilot
        with self._turn, _told():
            if not home.exists():
                home.mkdir(parents=True, exist_ok=True)
                _sync(self._folder)
            with _alone(home, patience=PATIENCE):
                if not (home / report_id).exists():
                    _publish(home, report_id, contents)
                elif _contents(home / report_id) != contents:
                    raise _taken(pilot, report_id)
                _link_latest(home)
                for old in _ids(home)[self._keep :]:
                    _remove(home, old)
        return ReportFiles(report_id, _file_names(pilot, report_id, texts))

    def reports(self, pilot: str) -> tuple[str, ...]:
        """See ports.ReportSink."""
        with _told():
            return tuple(_ids(self._folder / pilot)) if _NAME.fullmatch(pilot) else ()

    def read(self, pilot: str, report_id: str, form: str) -> str | None:
        """See ports.ReportSink."""
        if not (_NAME.fullmatch(pilot) and _NAME.fullmatch(report_id) and _FORM.fullmatch(form)):
            return None
        home = self._folder / pilot
        with _told():
            if report_id != LATEST:
                return _read(home / report_id, form)
            for _ in range(_ATTEMPTS):  # the newest may be replaced while we look
                newest = _ids(home)[:1]
                text = _read(home / newest[0], form) if newest else None
                if text is not None or newest == _ids(home)[:1]:
                    return text
            return None

    def _tidy(self, home: Path) -> None:
        """Remove what was left unfinished. While another process writes here, it is not ours to judge."""
        try:
            with _alone(home, patience=0.0):
                for leftover in home.glob(f"{_UNFINISHED}*"):
                    _delete(leftover)
                _link_latest(home)
        except _BusyError:
            pass


class MemoryReports:
    """A `ports.ReportSink` that ends with its process. While `failure` is set, every call raises it."""

    def __init__(self, *, keep: int) -> None:
        self.failure: SinkError | None = None
        self._keep = keep
        self._lock = Lock()
        self._kept: dict[str, dict[str, dict[str, str]]] = {}  # pilot, report, form

    def write(self, pilot: str, report_id: str, texts: Mapping[str, str]) -> ReportFiles:
        """See ports.ReportSink."""
        with self._working():
            _checked(pilot, report_id, texts)
            kept = self._kept.setdefault(pilot, {})
            if kept.setdefault(report_id, dict(texts)) != texts:
                raise _taken(pilot, report_id)
            for old in sorted(kept, reverse=True)[self._keep :]:
                del kept[old]
            return ReportFiles(report_id, _file_names(pilot, report_id, texts))

    def reports(self, pilot: str) -> tuple[str, ...]:
        """See ports.ReportSink."""
        with self._working():
            return tuple(sorted(self._kept.get(pilot, {}), reverse=True))

    def read(self, pilot: str, report_id: str, form: str) -> str | None:
        """See ports.ReportSink."""
        with self._working():
            kept = self._kept.get(pilot, {})
            wanted = max(kept, default="") if report_id == LATEST else report_id
            return kept.get(wanted, {}).get(form)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            if self.failure is not None:
                raise self.failure
            yield


def _checked(pilot: str, report_id: str, texts: Mapping[str, str]) -> dict[str, bytes]:
    """The texts as they go into the files. Raises SinkError for what can never be written."""
    for name in (pilot, report_id):
        if not _NAME.fullmatch(name) or name == LATEST:
            raise SinkError(f"{name!r} is no name for a report; letters, digits, _ and - are", permanent=True)
    if not texts or not all(_FORM.fullmatch(form) for form in texts):
        raise SinkError(f"{sorted(texts)} are no formats of a report", permanent=True)
    try:
        return {form: text.encode() for form, text in texts.items()}
    except UnicodeEncodeError as error:
        raise SinkError(f"the report {report_id} is no text: {error}", permanent=True) from error


def _file_names(pilot: str, report_id: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {form: f"{pilot}/{report_id}/{_file_name(form)}" for form in texts}


def _file_name(form: str) -> str:
    return f"report.{form}"


def _taken(pilot: str, report_id: str) -> SinkError:
    return SinkError(
        f"{pilot}: the report {report_id} was written before, and says something else", permanent=True
    )


def _publish(home: Path, report_id: str, contents: Mapping[str, bytes]) -> None:
    """Write everything to the disk under another name, then give it its own."""
    new = home / f"{_UNFINISHED}{report_id}"
    _delete(new)
    new.mkdir()
    try:
        for form, content in contents.items():
            with (new / _file_name(form)).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(new)
        new.rename(home / report_id)
        _sync(home)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _remove(home: Path, report_id: str) -> None:
    """Out of sight in one step, then gone."""
    old = home / f"{_UNFINISHED}{report_id}"
    _delete(old)
    (home / report_id).rename(old)
    _delete(old)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link_latest(home: Path) -> None:
    """The link for people and programs that read the folder; replaced in one step."""
    newest = _ids(home)[:1]
    link, new = home / LATEST, home / f"{_UNFINISHED}{LATEST}"
    if newest and not (link.is_symlink() and link.readlink() == Path(newest[0])):
        _delete(new)
        new.symlink_to(newest[0])
        new.replace(link)
        _sync(home)


@contextmanager
def _alone(home: Path, *, patience: float) -> Iterator[None]:
    """One process at a time writes into a pilot's folder; the lock ends with its holder. Raises _BusyError."""
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = monotonic() + patience
        while not _locked(descriptor):
            if monotonic() >= deadline:
                raise _BusyError(f"{home}: another process is writing here")
            Event().wait(0.01)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ids(home: Path) -> list[str]:
    """Newest first."""
    try:
        names = [entry.name for entry in os.scandir(home) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted((name for name in names if _NAME.fullmatch(name)), reverse=True)


def _contents(report: Path) -> dict[str, bytes]:
    return {file.suffix[1:]: file.read_bytes() for file in report.glob(_file_name("*"))}


def _read(report: Path, form: str) -> str | None:
    try:
        return (report / _file_name(form)).read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _sync(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told() -> Iterator[None]:
    """Raise what the disk says as SinkError. All of it may pass: a full disk gets room, a folder gets its rights."""
    try:
        yield
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        raise SinkError(f"{error.filename or 'the report folder'}: {what}") from error
    except UnicodeDecodeError as error:
        raise SinkError(f"a report was changed by another hand and is no text any more: {error}") from error
