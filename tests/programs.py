"""Programs that some tests drive the product with; `tools/install-test-tools` gets them."""

import shutil
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "build" / "tools"


def program(name: str) -> str | None:
    """The path of a program: the one that was made for the tests, else the one on PATH."""
    return shutil.which(name, path=TOOLS) or shutil.which(name)


def needs(name: str) -> pytest.MarkDecorator:
    """Tests that cannot run without a program are skipped, and say so in the summary."""
    return pytest.mark.skipif(
        program(name) is None, reason=f"{name} is not installed: tools/install-test-tools"
    )
