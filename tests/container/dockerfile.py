"""A Dockerfile read, and its steps done by hand: where no image can be built, a folder stands for the image's root.

Understood is what our own Dockerfile uses; anything else is an error, so that no step is passed over.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

OURS = ("/src", "/opt/slo-daemon", "/opt/build", "/var/lib/slo-daemon", "/etc/slo-daemon")
_OUR_PATH = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, OURS))})(?![\w.-])")
_WORDS = {"LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL"}  # nothing to be done for these
_NOT_OF_THE_CONTEXT = shutil.ignore_patterns("__pycache__", "*.pyc")  # as .dockerignore has it
STEP_SECONDS = 600


@dataclass(frozen=True)
class Step:
    """One instruction: its word in capitals, and what follows, on one line."""

    word: str
    rest: str

    def exec_form(self) -> list[str]:
        """The program and its arguments. Raises ValueError for the shell form."""
        found = json.loads(self.rest)
        assert isinstance(found, list)
        assert all(isinstance(part, str) for part in found)
        return found


@dataclass
class Stage:
    """What is between two FROMs. `name`: of `AS name`, else empty."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)

    def of(self, word: str) -> list[Step]:
        return [step for step in self.steps if step.word == word]

    def last(self, word: str) -> Step:
        return self.of(word)[-1]


def parse(text: str) -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first FROM, and the stages."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for step in _steps(text):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            stages.append(Stage(name.strip(), Template(base.strip()).substitute(arguments)))
        elif stages:
            stages[-1].steps.append(step)
        else:
            assert step.word == "ARG", f"{step.word} before the first FROM"
            name, _, value = step.rest.partition("=")
            arguments[name] = value
    return arguments, stages


def _steps(text: str) -> Iterator[Step]:
    whole = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not (whole or line.strip()):
            continue
        whole += line.removesuffix("\\")
        if not line.endswith("\\"):
            word, _, rest = whole.strip().partition(" ")
            yield Step(word.upper(), " ".join(rest.split()))
            whole = ""
    assert not whole, f"the last line goes on: {whole}"


def copies(stage: Stage) -> list[tuple[str, list[str], str]]:
    """COPY steps: the stage that is copied from ("": the context), the sources, the target."""
    found = []
    for step in stage.of("COPY"):
        *sources, target = step.rest.split()
        origin = ""
        if sources[0].startswith("--"):
            option, _, origin = sources.pop(0).partition("=")
            assert option == "--from", f"COPY {option} is not understood"
        found.append((origin, sources, target))
    return found


class Image:
    """The steps of a Dockerfile, done in `root` as far as they concern our own folders (OURS).

    Every mention of one of these is turned into one below `root`; everything else is this machine's. One folder is the root of
    all stages in turn, because scripts of a virtual environment name their own place.
    """

    def __init__(self, context: Path, root: Path) -> None:
        self.context = context
        self.root = root
        self.environment: dict[str, str] = {}
        self.folder = root
        self._done: dict[str, Path] = {}

    def here(self, text: str) -> str:
        """The text with our folders below `root`, and the image's user as whoever may be that here."""
        moved = _OUR_PATH.sub(lambda match: f"{self.root}{match[1]}", text)
        return moved if os.geteuid() == 0 else re.sub(r"\b65532\b", str(os.geteuid()), moved)

    def build(self, stages: Sequence[Stage], base: Mapping[str, str]) -> None:
        """All stages; `base`: the environment of the base image. Afterwards `environment` and `folder` are the last stage's."""
        for stage in stages:
            self.environment, self.folder = dict(base), self.root
            self.root.mkdir()
            self.root.chmod(0o755)
            for number, step in enumerate(stage.steps):
                self._do(step, stage, number)
            if stage is not stages[-1]:
                self._done[stage.name] = self.root.rename(self.root.with_name(f"stage-{stage.name}"))

    def _do(self, step: Step, stage: Stage, number: int) -> None:
        match step.word:
            case "ARG":
                name, _, value = step.rest.partition("=")
                self.environment.setdefault(name, self._expanded(value))
            case "ENV":
                for pair in step.rest.split():
                    name, _, value = pair.partition("=")
                    self.environment[name] = self.here(self._expanded(value))
            case "WORKDIR":
                self.folder = Path(self.here(step.rest))
                self.folder.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(*copies(Stage("", "", [step]))[0])
            case "RUN":
                self._run(step, f"{stage.name or 'last stage'}, step {number + 1}")
            case "USER" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                pass  # of the container
            case _:
                assert step.word in _WORDS, f"{step.word} is not understood"

    def _expanded(self, text: str) -> str:
        return Template(text).substitute(self.environment)

    def _copy(self, origin: str, sources: Sequence[str], target: str) -> None:
        into = self.folder / self.here(target)
        for source in sources:
            path = self._done[origin] / source.lstrip("/") if origin else self.context / source
            place = into / path.name if target.endswith("/") else into
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, place, symlinks=True, ignore=None if origin else _NOT_OF_THE_CONTEXT)
            else:
                shutil.copy2(path, place)

    def _run(self, step: Step, where: str) -> None:
        result = subprocess.run(
            ["/bin/sh", "-c", self.here(step.rest)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
        )
        assert result.returncode == 0, f"{where}: {step.rest}\n{result.stdout}\n{result.stderr}"
