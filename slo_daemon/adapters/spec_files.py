"""The operator's files: found in the given files and folders, read whole, and watched by their content.

Folders are searched for *.yaml and *.yml, in order of their names, and into folders below. What begins with a dot is left
out: a ConfigMap is mounted as links into a hidden folder `..data`, and must be read by its links, once.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from slo_daemon.spec.problems import Problem
from slo_daemon.spec.yaml_text import LONGEST_TEXT

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class SpecTexts:
    """(file name, text) of every file, and what could not be read. A text may hold escaped bytes that are not UTF-8."""

    texts: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]


def read(paths: Sequence[str | Path]) -> SpecTexts:
    """All files under `paths`. A file that is found twice, also by a link, is read once."""
    texts: list[tuple[str, str]] = []
    problems: list[Problem] = []
    seen: set[tuple[int, int]] = set()
    for path in map(Path, paths):
        files, found = _find(path)
        problems.extend(found)
        for file in files:
            try:
                content = _content(file, seen)
            except OSError as error:
                problems.append(_problem(file, f"cannot be read: {error.strerror or error}"))
                continue
            if content is not None:
                # Bytes that are not UTF-8 stay in the text, so that they are told with line and column.
                texts.append((str(file), content.decode("utf-8", "surrogateescape")))
    return SpecTexts(tuple(texts), tuple(problems))


def fingerprint(paths: Sequence[str | Path]) -> str:
    """Changes when anything changes that `read` would give: names, contents, or what cannot be read."""
    found = read(paths)
    digest = sha256()
    for name, text in found.texts:
        digest.update(f"{len(name)}:{name}{len(text)}:".encode("utf-8", "surrogateescape"))
        digest.update(text.encode("utf-8", "surrogateescape"))
    for problem in found.problems:
        digest.update(f"!{problem}\n".encode())
    return digest.hexdigest()


def _find(path: Path) -> tuple[list[Path], list[Problem]]:
    """The files of one path. A file that is named is taken whatever its suffix."""
    if not path.is_dir():
        return [path], []
    unreadable: list[Problem] = []

    def note(error: OSError) -> None:
        unreadable.append(
            _problem(Path(error.filename or path), f"cannot be read: {error.strerror or error}")
        )

    files = list(_walk(path, note))
    if not files and not unreadable:
        unreadable.append(
            _problem(path, "the folder holds no *.yaml or *.yml file", "empty never means: no SLOs")
        )
    return files, unreadable


def _walk(folder: Path, note: Callable[[OSError], None]) -> Iterator[Path]:
    """Links to folders are followed (a ConfigMap has them), but no folder is entered twice."""
    entered: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=note):
        identity = _identity(Path(here).stat())
        if identity in entered:
            folders.clear()
            continue
        entered.add(identity)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(here, name)


def _content(file: Path, seen: set[tuple[int, int]]) -> bytes | None:
    """The file's bytes, at most one more than are taken; None when it has been read before. Raises OSError."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is not a regular file")
    if _identity(found) in seen:
        return None
    seen.add(_identity(found))
    with file.open("rb") as opened:
        return opened.read(LONGEST_TEXT + 1)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _problem(path: Path, message: str, remedy: str = "") -> Problem:
    return Problem(str(path), None, None, "", message, remedy)
