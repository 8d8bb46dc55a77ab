"""What a text is told that is no good specification."""

import pytest

from slo_daemon.spec import SpecError, load


def problems_of(text: str) -> list[str]:
    with pytest.raises(SpecError) as refused:
        load([("shop.yaml", text)], scrape_interval=30)
    return [str(problem) for problem in refused.value.problems]
