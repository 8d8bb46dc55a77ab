"""`python -m tests.scenarios NAME [+2h ...]`: play stories and print what the daemon says at their slots (and at other times)."""

import sys
import tempfile
import time
from pathlib import Path

from slo_daemon.spec.problems import SpecError
from tests.scenarios.compare import compare, picture, told
from tests.scenarios.play import play
from tests.scenarios.read import read_story
from tests.scenarios.shape import seconds_of

FOLDER = Path(__file__).parent


def main() -> int:
    names = [one for one in sys.argv[1:] if not one.startswith(("+", "-"))]
    more = [seconds_of(one) for one in sys.argv[1:] if one.startswith(("+", "-"))]
    failed = 0
    for name in names:
        started = time.monotonic()
        try:
            story = read_story(Path(name) if name.endswith(".yaml") else FOLDER / f"{name}.yaml")
        except SpecError as error:
            print(error)
            return 2
        slots = {story.start + slot.at: number for number, slot in enumerate(story.told.slots)}
        wanted = slots.keys() | {story.start + one for one in more}
        with tempfile.TemporaryDirectory() as folder:
            for shown in play(story, Path(folder)):
                if shown.at in wanted:
                    print(picture(story, shown))
                number = slots.get(shown.at)
                if number is not None and (wrong := compare(story, story.told.slots[number], shown)):
                    failed += 1
                    print(f"FAILED {told(story, number, wrong)}")
        print(f"=== {name}: {time.monotonic() - started:.1f} s")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
