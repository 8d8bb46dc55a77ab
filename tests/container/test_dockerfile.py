"""What the Dockerfile says. Its steps are done by hand in test_image.py: to build an image takes a Docker daemon."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from tests.container.dockerfile import copies, parse

ROOT = Path(__file__).parents[2]
ARGUMENTS, STAGES = parse((ROOT / "Dockerfile").read_text())
BUILDER, LAST = STAGES


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).with_name("hadolint")
    assert program.exists(), "hadolint is not installed: make venv"
    result = subprocess.run(
        [program, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN pip install flask\nENTRYPOINT flask run\n")
    program = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([program, wrong], capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert "DL3006" in result.stdout


def test_both_stages_stand_on_one_tagged_image_that_can_be_pinned() -> None:
    assert BUILDER.base == LAST.base == ARGUMENTS["PYTHON_IMAGE"]
    name, _, tag = LAST.base.partition(":")
    assert name == "python"
    assert tag.startswith("3.11-slim"), "the lock is made on Python 3.11"


def test_the_container_runs_as_nobody_of_the_image_in_exec_form() -> None:
    assert LAST.last("USER").rest == "65532:65532"
    assert LAST.last("ENTRYPOINT").exec_form() == ["slo-daemon"]
    assert LAST.last("CMD").exec_form() == ["run"]
    assert LAST.last("STOPSIGNAL").rest == "SIGTERM"
    assert LAST.last("VOLUME").exec_form() == [LAST.last("WORKDIR").rest]
    words = [step.word for step in LAST.steps]
    assert "RUN" not in words[words.index("USER") :]


def test_every_package_is_installed_with_its_hash_and_without_a_cache() -> None:
    for step in BUILDER.of("RUN"):
        for command in step.rest.split("&&"):
            if " install " in command and "pip" in command:
                assert "--no-cache-dir" in command
                assert "--require-hashes" in command or "--no-index --no-deps" in command


def test_every_source_exists_and_the_context_holds_these_and_no_others() -> None:
    wanted = {source for stage in STAGES for origin, sources, _ in copies(stage) for source in sources if not origin}  # fmt: skip
    assert [source for source in wanted if not (ROOT / source).exists()] == []
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    let_through = {line[1:] for line in lines if line.startswith("!")}
    assert let_through == wanted
    for line in lines[1:]:
        if not line.startswith("!"):  # what is taken out again must not be a source
            assert not any(fnmatch(source, line) for source in wanted)


def test_stages_are_copied_from_by_their_names() -> None:
    assert {origin for origin, _, _ in copies(LAST)} == {"builder", ""}
