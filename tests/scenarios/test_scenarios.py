"""Every story of this folder comes true. `make test ARGS="-k error-burst"` plays one; README.md says how to write one."""

from pathlib import Path

import pytest

from slo_daemon.spec.problems import SpecError
from tests.scenarios.compare import compare, told
from tests.scenarios.play import play
from tests.scenarios.read import Story, read_story

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.yaml"))


def failures_of(story: Story, folder: Path) -> list[str]:
    """What did not come true, told for people, slot by slot."""
    expected = {story.start + slot.at: number for number, slot in enumerate(story.told.slots)}
    failures, seen = [], set()
    for shown in play(story, folder):
        number = expected.get(shown.at)
        if number is not None:
            seen.add(number)
            wrong = compare(story, story.told.slots[number], shown)
            failures += [told(story, number, wrong)] if wrong else []
    unseen = [
        f"{story.file.name}:{story.lines[n]}: there was no slot: the daemon was down"
        for n in expected.values()
        if n not in seen
    ]
    return failures + unseen


@pytest.mark.servers
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_story(file: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    try:
        story = read_story(file)
    except SpecError as error:
        pytest.fail(f"the story cannot be read:\n{error}", pytrace=False)
    if story.told.xfail:
        request.node.add_marker(pytest.mark.xfail(reason=story.told.xfail, strict=True))
    failures = failures_of(story, tmp_path)
    if failures:
        pytest.fail("\n".join([story.told.title, *failures]), pytrace=False)
