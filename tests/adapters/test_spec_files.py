"""Finding and reading the operator's files: folders, links as a ConfigMap has them, and what cannot be read."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from slo_daemon.adapters.spec_files import fingerprint, read
from slo_daemon.spec import SpecError, load
from slo_daemon.spec.yaml_text import LONGEST_TEXT


def texts(*paths: Path) -> list[tuple[str, str]]:
    found = read(paths)
    assert found.problems == ()
    return list(found.texts)


def problems(paths: Sequence[Path]) -> list[str]:
    return [str(problem) for problem in read(paths).problems]


def config_map(folder: Path, version: str, content: str) -> None:
    """A volume as the kubelet writes it: content in a hidden folder, swapped by renaming one link."""
    data = folder / f"..{version}"
    (data / "nested").mkdir(parents=True)
    (data / "pilot.yaml").write_text(content)
    (data / "nested" / "slos.yaml").write_text(f"nested {content}")
    (folder / "..data_tmp").symlink_to(data.name)
    (folder / "..data_tmp").rename(folder / "..data")
    for name in ("pilot.yaml", "nested"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))


def test_a_folder_gives_its_yaml_files_in_order_and_those_of_folders_below(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "notes.txt", ".hidden.yaml", "sub/c.yaml", ".git/d.yaml", "e.yaml.bak"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)

    assert [(Path(name).relative_to(tmp_path).as_posix(), text) for name, text in texts(tmp_path)] == [
        ("a.yml", "a.yml"),
        ("b.yaml", "b.yaml"),
        ("sub/c.yaml", "sub/c.yaml"),
    ]


def test_a_file_that_is_named_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    file = tmp_path / "pilot.conf"
    file.write_text("x")

    assert texts(file) == [(str(file), "x")]


def test_a_config_map_is_read_once_by_its_links(tmp_path: Path) -> None:
    config_map(tmp_path, "2026_11_22", "one")

    assert texts(tmp_path) == [
        (str(tmp_path / "pilot.yaml"), "one"),
        (str(tmp_path / "nested" / "slos.yaml"), "nested one"),
    ]


def test_the_swap_of_a_config_map_changes_the_fingerprint(tmp_path: Path) -> None:
    config_map(tmp_path, "first", "one")
    before = fingerprint([tmp_path])

    config_map(tmp_path, "second", "two")

    assert texts(tmp_path)[0][1] == "two"
    assert fingerprint([tmp_path]) != before


def test_a_file_that_is_reached_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("x")
    (tmp_path / "b.yaml").symlink_to(file)

    assert texts(tmp_path, file, tmp_path) == [(str(file), "x")]


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.yaml").write_text("x")
    (tmp_path / "a" / "up").symlink_to(tmp_path)

    assert [Path(name).name for name, _ in texts(tmp_path)] == ["x.yaml"]


def test_a_path_that_is_not_there_is_a_problem_that_names_it(tmp_path: Path) -> None:
    gone, dangling = tmp_path / "gone.yaml", tmp_path / "dangling.yaml"
    dangling.symlink_to(gone)

    assert problems([gone, dangling]) == [
        f"{gone}: cannot be read: No such file or directory",
        f"{dangling}: cannot be read: No such file or directory",
    ]


def test_a_folder_without_yaml_is_a_problem(tmp_path: Path) -> None:
    assert problems([tmp_path]) == [
        f"{tmp_path}: the folder holds no *.yaml or *.yml file; empty never means: no SLOs"
    ]


def test_a_pipe_is_a_problem_and_nobody_waits_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)

    assert problems([pipe]) == [f"{pipe}: cannot be read: it is not a regular file"]


def test_a_file_that_fails_while_it_is_read_is_a_problem() -> None:
    memory = Path("/proc/self/mem")  # its first page is never mapped

    assert problems([memory]) == ["/proc/self/mem: cannot be read: Input/output error"]


def test_what_can_be_read_is_checked_together_with_what_cannot(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("kind: Pilots")

    found = read([tmp_path / "gone.yaml", tmp_path])
    with pytest.raises(SpecError) as refused:
        load(found.texts, problems=found.problems)

    assert [Path(problem.file).name for problem in refused.value.problems] == ["gone.yaml", "bad.yaml"]


def test_bytes_that_are_not_utf8_are_told_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"kind: Pilot\nname: caf\xe9\n")

    with pytest.raises(SpecError, match=r"a\.yaml:2:10: byte 0xe9 is not UTF-8; save the file as UTF-8"):
        load(read([file]).texts)


def test_a_file_that_is_too_large_is_refused_and_not_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes("é".encode() * LONGEST_TEXT)

    with pytest.raises(SpecError, match="the file is larger than 1 MiB"):
        load(read([file]).texts)


def test_the_fingerprint_changes_with_content_name_and_failure_and_with_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("x")
    first = fingerprint([tmp_path])
    os.utime(file, (1, 1))
    assert fingerprint([tmp_path]) == first

    seen = {first}
    for change in (
        lambda: file.write_text("y"),
        lambda: file.write_bytes(b"\xff"),
        lambda: file.rename(tmp_path / "b.yaml"),
        lambda: (tmp_path / "c.yaml").write_text(""),
        lambda: [found.unlink() for found in tmp_path.iterdir()],
        tmp_path.rmdir,
    ):
        change()
        seen.add(fingerprint([tmp_path]))

    assert len(seen) == 7
